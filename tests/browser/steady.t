#!/usr/bin/perl
# What stands in the page stays where it is while somebody aims and clicks.
use strict;
use warnings;
use SingleWindow::Browser;

SingleWindow::Browser->run('steady.mjs');
