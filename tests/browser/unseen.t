#!/usr/bin/perl
# A definition dropped in: the page draws its form and list with no line of JavaScript added.
use strict;
use warnings;
use SingleWindow::Browser;
use SingleWindow::Export;

SingleWindow::Browser->run('unseen.mjs', settings => { root => root_with_unseen() });
