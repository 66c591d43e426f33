#!/usr/bin/perl
# 状态推送 in the browser: subscribing by mail, webhook and WeChat, what was sent, cancelling.
use strict;
use warnings;
use utf8;
use SingleWindow::Browser;
use SingleWindow::Counterpart;
use SingleWindow::Export;

my $wechat = SingleWindow::Counterpart->new('http');
SingleWindow::Browser->run('push.mjs', settings => { gateway_private => 1, wechat_gateway => $wechat->url, wechat_link => 'https://weixin.example/bind?code=' }, prepare => sub {
	my ($sw) = @_;
	$ENV{SW_KEY} = partner_key($sw);
	$sw->sql(account => "UPDATE user_account SET email = 'admin\@enterprise.example' WHERE name = 'demo_admin'");
	$sw->sql(account => "UPDATE user_account SET email = '' WHERE name = 'demo_operator'");
	my $applicant = $sw->signed_in('demo_admin');
	complete($applicant) for 1 .. 2;
});
