-- Keys with which an enterprise's own systems (ERP) call the routes of documents; their rights are in right_grant.

CREATE TABLE api_key (
    id BIGINT NOT NULL PRIMARY KEY,
    enterprise BIGINT NOT NULL,
    creator BIGINT NOT NULL,           -- the administrator of the enterprise who made it: a key acts in this user's name
    name TEXT NOT NULL,
    key_hash TEXT NOT NULL,            -- SHA-256 of the key: 256 random bits need no slow hash
    key_prefix TEXT NOT NULL,
    per_minute BIGINT NOT NULL,        -- requests
    expires BIGINT NOT NULL,           -- from then on it counts no more
    created BIGINT NOT NULL,
    last_used BIGINT NOT NULL DEFAULT 0,
    revoked BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX api_key_hash ON api_key (key_hash);
CREATE INDEX api_key_enterprise ON api_key (enterprise, id);
