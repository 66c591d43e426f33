-- What the exchange with other systems brought along: imports of files, done by jobs of kind 'import' (action: the form; opinion: 'submit' or '').

-- Of an import: the file's name, and what is wrong with it, by line and element (JSON).
ALTER TABLE job_item ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE job_item ADD COLUMN problems TEXT NOT NULL DEFAULT '[]';

-- Files that wait, or were read: gone a day after their job is finished.
CREATE TABLE import_file (
    job BIGINT NOT NULL,
    item BIGINT NOT NULL,
    phase BIGINT NOT NULL,                -- what comes next: 0 read, 1 attach, 2 submit, 3 nothing
    message_key TEXT NOT NULL DEFAULT '', -- what the other files of the import call it by
    bytes {bytes} NOT NULL,
    PRIMARY KEY (job, item)
);
