/* Requests to the portal with the enterprise's API key. */
#ifndef FOLDERS_PORTAL_H
#define FOLDERS_PORTAL_H

#include "settings.h"

#include "base/buffer.h"

#define PORTAL_ANSWER_MAXIMUM ((size_t)16 << 20)

struct portal;

struct portal_request {
    const char *method, *path;   /* path: from /api on, with the query */
    const char *type, *bytes;    /* of a body; NULL = none */
    size_t length;
    const char *idempotency_key; /* NULL = none */
};

int portal_open(const struct settings *settings, struct portal **portal, struct error *error);
void portal_close(struct portal *portal);

/* Asks; the answer's body is put into `answer`, which is emptied before. *status is 2xx, or what refuses the content itself (400, 409, 413, 415, 422). Everything
   else is ERROR_UNAVAILABLE: nobody there, a key that is over, too many requests, a form that is not there; `retry_after` where the portal tells.
   Being told to stop ends it at once. */
int portal_ask(struct portal *portal, const struct portal_request *request, struct buffer *answer, long *status, struct error *error);

/* Appends a text for a query, in percent encoding. */
void portal_escape(struct buffer *out, const char *text);

#endif
