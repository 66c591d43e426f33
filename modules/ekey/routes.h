/* What a paired page can ask for. */
#ifndef EKEY_ROUTES_H
#define EKEY_ROUTES_H

#include "base/buffer.h"
#include "refusal.h"

#define EKEY_VERSION "1"

struct call {
    const char *method, *path, *origin;
    const char *secret; /* NULL: none was given */
    const char *after;  /* of the query; NULL: none */
    const char *body;
    size_t body_length;
    struct buffer *answer; /* JSON goes here; left empty = 204 */
    int tries;             /* with WRONG_PIN and LAST_TRY; -1 = unknown */
};

enum refusal route(struct call *call);

#endif
