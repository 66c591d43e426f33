-- Who there is: enterprises, people, their rights, partners; what the portal publishes; who did what.
-- Written in the SQL that SQLite and PostgreSQL both run; words in braces are the driver's.

CREATE TABLE enterprise (
    id BIGINT NOT NULL PRIMARY KEY,
    code TEXT NOT NULL,                -- 13 characters: 4 of the region, 9 of the organisation
    organisation_code TEXT NOT NULL,   -- the last 9 of them
    uscc TEXT NOT NULL,
    name TEXT NOT NULL,
    address TEXT NOT NULL DEFAULT '',
    contact TEXT NOT NULL DEFAULT '',
    phone TEXT NOT NULL DEFAULT '',
    region TEXT NOT NULL DEFAULT '',
    demo SMALLINT NOT NULL DEFAULT 0,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    version BIGINT NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX enterprise_code ON enterprise (code);
CREATE UNIQUE INDEX enterprise_uscc ON enterprise (uscc);

CREATE TABLE user_account (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,                -- sign-in name, lower case
    display_name TEXT NOT NULL,
    kind BIGINT NOT NULL,              -- a bit of principal_kind
    password TEXT NOT NULL,            -- Argon2id, encoded
    must_change SMALLINT NOT NULL DEFAULT 0, -- somebody else knows the password
    mobile TEXT NOT NULL DEFAULT '',
    email TEXT NOT NULL DEFAULT '',    -- lower case
    state TEXT NOT NULL DEFAULT 'active', -- active, locked
    epoch BIGINT NOT NULL DEFAULT 1,   -- raised: every session before counts no more
    enterprise BIGINT NOT NULL DEFAULT 0,
    enterprise_administrator SMALLINT NOT NULL DEFAULT 0,
    agency TEXT NOT NULL DEFAULT '',
    demo SMALLINT NOT NULL DEFAULT 0,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    last_sign_in BIGINT NOT NULL DEFAULT 0,
    last_address TEXT NOT NULL DEFAULT '',
    version BIGINT NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX user_account_name ON user_account (name);
CREATE INDEX user_account_enterprise ON user_account (enterprise, name) WHERE enterprise <> 0;
CREATE INDEX user_account_kind ON user_account (kind, name);
CREATE INDEX user_account_email ON user_account (email) WHERE email <> '';
CREATE INDEX user_account_mobile ON user_account (mobile) WHERE mobile <> '';

CREATE TABLE right_grant (
    account BIGINT NOT NULL,           -- a user or a partner
    module TEXT NOT NULL,
    rights BIGINT NOT NULL,            -- bits of enum right
    PRIMARY KEY (account, module)
);

CREATE TABLE contact_code (            -- codes sent by mail or SMS; one for each purpose and address
    purpose TEXT NOT NULL,
    address TEXT NOT NULL,
    code_hash TEXT NOT NULL,
    sent BIGINT NOT NULL,
    tries BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (purpose, address)
);

CREATE TABLE mailbox (                 -- messages that no gateway took
    id BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    way TEXT NOT NULL,                 -- mail, sms
    address TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL
);

CREATE TABLE article (
    id BIGINT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,                -- notice, news, policy, download, training, faq
    title TEXT NOT NULL,
    title_en TEXT NOT NULL DEFAULT '',
    body TEXT NOT NULL DEFAULT '',
    published BIGINT NOT NULL DEFAULT 0, -- 0: only portal administrators see it
    author TEXT NOT NULL DEFAULT '',
    demo SMALLINT NOT NULL DEFAULT 0,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    version BIGINT NOT NULL DEFAULT 1
);
CREATE INDEX article_kind ON article (kind, published, id);

CREATE TABLE article_file (
    id BIGINT NOT NULL PRIMARY KEY,
    article BIGINT NOT NULL,
    file_name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    bytes {bytes} NOT NULL
);
CREATE INDEX article_file_article ON article_file (article, id);

CREATE TABLE partner (                 -- other systems with an API key; their rights are in right_grant
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    key_hash TEXT NOT NULL,            -- SHA-256 of the key: 256 random bits need no slow hash
    key_prefix TEXT NOT NULL,
    demo SMALLINT NOT NULL DEFAULT 0,
    created BIGINT NOT NULL,
    revoked BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX partner_key ON partner (key_hash);

CREATE TABLE audit_event (
    id BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor BIGINT NOT NULL DEFAULT 0,   -- 0: nobody was signed in
    actor_name TEXT NOT NULL DEFAULT '',
    action TEXT NOT NULL,
    subject TEXT NOT NULL DEFAULT '',  -- whom or what it was done to
    enterprise BIGINT NOT NULL DEFAULT 0,
    address TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT ''
);
CREATE INDEX audit_event_actor ON audit_event (actor_name, id);
CREATE INDEX audit_event_action ON audit_event (action, id);

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
