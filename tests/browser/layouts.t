#!/usr/bin/perl
# Layouts are confirmed by administrators, seals brought by managers.
use strict;
use warnings;
use SingleWindow::Browser;
use SingleWindow::Export;

SingleWindow::Browser->run('layouts.mjs', settings => { root => root_with_flow() });
