-- The audit is searched by time and action, the latest first.

CREATE INDEX audit_event_at ON audit_event (at, id);
CREATE INDEX audit_event_action_at ON audit_event (action, at, id);
DROP INDEX audit_event_action;

-- A key that is bound must not be bound already, whatever has become of the binding.
CREATE INDEX ekey_by_fingerprint ON ekey (fingerprint);
CREATE INDEX ekey_by_sign_in ON ekey (sign_in_fingerprint);
