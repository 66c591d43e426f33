#!/usr/bin/perl
# Other automatic import goods, from an enterprise that nobody knows to a licence used in two parts: tests/browser/nonmep_flow.mjs.
use strict;
use warnings;
use SingleWindow::Browser;

SingleWindow::Browser->run('nonmep_flow.mjs');
