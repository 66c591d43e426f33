/* What handlers of every program need around their work: small JSON objects, the caller, writing that may be repeated. */
#ifndef SERVICE_INPUT_H
#define SERVICE_INPUT_H

#include "base/json_tree.h"
#include "store/store.h"
#include "web/web.h"

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

/* The same, or with the parameter dry_run=1 a dry run: the work is done, answered and undone, with nothing stored (numbers in the answer
   are given to the next who asks). *dry tells which before; ERROR_INVALID for another value than 0 or 1. */
int service_dry_run(struct web_call *call, bool *dry);
int service_write_or_try(struct web_call *call, int (*work)(void *connection, struct web_call *call, struct error *error), void *argument);

/* Notes in the accounts program what the caller is about to do to `subject` (list of an administrator's page: module and subject).
   To be called before the writing: what cannot be noted (ERROR_UNAVAILABLE) is not done. Waits for another program: LANE_SLOW. */
int service_audit(struct web_call *call, const char *action, const char *subject, const char *detail);

/* Setting `ekey`: whether what the law wants signed must be signed with an electronic key ("required"), or may ("optional", which a demo is
   unless told otherwise). R-KEY-1, R-KEY-2. */
bool service_key_required(const struct config *config);

const struct principal *caller(const struct web_call *call);
struct store_connection *reader_of(const struct web_call *call);

#endif
