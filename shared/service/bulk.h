/* Documents in bulk: what the job worker needs of it. */
#ifndef SERVICE_BULK_H
#define SERVICE_BULK_H

#include "document/job.h"
#include "service/internal.h"

/* A doc_read_file for a text of exchange/bodies.h: a prepared document or its problems, or an attachment. */
int service_read_body(struct doc_module *module, struct store_connection *reader, const struct principal *principal, const char *form, bool submit,
                      const char *bytes, size_t length, int64_t now, struct arena *arena, struct doc_incoming *incoming, struct error *error);

#endif
