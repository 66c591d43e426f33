-- What the exchange with other systems brought along: imports of files, done by jobs of kind 'import' (action: the form; opinion: 'submit' or '').

ALTER TABLE job_item ADD COLUMN name TEXT NOT NULL DEFAULT '';       -- of the file
ALTER TABLE job_item ADD COLUMN problems TEXT NOT NULL DEFAULT '[]'; -- JSON: what is wrong, by line and element

CREATE TABLE import_file (              -- files that wait, or were read: gone a day after their job is finished
    job BIGINT NOT NULL,
    item BIGINT NOT NULL,
    phase BIGINT NOT NULL,              -- what comes next: 0 read, 1 attach, 2 submit, 3 nothing
    message_key TEXT NOT NULL DEFAULT '', -- what the other files of the import call it by
    bytes {bytes} NOT NULL,
    PRIMARY KEY (job, item)
);
