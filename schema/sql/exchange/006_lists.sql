-- What administrators look for among many messages and deliveries, the newest first (modules/exchange/gateway_admin.c, log.c). On expressions, so that
-- no other query takes them for the index that it was given.

CREATE INDEX message_in_by_state ON message_in ((state || ''), id);
CREATE INDEX message_in_by_kind ON message_in ((kind || ''), id);
CREATE INDEX message_in_by_partner ON message_in ((partner || ''), id);
CREATE INDEX message_in_by_document ON message_in ((document_no || ''), id);
CREATE INDEX message_out_by_state ON message_out ((state || ''), id);
CREATE INDEX message_out_by_kind ON message_out ((kind || ''), id);
CREATE INDEX message_out_by_partner ON message_out ((partner || ''), id);
CREATE INDEX message_out_by_document ON message_out ((document_no || ''), id);
CREATE INDEX delivery_by_state ON delivery ((state || ''), id);

-- What may leave, the first number first, however much waits; what lies in an OutBox, however much has been sent.
CREATE INDEX message_out_due ON message_out (partner, number, next_at, lease) WHERE state = 'waiting' AND placed = 0;
CREATE INDEX message_out_placed ON message_out (partner, number) WHERE state = 'waiting' AND placed = 1;
DROP INDEX message_out_waits;
