-- What every document module keeps. Written in the SQL that SQLite and PostgreSQL both run; words in braces are the driver's.

CREATE TABLE document (
    enterprise BIGINT NOT NULL,        -- owner: enterprise id, or minus the user id of a natural person
    id BIGINT NOT NULL,
    form TEXT NOT NULL,
    form_version BIGINT NOT NULL,
    version BIGINT NOT NULL,
    creator BIGINT NOT NULL,
    state TEXT NOT NULL,
    state_withdraw TEXT NOT NULL DEFAULT '',
    state_customs TEXT NOT NULL DEFAULT '',
    state_print TEXT NOT NULL DEFAULT '',
    state_since BIGINT NOT NULL,
    application_no TEXT NOT NULL DEFAULT '',
    form_no TEXT NOT NULL DEFAULT '',
    licence_no TEXT NOT NULL DEFAULT '',
    year BIGINT NOT NULL DEFAULT 0,
    agency TEXT NOT NULL DEFAULT '',
    trade_mode TEXT NOT NULL DEFAULT '',
    country TEXT NOT NULL DEFAULT '',
    goods TEXT NOT NULL DEFAULT '',
    goods_name TEXT NOT NULL DEFAULT '',
    goods_class TEXT NOT NULL DEFAULT '',
    quantity BIGINT,                   -- units of 10^-5
    unit TEXT NOT NULL DEFAULT '',
    amount BIGINT,
    currency TEXT NOT NULL DEFAULT '',
    amount_usd BIGINT,
    valid_until TEXT NOT NULL DEFAULT '',
    customs_port TEXT NOT NULL DEFAULT '',
    consignor TEXT NOT NULL DEFAULT '',
    contract_no TEXT NOT NULL DEFAULT '',
    transport TEXT NOT NULL DEFAULT '',
    enterprise_code TEXT NOT NULL DEFAULT '',
    enterprise_name TEXT NOT NULL DEFAULT '',
    applied TEXT NOT NULL DEFAULT '',
    issued TEXT NOT NULL DEFAULT '',
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    claimed_by BIGINT NOT NULL DEFAULT 0,
    claimed_name TEXT NOT NULL DEFAULT '',
    source TEXT NOT NULL DEFAULT '',   -- '' = this portal; otherwise where a loaded licence came from
    check_code TEXT NOT NULL DEFAULT '',
    row_high BIGINT NOT NULL DEFAULT 0, -- the largest row id ever used
    attachments BIGINT NOT NULL DEFAULT 0,
    event_sequence BIGINT NOT NULL DEFAULT 0,
    event_hash TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (enterprise, id)
) {clustered};
CREATE UNIQUE INDEX document_id ON document (id);
CREATE UNIQUE INDEX document_licence ON document (licence_no, source) WHERE licence_no <> '';
CREATE INDEX document_queue ON document (agency, state, state_since, id)
    WHERE state <> 'DRAFT' AND agency <> '';
CREATE INDEX document_issued ON document (enterprise, issued, id) WHERE issued <> '';

CREATE TABLE document_body (
    document BIGINT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL                 -- the JSON exactly as validated
);

CREATE TABLE document_event (
    document BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor BIGINT NOT NULL,             -- user id, 0 = the portal itself
    actor_kind BIGINT NOT NULL,
    actor_name TEXT NOT NULL,
    action TEXT NOT NULL,
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    opinion TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (document, sequence)
) {clustered};

CREATE TABLE attachment (
    id BIGINT NOT NULL PRIMARY KEY,
    document BIGINT NOT NULL,
    block TEXT NOT NULL,
    row_id BIGINT NOT NULL,
    type TEXT NOT NULL,
    file_name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    created BIGINT NOT NULL,
    creator BIGINT NOT NULL,
    bytes {bytes} NOT NULL
);
CREATE UNIQUE INDEX attachment_place ON attachment (document, block, row_id, type);

CREATE TABLE document_total (
    enterprise BIGINT NOT NULL,
    form TEXT NOT NULL,
    state TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (enterprise, form, state)
) {clustered};

-- Double entry: every line moves a quantity from one account of a licence to another. A balance is a sum.
CREATE TABLE ledger (
    document BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,                -- grant use adjust release
    debit TEXT NOT NULL,               -- account that gives: issuer available used
    credit TEXT NOT NULL,              -- account that takes: available used released
    quantity BIGINT NOT NULL,
    unit TEXT NOT NULL,
    write_off BIGINT,                  -- what caused it
    note TEXT NOT NULL,
    PRIMARY KEY (document, sequence)
) {clustered};

CREATE TABLE write_off (
    id BIGINT NOT NULL PRIMARY KEY,
    document BIGINT,                   -- NULL: no such licence here, to be looked at
    enterprise BIGINT NOT NULL,
    partner BIGINT NOT NULL,
    message_id TEXT NOT NULL,
    licence_no TEXT NOT NULL,
    declaration_no TEXT NOT NULL,
    contract_no TEXT NOT NULL,
    enterprise_name TEXT NOT NULL,
    trade_mode TEXT NOT NULL,
    country TEXT NOT NULL,
    customs_port TEXT NOT NULL,
    released TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    unit TEXT NOT NULL,
    received BIGINT NOT NULL,
    closed BIGINT,                     -- an unknown one that somebody has looked at
    closed_by TEXT NOT NULL DEFAULT ''
);
CREATE INDEX write_off_released ON write_off (enterprise, released, id);
CREATE INDEX write_off_unknown ON write_off (id) WHERE document IS NULL;

CREATE TABLE inbox (                   -- messages of partners, once each
    partner BIGINT NOT NULL,
    message_id TEXT NOT NULL,
    received BIGINT NOT NULL,
    request_hash TEXT NOT NULL,
    answer TEXT NOT NULL,
    PRIMARY KEY (partner, message_id)
) {clustered};

CREATE TABLE outbox (
    id BIGINT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    document BIGINT NOT NULL,
    created BIGINT NOT NULL,
    lease BIGINT NOT NULL DEFAULT 0,   -- claimed until
    attempts BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE counter (
    series TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
) {clustered};

-- Licences issued, by day; kept in the transaction that issues or revokes, so it always agrees with the documents.
CREATE TABLE statistic_day (
    form TEXT NOT NULL,
    day TEXT NOT NULL,
    agency TEXT NOT NULL,
    country TEXT NOT NULL,
    goods TEXT NOT NULL,
    unit TEXT NOT NULL,
    count BIGINT NOT NULL,
    quantity BIGINT NOT NULL,
    amount_usd BIGINT NOT NULL,
    PRIMARY KEY (form, day, agency, country, goods, unit)
) {clustered};

CREATE TABLE job (
    id BIGINT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,                -- batch issue
    owner BIGINT NOT NULL,             -- who may see it: a user id, 0 = the portal
    principal TEXT NOT NULL,           -- on whose behalf (JSON)
    action TEXT NOT NULL,
    opinion TEXT NOT NULL,
    created BIGINT NOT NULL,
    lease BIGINT NOT NULL DEFAULT 0,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL DEFAULT 0,
    finished BIGINT
);
CREATE INDEX job_open ON job (id) WHERE finished IS NULL;

CREATE TABLE job_item (
    job BIGINT NOT NULL,
    item BIGINT NOT NULL,
    document BIGINT NOT NULL,
    ok BIGINT,                         -- NULL: not yet
    state TEXT NOT NULL DEFAULT '',
    zh TEXT NOT NULL DEFAULT '',
    en TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (job, item)
) {clustered};

CREATE TABLE issued_document (         -- the electronic licence as it was made
    document BIGINT NOT NULL,
    print TEXT NOT NULL,
    created BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes {bytes} NOT NULL,
    PRIMARY KEY (document, print)
);

CREATE TABLE idempotency (
    owner BIGINT NOT NULL,
    name TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status BIGINT NOT NULL,
    answer TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (owner, name)
) {clustered};
CREATE INDEX idempotency_created ON idempotency (created);

CREATE TABLE code_table (              -- tables that an administrator has loaded in place of the shipped ones
    list TEXT NOT NULL PRIMARY KEY,
    csv TEXT NOT NULL,
    loaded BIGINT NOT NULL,
    loaded_by TEXT NOT NULL
);
