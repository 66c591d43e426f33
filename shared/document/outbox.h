/* What other systems are to be told of documents, one row each, written in the transaction of the action and kept until the exchange
   program has taken it: licences and revocations to customs, applications and requests to authorities that review instead of the desk. */
#ifndef DOCUMENT_OUTBOX_H
#define DOCUMENT_OUTBOX_H

#include "document/document.h"

#define OUTBOX_CLAIM_MAXIMUM 100
#define OUTBOX_LEASE_MILLISECONDS 20000

enum outbox_kind { OUTBOX_LICENCE = 1, OUTBOX_REVOCATION = 2, OUTBOX_APPLICATION = 4, OUTBOX_REQUEST = 8 };

/* Bits of a comma-separated list of kinds ("licence,revocation"); 0 when one is unknown or there is none. */
unsigned outbox_kinds(const char *text);

/* Whether there is one of these kinds that nobody has claimed. For a read connection. */
int outbox_waits(struct store_connection *reader, unsigned kinds, bool *waits, struct error *error);

/* Claims at most `count` (up to OUTBOX_CLAIM_MAXIMUM) of these kinds for a minute, oldest first, and writes {"messages":[{"id","kind",
   "document","agency","document_no","parts"}],"licences":{"<document>":{"licence_no","quantity","unit","issued","valid_until"}}} with
   "licences" for licences and revocations. Of each document only the oldest that is not acknowledged. In a transaction. */
int outbox_claim(struct store_connection *db, unsigned kinds, int64_t count, struct json_writer *json, struct error *error);

/* Appends the payload of message `part` (from 1) of a row: an element of exchange/envelope.h, at most ENVELOPE_MAXIMUM with room for head
   and signature. Attachments come first; one that the applicant has removed since then has no content. ERROR_NOT_FOUND. */
int outbox_part(struct store_connection *reader, struct doc_module *module, int64_t id, int64_t part, struct arena *arena, struct buffer *out,
                struct error *error);

/* Forgets what was taken. In a transaction. */
int outbox_acknowledge(struct store_connection *db, int64_t id, struct error *error);

#endif
