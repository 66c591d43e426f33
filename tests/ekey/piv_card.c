#include "piv_card.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Status words, SP 800-73-4 part 2, table 11 */
#define SW_OK 0x9000u
#define SW_TRIES 0x63C0u
#define SW_LENGTH 0x6700u
#define SW_SECURITY 0x6982u
#define SW_BLOCKED 0x6983u
#define SW_DATA 0x6A80u
#define SW_NOT_FOUND 0x6A82u
#define SW_PARAMETERS 0x6A86u
#define SW_REFERENCE 0x6A88u
#define SW_INSTRUCTION 0x6D00u

#define TRIES 3
#define RSA_2048 0x07
#define P_256 0x11

struct command {
    unsigned char cla, ins, p1, p2;
    const unsigned char *data;
    size_t length;
};

/* ---- BER-TLV */

static size_t put_head(unsigned char *out, unsigned tag, size_t length)
{
    size_t at = 0;
    if (tag > 0xFFFF)
        out[at++] = (unsigned char)(tag >> 16);
    if (tag > 0xFF)
        out[at++] = (unsigned char)(tag >> 8);
    out[at++] = (unsigned char)tag;
    if (length > 0xFF)
        out[at++] = 0x82, out[at++] = (unsigned char)(length >> 8);
    else if (length > 0x7F)
        out[at++] = 0x81;
    out[at++] = (unsigned char)length;
    return at;
}

static size_t put(unsigned char *out, unsigned tag, const void *value, size_t length)
{
    size_t at = put_head(out, tag, length);
    if (length)
        memcpy(out + at, value, length);
    return at + length;
}

/* The value of a tag of one byte among others; NULL = absent or broken. */
static const unsigned char *find(const unsigned char *at, size_t left, unsigned tag, size_t *length)
{
    while (left >= 2) {
        size_t head = 2, size = at[1];
        if (size == 0x81 && left >= 3)
            head = 3, size = at[2];
        else if (size == 0x82 && left >= 4)
            head = 4, size = (size_t)at[2] << 8 | at[3];
        else if (size > 0x7F)
            return NULL;
        if (size > left - head)
            return NULL;
        if (at[0] == tag) {
            *length = size;
            return at + head;
        }
        at += head + size;
        left -= head + size;
    }
    return NULL;
}

/* ---- the card's folder */

static bool slot_load(struct card_slot *slot, const char *folder, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s.key", folder, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return true;
    slot->key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    snprintf(path, sizeof path, "%s/%s.pem", folder, name);
    file = slot->key ? fopen(path, "re") : NULL;
    X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    if (file)
        fclose(file);
    if (certificate)
        slot->certificate_length = i2d_X509(certificate, &slot->certificate);
    X509_free(certificate);
    if (slot->certificate_length <= 0)
        fprintf(stderr, "%s/%s: no key with its certificate\n", folder, name);
    return slot->certificate_length > 0;
}

static void reference_set(struct reference *reference, const char *text)
{
    memset(reference->value, 0xFF, PIN_BYTES);
    memcpy(reference->value, text, strnlen(text, PIN_BYTES));
}

static void state_load(struct piv_card *card)
{
    char path[600], name[16], value[16];
    snprintf(path, sizeof path, "%s/state", card->folder);
    reference_set(&card->pin, "123456");
    reference_set(&card->puk, "12345678");
    card->pin.tries = card->puk.tries = TRIES;
    FILE *file = fopen(path, "re");
    while (file && fscanf(file, "%15s %15s", name, value) == 2) {
        if (!strcmp(name, "pin"))
            reference_set(&card->pin, value);
        else if (!strcmp(name, "puk"))
            reference_set(&card->puk, value);
        else if (!strcmp(name, "pin_tries"))
            card->pin.tries = (int)strtol(value, NULL, 10);
        else if (!strcmp(name, "puk_tries"))
            card->puk.tries = (int)strtol(value, NULL, 10);
    }
    if (file)
        fclose(file);
}

static int shown(const struct reference *reference)
{
    int length = 0;
    while (length < PIN_BYTES && reference->value[length] != 0xFF)
        length++;
    return length;
}

static void state_store(const struct piv_card *card)
{
    char path[600];
    snprintf(path, sizeof path, "%s/state", card->folder);
    FILE *file = fopen(path, "we");
    if (!file)
        return;
    fprintf(file, "pin %.*s\npuk %.*s\npin_tries %d\npuk_tries %d\n", shown(&card->pin), (const char *)card->pin.value, shown(&card->puk),
            (const char *)card->puk.value, card->pin.tries, card->puk.tries);
    fclose(file);
}

bool card_load(struct piv_card *card, const char *folder)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    *card = (struct piv_card){0};
    snprintf(card->folder, sizeof card->folder, "%s", folder);
    if (!slot_load(&card->authentication, folder, "9A") || !slot_load(&card->signature, folder, "9C"))
        return false;
    state_load(card);
    EVP_Q_digest(NULL, "SHA256", NULL, folder, strlen(folder), hash, NULL);
    memcpy(card->guid, hash, sizeof card->guid);
    return true;
}

void card_unload(struct piv_card *card)
{
    EVP_PKEY_free(card->authentication.key);
    EVP_PKEY_free(card->signature.key);
    OPENSSL_free(card->authentication.certificate);
    OPENSSL_free(card->signature.certificate);
    *card = (struct piv_card){0};
}

void card_reset(struct piv_card *card)
{
    card->selected = card->verified = card->fresh = false;
    card->chained = card->answer_length = card->answer_sent = 0;
}

/* ---- data objects */

static const unsigned char application[] = {0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00};

static unsigned object_whole(struct piv_card *card, const unsigned char *value, size_t length)
{
    card->answer_length = put(card->answer, 0x53, value, length);
    return SW_OK;
}

static unsigned object_chuid(struct piv_card *card)
{
    unsigned char value[128], fascn[25] = {0xD4, 0xE7, 0x39};
    size_t at = put(value, 0x30, fascn, sizeof fascn);
    at += put(value + at, 0x34, card->guid, sizeof card->guid);
    at += put(value + at, 0x35, "20401231", 8);
    at += put(value + at, 0x3E, NULL, 0);
    at += put(value + at, 0xFE, NULL, 0);
    return object_whole(card, value, at);
}

static unsigned object_capabilities(struct piv_card *card)
{
    static const unsigned char empty[] = {0xF3, 0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE};
    unsigned char value[128], identifier[21] = {0xA0, 0x00, 0x00, 0x01, 0x16, 0xFF, 0x02};
    memcpy(identifier + 7, card->guid, 14);
    size_t at = put(value, 0xF0, identifier, sizeof identifier);
    at += put(value + at, 0xF1, "\x21", 1);
    at += put(value + at, 0xF2, "\x21", 1);
    at += put(value + at, 0xF4, "\x00", 1);
    at += put(value + at, 0xF5, "\x10", 1);
    for (size_t i = 0; i < sizeof empty; i++)
        at += put(value + at, empty[i], NULL, 0);
    return object_whole(card, value, at);
}

static unsigned object_discovery(struct piv_card *card)
{
    unsigned char value[64];
    size_t at = put(value, 0x4F, application, sizeof application);
    at += put(value + at, 0x5F2F, "\x40\x00", 2); /* the card's own PIN, and no other */
    card->answer_length = put(card->answer, 0x7E, value, at);
    return SW_OK;
}

static unsigned object_certificate(struct piv_card *card, const struct card_slot *slot)
{
    unsigned char value[APDU_MAXIMUM - 16];
    if (!slot->key || (size_t)slot->certificate_length > sizeof value - 16)
        return SW_NOT_FOUND;
    size_t at = put(value, 0x70, slot->certificate, (size_t)slot->certificate_length);
    at += put(value + at, 0x71, "\x00", 1);
    at += put(value + at, 0xFE, NULL, 0);
    return object_whole(card, value, at);
}

static unsigned get_data(struct piv_card *card, const struct command *command)
{
    size_t length;
    const unsigned char *tag = find(command->data, command->length, 0x5C, &length);
    unsigned name = 0;
    if (command->p1 != 0x3F || command->p2 != 0xFF)
        return SW_PARAMETERS;
    if (!tag || !length || length > 3)
        return SW_DATA;
    for (size_t i = 0; i < length; i++)
        name = name << 8 | tag[i];
    switch (name) {
    case 0x7E: return object_discovery(card);
    case 0x5FC102: return object_chuid(card);
    case 0x5FC107: return object_capabilities(card);
    case 0x5FC105: return object_certificate(card, &card->authentication);
    case 0x5FC10A: return object_certificate(card, &card->signature);
    }
    return SW_NOT_FOUND;
}

static unsigned select_application(struct piv_card *card, const struct command *command)
{
    unsigned char value[64];
    if (command->length < 9 || command->length > sizeof application || memcmp(command->data, application, command->length))
        return SW_NOT_FOUND;
    card_reset(card);
    card->selected = true;
    size_t at = put(value, 0x4F, application + 5, 6);
    unsigned char authority[2 + 5];
    at += put(value + at, 0x79, authority, put(authority, 0x4F, application, 5));
    card->answer_length = put(card->answer, 0x61, value, at);
    return SW_OK;
}

/* ---- PIN and PUK */

static unsigned compare(struct piv_card *card, struct reference *reference, const unsigned char *given)
{
    if (!reference->tries)
        return SW_BLOCKED;
    bool right = !memcmp(reference->value, given, PIN_BYTES);
    reference->tries = right ? TRIES : reference->tries - 1;
    card->wrong += !right;
    state_store(card);
    return right ? SW_OK : SW_TRIES | (unsigned)reference->tries;
}

static unsigned verify(struct piv_card *card, const struct command *command)
{
    if (command->p2 != 0x80)
        return SW_REFERENCE;
    if (command->p1 == 0xFF && !command->length) {
        card->verified = false;
        return SW_OK;
    }
    if (command->p1)
        return SW_PARAMETERS;
    if (!command->length)
        return card->verified ? SW_OK : card->pin.tries ? SW_TRIES | (unsigned)card->pin.tries : SW_BLOCKED;
    if (command->length != PIN_BYTES)
        return SW_DATA;
    card->verifies++;
    unsigned status = compare(card, &card->pin, command->data);
    card->verified = card->fresh = status == SW_OK;
    return status;
}

static bool well_formed(const unsigned char *pin)
{
    int digits = 0;
    while (digits < PIN_BYTES && pin[digits] >= '0' && pin[digits] <= '9')
        digits++;
    for (int i = digits; i < PIN_BYTES; i++)
        if (pin[i] != 0xFF)
            return false;
    return digits >= 6;
}

static unsigned change_reference(struct piv_card *card, const struct command *command)
{
    struct reference *reference = command->p2 == 0x80 ? &card->pin : command->p2 == 0x81 ? &card->puk : NULL;
    if (!reference)
        return SW_REFERENCE;
    if (command->length != 2 * PIN_BYTES || (reference == &card->pin && !well_formed(command->data + PIN_BYTES)))
        return SW_DATA;
    unsigned status = compare(card, reference, command->data);
    if (status == SW_OK) {
        memcpy(reference->value, command->data + PIN_BYTES, PIN_BYTES);
        state_store(card);
    }
    if (reference == &card->pin)
        card->verified = status == SW_OK;
    return status;
}

static unsigned reset_counter(struct piv_card *card, const struct command *command)
{
    if (command->p2 != 0x80)
        return SW_REFERENCE;
    if (command->length != 2 * PIN_BYTES || !well_formed(command->data + PIN_BYTES))
        return SW_DATA;
    unsigned status = compare(card, &card->puk, command->data);
    if (status == SW_OK) {
        memcpy(card->pin.value, command->data + PIN_BYTES, PIN_BYTES);
        card->pin.tries = TRIES;
        state_store(card);
    }
    return status;
}

/* ---- signatures */

static unsigned sign(struct piv_card *card, EVP_PKEY *key, const unsigned char *input, size_t length)
{
    unsigned char value[512], whole[600];
    size_t size = sizeof value;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    bool rsa = EVP_PKEY_is_a(key, "RSA");
    /* the card does the bare operation: padding is the host's business */
    bool good = length == (rsa ? 256 : 32) && context && EVP_PKEY_sign_init(context) > 0 &&
                (!rsa || EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) > 0) && EVP_PKEY_sign(context, value, &size, input, length) > 0;
    EVP_PKEY_CTX_free(context);
    if (!good)
        return SW_DATA;
    card->signatures++;
    card->answer_length = put(card->answer, 0x7C, whole, put(whole, 0x82, value, size));
    return SW_OK;
}

static unsigned general_authenticate(struct piv_card *card, const struct command *command)
{
    const struct card_slot *slot = command->p2 == 0x9A ? &card->authentication : command->p2 == 0x9C ? &card->signature : NULL;
    size_t length, size;
    bool may = slot == &card->signature ? card->fresh : card->verified;
    card->fresh = false;
    if (!slot || !slot->key || command->p1 != (EVP_PKEY_is_a(slot->key, "RSA") ? RSA_2048 : P_256))
        return SW_PARAMETERS;
    if (!may)
        return SW_SECURITY;
    const unsigned char *template = find(command->data, command->length, 0x7C, &length);
    const unsigned char *input = template ? find(template, length, 0x81, &size) : NULL;
    if (!input || !find(template, length, 0x82, &length))
        return SW_DATA;
    if (card->pull_at && !--card->pull_at) {
        card->pulled = true;
        return 0;
    }
    return sign(card, slot->key, input, size);
}

/* ---- commands */

static unsigned perform(struct piv_card *card, const struct command *command)
{
    bool authenticate = command->ins == 0x87;
    if (!authenticate)
        card->fresh = false;
    if (command->ins == 0xA4)
        return command->p1 == 4 ? select_application(card, command) : SW_NOT_FOUND;
    if (!card->selected)
        return SW_INSTRUCTION;
    switch (command->ins) {
    case 0xCB: return get_data(card, command);
    case 0x20: return verify(card, command);
    case 0x24: return change_reference(card, command);
    case 0x2C: return reset_counter(card, command);
    case 0x87: return general_authenticate(card, command);
    }
    return SW_INSTRUCTION;
}

/* Takes a command apart (ISO 7816-4: Lc and Le of one byte, or extended of two). False when its length is wrong. */
static bool parse(const unsigned char *bytes, size_t length, struct command *command)
{
    if (length < 4)
        return false;
    *command = (struct command){bytes[0], bytes[1], bytes[2], bytes[3], bytes + 4, 0};
    if (length <= 5)
        return true;
    bool extended = !bytes[4] && length >= 7;
    size_t head = extended ? 7 : 5, size = extended ? (size_t)bytes[5] << 8 | bytes[6] : bytes[4];
    if (extended && length == 7)
        return true; /* only Le */
    command->data = bytes + head;
    command->length = size;
    return size && length >= head + size && length <= head + size + 2;
}

static size_t give(struct piv_card *card, unsigned status, unsigned char *answer)
{
    size_t left = card->answer_length - card->answer_sent, part = left > 256 ? 256 : left;
    memcpy(answer, card->answer + card->answer_sent, part);
    card->answer_sent += part;
    left -= part;
    if (left)
        status = 0x6100 | (left > 255 ? 0 : (unsigned)left);
    answer[part] = (unsigned char)(status >> 8);
    answer[part + 1] = (unsigned char)status;
    return part + 2;
}

/* Adds a link to the chain; false when it is too long. */
static bool collect(struct piv_card *card, const struct command *command)
{
    if (card->chained && card->chain_instruction != command->ins)
        card->chained = 0;
    if (command->length > sizeof card->chain - card->chained)
        return false;
    memcpy(card->chain + card->chained, command->data, command->length);
    card->chained += command->length;
    card->chain_instruction = command->ins;
    return true;
}

size_t card_answer(struct piv_card *card, const unsigned char *bytes, size_t length, unsigned char *answer)
{
    struct command command;
    bool parsed = parse(bytes, length, &command);
    if (parsed && command.ins == 0xC0)
        return give(card, card->answer_length > card->answer_sent ? SW_OK : SW_NOT_FOUND, answer);
    card->answer_length = card->answer_sent = 0;
    if (!parsed || !collect(card, &command)) {
        card->chained = 0;
        return give(card, SW_LENGTH, answer);
    }
    if (command.cla & 0x10)
        return give(card, SW_OK, answer);
    command.data = card->chain;
    command.length = card->chained;
    unsigned status = command.cla ? 0x6E00 : perform(card, &command);
    card->chained = 0;
    return card->pulled ? 0 : give(card, status, answer);
}
