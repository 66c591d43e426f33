/* PostgreSQL: several writer connections with a transaction for each task; the server groups their commits. */
#include "store/driver.h"

#include "base/clock.h"
#include "base/library.h"
#include "base/log.h"
#include "base/random.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AWAY_MILLISECONDS 500 /* after a failed connection nobody tries again for so long: no thread waits in vain */
#define ATTEMPTS 10
#define BYTEA 17 /* its type's number, fixed in the server's catalogue */

/* ---- libpq, loaded when a PostgreSQL database is opened */

#define FUNCTIONS(X) X(PQclear) X(PQcmdStatus) X(PQcmdTuples) X(PQconnectdbParams) X(PQerrorMessage) X(PQexec) X(PQexecPrepared) \
    X(PQfinish) X(PQftype) X(PQgetisnull) X(PQgetlength) X(PQgetvalue) X(PQntuples) X(PQprepare) X(PQresultErrorField) \
    X(PQresultStatus) X(PQsetNoticeProcessor) X(PQstatus)

static struct {
    FUNCTIONS(LIBRARY_POINTER)
} pq;
static struct error pq_missing;
static pthread_once_t pq_once = PTHREAD_ONCE_INIT;

static void pq_load(void)
{
#define FUNCTION(name) LIBRARY_FUNCTION(pq, name)
    static const struct library_function functions[] = {FUNCTIONS(FUNCTION)};

    library_load("libpq.so.5", functions, sizeof functions / sizeof *functions, &pq_missing);
}

/* ---- errors */

static bool is_state(const char *state, const char *prefix)
{
    return !strncmp(state, prefix, strlen(prefix));
}

/* What passes by itself: connections, memory, disks, operator's intervention, time limits, a primary that became a standby. */
static bool passes(const char *state)
{
    static const char *const prefixes[] = {"08", "53", "57", "58", "55P03", "25006", "25P03", "40", "XX001"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (is_state(state, prefixes[i]))
            return true;
    return false;
}

static int refuse(struct store_connection *connection, const PGresult *result, struct error *error)
{
    const char *state = result ? pq.PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *words = result ? pq.PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    if (!words)
        words = pq.PQerrorMessage(connection->native);
    if (pq.PQstatus(connection->native) == CONNECTION_BAD) {
        connection->again = true;
        return error_unavailable(error, "postgresql is away: %s", words);
    }
    if (!state)
        return error_internal(error, "postgresql: %s", words);
    if (is_state(state, "40001") || is_state(state, "40P01"))
        connection->again = true;
    if (is_state(state, "23505"))
        return store_conflict(error, words);
    if (passes(state))
        return error_unavailable(error, "postgresql %s: %s", state, words);
    return error_internal(error, "postgresql %s: %s", state, words);
}

/* Runs text without parameters. */
static int simple(struct store_connection *connection, const char *sql, struct error *error)
{
    PGresult *result = pq.PQexec(connection->native, sql);
    ExecStatusType status = pq.PQresultStatus(result);
    int code = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? 0 : refuse(connection, result, error);
    pq.PQclear(result);
    return code;
}

/* ---- connections */

static void ignore_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

/* What stands before dbname is a default, which the conninfo overrides. A host that vanishes is noticed after 10 s. */
static PGconn *session_open(const struct store *store)
{
    const char *const keys[] = {"connect_timeout", "tcp_user_timeout", "keepalives_idle", "target_session_attrs",
                                "application_name", "dbname", "client_encoding", NULL};
    const char *const values[] = {"3", "10000", "10", "read-write", store->module, store->where, "UTF8", NULL};
    return pq.PQconnectdbParams(keys, values, 1);
}

static int session_begin(struct store_connection *connection, struct error *error)
{
    char sql[400];
    pq.PQsetNoticeProcessor(connection->native, ignore_notice, NULL);
    snprintf(sql, sizeof sql,
             "SET search_path TO %s; SET statement_timeout TO '10s'; SET lock_timeout TO '5s';"
             "SET idle_in_transaction_session_timeout TO '15s'; SET bytea_output TO hex;"
             "SET standard_conforming_strings TO on; SET default_transaction_isolation TO 'read committed';"
             "SET default_transaction_read_only TO %s",
             connection->store->module, connection->reading ? "on" : "off");
    return simple(connection, sql, error);
}

static void shut(struct store_connection *connection)
{
    pq.PQfinish(connection->native);
    connection->native = NULL;
}

static int away(struct store_connection *connection, struct error *error)
{
    error_unavailable(error, "postgresql is away: %s", connection->native ? pq.PQerrorMessage(connection->native) : "out of memory");
    shut(connection);
    connection->away_until = clock_monotonic() + AWAY_MILLISECONDS;
    return error->code;
}

static int open_connection(struct store_connection *connection, struct error *error)
{
    pthread_once(&pq_once, pq_load);
    if (pq_missing.code) {
        *error = pq_missing;
        return error->code;
    }
    connection->native = session_open(connection->store);
    if (pq.PQstatus(connection->native) != CONNECTION_OK)
        return away(connection, error);
    if (session_begin(connection, error)) {
        shut(connection);
        return error->code;
    }
    return 0;
}

/* A connection that works, made anew if the last one broke. Prepared statements went with it. */
static int alive(struct store_connection *connection, struct error *error)
{
    if (connection->native && pq.PQstatus(connection->native) == CONNECTION_OK)
        return 0;
    if (clock_monotonic() < connection->away_until)
        return error_unavailable(error, "postgresql is away");
    store_statements_forget(connection);
    shut(connection);
    return open_connection(connection, error);
}

/* The schema. Looked for first: to ask for one that exists needs a right that the program may not have. */
static int prepare_database(struct store *store, struct error *error)
{
    struct store_connection connection = {.store = store};
    char sql[300];
    if (open_connection(&connection, error))
        return error->code;
    snprintf(sql, sizeof sql,
             "DO $$ BEGIN PERFORM pg_advisory_xact_lock(hashtext('%s'));"
             "IF NOT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = '%s') THEN CREATE SCHEMA %s; END IF; END $$",
             store->module, store->module, store->module);
    int code = simple(&connection, sql, error);
    shut(&connection);
    return code;
}

/* ---- statements */

static int prepare(struct store_connection *connection, struct store_statement *statement, const char *sql, struct error *error)
{
    snprintf(statement->name, sizeof statement->name, "s%llu", (unsigned long long)++connection->tick);
    PGresult *result = pq.PQprepare(connection->native, statement->name, sql, 0, NULL);
    if (pq.PQresultStatus(result) != PGRES_COMMAND_OK) {
        refuse(connection, result, error);
        error_detail(error, "in: %.80s", sql);
        pq.PQclear(result);
        return error->code;
    }
    pq.PQclear(result);
    /* how many parameters: counted in the text, for the server would need another round trip to tell */
    bool quoted = false;
    for (const char *at = sql; *at; at++) {
        quoted ^= *at == '\'';
        long n = *at == '$' && !quoted ? strtol(at + 1, NULL, 10) : 0;
        if (n > statement->parameters)
            statement->parameters = n > STORE_PARAMETERS ? STORE_PARAMETERS + 1 : (int)n;
    }
    if (statement->parameters > STORE_PARAMETERS)
        return error_internal(error, "more than %d parameters: %.60s", STORE_PARAMETERS, sql);
    return 0;
}

static void forget(struct store_connection *connection, struct store_statement *statement)
{
    char sql[40];
    if (!connection->native || pq.PQstatus(connection->native) != CONNECTION_OK)
        return;
    snprintf(sql, sizeof sql, "DEALLOCATE %s", statement->name);
    pq.PQclear(pq.PQexec(connection->native, sql));
}

/* Integers go as text, which suits every integer type; text and bytes go as they are. */
static PGresult *run_statement(struct store_connection *connection, const struct store_statement *statement,
                               const struct store_value *values, size_t count)
{
    const char *texts[STORE_PARAMETERS];
    int lengths[STORE_PARAMETERS], formats[STORE_PARAMETERS];
    char digits[STORE_PARAMETERS][24];
    for (size_t i = 0; i < count; i++) {
        const struct store_value *value = &values[i];
        formats[i] = value->kind == STORE_TEXT || value->kind == STORE_BYTES;
        lengths[i] = (int)value->length;
        texts[i] = value->kind == STORE_NULL ? NULL : value->length ? value->bytes : "";
        if (value->kind == STORE_INTEGER) {
            snprintf(digits[i], sizeof digits[i], "%lld", (long long)value->integer);
            texts[i] = digits[i];
        }
    }
    return pq.PQexecPrepared(connection->native, statement->name, (int)count, texts, lengths, formats, 0);
}

static bool is_good(const PGresult *result)
{
    ExecStatusType status = pq.PQresultStatus(result);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* Open results are noted, so that those which a work forgets can be freed. */
static void results_replace(struct store_connection *connection, void *old, void *new)
{
    for (size_t i = 0; i < sizeof connection->results / sizeof *connection->results; i++) {
        if (connection->results[i] == old) {
            connection->results[i] = new;
            return;
        }
    }
}

static int query(struct store_rows *rows, struct store_statement *statement, const struct store_value *values, size_t count)
{
    PGresult *result = run_statement(rows->connection, statement, values, count);
    if (is_good(result)) {
        rows->statement = result;
        results_replace(rows->connection, NULL, result);
        return 0;
    }
    rows->code = refuse(rows->connection, result, rows->error);
    error_detail(rows->error, "in: %.80s", statement->sql);
    pq.PQclear(result);
    return rows->code;
}

static void scratch_free(struct store_rows *rows)
{
    while (rows->scratch) {
        void **piece = rows->scratch;
        rows->scratch = *piece;
        free(piece);
    }
}

static bool next(struct store_rows *rows)
{
    scratch_free(rows);
    return ++rows->row < pq.PQntuples(rows->statement);
}

static void end(struct store_rows *rows)
{
    scratch_free(rows);
    results_replace(rows->connection, rows->statement, NULL);
    pq.PQclear(rows->statement);
}

static int execute(struct store_connection *connection, struct store_statement *statement, const struct store_value *values,
                   size_t count, int64_t *changed, struct error *error)
{
    PGresult *result = run_statement(connection, statement, values, count);
    int code = is_good(result) ? 0 : refuse(connection, result, error);
    if (code)
        error_detail(error, "in: %.80s", statement->sql);
    *changed = code ? 0 : strtoll(pq.PQcmdTuples(result), NULL, 10);
    pq.PQclear(result);
    return code;
}

static bool is_null(struct store_rows *rows, int column)
{
    return pq.PQgetisnull(rows->statement, rows->row, column);
}

static int64_t integer(struct store_rows *rows, int column)
{
    const char *value = pq.PQgetvalue(rows->statement, rows->row, column);
    return *value == 't' ? 1 : strtoll(value, NULL, 10); /* a condition is t or f */
}

static const char *text(struct store_rows *rows, int column, size_t *length)
{
    *length = (size_t)pq.PQgetlength(rows->statement, rows->row, column);
    return pq.PQgetvalue(rows->statement, rows->row, column);
}

static int nibble(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* Bytes come as \x and hexadecimal digits; decoded into a piece that lives as long as the row. */
static const void *bytes_of(struct store_rows *rows, int column, size_t *length)
{
    const char *value = text(rows, column, length);
    if (pq.PQftype(rows->statement, column) != BYTEA || *length < 2)
        return value;
    *length = (*length - 2) / 2;
    void **piece = malloc(sizeof *piece + *length + 1);
    if (!piece) {
        rows->code = error_internal(rows->error, "out of memory");
        *length = 0;
        return "";
    }
    *piece = rows->scratch;
    rows->scratch = piece;
    unsigned char *bytes = (unsigned char *)(piece + 1);
    value += 2;
    for (size_t i = 0; i < *length; i++)
        bytes[i] = (unsigned char)(nibble(value[2 * i]) << 4 | nibble(value[2 * i + 1]));
    return bytes;
}

static void reset(struct store_connection *connection)
{
    for (size_t i = 0; i < sizeof connection->results / sizeof *connection->results; i++) {
        pq.PQclear(connection->results[i]);
        connection->results[i] = NULL;
    }
}

/* ---- transactions */

/* For migrations: one program at a time, without limits of time. */
static int begin(struct store_connection *connection, struct error *error)
{
    char sql[200];
    snprintf(sql, sizeof sql,
             "BEGIN; SET LOCAL lock_timeout TO 0; SET LOCAL statement_timeout TO 0;"
             "SELECT pg_advisory_xact_lock(hashtext('%s'))",
             connection->store->module);
    return simple(connection, sql, error);
}

static void rollback(struct store_connection *connection)
{
    pq.PQclear(pq.PQexec(connection->native, "ROLLBACK"));
}

/* A failed transaction answers COMMIT with ROLLBACK, which is no error to the server. */
static int commit(struct store_connection *connection, struct error *error)
{
    PGresult *result = pq.PQexec(connection->native, "COMMIT");
    int code = 0;
    if (pq.PQresultStatus(result) != PGRES_COMMAND_OK)
        code = refuse(connection, result, error);
    else if (strcmp(pq.PQcmdStatus(result), "COMMIT"))
        code = error_internal(error, "COMMIT was answered with %s", pq.PQcmdStatus(result));
    pq.PQclear(result);
    return code;
}

/* One attempt. *repeat: nothing was stored, and another attempt may succeed. */
static int attempt(struct store_connection *connection, struct store_task *task, bool *repeat)
{
    *repeat = false;
    if (alive(connection, &task->error))
        return task->error.code;
    connection->again = false;
    int code = simple(connection, "BEGIN", &task->error);
    if (!code) {
        code = store_task_work(connection, task);
        if (!code) {
            code = commit(connection, &task->error);
            /* a connection that is lost during COMMIT leaves it open whether the work is stored */
            *repeat = connection->again && connection->native && pq.PQstatus(connection->native) == CONNECTION_OK;
            return code;
        }
        rollback(connection);
    }
    *repeat = connection->again;
    return code;
}

static void pause_before(int number)
{
    unsigned char chance;
    random_bytes(&chance, 1);
    long microseconds = (500L << (number < 6 ? number : 6)) * (chance + 64) / 256;
    nanosleep(&(struct timespec){.tv_nsec = microseconds * 1000}, NULL);
}

static void run(struct store_connection *connection, struct store_task *tasks)
{
    while (tasks) {
        struct store_task *task = tasks;
        tasks = task->next; /* `done` may free the task */
        bool repeat;
        error_clear(&task->error);
        int code = attempt(connection, task, &repeat);
        for (int i = 1; code && repeat && i < ATTEMPTS; i++) {
            pause_before(i);
            code = attempt(connection, task, &repeat);
        }
        if (code == ERROR_UNAVAILABLE) {
            char detail[300];
            log_line(LOG_ERROR, "store_task_lost", "module=%s detail=%s", connection->store->module,
                     log_quote(task->error.detail, detail, sizeof detail));
        }
        task->done(task, code);
    }
}

const struct store_driver store_postgres = {
    .bytes = "BYTEA", .clustered = "", .for_update = "FOR UPDATE", .skip_locked = "SKIP LOCKED",
    .prepare_database = prepare_database, .open = open_connection, .alive = alive, .close = shut, .prepare = prepare,
    .forget = forget, .query = query, .next = next, .end = end, .execute = execute, .is_null = is_null, .integer = integer,
    .text = text, .slice = text, .bytes_of = bytes_of, .reset = reset, .begin = begin, .commit = commit, .rollback = rollback, .run = run,
    .most = 1,
};
