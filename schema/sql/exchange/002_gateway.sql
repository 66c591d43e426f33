-- Signed messages to and from partners (authorities' own systems, customs). SQL that SQLite and PostgreSQL both run.

CREATE TABLE partner_state (
    partner TEXT NOT NULL PRIMARY KEY,          -- name of its file
    last_number_out BIGINT NOT NULL DEFAULT 0,
    highest_number_in BIGINT NOT NULL DEFAULT 0,
    count_in BIGINT NOT NULL DEFAULT 0,         -- how many numbers have come; fewer than the highest: some are missing
    paused_until BIGINT NOT NULL DEFAULT 0,     -- nothing is sent before
    failures BIGINT NOT NULL DEFAULT 0,         -- one after the other
    answer TEXT NOT NULL DEFAULT '',            -- why it is paused
    last_heard BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE partner_document (                 -- the order of the messages about one document
    partner TEXT NOT NULL,
    module TEXT NOT NULL,
    document_no TEXT NOT NULL,
    last_out BIGINT NOT NULL DEFAULT 0,         -- Sequence given last
    last_in BIGINT NOT NULL DEFAULT 0,          -- Sequence taken last
    PRIMARY KEY (partner, module, document_no)
) {clustered};

CREATE TABLE message_out (
    id BIGINT NOT NULL PRIMARY KEY,
    partner TEXT NOT NULL,
    number BIGINT NOT NULL,
    sequence BIGINT NOT NULL,                   -- 0: stands outside of the order
    kind TEXT NOT NULL,
    module TEXT NOT NULL,
    document BIGINT NOT NULL,
    document_no TEXT NOT NULL,
    source BIGINT NOT NULL,                     -- row of an outbox; 0: made here
    part BIGINT NOT NULL,                       -- of it; of a licence: the attempt
    content TEXT NOT NULL,                      -- the element of its kind, until it is signed; of licences for good
    text TEXT NOT NULL DEFAULT '',              -- signed: what every attempt sends
    created BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    next_at BIGINT NOT NULL,
    lease BIGINT NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'waiting',      -- waiting sent failed dropped
    placed SMALLINT NOT NULL DEFAULT 0,         -- 1: lies in an OutBox
    renew SMALLINT NOT NULL DEFAULT 0,          -- 1: the partner has it and could not use it, so that only a new message helps
    told SMALLINT NOT NULL DEFAULT 0,           -- that the licence cannot be sent: 1 the module is to be told, 2 it has been
    answer TEXT NOT NULL DEFAULT '',            -- what the partner said last
    finished BIGINT NOT NULL DEFAULT 0,
    handled_by TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX message_out_number ON message_out (partner, number);
CREATE UNIQUE INDEX message_out_source ON message_out (module, source, part) WHERE source <> 0;
CREATE INDEX message_out_waits ON message_out (partner, next_at) WHERE state = 'waiting';
CREATE INDEX message_out_order ON message_out (partner, module, document_no, sequence);
CREATE INDEX message_out_open ON message_out (partner, created) WHERE state IN ('waiting', 'failed');
CREATE INDEX message_out_told ON message_out (id) WHERE told = 1;
CREATE INDEX message_out_finished ON message_out (finished) WHERE state IN ('sent', 'dropped');

CREATE TABLE message_in (
    id BIGINT NOT NULL PRIMARY KEY,
    partner TEXT NOT NULL,
    way TEXT NOT NULL,                          -- https folder
    file TEXT NOT NULL,
    origin TEXT NOT NULL,                       -- which file it was, so that one is taken once
    message_id TEXT NOT NULL DEFAULT '',        -- this and what follows as the signed content says, empty and 0 where none was verified
    kind TEXT NOT NULL DEFAULT '',
    module TEXT NOT NULL DEFAULT '',
    document_no TEXT NOT NULL DEFAULT '',
    number BIGINT NOT NULL DEFAULT 0,
    sequence BIGINT NOT NULL DEFAULT 0,
    hash TEXT NOT NULL DEFAULT '',              -- SHA-256 of the signed content, else of the bytes
    content TEXT NOT NULL DEFAULT '',           -- members as the module gets them (JSON)
    bytes {bytes} NOT NULL,
    received BIGINT NOT NULL,
    state TEXT NOT NULL DEFAULT 'received',     -- received waiting taken dead dropped replaced
    ready SMALLINT NOT NULL DEFAULT 0,          -- waiting: 1 it is its turn, 0 earlier ones are missing
    problems TEXT NOT NULL DEFAULT '',          -- of a dead one: JSON
    attempts BIGINT NOT NULL DEFAULT 0,
    next_at BIGINT NOT NULL DEFAULT 0,
    answer TEXT NOT NULL DEFAULT '',
    finished BIGINT NOT NULL DEFAULT 0,
    handled_by TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX message_in_origin ON message_in (partner, origin) WHERE origin <> '';
CREATE INDEX message_in_received ON message_in (id) WHERE state = 'received';
CREATE INDEX message_in_ready ON message_in (next_at, id) WHERE state = 'waiting' AND ready = 1;
CREATE INDEX message_in_message ON message_in (partner, message_id);
CREATE INDEX message_in_number ON message_in (partner, number);
CREATE INDEX message_in_order ON message_in (partner, module, document_no, sequence);
CREATE INDEX message_in_hash ON message_in (partner, hash) WHERE state = 'dead';
CREATE INDEX message_in_open ON message_in (partner, state) WHERE state IN ('waiting', 'dead', 'received');
CREATE INDEX message_in_finished ON message_in (finished) WHERE state IN ('taken', 'dropped', 'replaced');
