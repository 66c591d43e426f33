#!/usr/bin/perl
# 状态推送 in the browser: subscribing by mail and webhook, what was sent, cancelling.
use strict;
use warnings;
use utf8;
use SingleWindow::Browser;
use SingleWindow::Export;

SingleWindow::Browser->run('push.mjs', prepare => sub {
	my ($sw) = @_;
	$sw->sql(account => "UPDATE user_account SET email = 'admin\@enterprise.example' WHERE name = 'demo_admin'");
	complete($sw->signed_in('demo_admin'));
});
