/* Changes of state on their way to people: one row for each, in the transaction of the change, until the exchange program has taken it. */
#ifndef DOCUMENT_STATUS_H
#define DOCUMENT_STATUS_H

#include "document/document.h"

#define STATUS_CLAIM_MAXIMUM 500
#define STATUS_LEASE_MILLISECONDS 60000

/* Whether there is one that nobody has claimed. For a read connection. */
int status_waits(struct store_connection *reader, bool *waits, struct error *error);

/* Claims at most `count` of the oldest for a minute and writes {"events":[{"id","document","owner","creator","agency","form","title",
   "application_no","form_no","licence_no","machine","from","to","label","sequence","opinion","at"}]}; in any order. `title` and `label` are
   what people call the form and the state that it came to; `sequence` and `opinion` are those of the document's event that the change
   belongs to (0 and "" in rows of a program that did not write them yet). In a transaction. */
int status_claim(struct store_connection *db, const struct doc_module *module, int64_t count, struct json_writer *json, struct error *error);

/* Forgets what was taken. In a transaction. */
int status_acknowledge(struct store_connection *db, const int64_t *ids, size_t count, struct error *error);

#endif
