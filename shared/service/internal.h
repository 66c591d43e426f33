/* What the files of this folder share and nobody else needs. */
#ifndef SERVICE_INTERNAL_H
#define SERVICE_INTERNAL_H

#include "base/json_tree.h"
#include "service/service.h"

#define ROUTES_MAXIMUM 128

/* Tables of routes; paths are completed with /api/<module>. Each ends with a NULL method. */
extern const struct web_route document_routes[], list_routes[], code_routes[], desk_routes[], partner_routes[], print_routes[];

/* Members of a small JSON object in the body (strings and whole numbers only), in the arena. Fails with ERROR_MALFORMED or, for a
   member of another kind, ERROR_INVALID with its field. A missing text is NULL, a missing number the fallback. */
struct service_input {
    const struct json *json;
};
int service_input(struct web_call *call, struct service_input *input);
int service_text(struct web_call *call, const struct service_input *input, const char *name, size_t most, const char **text);
int service_number(struct web_call *call, const struct service_input *input, const char *name, int64_t least, int64_t most,
                   int64_t fallback, int64_t *number);
int service_ids(struct web_call *call, const struct service_input *input, size_t most, int64_t **ids, size_t *count);

/* web_write, with Idempotency-Key (POST): the same key and request within 24 hours gets the first answer again, another request
   422; kept in the same transaction as the work. */
int service_write(struct web_call *call, int (*work)(void *connection, struct web_call *call, struct error *error), void *argument);

const struct principal *caller(const struct web_call *call);
struct store_connection *reader_of(const struct web_call *call);

/* Problems of a failed evaluation, into the problem answer. Returns call->error.code. */
int answer_problems(struct web_call *call, const struct form_problems *problems);
struct form_problems *new_problems(struct web_call *call);

/* The answer about one document: row, body, attachments, actions. */
int answer_document(struct web_call *call, struct store_connection *db, int64_t id);

/* Makes a print for the job worker and for downloads (doc_make_print). */
int make_print(struct doc_module *module, struct store_connection *reader, int64_t document, const char *print, struct arena *arena,
               struct buffer *out, struct error *error);

#endif
