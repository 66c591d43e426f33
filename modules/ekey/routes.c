#include "routes.h"

#include "base/base64.h"
#include "base/log.h"
#include "body.h"
#include "document.h"
#include "pairing.h"
#include "prompt.h"
#include "session.h"
#include "settings.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONG_POLL 25000 /* ms */
#define CHALLENGE_MAXIMUM 1000
#define DETAIL_MAXIMUM 360 /* bytes of the list of numbers in a window */
#define ARENA_MAXIMUM (4u * 1024 * 1024)

/* ---- state */

static void state_write(struct call *call)
{
    struct json_writer json;
    json_writer_init(&json, call->answer);
    json_object(&json);
    json_put_string(&json, "version", EKEY_VERSION);
    json_put_string(&json, "pin", settings.page_pin ? "page" : "prompt");
    readers_write(&json);
    json_object_end(&json);
}

static enum refusal get_state(struct call *call, struct body *body, const char *id)
{
    (void)body;
    (void)id;
    state_write(call);
    return DONE;
}

static enum refusal get_changes(struct call *call, struct body *body, const char *id)
{
    (void)body;
    (void)id;
    readers_wait(call->after ? strtoll(call->after, NULL, 10) : 0, LONG_POLL);
    state_write(call);
    return DONE;
}

static enum refusal post_pair(struct call *call, struct body *body, const char *id)
{
    char secret[SECRET_SIZE];
    struct json_writer json;
    (void)body;
    (void)id;
    enum refusal refusal = pairing_ask(call->origin, secret);
    if (refusal)
        return refusal;
    json_writer_init(&json, call->answer);
    json_object(&json);
    json_put_string(&json, "secret", secret);
    json_object_end(&json);
    OPENSSL_cleanse(secret, sizeof secret);
    return DONE;
}

/* ---- what signing has in common */

/* A key to be used, and how: the steps before its PIN is there. */
struct use {
    struct key key;
    struct session session;
    struct purpose purpose;
    struct pin *pin;
};

static struct use *use_new(void)
{
    return calloc(1, sizeof(struct use));
}

static void use_free(struct use *use)
{
    if (use)
        pin_free(use->pin);
    free(use);
}

/* Finds the key, sees that it has the certificates and that its PIN may be tried; the card is not kept while a person thinks. */
static enum refusal use_begin(struct call *call, const struct body *body, bool sign_in, bool sign, struct use *use)
{
    char id[sizeof use->key.id];
    if (!body->key.text)
        return BAD_JSON;
    if (body->key.length >= sizeof id)
        return NO_KEY;
    memcpy(id, body->key.text, body->key.length);
    id[body->key.length] = 0;
    enum refusal refusal = key_find(id, &use->key, NULL);
    if (refusal)
        return refusal;
    if ((sign_in && !use->key.certificates[SLOT_SIGN_IN].length) || (sign && !use->key.certificates[SLOT_SIGN].length))
        return NO_CERTIFICATE;
    refusal = session_open(id, &use->session);
    if (refusal)
        return refusal;
    refusal = session_tries(&use->session, body->last_try, &call->tries);
    session_close(&use->session);
    use->purpose.origin = call->origin;
    use->purpose.key = use->key.label;
    use->purpose.tries = call->tries;
    return refusal;
}

/* The PIN: the page's, if it may hand one over, and then the person only confirms; else the person's. */
static enum refusal use_pin(const struct body *body, struct use *use)
{
    enum refusal refusal = DONE;
    if (settings.page_pin && body->pin.text) {
        refusal = pin_take(body->pin.text, body->pin.length, &use->pin);
        if (!refusal && pin_is_default(use->pin))
            return DEFAULT_PIN; /* before anybody is asked */
        if (!refusal && settings.prompt)
            refusal = prompt_confirm(&use->purpose);
    } else {
        refusal = prompt_pin(&use->purpose, &use->pin);
    }
    return !refusal && pin_is_default(use->pin) ? DEFAULT_PIN : refusal;
}

/* Takes the card again and shows it the PIN. After DONE the session is open. */
static enum refusal use_verify(struct call *call, const struct body *body, struct use *use)
{
    enum refusal refusal = session_open(use->key.id, &use->session);
    if (refusal)
        return refusal == NO_KEY ? KEY_REMOVED : refusal;
    refusal = session_verify(&use->session, use->pin, body->last_try, &call->tries);
    if (refusal)
        session_close(&use->session);
    return refusal;
}

/* ---- challenges */

/* Whether the text is one that this origin may have signed: nothing else begins so, and so nothing else can be had signed as one. */
static bool challenge_good(const struct body *body, const char *origin)
{
    char head[ORIGIN_SIZE + 100];
    int length = snprintf(head, sizeof head, "single window key challenge\nportal: %s\nuse: %.*s\n", origin, (int)body->use.length, body->use.text);
    const struct slice *text = &body->challenge;
    if (length < 0 || (size_t)length >= sizeof head || text->length > CHALLENGE_MAXIMUM || text->length <= (size_t)length ||
        memcmp(text->text, head, (size_t)length))
        return false;
    for (size_t i = 0; i < text->length; i++)
        if ((text->text[i] < ' ' || text->text[i] > '~') && text->text[i] != '\n')
            return false;
    return true;
}

static void signature_write(struct json_writer *json, const struct use *use, enum card_slot slot, const unsigned char *signature, size_t length)
{
    struct buffer text;
    buffer_init(&text, 0);
    base64_write(use->key.certificates[slot].der, use->key.certificates[slot].length, &text);
    json_object(json);
    json_put_string(json, "slot", use->key.driver->slots[slot]);
    json_put_string(json, "certificate", buffer_string(&text));
    buffer_reset(&text);
    base64_write(signature, length, &text);
    json_put_string(json, "signature", buffer_string(&text));
    json_object_end(json);
    buffer_free(&text);
}

static enum refusal challenge_sign(struct call *call, const struct body *body, struct use *use, bool bind)
{
    unsigned char signature[SIGNATURE_BYTES];
    size_t length = 0;
    struct json_writer json;
    json_writer_init(&json, call->answer);
    json_object(&json);
    json_name(&json, "signatures");
    json_array(&json);
    enum refusal refusal = session_sign(&use->session, SLOT_SIGN_IN, body->challenge.text, body->challenge.length, signature, &length);
    if (!refusal)
        signature_write(&json, use, SLOT_SIGN_IN, signature, length);
    if (!refusal && bind) {
        refusal = session_verify(&use->session, use->pin, body->last_try, &call->tries);
        if (!refusal)
            refusal = session_sign(&use->session, SLOT_SIGN, body->challenge.text, body->challenge.length, signature, &length);
        if (!refusal)
            signature_write(&json, use, SLOT_SIGN, signature, length);
    }
    json_array_end(&json);
    json_object_end(&json);
    return refusal;
}

static enum refusal post_challenge(struct call *call, struct body *body, const char *id)
{
    (void)id;
    if (!body->challenge.text || !body->use.text)
        return BAD_JSON;
    bool bind = slice_is(body->use, "bind");
    if ((!bind && !slice_is(body->use, "sign_in")) || !challenge_good(body, call->origin))
        return BAD_CHALLENGE;
    struct use *use = use_new();
    if (!use)
        return BUSY;
    use->purpose.zh = bind ? "把电子钥匙绑定到您的单一窗口账号。" : "用电子钥匙登录单一窗口。";
    use->purpose.en = bind ? "Bind the key to your single window account." : "Sign in to the single window with the key.";
    enum refusal refusal = use_begin(call, body, true, bind, use);
    if (!refusal)
        refusal = use_pin(body, use);
    if (!refusal)
        refusal = use_verify(call, body, use);
    if (!refusal) {
        refusal = challenge_sign(call, body, use, bind);
        session_close(&use->session);
    }
    log_line(LOG_INFO, "challenge", "use=%s result=%s", bind ? "bind" : "sign_in", refusal_words(refusal)->code);
    use_free(use);
    return refusal;
}

/* ---- batches */

static bool numbers_take(const struct body *body, char numbers[][NUMBER_SIZE])
{
    for (int i = 0; i < body->count; i++) {
        const struct slice *number = &body->documents[i];
        if (!number_good(number->text, number->length))
            return false;
        memcpy(numbers[i], number->text, number->length);
        for (int j = 0; j < i; j++)
            if (!strcmp(numbers[i], numbers[j]))
                return false;
    }
    return body->count > 0;
}

/* As many numbers as the window has room for, and how many more. */
static void numbers_list(char numbers[][NUMBER_SIZE], int count, char text[DETAIL_MAXIMUM + 64])
{
    size_t used = 0;
    int i = 0;
    for (; i < count && used + strlen(numbers[i]) + 2 <= DETAIL_MAXIMUM; i++)
        used += (size_t)snprintf(text + used, DETAIL_MAXIMUM + 64 - used, "%s%s", i ? ", " : "", numbers[i]);
    if (i < count)
        snprintf(text + used, DETAIL_MAXIMUM + 64 - used, " …(+%d)", count - i);
}

/* Asks for a batch and sees that the PIN is right. */
static enum refusal batch_confirm(struct call *call, struct body *body, struct use *use, char numbers[][NUMBER_SIZE])
{
    char zh[80], en[80], detail[DETAIL_MAXIMUM + 64];
    snprintf(zh, sizeof zh, "为 %d 份申请签名：", body->count);
    snprintf(en, sizeof en, "Sign %d application%s:", body->count, body->count > 1 ? "s" : "");
    numbers_list(numbers, body->count, detail);
    use->purpose.zh = zh;
    use->purpose.en = en;
    use->purpose.detail = detail;
    enum refusal refusal = use_begin(call, body, false, true, use);
    if (!refusal)
        refusal = use_pin(body, use);
    if (!refusal)
        refusal = use_verify(call, body, use);
    if (!refusal)
        session_close(&use->session);
    return refusal;
}

static enum refusal post_batches(struct call *call, struct body *body, const char *id)
{
    char numbers[BATCH_DOCUMENTS][NUMBER_SIZE] = {0}, batch[BATCH_ID_SIZE];
    struct json_writer json;
    (void)id;
    if (!numbers_take(body, numbers))
        return BAD_JSON;
    struct use *use = use_new();
    enum refusal refusal = use ? batch_confirm(call, body, use, numbers) : BUSY;
    if (!refusal) {
        const struct confirmed confirmed = {call->origin, use->key.id, numbers, body->count, body->last_try};
        refusal = batch_open(&confirmed, use->pin, settings.batch_seconds, batch);
        use->pin = NULL;
    }
    log_line(LOG_INFO, "batch", "documents=%d result=%s", body->count, refusal_words(refusal)->code);
    use_free(use);
    if (refusal)
        return refusal;
    json_writer_init(&json, call->answer);
    json_object(&json);
    json_put_string(&json, "batch", batch);
    json_put_integer(&json, "seconds", settings.batch_seconds);
    json_object_end(&json);
    return DONE;
}

static enum refusal post_sign(struct call *call, struct body *body, const char *id)
{
    unsigned char signature[SIGNATURE_BYTES];
    struct json_writer json;
    struct buffer text;
    if (!body->signed_info.text || !body->document.text)
        return BAD_JSON;
    struct batch_signing signing = {call->origin, body->signed_info.text, body->document.text, body->signed_info.length, body->document.length,
                                    signature, 0, -1};
    enum refusal refusal = batch_sign(id, &signing);
    call->tries = signing.tries;
    if (refusal)
        return refusal;
    buffer_init(&text, 0);
    base64_write(signature, signing.length, &text);
    json_writer_init(&json, call->answer);
    json_object(&json);
    json_put_string(&json, "signature", buffer_string(&text));
    json_object_end(&json);
    buffer_free(&text);
    return DONE;
}

static enum refusal delete_batch(struct call *call, struct body *body, const char *id)
{
    (void)body;
    batch_delete(id, call->origin);
    return DONE;
}

/* ---- the PIN */

/* What the page gave of the two, if it may. */
static enum refusal pins_given(const struct body *body, struct pin **old, struct pin **new)
{
    enum refusal refusal = DONE;
    if (settings.page_pin && body->old.text)
        refusal = pin_take(body->old.text, body->old.length, old);
    if (!refusal && settings.page_pin && body->new.text)
        refusal = pin_take(body->new.text, body->new.length, new);
    return !refusal && *new && pin_is_default(*new) ? DEFAULT_PIN : refusal;
}

static enum refusal pin_change(struct call *call, const struct body *body, struct use *use, struct pin **old, struct pin **new)
{
    enum refusal refusal = pins_given(body, old, new);
    if (!refusal)
        refusal = use_begin(call, body, false, false, use);
    if (!refusal && (!*old || !*new))
        refusal = prompt_pin_change(&use->purpose, old, new);
    else if (!refusal && settings.prompt)
        refusal = prompt_confirm(&use->purpose);
    if (!refusal && pin_is_default(*new))
        refusal = DEFAULT_PIN;
    if (!refusal)
        refusal = session_open(use->key.id, &use->session);
    if (refusal)
        return refusal;
    refusal = session_change(&use->session, *old, *new, body->last_try, &call->tries);
    session_close(&use->session);
    return refusal;
}

static enum refusal post_pin(struct call *call, struct body *body, const char *id)
{
    struct use *use = use_new();
    struct pin *old = NULL, *new = NULL;
    (void)id;
    if (!use)
        return BUSY;
    use->purpose.zh = "修改电子钥匙的密码（6至8位数字）。";
    use->purpose.en = "Change the key's PIN (6 to 8 digits).";
    enum refusal refusal = pin_change(call, body, use, &old, &new);
    log_line(LOG_INFO, "pin-change", "result=%s", refusal_words(refusal)->code);
    pin_free(old);
    pin_free(new);
    use_free(use);
    return refusal;
}

/* ---- finding the way */

static const struct {
    const char *method, *path, *tail; /* with a tail: an id stands between the two */
    enum refusal (*handle)(struct call *call, struct body *body, const char *id);
} table[] = {
    {"POST", "/pair", NULL, post_pair},
    {"GET", "/state", NULL, get_state},
    {"GET", "/changes", NULL, get_changes},
    {"POST", "/challenge", NULL, post_challenge},
    {"POST", "/batches", NULL, post_batches},
    {"POST", "/batches/", "/sign", post_sign},
    {"DELETE", "/batches/", "", delete_batch},
    {"POST", "/pin", NULL, post_pin},
};

static bool matches(size_t i, const struct call *call, char id[BATCH_ID_SIZE])
{
    size_t length = strlen(call->path), head = strlen(table[i].path), tail = table[i].tail ? strlen(table[i].tail) : 0;
    id[0] = 0;
    if (strcmp(call->method, table[i].method))
        return false;
    if (!table[i].tail)
        return !strcmp(call->path, table[i].path);
    if (length != head + BATCH_ID_SIZE - 1 + tail || strncmp(call->path, table[i].path, head) ||
        strcmp(call->path + length - tail, table[i].tail) != 0)
        return false;
    memcpy(id, call->path + head, BATCH_ID_SIZE - 1);
    id[BATCH_ID_SIZE - 1] = 0;
    return strspn(id, "0123456789abcdef") == BATCH_ID_SIZE - 1;
}

enum refusal route(struct call *call)
{
    char id[BATCH_ID_SIZE];
    struct arena arena;
    struct body *body;
    size_t i = 0;
    bool pairing = !strcmp(call->path, "/pair");
    if (!pairing && (!call->secret || !pairing_known(call->origin, call->secret)))
        return NOT_PAIRED;
    while (i < sizeof table / sizeof *table && !matches(i, call, id))
        i++;
    if (i == sizeof table / sizeof *table)
        return NOT_FOUND;
    arena_init(&arena, ARENA_MAXIMUM);
    body = arena_alloc(&arena, sizeof *body);
    enum refusal refusal = !body ? TOO_LARGE : !strcmp(call->method, "POST") ? body_read(call->body, call->body_length, &arena, body) : DONE;
    if (!refusal)
        refusal = table[i].handle(call, body, id);
    arena_free(&arena);
    return refusal;
}
