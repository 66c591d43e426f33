#!/usr/bin/perl
# The portal's home opens, at both widths, and axe finds nothing.
use strict;
use warnings;
use SingleWindow::Browser;

SingleWindow::Browser->run('home.mjs');
