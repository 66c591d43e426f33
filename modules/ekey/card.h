/* Cards: what the control wants of one, and the drivers that can give it. PIV is one (piv.c); a vendor's card is another struct
   card_driver in the list of card_drivers. */
#ifndef EKEY_CARD_H
#define EKEY_CARD_H

#include "pin.h"
#include "trust/certificate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_BYTES 32 /* SHA-256 */

enum card_slot { SLOT_SIGN_IN, SLOT_SIGN, SLOTS }; /* PIV: 9A, 9C */

/* A command APDU out, an answer in. */
struct card {
    /* `answer` has room for 258 bytes: up to 256 and the two of the status word. DONE, or KEY_REMOVED, CARD_ERROR. */
    enum refusal (*exchange)(void *context, const unsigned char *command, size_t length, unsigned char *answer, size_t *answer_length);
    void *context;
};

struct card_certificate {
    size_t length; /* of the DER; 0 = the slot is empty */
    unsigned char der[CERTIFICATE_MAXIMUM];
    struct certificate read;
};

struct key {
    const struct card_driver *driver;
    char id[33];     /* of this card, the same wherever it is inserted */
    char label[256]; /* what a person knows it by */
    int tries;       /* left for the PIN; -1 = the card does not say */
    struct card_certificate certificates[SLOTS];
};

/* All calls happen within one transaction of the reader. The PIN must be in locked memory, and what a driver makes of it, too. */
struct card_driver {
    const char *name;
    const char *slots[SLOTS]; /* their names */

    /* Whether the card is one of these; makes it ready for the calls below. Called first in every transaction. */
    bool (*open)(const struct card *card);
    /* Fills id, label, tries and certificates (RSA-2048 and P-256; others are left out). */
    enum refusal (*read)(const struct card *card, struct key *key);
    /* How many wrong PINs are still allowed; never uses one up. */
    enum refusal (*tries)(const struct card *card, int *tries);
    /* DONE, WRONG_PIN or PIN_BLOCKED; *tries as left afterwards. */
    enum refusal (*verify)(const struct card *card, const struct pin *pin, int *tries);
    enum refusal (*change)(const struct card *card, const struct pin *old, const struct pin *new, int *tries);
    /* Signs a SHA-256 hash with a slot that wants nothing but the verify before. RSA: PKCS #1 v1.5, 256 bytes; P-256: r||s, 64 bytes. */
    enum refusal (*sign)(const struct card *card, enum card_slot slot, const struct key *key, const unsigned char hash[HASH_BYTES],
                         unsigned char signature[SIGNATURE_BYTES], size_t *length);
    /* Makes the card forget that the PIN was verified. False when it cannot: then it is reset. */
    bool (*forget)(const struct card *card);
};

extern const struct card_driver piv_driver;

/* The drivers, in the order they are tried; ends with NULL. */
extern const struct card_driver *const card_drivers[];

/* "RSA-2048" or "P-256"; NULL for keys that are not used here. */
const char *card_algorithm(const struct certificate *certificate);

#endif
