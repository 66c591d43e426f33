-- What certificates of origin brought along: columns that their lists, numbers and references work on, and what lists show of the body.
-- kind: the type within the form; reference_no: the applicant's own number (of an invoice, of base data); person: who signs;
-- registration_no: the enterprise's number with the issuing body; prints: how often it was printed; shown: JSON of fields that the list shows.

ALTER TABLE document ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE document ADD COLUMN reference_no TEXT NOT NULL DEFAULT '';
ALTER TABLE document ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE document ADD COLUMN name_en TEXT NOT NULL DEFAULT '';
ALTER TABLE document ADD COLUMN person TEXT NOT NULL DEFAULT '';
ALTER TABLE document ADD COLUMN registration_no TEXT NOT NULL DEFAULT '';
ALTER TABLE document ADD COLUMN prints BIGINT NOT NULL DEFAULT 0;
ALTER TABLE document ADD COLUMN shown TEXT NOT NULL DEFAULT '';

-- What was fetched from another system: state is done or failed.
CREATE TABLE fetch_run (
    id BIGINT NOT NULL PRIMARY KEY,
    enterprise BIGINT NOT NULL,
    form TEXT NOT NULL,
    user_name TEXT NOT NULL,
    state TEXT NOT NULL,
    count BIGINT NOT NULL,
    requested BIGINT NOT NULL,
    finished BIGINT NOT NULL
);
CREATE INDEX fetch_run_owner ON fetch_run (enterprise, id);
