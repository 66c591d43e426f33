#!/usr/bin/perl
# Machinery and electronics, from an enterprise that nobody knows to a licence used in parts: tests/browser/mep_flow.mjs.
use strict;
use warnings;
use utf8;
use SingleWindow::Browser;

SingleWindow::Browser->run('mep_flow.mjs');
