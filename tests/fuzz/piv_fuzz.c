/* What a card answers, to the client control: two bytes say how long an answer is, then it comes. Whatever a card says, nothing is read
   beyond it, and what is taken from it is whole. */
#include "../../modules/ekey/card.h"
#include "../../modules/ekey/tlv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

struct talk {
    const uint8_t *at, *end;
    int commands;
};

static enum refusal exchange(void *context, const unsigned char *command, size_t length, unsigned char *answer, size_t *answer_length)
{
    struct talk *talk = context;
    if (length < 4 || length > 261 || talk->commands++ > 1000) abort();
    (void)command;
    if (talk->end - talk->at < 2) return KEY_REMOVED;
    size_t size = (size_t)talk->at[0] << 8 | talk->at[1];
    talk->at += 2;
    if (size > (size_t)(talk->end - talk->at)) size = (size_t)(talk->end - talk->at);
    if (size > *answer_length) size = *answer_length;
    memcpy(answer, talk->at, size);
    talk->at += size;
    *answer_length = size;
    return DONE;
}

static void read_key(const struct card *card, struct key *key)
{
    if (piv_driver.read(card, key)) return;
    if (strlen(key->id) != 32 || !key->label[0] || key->tries < -1 || key->tries > 15) abort();
    for (int slot = 0; slot < SLOTS; slot++)
        if (key->certificates[slot].length > CERTIFICATE_MAXIMUM || (key->certificates[slot].length && !card_algorithm(&key->certificates[slot].read)))
            abort();
}

static void sign(const struct card *card, struct key *key, enum key_algorithm algorithm)
{
    const unsigned char hash[HASH_BYTES] = {1};
    unsigned char signature[SIGNATURE_BYTES];
    size_t size = 0;
    key->certificates[SLOT_SIGN].read.algorithm = algorithm;
    if (!piv_driver.sign(card, SLOT_SIGN, key, hash, signature, &size) && size != (algorithm == KEY_RSA ? 256 : 64)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct talk talk = {bytes, bytes + length, 0};
    const struct card card = {exchange, &talk};
    struct key *key = calloc(1, sizeof *key);
    struct pin *pin;
    struct tlv found;
    int tries = 0;

    if (tlv_find(bytes, length, length ? bytes[0] : 0, &found) && (found.value < bytes || found.length > (size_t)(bytes + length - found.value))) abort();
    pin_take("739146", 6, &pin);
    if (piv_driver.open(&card)) read_key(&card, key);
    piv_driver.verify(&card, pin, &tries);
    sign(&card, key, KEY_RSA);
    sign(&card, key, KEY_P256);
    piv_driver.forget(&card);
    pin_free(pin);
    free(key);
    return 0;
}
