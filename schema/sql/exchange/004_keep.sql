-- What is over, or was never collected, is forgotten after a while (setting delivery_keep_days).
CREATE INDEX delivery_finished ON delivery (finished) WHERE finished > 0;
CREATE INDEX delivery_uncollected ON delivery (created) WHERE way = 'collect' AND state = 'waiting';
