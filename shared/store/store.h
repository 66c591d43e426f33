/* One small SQL interface over SQLite and PostgreSQL. SQL is written once, with $n parameters; words in braces are the
   driver's: {bytes} {clustered} {for update} {skip locked}. Allowed SQL: see README.md beside this file.

   A connection belongs to one thread at a time. Text is UTF-8, instants are milliseconds, booleans are 0 and 1. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;            /* a module's database: writer threads and settings */
struct store_connection; /* what statements run on */

struct store_settings {
    int cache_kib;        /* SQLite page cache of the connection that writes; readers have an eighth */
    int checkpoint_pages; /* SQLite wal_autocheckpoint; 1,000 pages cost 20 % of throughput, 16,000 raise p99 (measured) */
    int writers;          /* PostgreSQL connections that write; SQLite has one */
    int maximum_pages;    /* SQLite max_page_count, 0 = none (tests fill a database with it) */
}; /* a 0 means the default: see README.md */

/* Opens `sqlite:<directory>` (file <directory>/<module>.db, made when absent, 0600) or `postgresql:<conninfo>` (schema
   <module>, made when absent) and starts the writer. Runs no migration. `settings` may be NULL. */
int store_open(const char *database, const char *module, const struct store_settings *settings, struct store **store,
               struct error *error);

/* Waits for queued work, then closes. Readers must be closed first. */
void store_close(struct store *store);

/* Runs the numbered files <directory>/NNN_name.sql that this database has not seen, each in its transaction, under a lock,
   and remembers their checksum: a changed old file is an error. Only adds; an unknown newer number is accepted (a newer
   program runs beside this one). */
int store_migrate(struct store *store, const char *directory, struct error *error);

/* A connection for reading, for the calling thread; it cannot write. Each statement sees a state of its own. A lost PostgreSQL
   connection is reopened and the query asked once more; ERROR_UNAVAILABLE when that fails, too. */
int store_reader(struct store *store, struct store_connection **connection, struct error *error);
void store_reader_close(struct store_connection *connection);

/* ---- parameters */

enum store_kind { STORE_NULL, STORE_INTEGER, STORE_TEXT, STORE_BYTES };

struct store_value {
    enum store_kind kind;
    int64_t integer;
    const void *bytes; /* must stay until store_execute returns, or store_end */
    size_t length;
};

struct store_value store_null(void);
struct store_value store_integer(int64_t value);
struct store_value store_string(const char *text); /* NULL becomes SQL NULL */
struct store_value store_text(const char *text, size_t length);
struct store_value store_bytes(const void *bytes, size_t length);

#define STORE_VALUES(...) \
    ((const struct store_value[]){__VA_ARGS__}), (sizeof((struct store_value[]){__VA_ARGS__}) / sizeof(struct store_value))
#define STORE_NO_VALUES NULL, 0

/* ---- statements */

struct store_rows { /* an open result; on the caller's stack */
    struct store_connection *connection;
    void *statement;
    int row;
    void *scratch; /* the driver's, of the current row */
    struct error *error;
    int code;
};

#define STORE_PARAMETERS 512 /* at most in one statement; $1 to $count must all occur in it */

/* Starts a query. Prepared statements are cached by text. Returns 0 or a code; on failure nothing is open.
       if (store_query(db, &rows, error, SQL, STORE_VALUES(store_integer(id)))) return error->code;
       while (store_next(&rows)) ... ;
       if (store_end(&rows)) return error->code;                                                             */
int store_query(struct store_connection *connection, struct store_rows *rows, struct error *error, const char *sql,
                const struct store_value *values, size_t count);
bool store_next(struct store_rows *rows);
int store_end(struct store_rows *rows); /* always call; 0 or the code of what broke */

/* Columns of the current row, from 0. Text and bytes are good until the next store_next or store_end; text ends in NUL and is
   "" when NULL. */
bool store_is_null(struct store_rows *rows, int column);
int64_t store_column_integer(struct store_rows *rows, int column); /* NULL is 0; a condition is 0 or 1 */
const char *store_column_text(struct store_rows *rows, int column, size_t *length);
/* Text for copying on: as above, but what stands behind its last byte is anything. Of a TEXT column only. */
const char *store_column_slice(struct store_rows *rows, int column, size_t *length);
const void *store_column_bytes(struct store_rows *rows, int column, size_t *length);

/* Runs a statement without rows; *changed (may be NULL) is the number of rows changed. A broken unique key is ERROR_CONFLICT
   with name "unique". After any error within store_work the transaction is lost: later statements are refused, and the work
   fails even if it returns 0 (PostgreSQL works like that, so SQLite does too). Avoid it with ON CONFLICT. */
int store_execute(struct store_connection *connection, struct error *error, int64_t *changed, const char *sql,
                  const struct store_value *values, size_t count);

/* ---- writing */

/* Work inside a transaction. Returning anything but 0 undoes all of it. It may run again from the start (serialization,
   deadlock, a broken group), so it has no effect outside the database and its own argument, and resets the latter. */
typedef int store_work(struct store_connection *connection, void *argument, struct error *error);

/* Runs work and waits for its COMMIT. Returns 0 only when it is durable. For threads that have nothing else to do; never
   from within store_work or `done`. */
int store_write(struct store *store, store_work *work, void *argument, struct error *error);

struct store_task {
    store_work *work;
    void *argument;
    void (*done)(struct store_task *task, int code); /* on a writer thread, after COMMIT (0) or failure; keep it short */
    struct error error;
    struct store_task *next; /* the queue's */
};

/* Queues work and returns at once; everything in `task` must live until `done`. SQLite: waiting tasks are committed together,
   each in its own savepoint: one sync for all. When the whole transaction is lost (disk full, failed COMMIT) every task of
   the group ends with ERROR_UNAVAILABLE. PostgreSQL: a transaction each, in several connections, again after a deadlock; a
   connection lost during COMMIT is ERROR_UNAVAILABLE though the work may be stored (Idempotency-Key settles that). A full
   queue (4,096) calls `done` at once, on the calling thread, with ERROR_UNAVAILABLE. */
void store_submit(struct store *store, struct store_task *task);

/* %text%, in lower case, as a pattern for LOWER(...) LIKE $n ESCAPE '!': what has `text` anywhere. NULL text as "". In the arena; NULL as arena_alloc. */
char *store_like(struct arena *arena, const char *text);

/* Which dialect: for the few statements that tests or tools write for one of them. */
bool store_is_sqlite(const struct store *store);

#endif
