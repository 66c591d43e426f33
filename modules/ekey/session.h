/* A card in use: its reader belongs to one session until that is closed. */
#ifndef EKEY_SESSION_H
#define EKEY_SESSION_H

#include "reader.h"

struct session {
    struct card card;
    struct key key;
    struct place place;
    long context;
    long handle;
    unsigned long protocol;
    bool lost;     /* the card went away meanwhile */
    bool verified; /* the card has seen the PIN and is to forget it */
};

/* Connects to what is in a reader and finds its driver: session->key.driver is NULL when there is none for this card. KEY_REMOVED, BUSY
   (another program has the card for itself) or CARD_ERROR; after DONE it must be closed. */
enum refusal session_connect(const struct place *place, struct session *session);

/* Connects to a key. DONE, NO_KEY, KEY_REMOVED, BUSY or CARD_ERROR. After DONE it must be closed; otherwise there is nothing to close. */
enum refusal session_open(const char *id, struct session *session);
/* The card forgets the PIN. */
void session_close(struct session *session);

/* How many tries are left; PIN_BLOCKED when none, LAST_TRY when it is the last and `last_try` does not allow it. */
enum refusal session_tries(struct session *session, bool last_try, int *tries);
/* The same, then VERIFY. */
enum refusal session_verify(struct session *session, const struct pin *pin, bool last_try, int *tries);
enum refusal session_change(struct session *session, const struct pin *old, const struct pin *new, bool last_try, int *tries);

/* Signs text, which is hashed here, and checks the signature with the certificate before giving it away. NO_CERTIFICATE. */
enum refusal session_sign(struct session *session, enum card_slot slot, const void *text, size_t size, unsigned char signature[SIGNATURE_BYTES],
                          size_t *length);

#endif
