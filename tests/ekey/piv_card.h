/* A PIV card (NIST SP 800-73-4, part 2) played by a program: the tests' stand-in for an electronic key. It has the slots 9A and 9C, with
   RSA of 2048 bits or P-256, and keeps to the card's own rules: 9C wants a VERIFY right before every signature, a PIN and a PUK
   count their wrong tries, long answers come in pieces. */
#ifndef TESTS_EKEY_PIV_CARD_H
#define TESTS_EKEY_PIV_CARD_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>

#define PIN_BYTES 8
#define APDU_MAXIMUM 4096

struct card_slot {
    EVP_PKEY *key; /* NULL: the slot is empty */
    unsigned char *certificate;
    int certificate_length;
};

struct reference { /* a PIN or a PUK */
    unsigned char value[PIN_BYTES]; /* padded with FF */
    int tries;
};

struct piv_card {
    char folder[512];
    struct card_slot authentication, signature; /* 9A, 9C */
    struct reference pin, puk;
    unsigned char guid[16];
    bool selected, verified, fresh; /* fresh: VERIFY was the last command */
    unsigned char chain[APDU_MAXIMUM], answer[APDU_MAXIMUM];
    size_t chained, answer_length, answer_sent;
    unsigned chain_instruction; /* of a chain that is going on */
    int pull_at; /* this many signatures from now the card is gone; 0 = never */
    bool pulled;
    int signatures, verifies, wrong;
};

/* Reads a card from its folder: 9A.key, 9A.pem, 9C.key, 9C.pem (PEM, any pair may be absent) and `state`, lines of `pin 123456`,
   `puk 12345678`, `pin_tries 3`, `puk_tries 3`, which is written again whenever it changes. False with a line on standard error. */
bool card_load(struct piv_card *card, const char *folder);
void card_unload(struct piv_card *card);

/* What a card forgets when it loses power. */
void card_reset(struct piv_card *card);

/* Answers a command APDU; the answer has room for 258 bytes. Returns its length; 0 when the card was pulled meanwhile. */
size_t card_answer(struct piv_card *card, const unsigned char *command, size_t length, unsigned char *answer);

#endif
