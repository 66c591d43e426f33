-- What applicants have signed with their electronic keys: kept for good, also when the document is deleted.

CREATE TABLE document_signature (
    document BIGINT NOT NULL,
    sequence BIGINT NOT NULL,          -- the event that the signature belongs to
    action TEXT NOT NULL,
    at BIGINT NOT NULL,
    signer BIGINT NOT NULL,
    signer_name TEXT NOT NULL,
    subject TEXT NOT NULL,
    issuer TEXT NOT NULL,
    serial TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    certificate {bytes} NOT NULL,      -- DER
    form_version BIGINT NOT NULL,
    version BIGINT NOT NULL,           -- of the document as it was signed
    application_no TEXT NOT NULL,
    form_no TEXT NOT NULL,             -- what the portal assigned with that event
    applied TEXT NOT NULL,
    event_hash TEXT NOT NULL,
    xml TEXT NOT NULL,                 -- the signed document
    PRIMARY KEY (document, sequence)
);
