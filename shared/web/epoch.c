/* What the account program knows and others only remember for 5 seconds: whether a user's session still counts, and whom an
   API key belongs to. */
#include "web/frame.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/json_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRESH_MILLISECONDS 5000
#define STALE_MILLISECONDS 15000 /* while the account program is away (a restart), what was known a moment ago still counts */
#define ASK_MILLISECONDS 1000
#define USERS 4096
#define KEYS 512

struct known_user {
    int64_t user, epoch, at; /* at: monotonic milliseconds, 0 = nothing known */
    bool alive;
};

struct known_key {
    char hash[65];
    int64_t at;
    struct principal principal;
};

struct web_epochs {
    pthread_mutex_t lock;
    int (*source)(void *context, int64_t user, int64_t *epoch, bool *alive, struct error *error);
    void *context;
    struct known_user users[USERS];
    struct known_key keys[KEYS];
};

struct web_epochs *web_epochs_make(void)
{
    struct web_epochs *epochs = calloc(1, sizeof *epochs);
    if (epochs)
        pthread_mutex_init(&epochs->lock, NULL);
    return epochs;
}

void web_epochs_free(struct web_epochs *epochs)
{
    if (epochs)
        pthread_mutex_destroy(&epochs->lock);
    free(epochs);
}

void web_epoch_source(struct web_server *server, int (*source)(void *context, int64_t user, int64_t *epoch, bool *alive, struct error *error),
                      void *context)
{
    server->epochs->source = source;
    server->epochs->context = context;
}

static int unauthenticated(struct error *error)
{
    return error_set(error, ERROR_UNAUTHENTICATED, "unauthenticated", "登录已失效，请重新登录。", "You are not signed in any more. Please sign in again.");
}

/* Asks the account program for an object. The tree is in `arena`. */
static int ask(struct web_server *server, const char *path, struct arena *arena, const struct json **object, struct error *error)
{
    struct buffer answer;
    buffer_init(&answer, 65536);
    int code = web_internal_request(server, "GET", path, NULL, ASK_MILLISECONDS, &answer, error);
    if (!code) {
        const char *copy = arena_copy(arena, buffer_string(&answer), answer.length);
        *object = copy ? json_tree(copy, answer.length, arena, error) : NULL;
        if (!*object || (*object)->kind != JSON_OBJECT)
            code = error_internal(error, "%s: not an object", path);
    }
    buffer_free(&answer);
    return code;
}

static int ask_user(struct web_server *server, int64_t user, struct known_user *known, struct error *error)
{
    char path[80];
    struct arena arena;
    const struct json *object;
    if (server->epochs->source)
        return server->epochs->source(server->epochs->context, user, &known->epoch, &known->alive, error);
    arena_init(&arena, 1 << 18);
    snprintf(path, sizeof path, "/internal/account/users/%lld/epoch", (long long)user);
    int code = ask(server, path, &arena, &object, error);
    if (!code) {
        known->epoch = json_member_integer(object, "epoch", -1);
        known->alive = json_member_true(object, "alive");
    }
    arena_free(&arena);
    if (code == ERROR_NOT_FOUND) {
        known->alive = false;
        code = 0;
    }
    return code;
}

int web_epoch_check(struct web_server *server, const struct principal *principal, struct error *error)
{
    struct web_epochs *epochs = server->epochs;
    struct known_user *slot = &epochs->users[((uint64_t)principal->user * UINT64_C(0x9E3779B97F4A7C15)) >> 52];
    int64_t now = clock_monotonic() + 1;
    pthread_mutex_lock(&epochs->lock);
    struct known_user known = *slot;
    pthread_mutex_unlock(&epochs->lock);
    bool same = known.at && known.user == principal->user;
    if (!same || now - known.at >= FRESH_MILLISECONDS || known.epoch < principal->epoch) {
        /* a session newer than what is known (the user has just signed in again) asks at once, too */
        struct known_user fresh = {.user = principal->user, .at = now};
        int code = ask_user(server, principal->user, &fresh, error);
        if (code && (!same || now - known.at >= STALE_MILLISECONDS))
            return code;
        if (!code) {
            pthread_mutex_lock(&epochs->lock);
            *slot = known = fresh;
            pthread_mutex_unlock(&epochs->lock);
        }
    }
    return known.alive && known.epoch == principal->epoch ? 0 : unauthenticated(error);
}

/* ---- API keys: GET /internal/account/keys/<sha256> -> {"kind":"partner"|"enterprise","user":"7","name":"..","display_name":"..",
   "rights":{<module>:33}}, of an enterprise also {"key","per_minute","person","enterprise","enterprise_code","organisation_code","uscc",
   "enterprise_name"} */

#define TEXT(target, name) snprintf((target), sizeof(target), "%s", json_member_text(object, (name), ""))

static void enterprise_fill(struct principal *principal, const struct json *object)
{
    principal->kind = PRINCIPAL_ENTERPRISE;
    principal->api_key = strtoll(json_member_text(object, "key", "0"), NULL, 10);
    principal->api_per_minute = (int)json_member_integer(object, "per_minute", 1);
    principal->enterprise = strtoll(json_member_text(object, "enterprise", "0"), NULL, 10);
    TEXT(principal->person, "person");
    TEXT(principal->enterprise_code, "enterprise_code");
    TEXT(principal->organisation_code, "organisation_code");
    TEXT(principal->uscc, "uscc");
    TEXT(principal->enterprise_name, "enterprise_name");
}

static void principal_fill(struct principal *principal, const struct json *object)
{
    *principal = (struct principal){.kind = PRINCIPAL_PARTNER, .user = strtoll(json_member_text(object, "user", "0"), NULL, 10)};
    TEXT(principal->user_name, "name");
    TEXT(principal->display_name, "display_name");
    if (!strcmp(json_member_text(object, "kind", ""), "enterprise"))
        enterprise_fill(principal, object);
    JSON_EACH(right, json_member(object, "rights")) {
        if (principal->grant_count == PRINCIPAL_GRANTS || !right->name)
            break;
        snprintf(principal->grants[principal->grant_count].module, sizeof principal->grants[0].module, "%s", right->name);
        principal->grants[principal->grant_count++].rights = (unsigned)json_member_integer(json_member(object, "rights"), right->name, 0);
    }
}

static int ask_key(struct web_server *server, struct known_key *known, struct error *error)
{
    char path[120];
    struct arena arena;
    const struct json *object;
    arena_init(&arena, 1 << 18);
    snprintf(path, sizeof path, "/internal/account/keys/%s", known->hash);
    int code = ask(server, path, &arena, &object, error);
    if (!code)
        principal_fill(&known->principal, object);
    arena_free(&arena);
    return code == ERROR_NOT_FOUND ? unauthenticated(error) : code;
}

int web_key_check(struct web_server *server, const char *address, const char *key, struct principal *principal, struct error *error)
{
    struct web_epochs *epochs = server->epochs;
    struct known_key fresh = {.at = clock_monotonic() + 1};
    char who[48];
    digest_sha256(key, strlen(key), fresh.hash);
    struct known_key *slot = &epochs->keys[strtoul((char[]){fresh.hash[0], fresh.hash[1], fresh.hash[2], 0}, NULL, 16) % KEYS];
    pthread_mutex_lock(&epochs->lock);
    bool known = slot->at && fresh.at - slot->at < FRESH_MILLISECONDS && !strcmp(slot->hash, fresh.hash);
    if (known)
        *principal = slot->principal;
    pthread_mutex_unlock(&epochs->lock);
    if (known)
        return 0;
    /* who tries keys is held up like anybody who has none */
    if (web_limit(server->limits, web_limit_address(address, who, sizeof who), NULL, error) || ask_key(server, &fresh, error))
        return error->code;
    pthread_mutex_lock(&epochs->lock);
    *slot = fresh;
    pthread_mutex_unlock(&epochs->lock);
    *principal = fresh.principal;
    return 0;
}
