/* Private to shared/store: what store.c needs of a driver, and what the drivers share. */
#ifndef STORE_DRIVER_H
#define STORE_DRIVER_H

#include "store/store.h"

#include <pthread.h>

#define STORE_STATEMENTS 256 /* prepared statements kept by a connection */

struct store_statement {
    struct store_statement *next; /* of the same hash */
    char *sql;                    /* as the caller wrote it */
    uint64_t hash, used;          /* `used` counts up: the smallest is thrown out first */
    bool busy;                    /* its rows are being read */
    bool cached;
    int parameters;
    int *positions;               /* SQLite: where $n is bound, from 1 */
    void *native;                 /* SQLite: sqlite3_stmt */
    char name[16];                /* PostgreSQL */
};

struct store_connection {
    struct store *store;
    void *native;       /* sqlite3 or PGconn; PostgreSQL: NULL while it is away */
    bool reading;
    bool in_work;
    bool broken;        /* a statement of this transaction has failed */
    bool again;         /* it failed so that another attempt may help */
    int open_rows;
    void *results[16];  /* PostgreSQL: those of open rows */
    int64_t away_until; /* PostgreSQL: no new attempt before (monotonic milliseconds) */
    uint64_t tick;
    int statements;
    struct store_statement *cache[STORE_STATEMENTS];
};

struct store_driver {
    const char *bytes, *clustered, *for_update, *skip_locked; /* the words in braces */
    int (*prepare_database)(struct store *store, struct error *error); /* once, in store_open */
    int (*open)(struct store_connection *connection, struct error *error);
    void (*close)(struct store_connection *connection);
    int (*alive)(struct store_connection *connection, struct error *error); /* reconnects outside of a work; may be NULL */
    /* `sql` is translated; fills ->native or ->name, ->parameters, ->positions */
    int (*prepare)(struct store_connection *connection, struct store_statement *statement, const char *sql, struct error *error);
    void (*forget)(struct store_connection *connection, struct store_statement *statement);
    int (*query)(struct store_rows *rows, struct store_statement *statement, const struct store_value *values, size_t count);
    bool (*next)(struct store_rows *rows);
    void (*end)(struct store_rows *rows);
    int (*execute)(struct store_connection *connection, struct store_statement *statement, const struct store_value *values,
                   size_t count, int64_t *changed, struct error *error);
    bool (*is_null)(struct store_rows *rows, int column);
    int64_t (*integer)(struct store_rows *rows, int column);
    const char *(*text)(struct store_rows *rows, int column, size_t *length);
    const char *(*slice)(struct store_rows *rows, int column, size_t *length);
    const void *(*bytes_of)(struct store_rows *rows, int column, size_t *length);
    /* Closes rows that a work forgot. */
    void (*reset)(struct store_connection *connection);
    /* A transaction of its own, for migrations; `begin` also takes a lock against other programs. */
    int (*begin)(struct store_connection *connection, struct error *error);
    int (*commit)(struct store_connection *connection, struct error *error);
    void (*rollback)(struct store_connection *connection);
    /* Runs the tasks of this list, in order, calling done for each. */
    void (*run)(struct store_connection *connection, struct store_task *tasks);
    int most; /* tasks that `run` takes at a time */
};

extern const struct store_driver store_sqlite, store_postgres;

#define STORE_WRITERS 16

struct store {
    const struct store_driver *driver;
    char *where;  /* path of the file, or conninfo */
    char module[32];
    struct store_settings settings;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    struct store_task *first, **last;
    int waiting;
    bool closing;
    int writers;
    struct { pthread_t thread; struct store_connection *connection; } writer[STORE_WRITERS];
};

/* A connection for the driver's own use; free with store_connection_free. */
int store_connection_make(struct store *store, bool reading, struct store_connection **connection, struct error *error);
void store_connection_free(struct store_connection *connection);

/* Gives a statement back; frees one that is not kept. */
void store_statement_release(struct store_connection *connection, struct store_statement *statement);

/* Forgets all prepared statements (a session has ended). */
void store_statements_forget(struct store_connection *connection);

/* One statement, not kept; words in braces allowed, no parameters. */
int store_run_once(struct store_connection *connection, const char *sql, struct error *error);

/* Runs the task's work: statements are refused after the first error, rows left open are a defect. */
int store_task_work(struct store_connection *connection, struct store_task *task);

/* The words for a broken unique key. */
int store_conflict(struct error *error, const char *detail);

#endif
