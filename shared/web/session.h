/* Who is calling: the principal that accounts put into the session store and every program reads from there. */
#ifndef WEB_SESSION_H
#define WEB_SESSION_H

#include "base/config.h"
#include "base/error.h"
#include "base/principal.h"

#include <stdbool.h>
#include <stdint.h>

struct session {
    struct principal principal;
    char csrf[40];      /* 128 bits in hexadecimal; requests that change something send it as X-CSRF-Token */
    int64_t created;    /* milliseconds; the absolute limit counts from here */
    char key[72];       /* SHA-256 of the cookie's token in hexadecimal; Redis knows it as session:<key> */
};

struct session_store; /* a Redis connection; one per thread */

/* Connects lazily: `unix:<path>` or `sentinel:<host:port,...>/<master>`. Reconnects by itself; on -READONLY, timeout or reset
   it asks the Sentinels again, retries reads once and never writes. Timeouts 200 ms. */
int session_store_open(const char *address, struct session_store **store, struct error *error);
void session_store_close(struct session_store *store);

#define SESSION_TOKEN_SIZE 65 /* 256 random bits in hexadecimal and NUL */

/* Makes a session and its new token (for the cookie). Idle limit 30 minutes, absolute limit 12 hours (settings
   session_idle_seconds, session_absolute_seconds: see session_limits). */
int session_create(struct session_store *store, const struct principal *principal, struct session *session,
                   char token[SESSION_TOKEN_SIZE], struct error *error);

/* One round trip (GETEX): reads the session and, with `used`, starts its idle time again. ERROR_UNAUTHENTICATED when absent or over its
   absolute limit; ERROR_UNAVAILABLE when Redis is away. Does not know the epoch: the router checks it. */
int session_load(struct session_store *store, const char *token, bool used, struct session *session, struct error *error);

/* Writes the principal anew under the same token (profile changed). */
int session_update(struct session_store *store, const struct session *session, struct error *error);
int session_delete(struct session_store *store, const struct session *session, struct error *error);

void session_limits(int idle_seconds, int absolute_seconds);

/* Small values with a life (captchas, counters of failures). Keys are built by the caller from fixed words and hashes. */
int session_put(struct session_store *store, const char *key, const char *value, int seconds, struct error *error);
/* Takes the value away in the same step (GETDEL); *found false when absent. `value` has `size` bytes. */
int session_take(struct session_store *store, const char *key, char *value, size_t size, bool *found, struct error *error);
/* Reads without taking. */
int session_peek(struct session_store *store, const char *key, char *value, size_t size, bool *found, struct error *error);
/* Adds one and (re)sets the life at the first; the new count in *count. */
int session_count(struct session_store *store, const char *key, int seconds, int64_t *count, struct error *error);
int session_forget(struct session_store *store, const char *key, struct error *error);

/* Says something to whoever listens on any node (Redis PUBLISH); whoever does not listen now never hears it. */
int session_announce(struct session_store *store, const char *channel, const char *text, struct error *error);
/* Hears what is said on that channel: hands it to `take`, waits at most `milliseconds` for the first. The connection serves nothing
   else from then on. ERROR_UNAVAILABLE when Redis is away: what was said meanwhile is lost. */
int session_listen(struct session_store *store, const char *channel, int milliseconds, void (*take)(void *context, const char *text), void *context,
                   struct error *error);

#endif
