#!/usr/bin/perl
# An enterprise's administrator makes an API key, with the keyboard alone; it works; it is withdrawn.
use strict;
use warnings;
use utf8;
use SingleWindow::Browser;

SingleWindow::Browser->run('api_keys.mjs');
