-- How many large messages of a partner nobody has settled yet: what it may send is bounded by them (modules/exchange/gateway_receive.c).

CREATE INDEX message_in_large ON message_in (partner) WHERE state IN ('waiting', 'dead', 'received') AND LENGTH(bytes) > 65536;
