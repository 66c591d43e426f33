#!/usr/bin/perl
# Certificates of origin, from an enterprise that nobody knows to a certificate that replaces another: tests/browser/origin_flow.mjs.
use strict;
use warnings;
use SingleWindow::Browser;

SingleWindow::Browser->run('origin_flow.mjs');
