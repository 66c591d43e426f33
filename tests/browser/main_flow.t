#!/usr/bin/perl
# The whole life of a licence in a real browser, from the registration of the enterprise to the write-off.
use strict;
use warnings;
use SingleWindow::Browser;

SingleWindow::Browser->run('main_flow.mjs');
