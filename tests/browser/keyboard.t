#!/usr/bin/perl
# The form is usable without a mouse.
use strict;
use warnings;
use SingleWindow::Browser;

SingleWindow::Browser->run('keyboard.mjs');
