-- What goes to other systems, as it was when it happened: applications and requests to authorities that review instead of the desk.

ALTER TABLE outbox ADD COLUMN sequence BIGINT NOT NULL DEFAULT 0; -- the event that it belongs to: what is sent of a document goes in this order
ALTER TABLE outbox ADD COLUMN agency TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN document_no TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN action TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN opinion TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN parts BIGINT NOT NULL DEFAULT 1;    -- messages that it makes: attachments, then the thing itself
ALTER TABLE outbox ADD COLUMN details TEXT NOT NULL DEFAULT '';   -- JSON: of the form, the applicant, the attachments
ALTER TABLE outbox ADD COLUMN body TEXT NOT NULL DEFAULT '';      -- of an application, as it was submitted
CREATE INDEX outbox_document ON outbox (document);

-- Which documents an authority's own system has been asked about, by the number that it knows them by.
CREATE TABLE application_sent (
    application_no TEXT NOT NULL PRIMARY KEY,
    document BIGINT NOT NULL
) {clustered};
