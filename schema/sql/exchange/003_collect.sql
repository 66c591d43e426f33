-- Collect queues: the way of subscriptions and deliveries may be collect, too, and the address then is the name of a queue of the account's. What
-- waits there has a next_at beyond all times: who sends looks for what is due, and never comes across it.

CREATE INDEX delivery_collect ON delivery (account, address, module, event, id) WHERE way = 'collect' AND state = 'waiting';

-- Queues may become long, and what has nothing to do with them is not to look through them: which deliveries are on their way (asked at each claim,
-- that there be one at a time to an address), and what still waits for a subscription that is cancelled.
CREATE INDEX delivery_leased ON delivery (address) WHERE state = 'waiting' AND lease > 0;
CREATE INDEX delivery_subscription ON delivery (subscription) WHERE state = 'waiting';
