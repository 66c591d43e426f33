/* SQLite: WAL, every commit synced, one writer thread that commits what waits together. */
#include "store/driver.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUSY_MILLISECONDS 5000 /* another program (a backup, a migration) may hold the lock for a moment */
#define GROUP 128              /* tasks in one commit: the p99 of a save stays near the time of one group */

static int refuse(struct store_connection *connection, int result, struct error *error)
{
    sqlite3 *db = connection->native;
    int extended = sqlite3_extended_errcode(db);
    switch (result & 0xFF) {
    case SQLITE_CONSTRAINT:
        if (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY || extended == SQLITE_CONSTRAINT_ROWID)
            return store_conflict(error, sqlite3_errmsg(db));
        break;
    case SQLITE_FULL: case SQLITE_IOERR: case SQLITE_BUSY: case SQLITE_LOCKED: case SQLITE_NOMEM: case SQLITE_CANTOPEN:
    case SQLITE_READONLY: case SQLITE_PROTOCOL: case SQLITE_INTERRUPT: case SQLITE_CORRUPT: case SQLITE_NOTADB:
        return error_unavailable(error, "sqlite %d: %s", extended, sqlite3_errmsg(db));
    }
    return error_internal(error, "sqlite %d: %s", extended, sqlite3_errmsg(db));
}

static int simple(struct store_connection *connection, const char *sql, struct error *error)
{
    int result = sqlite3_exec(connection->native, sql, NULL, NULL, NULL);
    return result == SQLITE_OK ? 0 : refuse(connection, result, error);
}

/* ---- opening */

static void library_begin(void)
{
    /* its statistics cost a global lock at every allocation */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* Made here because SQLite would make it readable for others. */
static int prepare_database(struct store *store, struct error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, library_begin);
    int fd = open(store->where, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_unavailable(error, "%s: %s", store->where, strerror(errno));
    close(fd);
    return 0;
}

static void shut(struct store_connection *connection)
{
    sqlite3_close_v2(connection->native);
    connection->native = NULL;
}

static int open_connection(struct store_connection *connection, struct error *error)
{
    const struct store_settings *settings = &connection->store->settings;
    char sql[400];
    sqlite3 *db = NULL;
    int result = sqlite3_open_v2(connection->store->where, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    connection->native = db;
    if (!db)
        return error_internal(error, "out of memory");
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, BUSY_MILLISECONDS);
    snprintf(sql, sizeof sql,
             "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-%d;"
             "PRAGMA wal_autocheckpoint=%d; PRAGMA journal_size_limit=67108864; PRAGMA temp_store=MEMORY;"
             "PRAGMA trusted_schema=OFF; PRAGMA query_only=%d;",
             connection->reading ? settings->cache_kib / 8 : settings->cache_kib, settings->checkpoint_pages, connection->reading);
    int code = result != SQLITE_OK ? refuse(connection, result, error) : simple(connection, sql, error);
    if (!code && settings->maximum_pages) {
        snprintf(sql, sizeof sql, "PRAGMA max_page_count=%d", settings->maximum_pages);
        code = simple(connection, sql, error);
    }
    if (code)
        shut(connection);
    return code;
}

/* ---- statements */

/* Where each $n is bound: SQLite numbers names by first appearance, so that `SELECT $2, $1` by position would swap. */
static int positions_find(struct store_statement *statement, sqlite3_stmt *native, struct error *error)
{
    int count = sqlite3_bind_parameter_count(native);
    if (count > STORE_PARAMETERS)
        return error_internal(error, "more than %d parameters: %.60s", STORE_PARAMETERS, statement->sql);
    statement->parameters = count;
    statement->positions = calloc((size_t)count + 1, sizeof *statement->positions);
    if (!statement->positions)
        return error_internal(error, "out of memory");
    for (int n = 1; n <= count; n++) {
        char name[16];
        snprintf(name, sizeof name, "$%d", n);
        statement->positions[n] = sqlite3_bind_parameter_index(native, name);
        if (!statement->positions[n])
            return error_internal(error, "of %d parameters $%d does not occur: %.60s", count, n, statement->sql);
    }
    return 0;
}

#ifdef STORE_PLANS
/* Of an index that leaves rows out. */
static bool is_partial(sqlite3 *db, const char *index)
{
    static const char question[] = "SELECT 1 FROM sqlite_schema WHERE name = ?1 AND sql LIKE '% WHERE %'";
    sqlite3_stmt *asked = NULL;
    bool partial = sqlite3_prepare_v2(db, question, -1, &asked, NULL) == SQLITE_OK && sqlite3_bind_text(asked, 1, index, -1, SQLITE_STATIC) == SQLITE_OK &&
                   sqlite3_step(asked) == SQLITE_ROW;
    sqlite3_finalize(asked);
    return partial;
}

/* Tells of a statement that walks through a whole table, and to its end: what the table has is what it costs. */
static void look_at_plan(struct store_connection *connection, const char *sql)
{
    sqlite3_stmt *plan = NULL;
    char question[4096], table[64], index[64];
    if (strstr(sql, " LIMIT ") || snprintf(question, sizeof question, "EXPLAIN QUERY PLAN %s", sql) >= (int)sizeof question ||
        sqlite3_prepare_v2(connection->native, question, -1, &plan, NULL) != SQLITE_OK)
        return;
    while (sqlite3_step(plan) == SQLITE_ROW) {
        const char *step = (const char *)sqlite3_column_text(plan, 3), *with = strstr(step, " INDEX ");
        if (sscanf(step, "SCAN %63s", table) != 1 || strstr(step, "CONSTANT ROW") || (with && sscanf(with, " INDEX %63s", index) == 1 && is_partial(connection->native, index))) continue;
        log_line(LOG_WARNING, "store_scan", "module=%s table=%s sql=%.300s", connection->store->module, table, sql);
    }
    sqlite3_finalize(plan);
}
#else
#define look_at_plan(connection, sql) ((void)0)
#endif

static int prepare(struct store_connection *connection, struct store_statement *statement, const char *sql, struct error *error)
{
    sqlite3_stmt *native = NULL;
    const char *tail = "";
    int result = sqlite3_prepare_v3(connection->native, sql, -1, SQLITE_PREPARE_PERSISTENT, &native, &tail);
    if (result != SQLITE_OK) {
        refuse(connection, result, error);
        error_detail(error, "in: %.80s", sql);
        return error->code;
    }
    if (!native || tail[strspn(tail, " \t\r\n;")])
        error_internal(error, "not one statement: %.80s", sql);
    else if (!positions_find(statement, native, error)) {
        statement->native = native;
        look_at_plan(connection, sql);
        return 0;
    }
    sqlite3_finalize(native);
    return error->code;
}

static void forget(struct store_connection *connection, struct store_statement *statement)
{
    (void)connection;
    sqlite3_finalize(statement->native);
}

static int bind(sqlite3_stmt *native, int position, const struct store_value *value)
{
    static const char nothing[1] = "";
    const void *bytes = value->length ? value->bytes : nothing;
    switch (value->kind) {
    case STORE_NULL: return sqlite3_bind_null(native, position);
    case STORE_INTEGER: return sqlite3_bind_int64(native, position, value->integer);
    case STORE_TEXT: return sqlite3_bind_text64(native, position, bytes, value->length, SQLITE_STATIC, SQLITE_UTF8);
    case STORE_BYTES: return sqlite3_bind_blob64(native, position, bytes, value->length, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

static int bind_all(struct store_connection *connection, struct store_statement *statement, const struct store_value *values,
                    size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        int result = bind(statement->native, statement->positions[i + 1], &values[i]);
        if (result != SQLITE_OK)
            return refuse(connection, result, error);
    }
    return 0;
}

static int query(struct store_rows *rows, struct store_statement *statement, const struct store_value *values, size_t count)
{
    rows->code = bind_all(rows->connection, statement, values, count, rows->error);
    if (rows->code)
        return rows->code;
    rows->statement = statement;
    statement->busy = true;
    return 0;
}

static sqlite3_stmt *native_of(struct store_rows *rows)
{
    return ((struct store_statement *)rows->statement)->native;
}

static bool next(struct store_rows *rows)
{
    int result = sqlite3_step(native_of(rows));
    rows->row++;
    if (result == SQLITE_ROW)
        return true;
    if (result != SQLITE_DONE) {
        rows->code = refuse(rows->connection, result, rows->error);
        error_detail(rows->error, "in: %.80s", ((struct store_statement *)rows->statement)->sql);
    }
    return false;
}

static void end(struct store_rows *rows)
{
    struct store_statement *statement = rows->statement;
    sqlite3_reset(statement->native);
    statement->busy = false;
    store_statement_release(rows->connection, statement);
}

static int execute(struct store_connection *connection, struct store_statement *statement, const struct store_value *values,
                   size_t count, int64_t *changed, struct error *error)
{
    int code = bind_all(connection, statement, values, count, error);
    if (code)
        return code;
    int result;
    do
        result = sqlite3_step(statement->native);
    while (result == SQLITE_ROW);
    if (result != SQLITE_DONE) {
        code = refuse(connection, result, error);
        error_detail(error, "in: %.80s", statement->sql);
    }
    *changed = sqlite3_stmt_readonly(statement->native) ? 0 : sqlite3_changes64(connection->native);
    sqlite3_reset(statement->native);
    return code;
}

static bool is_null(struct store_rows *rows, int column)
{
    return sqlite3_column_type(native_of(rows), column) == SQLITE_NULL;
}

static int64_t integer(struct store_rows *rows, int column)
{
    return sqlite3_column_int64(native_of(rows), column);
}

static const char *text(struct store_rows *rows, int column, size_t *length)
{
    const char *value = (const char *)sqlite3_column_text(native_of(rows), column);
    *length = value ? (size_t)sqlite3_column_bytes(native_of(rows), column) : 0;
    return value ? value : "";
}

/* Where it lies in the page, without the copy that a NUL behind it costs. */
static const char *slice(struct store_rows *rows, int column, size_t *length)
{
    sqlite3_value *value = sqlite3_column_value(native_of(rows), column);
    const char *bytes = sqlite3_value_blob(value);
    *length = bytes ? (size_t)sqlite3_value_bytes(value) : 0;
    return bytes ? bytes : "";
}

static const void *bytes_of(struct store_rows *rows, int column, size_t *length)
{
    const void *value = sqlite3_column_blob(native_of(rows), column);
    *length = value ? (size_t)sqlite3_column_bytes(native_of(rows), column) : 0;
    return value ? value : "";
}

static void reset(struct store_connection *connection)
{
    for (sqlite3_stmt *s = sqlite3_next_stmt(connection->native, NULL); s; s = sqlite3_next_stmt(connection->native, s))
        sqlite3_reset(s);
    for (int i = 0; i < STORE_STATEMENTS; i++)
        for (struct store_statement *s = connection->cache[i]; s; s = s->next)
            s->busy = false;
}

/* ---- transactions */

static int begin(struct store_connection *connection, struct error *error)
{
    return simple(connection, "BEGIN IMMEDIATE", error);
}

static void rollback(struct store_connection *connection)
{
    if (!sqlite3_get_autocommit(connection->native))
        sqlite3_exec(connection->native, "ROLLBACK", NULL, NULL, NULL);
}

static int commit(struct store_connection *connection, struct error *error)
{
    int code = simple(connection, "COMMIT", error);
    if (code)
        rollback(connection);
    return code;
}

/* A prepared statement of our own, kept with the others. 0, or a code and the transaction is not to be trusted any more. */
static int step(struct store_connection *connection, const char *sql, struct error *error)
{
    return store_execute(connection, error, NULL, sql, STORE_NO_VALUES);
}

/* One task within the group. Returns a code when the group is lost; the task's own failure stays in the task. */
static int member(struct store_connection *connection, struct store_task *task, struct error *error)
{
    if (step(connection, "SAVEPOINT task", error))
        return error->code;
    int code = store_task_work(connection, task);
    if (sqlite3_get_autocommit(connection->native)) {
        /* a full disk ends the whole transaction, not the savepoint */
        *error = task->error;
        return code ? code : error_unavailable(error, "the transaction ended within a task");
    }
    if (code && step(connection, "ROLLBACK TO task", error))
        return error->code;
    return step(connection, "RELEASE task", error);
}

static void answer(struct store_task *tasks, const struct error *lost)
{
    log_hold(true); /* each task's owner has a line to say */
    while (tasks) {
        struct store_task *task = tasks;
        tasks = task->next; /* `done` may free the task */
        if (lost)
            error_unavailable(&task->error, "the group was lost: %s", lost->detail);
        task->done(task, task->error.code);
    }
    log_hold(false);
}

static void run(struct store_connection *connection, struct store_task *tasks)
{
    struct error error;
    int code = step(connection, "BEGIN IMMEDIATE", &error), members = 0;
    for (struct store_task *task = tasks; task && !code; task = task->next, members++)
        code = member(connection, task, &error);
    if (!code)
        code = step(connection, "COMMIT", &error);
    if (!code) {
        answer(tasks, NULL);
        return;
    }
    char detail[300];
    rollback(connection);
    log_line(LOG_ERROR, "store_group_lost", "module=%s tasks=%d detail=%s", connection->store->module, members,
             log_quote(error.detail, detail, sizeof detail));
    answer(tasks, &error);
}

const struct store_driver store_sqlite = {
    .bytes = "BLOB", .clustered = "WITHOUT ROWID", .for_update = "", .skip_locked = "",
    .prepare_database = prepare_database, .open = open_connection, .close = shut, .prepare = prepare, .forget = forget,
    .query = query, .next = next, .end = end, .execute = execute, .is_null = is_null, .integer = integer, .text = text, .slice = slice,
    .bytes_of = bytes_of, .reset = reset, .begin = begin, .commit = commit, .rollback = rollback, .run = run, .most = GROUP,
};
