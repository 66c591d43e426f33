/* Private to shared/web: a call with what only this folder sees, and the server behind it. */
#ifndef WEB_FRAME_H
#define WEB_FRAME_H

#include "web/web.h"

#include <pthread.h>
#include <stdatomic.h>

#define WEB_QUERY_PARAMETERS 64
#define WEB_SLOW_QUEUE 64
#define WEB_THREADS 64

struct web_frame {
    struct web_call call; /* first: a call is a frame */
    int fd;               /* of the connection that this request came in on */
    unsigned fastcgi_id;
    struct web_pair { const char *name, *value; size_t length; } *pairs; /* FastCGI parameters, in the arena; length of the name */
    size_t pair_count;
    bool input_over;      /* nothing of the request is left in the socket */
    struct buffer head;   /* headers of the answer, each ending in CR LF */
    size_t head_kept;     /* what stays of them when a work runs again */
    bool head_only;       /* HEAD */
    struct { const char *name, *value; } query[WEB_QUERY_PARAMETERS];
    int query_count;
    const char *problems; /* JSON of web_answer_problems, in the arena */
    size_t problems_length;
    int64_t started;      /* monotonic milliseconds */
    struct web_frame *next;
};

struct web_worker {
    struct web_server *server;
    pthread_t thread;
    void *reader;
    struct session_store *sessions;
    int poll; /* of a fast thread, else -1 */
};

struct web_limits;
struct web_router;
struct web_epochs;

struct web_server {
    char module[32];
    char *socket_path, *public_origin, *internal; /* the last: path of the socket of the internal server block */
    const struct config *config;
    char secret[129]; /* of guests' CSRF tokens */
    bool secure;      /* public_url is https */
    bool takes_keys;  /* of enterprises, on its public routes */
    long threads, slow_threads;
    int listener, stop_event;
    unsigned long socket_inode;
    struct web_writer writer;
    void *application;
    struct web_router *router;
    struct web_limits *limits;
    struct web_epochs *epochs;
    pthread_mutex_t lock;   /* of what follows */
    pthread_cond_t changed; /* a slow call waits, the slow lane closes */
    struct web_frame *free_frames;
    struct web_frame *slow[WEB_SLOW_QUEUE];
    unsigned slow_first, slow_count;
    bool slow_closed;
    atomic_int out;         /* frames in use */
    struct web_worker worker[WEB_THREADS];
};

static inline struct web_frame *frame_of(struct web_call *call)
{
    return (struct web_frame *)call;
}

/* ---- fastcgi.c: the only file that knows the protocol */

int web_listen(struct web_server *server, struct error *error);
/* What a thread that accepts waits on for connections and the stop. Each has its own: then a connection wakes one thread, not all. */
int web_poll(const struct web_server *server, int *poll, struct error *error);
void web_unlisten(struct web_server *server); /* no new connections; those that wait can still be accepted */
/* Accepts and reads a request's parameters: 1 done, 0 nobody waits, -1 a connection that was no request. */
int web_accept(struct web_server *server, struct web_frame *frame);
const char *web_parameter(const struct web_frame *frame, const char *name); /* a FastCGI parameter, NULL when absent */
/* Set by the server block of partners alone; a client's header of that name would be called HTTP_SW_... */
#define WEB_CERTIFICATE_PARAMETER "SW_CLIENT_CERTIFICATE"
/* Reads the whole body; ERROR_MALFORMED when it is not as long as CONTENT_LENGTH says. */
int web_read_body(struct web_frame *frame, size_t length, struct error *error);
void web_send(struct web_frame *frame, const struct buffer *head, const struct buffer *body);
void web_input_free(void); /* at the end of a thread that has accepted requests */

/* ---- request.c, response.c, problem.c */

/* Path, query, address, id. */
int web_request_read(struct web_frame *frame, struct error *error);
int web_request_body(struct web_frame *frame, const struct web_route *route, struct error *error);
const char *web_reason(int status);
void web_answer_empty(struct web_frame *frame); /* takes the answer back: body, status, headers after head_kept */
void web_problem(struct web_frame *frame);      /* call->error as the answer */
void web_finish(struct web_frame *frame, int code); /* sends the answer or the problem, logs, recycles the frame */

/* Whether the handler that has just run on this thread gave its call to the writer. Asking forgets it. */
bool web_take_detached(void);

/* ---- router.c */

/* NULL and a logged reason when a route is wrong. */
struct web_router *web_router_make(const struct web_route *routes);
void web_router_free(struct web_router *router);
/* Finds the route and fills call->parameter; ERROR_NOT_FOUND or ERROR_METHOD (with Allow set). */
int web_router_find(struct web_router *router, struct web_frame *frame, struct error *error);

/* ---- guard.c, epoch.c, limits.c: who may call, and how often */

int web_guard(struct web_frame *frame, struct error *error);
struct web_epochs *web_epochs_make(void);
void web_epochs_free(struct web_epochs *epochs);
/* ERROR_UNAUTHENTICATED when the session is older than the user's epoch or the user is gone. */
int web_epoch_check(struct web_server *server, const struct principal *principal, struct error *error);
/* The principal of an API key, a partner's or an enterprise's; ERROR_UNAUTHENTICATED when it does not count. `address` tries. */
int web_key_check(struct web_server *server, const char *address, const char *key, struct principal *principal, struct error *error);
struct web_limits *web_limits_make(long per_minute);
void web_limits_free(struct web_limits *limits);
/* `who` is an address or a user, `what` a route or NULL for the default. ERROR_LIMITED with retry_after. */
int web_limit(struct web_limits *limits, const char *who, const struct web_route *what, struct error *error);
/* The same for `who` with a measure of its own. */
int web_limit_own(struct web_limits *limits, const char *who, int per_minute, struct error *error);

/* ---- server.c */

void web_recycle(struct web_frame *frame);

#endif
