#!/usr/bin/perl
# A second definition dropped in, 两用物项和技术出口许可证: the page does all of it with no line of JavaScript added.
use strict;
use warnings;
use utf8;
use SingleWindow::Browser;
use SingleWindow::Export;

SingleWindow::Browser->run('unseen_dual_use.mjs', settings => { root => root_with_unseen() });
