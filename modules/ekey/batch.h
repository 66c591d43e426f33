/* What the person has confirmed: so many documents, signed within a minute, with a PIN that stays in locked memory until then. It is
   zeroed when every document is signed, the minute is over, the batch is deleted or the key pulled. */
#ifndef EKEY_BATCH_H
#define EKEY_BATCH_H

#include "pin.h"

#define BATCH_DOCUMENTS 100
#define NUMBER_SIZE 33 /* an application number, and NUL */
#define BATCH_ID_SIZE 33

int batches_start(struct error *error);
void batches_stop(void);

struct confirmed {
    const char *origin;
    const char *key; /* id */
    char (*documents)[NUMBER_SIZE];
    int count;
    bool last_try;
};

/* Opens a batch that lasts so many seconds and takes the PIN over in any case. BUSY when too many are open. */
enum refusal batch_open(const struct confirmed *confirmed, struct pin *pin, int seconds, char id[BATCH_ID_SIZE]);

/* Signs one of its documents (document.h checks it). BATCH_OVER, NOT_IN_BATCH, BAD_DOCUMENT and what a session says. */
struct batch_signing {
    const char *origin;
    const char *signed_info, *document;
    size_t signed_info_length, document_length;
    unsigned char *signature; /* room for SIGNATURE_BYTES */
    size_t length;
    int tries;
};
enum refusal batch_sign(const char *id, struct batch_signing *signing);

/* Ends it: nothing is said of one that is over. */
void batch_delete(const char *id, const char *origin);

/* Ends all batches of a key that was pulled: they answer KEY_REMOVED until their time is over. */
void batches_key_removed(const char *key);

#endif
