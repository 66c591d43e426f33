-- Electronic keys bound to users: two certificates each, one to sign in (PIV slot 9A), one to sign (9C).

CREATE TABLE ekey (
    id BIGINT NOT NULL PRIMARY KEY,
    account BIGINT NOT NULL,           -- the user who bound it
    label TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'active', -- active, unbound (by the user), revoked (by an administrator: never bound again)
    sign_in_certificate {bytes} NOT NULL, -- DER
    certificate {bytes} NOT NULL,
    sign_in_fingerprint TEXT NOT NULL, -- SHA-256
    fingerprint TEXT NOT NULL,
    holder TEXT NOT NULL,              -- USCC in the certificate that signs, or a person's name
    subject TEXT NOT NULL,
    issuer TEXT NOT NULL,
    serial TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT NOT NULL,
    bound BIGINT NOT NULL,
    last_used BIGINT NOT NULL DEFAULT 0, -- signing in; noted when it happens
    ended BIGINT NOT NULL DEFAULT 0,
    ended_by TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX ekey_fingerprint ON ekey (fingerprint) WHERE state = 'active';
CREATE UNIQUE INDEX ekey_sign_in ON ekey (sign_in_fingerprint) WHERE state = 'active';
CREATE INDEX ekey_account ON ekey (account, id);
CREATE INDEX ekey_revoked ON ekey (fingerprint) WHERE state = 'revoked';

CREATE TABLE key_challenge (           -- used ones: a Redis that comes back with old data replays nothing
    nonce TEXT NOT NULL PRIMARY KEY,
    used BIGINT NOT NULL
);
CREATE INDEX key_challenge_used ON key_challenge (used);
