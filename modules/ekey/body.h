/* The JSON of a request: one object with members that are known, others passed over. A PIN is taken where it stands, so that no copy of it
   is made: the body itself is zeroed by who owns it. */
#ifndef EKEY_BODY_H
#define EKEY_BODY_H

#include "base/json_read.h"
#include "batch.h"

#define DOCUMENT_MAXIMUM (1024u * 1024)

struct body {
    struct slice key, use, challenge, signed_info, document; /* text NULL: absent */
    struct slice pin, old, new;
    bool last_try;
    int count; /* of documents; -1: absent */
    struct slice documents[BATCH_DOCUMENTS];
};

/* BAD_JSON also for members of another kind, for a PIN written with escapes, and for too many documents. */
enum refusal body_read(const char *text, size_t length, struct arena *arena, struct body *body);

#endif
