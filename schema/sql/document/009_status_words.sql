-- What those who are told of a change of state want to know besides: sequence and opinion of the document_event that it belongs to (its owner
-- reads the same there), and the form number. Rows of an older program have none.

ALTER TABLE status_event ADD COLUMN sequence BIGINT NOT NULL DEFAULT 0;
ALTER TABLE status_event ADD COLUMN form_no TEXT NOT NULL DEFAULT '';
ALTER TABLE status_event ADD COLUMN opinion TEXT NOT NULL DEFAULT '';
