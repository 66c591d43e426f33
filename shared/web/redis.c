#include "web/redis.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MILLISECONDS 200
#define AWAY_MILLISECONDS 300 /* after a failed connection nobody tries again for so long */
#define SENTINELS 8

struct session_store {
    redisContext *context; /* NULL while away */
    char *unix_path;       /* or: */
    struct { char host[128]; int port; } sentinel[SENTINELS];
    int sentinels;
    char master[64];
    int64_t away_until;
    bool listening;        /* the connection has subscribed to a channel */
};

static const struct timeval timeout = {.tv_usec = TIMEOUT_MILLISECONDS * 1000};

static int bad_address(const char *address, struct error *error)
{
    return error_internal(error, "redis is unix:<path> or sentinel:<host:port,...>/<master>, not \"%s\"", address);
}

static int sentinels_read(struct session_store *store, const char *text)
{
    const char *slash = strrchr(text, '/');
    if (!slash || !slash[1] || strlen(slash + 1) >= sizeof store->master)
        return -1;
    memcpy(store->master, slash + 1, strlen(slash + 1) + 1);
    while (text < slash) {
        size_t length = strcspn(text, ",/");
        const char *colon = memchr(text, ':', length);
        size_t host = colon ? (size_t)(colon - text) : 0;
        if (!host || host >= sizeof store->sentinel[0].host || store->sentinels == SENTINELS)
            return -1;
        memcpy(store->sentinel[store->sentinels].host, text, host);
        store->sentinel[store->sentinels++].port = (int)strtol(colon + 1, NULL, 10);
        text += length + (text[length] == ',');
    }
    return store->sentinels ? 0 : -1;
}

int session_store_open(const char *address, struct session_store **result, struct error *error)
{
    struct session_store *store = calloc(1, sizeof *store);
    *result = NULL;
    if (!store)
        return error_internal(error, "out of memory");
    int bad = 0;
    if (!strncmp(address, "unix:", 5))
        bad = !(store->unix_path = strdup(address + 5));
    else
        bad = strncmp(address, "sentinel:", 9) || sentinels_read(store, address + 9);
    if (bad) {
        session_store_close(store);
        return bad_address(address, error);
    }
    *result = store;
    return 0;
}

static void disconnect(struct session_store *store)
{
    redisFree(store->context);
    store->context = NULL;
    store->listening = false;
}

void session_store_close(struct session_store *store)
{
    if (!store)
        return;
    disconnect(store);
    free(store->unix_path);
    free(store);
}

/* ---- finding the server */

static redisContext *connected(redisContext *context)
{
    if (context && !context->err && redisSetTimeout(context, timeout) == REDIS_OK)
        return context;
    redisFree(context);
    return NULL;
}

static redisContext *by_sentinel(struct session_store *store, int number)
{
    redisContext *sentinel = connected(redisConnectWithTimeout(store->sentinel[number].host, store->sentinel[number].port, timeout));
    if (!sentinel)
        return NULL;
    redisContext *context = NULL;
    redisReply *reply = redisCommand(sentinel, "SENTINEL get-master-addr-by-name %s", store->master);
    if (reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 && reply->element[0]->str && reply->element[1]->str)
        context = connected(redisConnectWithTimeout(reply->element[0]->str, (int)strtol(reply->element[1]->str, NULL, 10), timeout));
    freeReplyObject(reply);
    redisFree(sentinel);
    return context;
}

/* A Sentinel may not know yet that a master has become a replica. */
static bool is_master(redisContext *context)
{
    redisReply *reply = redisCommand(context, "ROLE");
    bool master = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements && reply->element[0]->str &&
                  !strcmp(reply->element[0]->str, "master");
    freeReplyObject(reply);
    return master;
}

static bool connect_anew(struct session_store *store)
{
    disconnect(store);
    if (clock_monotonic() < store->away_until)
        return false;
    if (store->unix_path) {
        store->context = connected(redisConnectUnixWithTimeout(store->unix_path, timeout));
    } else {
        for (int i = 0; i < store->sentinels && !store->context; i++) {
            store->context = by_sentinel(store, i);
            if (store->context && !is_master(store->context))
                disconnect(store);
        }
    }
    if (!store->context)
        store->away_until = clock_monotonic() + AWAY_MILLISECONDS;
    return store->context != NULL;
}

/* Nothing is outstanding, so a socket with something to read was closed by the server: better seen before a write than by it, for
   only what reads is tried twice. */
static bool is_closed(const redisContext *context)
{
    struct pollfd look = {.fd = context->fd, .events = POLLIN};
    return poll(&look, 1, 0) != 0;
}

/* ---- commands */

/* The server refuses because it is (becoming) something else: nothing was done. */
static bool is_elsewhere(const redisReply *reply)
{
    static const char *const words[] = {"READONLY", "LOADING", "MASTERDOWN", "NOREPLICAS", "UNBLOCKED"};
    for (size_t i = 0; reply && reply->type == REDIS_REPLY_ERROR && i < sizeof words / sizeof *words; i++)
        if (!strncmp(reply->str, words[i], strlen(words[i])))
            return true;
    return false;
}

static redisReply *ask_once(struct session_store *store, bool reading, struct error *error, const char *format, va_list arguments)
{
    if ((!store->context || store->context->err || (!reading && is_closed(store->context))) && !connect_anew(store)) {
        error_unavailable(error, "redis is away");
        return NULL;
    }
    redisReply *reply = redisvCommand(store->context, format, arguments);
    if (!reply) {
        error_unavailable(error, "redis: %s", store->context->errstr);
        disconnect(store);
        return NULL;
    }
    if (reply->type != REDIS_REPLY_ERROR)
        return reply;
    if (is_elsewhere(reply)) {
        error_unavailable(error, "redis: %s", reply->str);
        disconnect(store);
    } else {
        error_internal(error, "redis: %s", reply->str);
    }
    freeReplyObject(reply);
    return NULL;
}

redisReply *redis_ask(struct session_store *store, bool reading, struct error *error, const char *format, ...)
{
    va_list arguments;
    redisReply *reply = NULL;
    for (int i = 0; i < (reading ? 2 : 1) && !reply; i++) {
        va_start(arguments, format);
        reply = ask_once(store, reading, error, format, arguments);
        va_end(arguments);
        if (!reply && error->code != ERROR_UNAVAILABLE)
            break;
    }
    return reply;
}

/* ---- what one says to all */

int session_announce(struct session_store *store, const char *channel, const char *text, struct error *error)
{
    redisReply *reply = redis_ask(store, false, error, "PUBLISH %s %s", channel, text);
    freeReplyObject(reply);
    return reply ? 0 : (int)error->code;
}

static bool subscribe(struct session_store *store, const char *channel)
{
    if (!connect_anew(store))
        return false;
    redisEnableKeepAlive(store->context); /* a peer that is gone without a word is noticed; nothing on a Unix socket */
    store->context->err = 0;
    redisReply *reply = redisCommand(store->context, "SUBSCRIBE %s", channel);
    store->listening = reply && reply->type == REDIS_REPLY_ARRAY;
    freeReplyObject(reply);
    return store->listening;
}

static void hear(redisReply *reply, void (*take)(void *context, const char *text), void *context)
{
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 && reply->element[0]->str && !strcmp(reply->element[0]->str, "message"))
        take(context, reply->element[2]->str);
    freeReplyObject(reply);
}

int session_listen(struct session_store *store, const char *channel, int milliseconds, void (*take)(void *context, const char *text), void *context,
                   struct error *error)
{
    if (!store->listening && !subscribe(store, channel)) {
        disconnect(store);
        return error_unavailable(error, "redis is away");
    }
    for (int wait = milliseconds;;) {
        void *reply = NULL;
        struct pollfd look = {.fd = store->context->fd, .events = POLLIN};
        if (redisGetReplyFromReader(store->context, &reply) != REDIS_OK)
            break;
        if (reply) {
            hear(reply, take, context);
            wait = 0;
        } else if (poll(&look, 1, wait) <= 0) {
            return 0;
        } else if (redisBufferRead(store->context) != REDIS_OK) {
            break;
        }
    }
    error_unavailable(error, "redis: %s", store->context->errstr);
    disconnect(store);
    return error->code;
}
