#include "web/session.h"

#include "web/redis.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "1" /* of a value; another one is no session: people sign in again after an upgrade */
#define SEPARATOR '\x1F'
#define VALUE_MAXIMUM 4096

static int idle_seconds = 30 * 60, absolute_seconds = 12 * 3600; /* set before threads start */

void session_limits(int idle, int absolute)
{
    idle_seconds = idle;
    absolute_seconds = absolute;
}

/* ---- the value: fields in a fixed order, a unit separator behind each */

static void put(struct buffer *out, const char *text)
{
    size_t start = out->length;
    buffer_text(out, text);
    for (size_t i = start; i < out->length; i++)
        if ((unsigned char)out->data[i] < 0x20)
            out->data[i] = ' ';
    buffer_char(out, SEPARATOR);
}

static void put_integer(struct buffer *out, int64_t value)
{
    buffer_integer(out, value);
    buffer_char(out, SEPARATOR);
}

static void value_write(struct buffer *out, const struct session *session)
{
    const struct principal *p = &session->principal;
    put(out, FORMAT);
    put(out, session->csrf);
    put_integer(out, session->created);
    put_integer(out, p->kind);
    put_integer(out, p->enterprise_administrator);
    put_integer(out, p->user);
    put_integer(out, p->epoch);
    put_integer(out, p->enterprise);
    put(out, p->user_name);
    put(out, p->display_name);
    put(out, p->enterprise_code);
    put(out, p->organisation_code);
    put(out, p->uscc);
    put(out, p->enterprise_name);
    put(out, p->agency);
    put(out, p->agency_name);
    for (int i = 0; i < p->grant_count; i++) {
        put(out, p->grants[i].module);
        put_integer(out, p->grants[i].rights);
    }
}

static bool get(const char **at, const char *end, char *text, size_t size)
{
    const char *stop = memchr(*at, SEPARATOR, (size_t)(end - *at));
    size_t length = stop ? (size_t)(stop - *at) : 0;
    if (!stop || length >= size)
        return false;
    memcpy(text, *at, length);
    text[length] = 0;
    *at = stop + 1;
    return true;
}

static bool get_integer(const char **at, const char *end, int64_t *value)
{
    char text[24];
    if (!get(at, end, text, sizeof text))
        return false;
    *value = strtoll(text, NULL, 10);
    return true;
}

#define GET(field) get(&at, end, (field), sizeof(field))

static bool value_read(const char *at, size_t length, struct session *session)
{
    struct principal *p = &session->principal;
    const char *end = at + length;
    char format[8];
    int64_t kind = 0, administrator = 0, rights = 0;
    if (!GET(format) || strcmp(format, FORMAT) || !GET(session->csrf) || !get_integer(&at, end, &session->created) ||
        !get_integer(&at, end, &kind) || !get_integer(&at, end, &administrator) || !get_integer(&at, end, &p->user) ||
        !get_integer(&at, end, &p->epoch) || !get_integer(&at, end, &p->enterprise) || !GET(p->user_name) || !GET(p->display_name) ||
        !GET(p->enterprise_code) || !GET(p->organisation_code) || !GET(p->uscc) || !GET(p->enterprise_name) || !GET(p->agency) ||
        !GET(p->agency_name))
        return false;
    p->kind = (enum principal_kind)kind;
    p->enterprise_administrator = administrator != 0;
    for (p->grant_count = 0; at < end && p->grant_count < PRINCIPAL_GRANTS; p->grant_count++) {
        if (!GET(p->grants[p->grant_count].module) || !get_integer(&at, end, &rights))
            return false;
        p->grants[p->grant_count].rights = (unsigned)rights;
    }
    return at == end;
}

/* ---- sessions */

static int unauthenticated(struct error *error)
{
    return error_set(error, ERROR_UNAUTHENTICATED, "unauthenticated", "登录已失效，请重新登录。", "You are not signed in any more. Please sign in again.");
}

static int value_store(struct session_store *store, const struct session *session, const char *condition, struct error *error)
{
    struct buffer value;
    buffer_init(&value, VALUE_MAXIMUM);
    value_write(&value, session);
    redisReply *reply = NULL;
    if (value.failed)
        error_internal(error, "the session is too large");
    else
        reply = redis_ask(store, false, error, "SET session:%s %b EX %d %s", session->key, value.data, value.length, idle_seconds, condition);
    int code = !reply ? (int)error->code : reply->type == REDIS_REPLY_NIL ? unauthenticated(error) : 0;
    freeReplyObject(reply);
    buffer_free(&value);
    return code;
}

int session_create(struct session_store *store, const struct principal *principal, struct session *session,
                   char token[SESSION_TOKEN_SIZE], struct error *error)
{
    random_hex(32, token);
    *session = (struct session){.principal = *principal, .created = clock_now()};
    random_hex(16, session->csrf);
    digest_sha256(token, strlen(token), session->key);
    return value_store(store, session, "NX", error);
}

int session_load(struct session_store *store, const char *token, bool used, struct session *session, struct error *error)
{
    if (strlen(token) != SESSION_TOKEN_SIZE - 1 || strspn(token, "0123456789abcdef") != SESSION_TOKEN_SIZE - 1)
        return unauthenticated(error);
    digest_sha256(token, strlen(token), session->key);
    redisReply *reply = used ? redis_ask(store, true, error, "GETEX session:%s EX %d", session->key, idle_seconds)
                             : redis_ask(store, true, error, "GET session:%s", session->key);
    if (!reply)
        return error->code;
    bool good = reply->type == REDIS_REPLY_STRING && value_read(reply->str, (size_t)reply->len, session) &&
                clock_now() - session->created < (int64_t)absolute_seconds * 1000;
    freeReplyObject(reply);
    return good ? 0 : unauthenticated(error);
}

int session_update(struct session_store *store, const struct session *session, struct error *error)
{
    return value_store(store, session, "XX", error);
}

static int removed(struct session_store *store, const char *prefix, const char *key, struct error *error)
{
    redisReply *reply = redis_ask(store, false, error, "DEL %s%s", prefix, key);
    freeReplyObject(reply);
    return reply ? 0 : (int)error->code;
}

int session_delete(struct session_store *store, const struct session *session, struct error *error)
{
    return removed(store, "session:", session->key, error);
}

/* ---- small values */

int session_put(struct session_store *store, const char *key, const char *value, int seconds, struct error *error)
{
    redisReply *reply = redis_ask(store, false, error, "SET %s %s EX %d", key, value, seconds);
    freeReplyObject(reply);
    return reply ? 0 : (int)error->code;
}

/* What a reply holds, when it is a text that has room. */
static void value_take(redisReply *reply, char *value, size_t size, bool *found)
{
    *found = reply->type == REDIS_REPLY_STRING && (size_t)reply->len < size;
    if (*found)
        memcpy(value, reply->str, (size_t)reply->len + 1);
    freeReplyObject(reply);
}

int session_take(struct session_store *store, const char *key, char *value, size_t size, bool *found, struct error *error)
{
    redisReply *reply = redis_ask(store, false, error, "GETDEL %s", key);
    *found = false;
    if (!reply)
        return error->code;
    value_take(reply, value, size, found);
    return 0;
}

int session_peek(struct session_store *store, const char *key, char *value, size_t size, bool *found, struct error *error)
{
    redisReply *reply = redis_ask(store, true, error, "GET %s", key);
    *found = false;
    if (!reply)
        return error->code;
    value_take(reply, value, size, found);
    return 0;
}

/* In one step on the server: a count without a life would lock somebody out for ever. */
int session_count(struct session_store *store, const char *key, int seconds, int64_t *count, struct error *error)
{
    static const char script[] = "local n = redis.call('INCR', KEYS[1]) if n == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end return n";
    redisReply *reply = redis_ask(store, false, error, "EVAL %s 1 %s %d", script, key, seconds);
    if (!reply)
        return error->code;
    *count = reply->integer;
    freeReplyObject(reply);
    return 0;
}

int session_forget(struct session_store *store, const char *key, struct error *error)
{
    return removed(store, "", key, error);
}
