-- What printing brought along: which layouts an administrator has compared with the official form, and the seals of agencies.

CREATE TABLE layout_confirmation (
    layout TEXT NOT NULL,
    digest TEXT NOT NULL,              -- of the file and its parts: a layout that was changed is confirmed anew
    confirmed BIGINT NOT NULL,         -- 0: taken back
    at BIGINT NOT NULL,
    by_name TEXT NOT NULL,
    PRIMARY KEY (layout, digest)
) {clustered};

CREATE TABLE agency_seal (
    agency TEXT NOT NULL PRIMARY KEY,
    sha256 TEXT NOT NULL,
    at BIGINT NOT NULL,
    by_name TEXT NOT NULL,
    bytes {bytes} NOT NULL
);
