-- Who wants to be told of changes of state, by which way; and what was told. SQL that SQLite and PostgreSQL both run.

CREATE TABLE subscription (
    id BIGINT NOT NULL PRIMARY KEY,
    account BIGINT NOT NULL,           -- the user who subscribed
    owner BIGINT NOT NULL,             -- whose documents: enterprise, or minus the user of a natural person
    user_name TEXT NOT NULL,
    way TEXT NOT NULL,                 -- mail sms wechat webhook
    address TEXT NOT NULL,             -- mail address, mobile number, name at the WeChat gateway, URL
    scope TEXT NOT NULL,               -- document enterprise user
    module TEXT NOT NULL,
    document_no TEXT NOT NULL,         -- scope document: its application or licence number
    forms TEXT NOT NULL,               -- ",a,b,"; '' = every form of the module
    language TEXT NOT NULL,            -- zh en
    state TEXT NOT NULL,               -- active, cancelled
    secret TEXT NOT NULL,              -- of a webhook: signs what it gets
    created BIGINT NOT NULL,
    cancelled BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX subscription_owner ON subscription (owner, module) WHERE state = 'active';
CREATE INDEX subscription_account ON subscription (account, id);

CREATE TABLE delivery (
    id BIGINT NOT NULL PRIMARY KEY,
    subscription BIGINT NOT NULL,
    account BIGINT NOT NULL,
    module TEXT NOT NULL,
    event BIGINT NOT NULL,             -- of the module
    way TEXT NOT NULL,
    address TEXT NOT NULL,
    document BIGINT NOT NULL,
    number TEXT NOT NULL,              -- of the document, for people
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    created BIGINT NOT NULL,
    begun BIGINT NOT NULL,             -- when it was first tried, or tried anew by somebody
    attempts BIGINT NOT NULL DEFAULT 0,
    next_at BIGINT NOT NULL,
    lease BIGINT NOT NULL DEFAULT 0,   -- claimed until
    state TEXT NOT NULL DEFAULT 'waiting', -- waiting sent failed dropped
    answer TEXT NOT NULL DEFAULT '',   -- what the gateway said last
    finished BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX delivery_once ON delivery (module, event, subscription);
CREATE INDEX delivery_waits ON delivery (next_at, id) WHERE state = 'waiting';
CREATE INDEX delivery_account ON delivery (account, id);

CREATE TABLE wechat_binding (
    account BIGINT NOT NULL PRIMARY KEY,
    address TEXT NOT NULL,             -- what the gateway calls this person
    bound BIGINT NOT NULL
);

CREATE TABLE idempotency (
    owner BIGINT NOT NULL,
    name TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status BIGINT NOT NULL,
    answer TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (owner, name)
);
CREATE INDEX idempotency_created ON idempotency (created);
