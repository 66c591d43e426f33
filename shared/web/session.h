/* Who is calling: the principal that accounts put into the session store and every program reads from there. */
#ifndef WEB_SESSION_H
#define WEB_SESSION_H

#include "base/config.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum principal_kind { /* bits, so that a route names several */
    PRINCIPAL_NONE = 0,
    PRINCIPAL_ENTERPRISE = 1,    /* an enterprise's operator or administrator */
    PRINCIPAL_PERSON = 2,        /* a natural person */
    PRINCIPAL_OFFICER = 4,       /* of an issuing agency */
    PRINCIPAL_CUSTOMS = 8,
    PRINCIPAL_ADMINISTRATOR = 16, /* of the portal */
    PRINCIPAL_PARTNER = 32,      /* a system with an API key */
    PRINCIPAL_SYSTEM = 64        /* another program, over the internal server block */
};

enum right { /* bits, granted per module */
    RIGHT_VIEW = 1,
    RIGHT_EDIT = 2,
    RIGHT_SUBMIT = 4,
    RIGHT_FIRST_REVIEW = 8,
    RIGHT_SECOND_REVIEW = 16,
    RIGHT_MANAGE = 32 /* revoke, reassign, number ranges of the own agency */
};

#define PRINCIPAL_GRANTS 16

struct principal {
    enum principal_kind kind;
    bool enterprise_administrator;
    int64_t user;
    int64_t epoch;             /* raised by sign-out everywhere, password change, lock */
    int64_t enterprise;        /* 0 = none */
    char user_name[64];        /* sign-in name */
    char display_name[128];
    char enterprise_code[16];  /* 13 digits */
    char organisation_code[16]; /* 9 characters */
    char uscc[24];             /* 18 characters */
    char enterprise_name[256];
    char agency[16];           /* code of the issuing agency of an officer */
    char agency_name[128];
    struct { char module[16]; unsigned rights; } grants[PRINCIPAL_GRANTS];
    int grant_count;
};

struct session {
    struct principal principal;
    char csrf[40];      /* 128 bits in hexadecimal; requests that change something send it as X-CSRF-Token */
    int64_t created;    /* milliseconds; the absolute limit counts from here */
    char key[72];       /* what Redis knows: hash of the cookie's token */
};

/* Whether the principal holds all of `rights` in the module ("*" grants count for every module). */
bool principal_may(const struct principal *principal, const char *module, unsigned rights);

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

/* One round trip (GETEX): reads the session and starts its idle time again. ERROR_UNAUTHENTICATED when absent or over its
   absolute limit; ERROR_UNAVAILABLE when Redis is away. Does not know the epoch: the router checks it. */
int session_load(struct session_store *store, const char *token, struct session *session, struct error *error);

/* Writes the principal anew under the same token (profile changed). */
int session_update(struct session_store *store, const struct session *session, struct error *error);
int session_delete(struct session_store *store, const struct session *session, struct error *error);

void session_limits(int idle_seconds, int absolute_seconds);

/* Small values with a life (captchas, counters of failures). Keys are built by the caller from fixed words and hashes. */
int session_put(struct session_store *store, const char *key, const char *value, int seconds, struct error *error);
/* Takes the value away in the same step (GETDEL); *found false when absent. `value` has `size` bytes. */
int session_take(struct session_store *store, const char *key, char *value, size_t size, bool *found, struct error *error);
/* Adds one and (re)sets the life at the first; the new count in *count. */
int session_count(struct session_store *store, const char *key, int seconds, int64_t *count, struct error *error);
int session_forget(struct session_store *store, const char *key, struct error *error);
/* Tells every program at once (publish); they cache epochs for at most 5 s anyway. */

#endif
