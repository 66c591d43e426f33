/* Errors as part of the interface: a code that decides the HTTP status, a rule or field, and words in two languages. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>
#include <stddef.h>

/* Every function that can fail returns 0 or one of these and fills its struct error. */
enum error_code {
    ERROR_NONE = 0,
    ERROR_MALFORMED,       /* 400: the request cannot be read at all */
    ERROR_UNAUTHENTICATED, /* 401: no session, or it has ended */
    ERROR_FORBIDDEN,       /* 403: signed in, but without the right (or a wrong CSRF token) */
    ERROR_NOT_FOUND,       /* 404: absent, or another enterprise's */
    ERROR_METHOD,          /* 405 */
    ERROR_CONFLICT,        /* 409: not in this state, or claimed by somebody else */
    ERROR_STALE,           /* 412: If-Match names an old version */
    ERROR_TOO_LARGE,       /* 413 */
    ERROR_MEDIA_TYPE,      /* 415 */
    ERROR_INVALID,         /* 422: fields or rules; see the problem list of the answer */
    ERROR_LIMITED,         /* 429: too many attempts; retry_after says when */
    ERROR_INTERNAL,        /* 500: a defect; the detail goes to the log only */
    ERROR_UNAVAILABLE,     /* 503: Redis, the database or a queue is away; nothing was stored */
    ERROR_PRECONDITION,    /* 428: a change without If-Match */
    ERROR_UNDONE           /* none: a dry run's work ends with it and is undone; it never leaves the writer (service/writer.c) */
};

struct error {
    enum error_code code;
    int retry_after;     /* seconds, 0 = none; sent as Retry-After */
    char name[48];       /* stable machine word ("stale_version", "R-EX-2"); last part of the problem's type */
    char field[96];      /* path of the field ("specs/2/qty"), or "" */
    char zh[256];        /* what to do, in Chinese: for the person */
    char en[256];        /* the same in English */
    char detail[256];    /* for the log, never sent */
};

/* Fills `error` and returns `code`, so that `return error_set(...)` reads well. `name` is copied. */
int error_set(struct error *error, enum error_code code, const char *name, const char *zh, const char *en);

/* Adds what the log needs (printf); keeps code and words. Cuts at a whole UTF-8 character. */
void error_detail(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sets the field that the error belongs to (cut to fit). */
void error_field(struct error *error, const char *field);

/* The words of these two never vary. The detail is printf-formatted. Both return their code. */
int error_internal(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
int error_unavailable(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* HTTP status of a code (500 for unknown ones). */
int error_http_status(enum error_code code);

void error_clear(struct error *error);

#endif
