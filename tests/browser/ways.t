#!/usr/bin/perl
# Every kind of user: what the home page and the menus offer opens, in both languages.
use strict;
use warnings;
use utf8;
use SingleWindow::Browser;
use SingleWindow::Export;

SingleWindow::Browser->run('ways.mjs', prepare => sub {
	my ($sw) = @_;
	bring_to({ applicant => $sw->signed_in('demo_admin') }, 'PENDING_FIRST');
});
