/* What the files of the account program share. */
#ifndef ACCOUNT_ACCOUNT_H
#define ACCOUNT_ACCOUNT_H

#include "base/clock.h"
#include "base/config.h"
#include "form/codes.h"
#include "service/input.h"
#include "service/page.h"
#include "store/store.h"
#include "trust/gateway.h"
#include "web/web.h"

#include <pthread.h>

#define MODULES_MAXIMUM PRINCIPAL_GRANTS
#define APPLICANT_RIGHTS (RIGHT_VIEW | RIGHT_EDIT | RIGHT_SUBMIT)
#define OFFICER_RIGHTS (RIGHT_VIEW | RIGHT_FIRST_REVIEW | RIGHT_SECOND_REVIEW | RIGHT_MANAGE)
#define SIGNED_IN (PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON | PRINCIPAL_OFFICER | PRINCIPAL_CUSTOMS | PRINCIPAL_ADMINISTRATOR)

struct account {
    struct store *store;
    struct web_server *server;
    const struct config *config;
    struct code_table *agencies;
    char modules[MODULES_MAXIMUM][16]; /* which document modules there are: the definitions name them */
    int module_count;
    bool demo, fixed_captcha;
    const char *portal_zh, *portal_en;
    char secret[129];                  /* of the instance: keys the hashes of short codes */
    struct gateway gateway;
    struct authorities *authorities;   /* of electronic keys */
    bool key_sign_out;                 /* who pulls the key that he has signed in with is signed out (the page does it) */
    struct courier *courier;           /* messages on their way to a gateway; contact.c */
    pthread_mutex_t epoch_lock; /* of the connection that answers questions about epochs */
    struct store_connection *epoch_reader;
};

struct account *account_of(struct web_call *call);

extern const struct web_route session_routes[], contact_routes[], register_routes[], recover_routes[], profile_routes[], people_routes[],
    article_routes[], key_routes[], api_key_routes[], admin_routes[], partner_routes_of_account[], openapi_routes_of_account[], internal_routes[];

/* ---- input.c: texts of requests, checked. All return 0 or call->error.code (ERROR_INVALID with its field). */

int refuse(struct error *error, const char *field, const char *name, const char *zh, const char *en);
/* A text without white space at its ends, at most `most` bytes; "" when absent and not `required`. */
int take_text(struct web_call *call, const struct service_input *input, const char *name, size_t most, bool required, const char **text);
/* The same, and it passes one of the form checks (uscc, enterprise_code, mobile ...) unless it is "". */
int take_checked(struct web_call *call, const struct service_input *input, const char *name, const char *check, bool required, const char **text);
/* A new sign-in name: 4 to 32 of a-z 0-9 _ . -, beginning with a letter; made lower case. */
int take_name(struct web_call *call, const struct service_input *input, const char *field, const char **name);
/* A password as it stands, good enough for that user. */
int take_password(struct web_call *call, const struct service_input *input, const char *field, const char *user_name, const char **password);
/* Lower case in the arena (ASCII only). */
const char *lower(struct web_call *call, const char *text);
int out_of_memory(struct error *error);
/* {"rights":{"export":["view","edit"]}} within `allowed`; with fewer than all modules the others are 0. */
struct grants { unsigned rights[MODULES_MAXIMUM]; };
int take_rights(struct web_call *call, const struct service_input *input, unsigned allowed, struct grants *grants);
const char *right_word(int bit);
void put_rights(struct json_writer *json, const char *name, unsigned rights); /* ["view", ...] */

/* ---- person.c: users in the database */

struct person { /* texts in the arena */
    int64_t id, kind, epoch, enterprise, version, last_sign_in, created;
    bool enterprise_administrator, active, must_change, demo;
    const char *name, *display_name, *password, *mobile, *email, *agency;
};

/* ERROR_NOT_FOUND when there is none. */
int person_by_id(struct store_connection *db, struct arena *arena, int64_t id, struct person *person, struct error *error);
int person_by_name(struct store_connection *db, struct arena *arena, const char *name, struct person *person, struct error *error);

struct new_person {
    int64_t id, enterprise;
    enum principal_kind kind;
    bool enterprise_administrator, must_change, demo;
    const char *name, *display_name, *password_hash, *mobile, *email, *agency;
    struct grants grants;
};
/* ERROR_INVALID with field "name" when the name is taken. For use within a transaction. */
int person_insert(struct store_connection *db, const struct account *account, const struct new_person *person, struct error *error);
int rights_replace(struct store_connection *db, const struct account *account, int64_t id, const struct grants *grants, struct error *error);
int rights_load(struct store_connection *db, const struct account *account, int64_t id, struct grants *grants, struct error *error);
/* What somebody may do: administrators of an enterprise and persons all that applicants do in every module, others what they were granted. */
int rights_of(struct store_connection *db, const struct account *account, const struct person *person, struct grants *grants, struct error *error);

/* The principal that goes into the session. */
int principal_make(struct store_connection *db, const struct account *account, const struct person *person, struct principal *principal,
                   struct error *error);
const char *kind_word(int64_t kind);
struct slice agency_name(const struct account *account, const char *code); /* "" when unknown */

/* Writes what happened. `subject` and `detail` may be NULL. */
int audit(struct store_connection *db, struct web_call *call, const char *action, const char *subject, const char *detail, struct error *error);
/* The same for a program without a call (demo data, the command line). */
int audit_by(struct store_connection *db, int64_t actor, const char *actor_name, int64_t enterprise, const char *address, const char *action,
             const char *subject, const char *detail, struct error *error);

/* ---- session.c */

/* Takes captcha_id and captcha of the request; a wrong one is used up, too. */
int captcha_check(struct web_call *call, const struct service_input *input);
/* The answer about the session at hand. `must_change`: the password is known to somebody else. */
void write_session(struct web_call *call, bool must_change);
/* Signs the person in: a new session with a new token, its answer; `how` goes into the audit, NULL for a password. */
int sign_in_as(struct web_call *call, struct person *person, const char *how);
int account_locked(struct error *error);
/* After a change of the signed-in person: the session with the new principal under the same token. */
int session_refresh(struct web_call *call);

/* ---- growing delay after failures, per (what, address): attempts.c */

/* ERROR_LIMITED with retry_after while the last failure's delay runs. */
int attempt_allowed(struct web_call *call, const char *what);
int attempt_failed(struct web_call *call, const char *what);
int attempt_succeeded(struct web_call *call, const char *what);

/* ---- contact.c: codes sent to people */

/* The checked e-mail address (lower case) or mobile number of the request; exactly one of them. */
int take_contact(struct web_call *call, const struct service_input *input, const char **address);
/* Whether `code` is the one last sent there for this purpose (10 minutes); a wrong one counts, after 5 it is over. Failures from one
   client at one address delay the next try as at sign-in (ERROR_LIMITED). Waits for the database (slow lane). ERROR_INVALID with `field`. */
int contact_code_check(struct web_call *call, const char *purpose, const char *address, const char *code, const char *field);
/* A code that has served serves no more: in the transaction of what it was for. ERROR_INVALID with `field` when it has served
   somebody else since it was checked. */
int contact_code_use(struct store_connection *db, const char *purpose, const char *address, const char *field, struct error *error);
/* The thread that talks to gateways; waits for it at the end. */
int courier_start(struct account *account, struct error *error);
void courier_stop(struct account *account);

/* ---- demo.c */

/* With demo = 1: makes demo data once and writes the accounts of this instance; otherwise ERROR_INTERNAL if any is there. */
int demo_prepare(struct account *account, struct error *error);
/* The first administrator of a real instance; the password comes from standard input. */
int administrator_create(struct account *account, const char *name, struct error *error);
/* Signs a demo account in without its password, for what makes demo data: prints "<session token> <CSRF token>". ERROR_INTERNAL
   without demo = 1 and for any other account. */
int demo_session(struct account *account, const char *name, struct error *error);

/* ---- api_keys.c: the answer to another program about an enterprise's key (its SHA-256). ERROR_NOT_FOUND when it does not count. */
int api_key_answer(struct web_call *call, const char *hash);

/* ---- internal.c */
int api_key_unknown(struct error *error);
void put_grants(struct web_call *call, const struct grants *grants); /* "rights": {<module>: bits} */

/* For web_epoch_source; the context is the struct account */
int epoch_source(void *context, int64_t user, int64_t *epoch, bool *alive, struct error *error);

#endif
