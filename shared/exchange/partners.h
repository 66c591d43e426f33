/* Other systems that the portal exchanges signed messages with: issuing authorities that review instead of the built-in desk, and
   customs. One file <name>.json each in the folder of the setting `partners` (OPERATING.md); read at start, read-only from then on. */
#ifndef EXCHANGE_PARTNERS_H
#define EXCHANGE_PARTNERS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define PARTNER_NAME_MAXIMUM 32 /* [a-z0-9-]; "portal" is ours */

struct partner_review {
    const char *module, *agency;
};

struct partner {
    const char *name, *title_zh, *title_en;
    const char **clears;    /* modules whose licences and revocations it gets, and whose uses it reports */
    size_t clear_count;
    struct partner_review *reviews; /* agencies whose applications it reviews instead of the desk */
    size_t review_count;
    const char **signers;   /* files of certificates (PEM) whose keys sign what it sends; at least one */
    size_t signer_count;
    const char *folder;     /* messages are files below it; NULL: HTTPS */
    const char *url;        /* where messages are sent to; NULL: by files. With it: */
    const char *authorities, *certificate, *key; /* files: who its server's certificate is of; our client certificate and its key */
    const char *client;     /* file of the client certificates that it calls us with */
    bool allow_private;     /* its address may be a private one */
};

struct partners;

/* Reads the folder's *.json; other files are passed over. Paths in them are completed: they stand beside the file unless they are whole; what they
   name is not opened. *partners is NULL for a folder that is NULL or "". ERROR_INTERNAL; the detail names file, line and reason. Free
   with partners_free. */
int partners_read(const char *folder, struct partners **partners, struct error *error);
void partners_free(struct partners *partners);

/* In the order of their names; 0 and NULL for no partners (partners NULL, here and below). */
size_t partners_count(const struct partners *partners);
const struct partner *partners_at(const struct partners *partners, size_t index);

/* NULL when there is none. */
const struct partner *partners_clearing(const struct partners *partners, const char *module);
const struct partner *partners_reviewing(const struct partners *partners, const char *module, const char *agency);
const struct partner *partners_named(const struct partners *partners, const char *name);

#endif
