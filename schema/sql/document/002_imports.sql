-- What import licences brought along: goods lines, one batch or several, reservations, and what customs says of a clearance.

CREATE TABLE document_line (
    document BIGINT NOT NULL,
    line BIGINT NOT NULL,              -- from 1, in the order of the body
    goods TEXT NOT NULL,
    goods_name TEXT NOT NULL,
    goods_class TEXT NOT NULL,
    quantity BIGINT,                   -- units of 10^-5
    unit TEXT NOT NULL,
    amount BIGINT,
    amount_usd BIGINT,
    PRIMARY KEY (document, line)
) {clustered};

-- Column batch: one, several, or not said.
ALTER TABLE document ADD COLUMN batch TEXT NOT NULL DEFAULT '';
CREATE INDEX document_issued_form ON document (form, issued) WHERE issued <> '';

ALTER TABLE write_off ADD COLUMN owner_name TEXT NOT NULL DEFAULT '';
ALTER TABLE write_off ADD COLUMN bill_no TEXT NOT NULL DEFAULT '';
ALTER TABLE write_off ADD COLUMN destination TEXT NOT NULL DEFAULT '';
ALTER TABLE write_off ADD COLUMN packages BIGINT;

CREATE TABLE write_off_goods (
    write_off BIGINT NOT NULL,
    line BIGINT NOT NULL,
    goods TEXT NOT NULL,
    goods_name TEXT NOT NULL,
    spec TEXT NOT NULL,
    quantity BIGINT,
    unit TEXT NOT NULL,
    price BIGINT,
    currency TEXT NOT NULL,
    PRIMARY KEY (write_off, line)
) {clustered};

-- Accounts of the ledger from here on: issuer, available, reserved, used, released; kinds: grant reserve unreserve use adjust release.
-- Older entries, and those of an older program beside this one, say their declaration by write_off only.
ALTER TABLE ledger ADD COLUMN declaration_no TEXT NOT NULL DEFAULT '';
