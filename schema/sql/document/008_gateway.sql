-- What goes to other systems, as it was when it happened: applications and requests to authorities that review instead of the desk.
-- sequence: the event that a row belongs to, in whose order a document's rows go out. parts: how many messages it makes, attachments
-- first. details: JSON of form, applicant and attachments. body: of an application, as it was submitted.

ALTER TABLE outbox ADD COLUMN sequence BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN agency TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN document_no TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN action TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN opinion TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN parts BIGINT NOT NULL DEFAULT 1;
ALTER TABLE outbox ADD COLUMN details TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN body TEXT NOT NULL DEFAULT '';
CREATE INDEX outbox_document ON outbox (document);

-- Which documents an authority's own system has been asked about, by the number that it knows them by.
CREATE TABLE application_sent (
    application_no TEXT NOT NULL PRIMARY KEY,
    document BIGINT NOT NULL
) {clustered};
