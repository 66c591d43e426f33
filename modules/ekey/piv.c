/* PIV cards: NIST SP 800-73-4, part 1 (data objects) and part 2 (commands). */
#include "base/digest.h"
#include "base/log.h"
#include "card.h"
#include "tlv.h"

#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define SW_OK 0x9000u
#define SW_BLOCKED 0x6983u
#define REFERENCE_BYTES 8 /* a PIN, padded with FF */
#define PART 255          /* data bytes of a command without extended length */
#define COMMAND_BYTES (5 + PART + 1)
#define OBJECT_MAXIMUM (CERTIFICATE_MAXIMUM + 128)
#define RSA_BYTES 256
#define P256_HALF 32

struct answer {
    unsigned status;
    size_t length;
    unsigned char data[OBJECT_MAXIMUM];
};

/* ---- commands */

/* Sends one command and adds what comes back: also what the card keeps for GET RESPONSE (61xx). */
static enum refusal exchange_all(const struct card *card, const unsigned char *command, size_t length, struct answer *answer)
{
    unsigned char part[258], more[5] = {0x00, 0xC0, 0x00, 0x00, 0x00};
    size_t size = sizeof part;
    enum refusal refusal = card->exchange(card->context, command, length, part, &size);
    while (!refusal) {
        if (size < 2 || size > sizeof part || size - 2 > sizeof answer->data - answer->length)
            return CARD_ERROR;
        memcpy(answer->data + answer->length, part, size - 2);
        answer->length += size - 2;
        answer->status = (unsigned)part[size - 2] << 8 | part[size - 1];
        if (answer->status >> 8 != 0x61)
            break;
        if (size == 2 && answer->length)
            return CARD_ERROR; /* keeps announcing and never gives */
        more[4] = part[size - 1];
        size = sizeof part;
        refusal = card->exchange(card->context, more, sizeof more, part, &size);
    }
    return refusal;
}

struct command {
    unsigned char ins, p1, p2;
    const unsigned char *data;
    size_t length;
    bool answers; /* data is expected back */
};

/* Sends a command in as many links of a chain as its data needs. The APDUs are in locked memory, for some hold a PIN. */
static enum refusal transmit(const struct card *card, const struct command *command, struct answer *answer)
{
    size_t sent = 0;
    enum refusal refusal = DONE;
    unsigned char *bytes = locked_take(COMMAND_BYTES);
    if (!bytes)
        return BUSY;
    answer->status = 0;
    do {
        size_t part = command->length - sent < PART ? command->length - sent : PART, at = 4;
        bool last = sent + part == command->length;
        bytes[0] = last ? 0x00 : 0x10;
        bytes[1] = command->ins;
        bytes[2] = command->p1;
        bytes[3] = command->p2;
        if (part) {
            bytes[at++] = (unsigned char)part;
            memcpy(bytes + at, command->data + sent, part);
            at += part;
        }
        if (last && command->answers)
            bytes[at++] = 0x00;
        answer->length = 0;
        refusal = exchange_all(card, bytes, at, answer);
        sent += part;
    } while (!refusal && sent < command->length && answer->status == SW_OK);
    locked_free(bytes, COMMAND_BYTES);
    return refusal;
}

static bool piv_open(const struct card *card)
{
    static const unsigned char application[] = {0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00};
    const struct command select = {0xA4, 0x04, 0x00, application, sizeof application, true};
    struct answer answer;
    struct tlv property;
    return !transmit(card, &select, &answer) && answer.status == SW_OK && tlv_find(answer.data, answer.length, 0x61, &property);
}

/* ---- data objects */

/* Reads the object with this tag (part 1, table 3): the value of its 53. *value lies in `answer`; empty when the card has none. */
static enum refusal object_read(const struct card *card, unsigned char tag, struct answer *answer, struct tlv *value)
{
    const unsigned char name[] = {0x5C, 0x03, 0x5F, 0xC1, tag};
    const struct command get = {0xCB, 0x3F, 0xFF, name, sizeof name, true};
    *value = (struct tlv){0};
    enum refusal refusal = transmit(card, &get, answer);
    if (!refusal && answer->status == SW_OK)
        tlv_find(answer->data, answer->length, 0x53, value);
    return refusal;
}

static enum refusal certificate_get(const struct card *card, unsigned char tag, struct card_certificate *certificate)
{
    struct answer answer;
    struct tlv object, der, information;
    struct error error;
    certificate->length = 0;
    enum refusal refusal = object_read(card, tag, &answer, &object);
    if (refusal || !tlv_find(object.value, object.length, 0x70, &der) || !der.length || der.length > sizeof certificate->der)
        return refusal;
    if (tlv_find(object.value, object.length, 0x71, &information) && information.length && information.value[0]) {
        log_line(LOG_WARNING, "certificate", "reason=\"it is compressed, which is not read here\"");
        return DONE;
    }
    error_clear(&error);
    if (certificate_read(der.value, der.length, &certificate->read, &error) || !card_algorithm(&certificate->read)) {
        log_line(LOG_WARNING, "certificate", "reason=\"not one of RSA-2048 or P-256\"");
        return DONE;
    }
    memcpy(certificate->der, der.value, der.length);
    certificate->length = der.length;
    return DONE;
}

/* The id is made of the card holder's unique identifier and the certificates: a card that gets new ones is another key. */
static void identify(struct key *key, const struct tlv *holder)
{
    unsigned char all[3 * DIGEST_BYTES] = {0};
    char hex[DIGEST_SIZE];
    digest_raw(holder->value ? (const void *)holder->value : "", holder->length, all);
    for (int slot = 0; slot < SLOTS; slot++)
        digest_raw(key->certificates[slot].der, key->certificates[slot].length, all + (slot + 1) * DIGEST_BYTES);
    digest_sha256(all, sizeof all, hex);
    snprintf(key->id, sizeof key->id, "%.32s", hex);
    for (int slot = SLOTS - 1; slot >= 0; slot--)
        if (key->certificates[slot].length)
            snprintf(key->label, sizeof key->label, "%s", key->certificates[slot].read.name);
    if (!key->label[0])
        snprintf(key->label, sizeof key->label, "PIV %.8s", key->id);
}

static enum refusal piv_tries(const struct card *card, int *tries);

static enum refusal piv_read(const struct card *card, struct key *key)
{
    struct answer answer;
    struct tlv holder;
    enum refusal refusal = certificate_get(card, 0x05, &key->certificates[SLOT_SIGN_IN]);
    if (!refusal)
        refusal = certificate_get(card, 0x0A, &key->certificates[SLOT_SIGN]);
    if (!refusal)
        refusal = object_read(card, 0x02, &answer, &holder);
    if (refusal)
        return refusal;
    identify(key, &holder);
    return piv_tries(card, &key->tries);
}

/* ---- the PIN */

/* What the status word of VERIFY and CHANGE REFERENCE DATA says. */
static enum refusal verdict(unsigned status, int *tries)
{
    if (status == SW_OK)
        return DONE;
    if ((status & 0xFFF0) == 0x63C0) {
        *tries = (int)(status & 0xF);
        return *tries ? WRONG_PIN : PIN_BLOCKED;
    }
    if (status == SW_BLOCKED) {
        *tries = 0;
        return PIN_BLOCKED;
    }
    return CARD_ERROR;
}

static bool piv_forget(const struct card *card)
{
    const struct command reset = {0x20, 0xFF, 0x80, NULL, 0, false};
    struct answer answer;
    return !transmit(card, &reset, &answer) && answer.status == SW_OK;
}

static enum refusal piv_tries(const struct card *card, int *tries)
{
    const struct command ask = {0x20, 0x00, 0x80, NULL, 0, false};
    struct answer answer;
    *tries = -1;
    enum refusal refusal = transmit(card, &ask, &answer);
    if (!refusal && answer.status == SW_OK && piv_forget(card)) /* another program has verified the PIN: then the card does not tell */
        refusal = transmit(card, &ask, &answer);
    if (!refusal && answer.status != SW_OK && verdict(answer.status, tries) == CARD_ERROR)
        refusal = CARD_ERROR;
    return refusal;
}

static void reference_put(unsigned char reference[REFERENCE_BYTES], const struct pin *pin)
{
    memset(reference, 0xFF, REFERENCE_BYTES);
    memcpy(reference, pin->text, pin->length);
}

/* Sends one PIN, or the old and the new one. */
static enum refusal references_send(const struct card *card, unsigned char ins, const struct pin *first, const struct pin *second, int *tries)
{
    unsigned char *data = locked_take(2 * REFERENCE_BYTES);
    struct answer answer;
    if (!data)
        return BUSY;
    reference_put(data, first);
    if (second)
        reference_put(data + REFERENCE_BYTES, second);
    const struct command command = {ins, 0x00, 0x80, data, second ? 2 * REFERENCE_BYTES : REFERENCE_BYTES, false};
    enum refusal refusal = transmit(card, &command, &answer);
    locked_free(data, 2 * REFERENCE_BYTES);
    return refusal ? refusal : verdict(answer.status, tries);
}

static enum refusal piv_verify(const struct card *card, const struct pin *pin, int *tries)
{
    return references_send(card, 0x20, pin, NULL, tries);
}

static enum refusal piv_change(const struct card *card, const struct pin *old, const struct pin *new, int *tries)
{
    return references_send(card, 0x24, old, new, tries);
}

/* ---- signatures */

/* EMSA-PKCS1-v1_5 (RFC 8017, 9.2): the card does only the exponentiation. */
static size_t padded(const unsigned char hash[HASH_BYTES], unsigned char *out)
{
    static const unsigned char info[] = {0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    size_t fill = RSA_BYTES - 3 - sizeof info - HASH_BYTES;
    out[0] = 0x00;
    out[1] = 0x01;
    memset(out + 2, 0xFF, fill);
    out[2 + fill] = 0x00;
    memcpy(out + 3 + fill, info, sizeof info);
    memcpy(out + 3 + fill + sizeof info, hash, HASH_BYTES);
    return RSA_BYTES;
}

/* r||s from the card's DER. */
static bool halves(const struct tlv *der, unsigned char *signature)
{
    const unsigned char *at = der->value;
    ECDSA_SIG *read = d2i_ECDSA_SIG(NULL, &at, (long)der->length);
    bool good = read && at == der->value + der->length && BN_bn2binpad(ECDSA_SIG_get0_r(read), signature, P256_HALF) == P256_HALF &&
                BN_bn2binpad(ECDSA_SIG_get0_s(read), signature + P256_HALF, P256_HALF) == P256_HALF;
    ECDSA_SIG_free(read);
    return good;
}

/* The dynamic authentication template (part 2, 3.2.4): an empty 82 asks for the answer to the 81. */
static size_t template_put(bool rsa, const unsigned char hash[HASH_BYTES], unsigned char *out)
{
    unsigned char inner[RSA_BYTES + 8];
    size_t size = rsa ? RSA_BYTES : HASH_BYTES, at = tlv_head(inner, 0x82, 0);
    at += tlv_head(inner + at, 0x81, size);
    if (rsa)
        padded(hash, inner + at);
    else
        memcpy(inner + at, hash, HASH_BYTES);
    at += size;
    size_t head = tlv_head(out, 0x7C, at);
    memcpy(out + head, inner, at);
    return head + at;
}

static enum refusal piv_sign(const struct card *card, enum card_slot slot, const struct key *key, const unsigned char hash[HASH_BYTES],
                             unsigned char signature[SIGNATURE_BYTES], size_t *length)
{
    unsigned char data[RSA_BYTES + 16];
    bool rsa = key->certificates[slot].read.algorithm == KEY_RSA;
    const struct command command = {0x87, rsa ? 0x07 : 0x11, slot == SLOT_SIGN ? 0x9C : 0x9A, data, template_put(rsa, hash, data), true};
    struct answer answer;
    struct tlv template, value;
    enum refusal refusal = transmit(card, &command, &answer);
    if (refusal)
        return refusal;
    if (answer.status != SW_OK || !tlv_find(answer.data, answer.length, 0x7C, &template) ||
        !tlv_find(template.value, template.length, 0x82, &value)) {
        log_line(LOG_WARNING, "sign", "status=%04X", answer.status);
        return CARD_ERROR;
    }
    *length = rsa ? RSA_BYTES : 2 * P256_HALF;
    if (!rsa)
        return halves(&value, signature) ? DONE : CARD_ERROR;
    if (value.length != RSA_BYTES)
        return CARD_ERROR;
    memcpy(signature, value.value, RSA_BYTES);
    return DONE;
}

const struct card_driver piv_driver = {"piv",    {"9A", "9C"}, piv_open,    piv_read, piv_tries,
                                       piv_verify, piv_change,   piv_sign, piv_forget};
