/* From nginx to a handler and back: FastCGI worker threads, routes, requests, answers.

   A program is: web_open -> its own start-up -> web_run(routes) until SIGTERM. Requests come in on worker threads of the lane
   that the route names. A handler answers by filling the call and returning 0, or returns an error code with call->error
   filled (one place turns that into application/problem+json, RFC 9457), or hands its writing to the writer thread with
   web_write and returns what that returns: the worker then takes the next request and the answer leaves after COMMIT. */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/config.h"
#include "base/error.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "web/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEB_PATH_PARAMETERS 4
#define WEB_WRITER_ROOM 1024
#define WEB_CSRF_SIZE 40
#define WEB_SESSION_COOKIE "sw_session" /* set by the account program, read by all */

struct web_server;
struct web_call;

/* What web knows of a database: three functions, so that it need not know the store. The service layer supplies them. */
struct web_writer {
    void *context;
    /* Runs web_work(call, ...) in a transaction, then, on any thread after COMMIT (0) or failure (a code; call->error filled),
       calls web_written(call, code). */
    void (*submit)(void *context, struct web_call *call);
    int (*reader_open)(void *context, void **reader, struct error *error);
    void (*reader_close)(void *reader);
};

enum web_side { WEB_PUBLIC, WEB_INTERNAL, WEB_PARTNER }; /* which nginx server block or prefix it came through */

struct web_call {
    /* the request; all text NUL-terminated and in the arena */
    const char *method, *path, *query, *content_type, *remote_address;
    enum web_side side;
    bool secure;                  /* HTTPS */
    const char *body;             /* complete: length checked against CONTENT_LENGTH; NUL-terminated */
    size_t body_length;
    const char *parameter[WEB_PATH_PARAMETERS]; /* what the route's :names matched, decoded */
    const struct web_route *route;
    char id[17];                  /* request id, in the log and in problems */

    /* who */
    bool signed_in;
    struct session session;       /* principal kind NONE when not signed in */

    /* where */
    struct web_server *server;
    void *application;            /* what web_run was given */
    void *reader;                 /* this thread's read connection (a struct store_connection *) */
    struct session_store *sessions; /* this thread's */

    /* the answer */
    int status;                   /* 200 unless set */
    const char *answer_type;      /* application/json unless set */
    struct buffer out;            /* the body of the answer */
    struct json_writer json;      /* over `out` */
    struct error error;
    struct arena arena;           /* lives until the answer has left */

    /* deferred writing: see web_write */
    int (*work)(void *connection, struct web_call *call, struct error *error);
    void *argument;
    void (*work_done)(struct web_call *call, int code); /* may be NULL; called once, before the answer leaves */
    int (*wrapped)(void *connection, struct web_call *call, struct error *error); /* for a layer that runs work inside its own */
    _Alignas(16) unsigned char writer_room[WEB_WRITER_ROOM]; /* the writer's, so that it need not allocate */
};

typedef int web_handler(struct web_call *call);

enum web_lane {
    LANE_FAST, /* database work; nothing over 250 ms */
    LANE_SLOW  /* passwords, PDF, imports: few threads, a bounded queue, then 503 with Retry-After */
};

enum web_flag {
    WEB_ANONYMOUS = 1,    /* no session needed (one is still loaded when there is a cookie) */
    WEB_NO_CSRF = 2,      /* only for partner and internal routes, which carry no cookie */
    WEB_INTERNAL_ONLY = 4,
    WEB_PARTNER_ONLY = 8, /* API key; principal kind PARTNER */
    WEB_NO_USE = 32,      /* asked by a page on its own: does not start the session's idle time again */
    WEB_BY_CERTIFICATE = 64, /* with WEB_PARTNER_ONLY: instead of an API key the client certificate that nginx has checked says who calls; what
                                comes with one reaches these routes only */
    WEB_BY_KEY = 128,     /* an enterprise's API key will do, also in a program whose routes take none (web_takes_keys); what the key may, module
                             by module, is the handler's to ask */
    WEB_RAW_BODY = 16     /* any content type; otherwise a body must be application/json */
};

struct web_route {
    const char *method;     /* GET (also answers HEAD) POST PUT DELETE */
    const char *path;       /* "/api/export/documents/:id"; a :name matches one segment, ":name.pdf" one that ends in .pdf */
    web_handler *handler;
    unsigned kinds;         /* bits of principal_kind that may call; 0 with WEB_ANONYMOUS = everybody */
    unsigned rights;        /* needed in the program's module, 0 = none */
    unsigned flags;
    enum web_lane lane;
    size_t body_maximum;    /* bytes; 0 = no body allowed */
    struct { int count, seconds; } limit; /* requests per address (anonymous) or user; 0 = the server's default */
};

/* Reads the settings (socket_dir, redis, internal, public_url, secret_file, threads, slow_threads, limit_per_minute,
   session_idle_seconds, session_absolute_seconds, clock_file), opens the log, ignores SIGPIPE, makes the listening socket (0660, refuses to steal a live one). */
int web_open(const char *module, const struct config *config, struct web_server **server, struct error *error);

/* Serves until SIGTERM or SIGINT: stops accepting, finishes what runs, returns 0. `routes` ends with a row whose method is
   NULL; a route written twice or a bad pattern stops the program. */
int web_run(struct web_server *server, const struct web_route *routes, const struct web_writer *writer, void *application);

/* Also called by threads of the program (job workers): wakes when the server stops; true = stop. Waits at most `milliseconds`. */
bool web_stopping(struct web_server *server, int milliseconds);

void web_close(struct web_server *server);

/* The account program only: where a user's epoch comes from, instead of asking that program. `source` is called on any
   worker thread. Others ask GET /internal/account/users/<id>/epoch -> {"epoch":n,"alive":true}; both are cached for 5 s. */
void web_epoch_source(struct web_server *server, int (*source)(void *context, int64_t user, int64_t *epoch, bool *alive, struct error *error),
                      void *context);

/* API keys of enterprises (Authorization: Bearer sw_...) count on this program's public routes, instead of a session and without a CSRF
   token. To be called before web_run. */
void web_takes_keys(struct web_server *server);
/* Whether an enterprise's own systems may call the route, with a key or (anonymous ones) without. */
bool web_route_by_key(const struct web_server *server, const struct web_route *route);

/* Which settings the program was started with. */
const struct config *web_config(const struct web_server *server);

/* ---- in a handler */

/* A query parameter, decoded, in the arena; NULL when absent. Repeated names: the first. Bad escapes or UTF-8 were 400 already. */
const char *web_query(struct web_call *call, const char *name);
/* A whole number from the query within [least, most]; absent = fallback; otherwise ERROR_INVALID with the field's name. */
int web_query_integer(struct web_call *call, const char *name, int64_t least, int64_t most, int64_t fallback, int64_t *value);
/* A request header (any case, - or _), NULL when absent. */
const char *web_header(struct web_call *call, const char *name);
/* A positive id from a path parameter; ERROR_NOT_FOUND when it is none. */
int web_parameter_id(struct web_call *call, int index, int64_t *id);
/* Whose attempts count together: the first 64 bits of an IPv6 address (into `out`), else the address itself. */
const char *web_limit_address(const char *address, char *out, size_t size);
/* The client certificate (nginx's $ssl_client_escaped_cert) of a call to a route with WEB_BY_CERTIFICATE; elsewhere NULL. */
const char *web_client_certificate(struct web_call *call);
/* A cookie's value, NULL when absent. Under TLS the cookie is called __Host-<name>, here and in web_answer_cookie. */
const char *web_cookie(struct web_call *call, const char *name);

/* Adds a header to the answer. `value` must be free of control characters (else the call fails with 500). */
void web_answer_header(struct web_call *call, const char *name, const char *value);
/* Set-Cookie with HttpOnly, SameSite=Strict, Path=/, Secure under TLS; `value` NULL deletes it. */
void web_answer_cookie(struct web_call *call, const char *name, const char *value);
/* The CSRF token that the caller is to send as X-CSRF-Token: of the session, or of a guest (then a cookie is set when there
   is none yet). */
void web_csrf(struct web_call *call, char out[WEB_CSRF_SIZE]);
/* ETag "<version>". */
void web_answer_version(struct web_call *call, int64_t version);
/* The version that If-Match names; absent = ERROR_PRECONDITION (428). "*" gives -1. */
int web_expected_version(struct web_call *call, int64_t *version);

/* Answers with bytes as a download: Content-Disposition attachment with an RFC 5987 file name (nginx adds nosniff to all answers). */
void web_answer_file(struct web_call *call, const char *type, const char *file_name, bool as_attachment);

/* Problems with fields: [{"field","rule","message":{zh,en},"warning"}] as raw JSON, put into the problem as "errors". */
void web_answer_problems(struct web_call *call, const char *json, size_t length);

/* Hands `work` to the writer thread; return what this returns and touch the call no more. `work` fills the call's answer,
   which is emptied before every run and leaves after COMMIT; headers set before web_write stay. Within `work` call->reader
   and call->sessions are NULL. */
int web_write(struct web_call *call, int (*work)(void *connection, struct web_call *call, struct error *error), void *argument);

#define WEB_LATER (-1)

/* For the writer's side: runs the call's work; and what comes when it is over: sends the answer or the problem (call->error)
   and recycles the call. */
int web_work(struct web_call *call, void *connection, struct error *error);
void web_written(struct web_call *call, int code);

/* ---- between programs */

/* A request to another program through nginx's internal server block (setting `internal` = unix:<path>), at most `milliseconds`. The answer's
   body is appended to `answer`. Returns 0 for 2xx, else a code (ERROR_UNAVAILABLE when nobody answers). */
int web_internal_request(struct web_server *server, const char *method, const char *path, const char *body, int milliseconds,
                         struct buffer *answer, struct error *error);

#endif
