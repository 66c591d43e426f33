/* Receipts, as receipt.xsd says: what became of a file, and what became of a document. */
#ifndef FOLDERS_RECEIPT_H
#define FOLDERS_RECEIPT_H

#include "base/buffer.h"
#include "base/json_tree.h"

#define RECEIPT_NAMESPACE "urn:singlewindow:receipt"

/* Of a file that the portal has taken: `job` is what GET /jobs/:id gave when it was done. *made: how many documents and attachments came into being. */
void receipt_of_job(const char *id, const char *form, const char *file, const struct json *job, struct buffer *out, int *made);

/* Of a file of which nothing was taken: `problem` is the portal's answer (application/problem+json). */
void receipt_of_refusal(const char *id, const char *form, const char *file, const struct json *problem, struct buffer *out);

/* Of a change of state: `item` is one of GET /api/exchange/queues/:queue. */
void receipt_of_change(const char *id, const struct json *item, struct buffer *out);

#endif
