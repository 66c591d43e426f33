#include "store/driver.h"

#include "base/thread.h"
#include "base/buffer.h"
#include "base/log.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_MAXIMUM 4096

/* ---- parameters */

struct store_value store_null(void)
{
    return (struct store_value){.kind = STORE_NULL};
}

struct store_value store_integer(int64_t value)
{
    return (struct store_value){.kind = STORE_INTEGER, .integer = value};
}

struct store_value store_string(const char *text)
{
    return text ? store_text(text, strlen(text)) : store_null();
}

struct store_value store_text(const char *text, size_t length)
{
    return (struct store_value){.kind = STORE_TEXT, .bytes = text, .length = length};
}

struct store_value store_bytes(const void *bytes, size_t length)
{
    return (struct store_value){.kind = STORE_BYTES, .bytes = bytes, .length = length};
}

/* ---- words in braces */

static const char *word(const struct store_driver *driver, const char *text, size_t length)
{
    const struct { const char *name, *value; } words[] = {{"{bytes}", driver->bytes},
                                                          {"{clustered}", driver->clustered},
                                                          {"{for update}", driver->for_update},
                                                          {"{skip locked}", driver->skip_locked}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].name) == length && !memcmp(words[i].name, text, length))
            return words[i].value;
    return NULL;
}

/* Replaces them outside of string literals. Owned by the caller. */
static char *translate(const struct store_driver *driver, const char *sql, struct error *error)
{
    struct buffer out;
    bool quoted = false;
    buffer_init(&out, 0);
    for (; *sql; sql++) {
        quoted ^= *sql == '\'';
        if (*sql != '{' || quoted) {
            buffer_char(&out, *sql);
            continue;
        }
        size_t length = strcspn(sql, "}") + 1;
        const char *value = sql[length - 1] ? word(driver, sql, length) : NULL;
        if (!value) {
            error_internal(error, "unknown word in SQL: %.40s", sql);
            buffer_free(&out);
            return NULL;
        }
        buffer_text(&out, value);
        sql += length - 1;
    }
    buffer_char(&out, 0);
    if (out.failed) {
        error_internal(error, "out of memory");
        buffer_free(&out);
    }
    return out.data;
}

/* ---- prepared statements */

static uint64_t hash_of(const char *sql)
{
    uint64_t hash = 0xCBF29CE484222325;
    for (; *sql; sql++)
        hash = (hash ^ (unsigned char)*sql) * 0x100000001B3;
    return hash;
}

static void statement_free(struct store_connection *connection, struct store_statement *statement)
{
    connection->store->driver->forget(connection, statement);
    free(statement->positions);
    free(statement->sql);
    free(statement);
}

static void statement_remove(struct store_connection *connection, struct store_statement *statement)
{
    struct store_statement **at = &connection->cache[statement->hash % STORE_STATEMENTS];
    while (*at != statement)
        at = &(*at)->next;
    *at = statement->next;
    connection->statements--;
    statement_free(connection, statement);
}

/* Programs have fewer statements than this; filters built at run time may have more. */
static void statement_evict(struct store_connection *connection)
{
    struct store_statement *oldest = NULL;
    for (int i = 0; i < STORE_STATEMENTS; i++)
        for (struct store_statement *s = connection->cache[i]; s; s = s->next)
            if (!s->busy && (!oldest || s->used < oldest->used))
                oldest = s;
    if (oldest)
        statement_remove(connection, oldest);
}

void store_statements_forget(struct store_connection *connection)
{
    for (int i = 0; i < STORE_STATEMENTS; i++) {
        while (connection->cache[i])
            statement_remove(connection, connection->cache[i]);
    }
}

static struct store_statement *statement_make(struct store_connection *connection, const char *sql, struct error *error)
{
    const struct store_driver *driver = connection->store->driver;
    char *translated = translate(driver, sql, error);
    if (!translated)
        return NULL;
    struct store_statement *statement = calloc(1, sizeof *statement);
    if (!statement || !(statement->sql = strdup(sql))) {
        error_internal(error, "out of memory");
    } else if (!driver->prepare(connection, statement, translated, error)) {
        free(translated);
        return statement;
    }
    free(translated);
    if (statement) {
        free(statement->positions);
        free(statement->sql);
    }
    free(statement);
    return NULL;
}

/* A statement whose rows are being read is prepared a second time, and thrown away after use. */
static struct store_statement *statement_get(struct store_connection *connection, const char *sql, struct error *error)
{
    uint64_t hash = hash_of(sql);
    struct store_statement **chain = &connection->cache[hash % STORE_STATEMENTS];
    bool busy = false;
    for (struct store_statement *s = *chain; s && !busy; s = s->next) {
        if (s->hash != hash || strcmp(s->sql, sql))
            continue;
        if (!s->busy) {
            s->used = ++connection->tick;
            return s;
        }
        busy = true;
    }
    struct store_statement *statement = statement_make(connection, sql, error);
    if (!statement || busy)
        return statement;
    if (connection->statements == STORE_STATEMENTS)
        statement_evict(connection);
    statement->hash = hash;
    statement->used = ++connection->tick;
    statement->cached = true;
    statement->next = *chain;
    *chain = statement;
    connection->statements++;
    return statement;
}

void store_statement_release(struct store_connection *connection, struct store_statement *statement)
{
    if (!statement->cached && !statement->busy)
        statement_free(connection, statement);
}

/* ---- statements */

static int failed(struct store_connection *connection, struct error *error)
{
    if (connection->in_work)
        connection->broken = true;
    return error->code;
}

static struct store_statement *begin(struct store_connection *connection, const char *sql, size_t count, struct error *error)
{
    if (connection->broken) {
        error_internal(error, "a statement after one that failed: %.60s", sql);
        return NULL;
    }
    const struct store_driver *driver = connection->store->driver;
    bool away = !connection->in_work && driver->alive && driver->alive(connection, error);
    struct store_statement *statement = away ? NULL : statement_get(connection, sql, error);
    if (statement && (size_t)statement->parameters != count) {
        error_internal(error, "%zu values for %d parameters: %.60s", count, statement->parameters, sql);
        store_statement_release(connection, statement);
        statement = NULL;
    }
    if (!statement)
        failed(connection, error);
    return statement;
}

static int query_once(struct store_connection *connection, struct store_rows *rows, struct error *error, const char *sql,
                      const struct store_value *values, size_t count)
{
    *rows = (struct store_rows){.connection = connection, .error = error, .row = -1};
    connection->again = false;
    struct store_statement *statement = begin(connection, sql, count, error);
    if (!statement)
        return error->code;
    int code = connection->store->driver->query(rows, statement, values, count);
    store_statement_release(connection, statement); /* unless its rows keep it */
    return code ? failed(connection, error) : 0;
}

int store_query(struct store_connection *connection, struct store_rows *rows, struct error *error, const char *sql,
                const struct store_value *values, size_t count)
{
    int code = query_once(connection, rows, error, sql, values, count);
    if (code && connection->reading && connection->again)
        code = query_once(connection, rows, error, sql, values, count);
    connection->open_rows += !code;
    rows->code = code;
    return code;
}

bool store_next(struct store_rows *rows)
{
    if (rows->code || !rows->statement)
        return false;
    bool more = rows->connection->store->driver->next(rows);
    if (rows->code)
        failed(rows->connection, rows->error);
    return more;
}

int store_end(struct store_rows *rows)
{
    if (!rows->statement)
        return rows->code;
    rows->connection->store->driver->end(rows);
    rows->connection->open_rows--;
    rows->statement = NULL;
    return rows->code;
}

bool store_is_null(struct store_rows *rows, int column)
{
    return rows->connection->store->driver->is_null(rows, column);
}

int64_t store_column_integer(struct store_rows *rows, int column)
{
    return rows->connection->store->driver->integer(rows, column);
}

const char *store_column_text(struct store_rows *rows, int column, size_t *length)
{
    size_t ignored;
    return rows->connection->store->driver->text(rows, column, length ? length : &ignored);
}

const char *store_column_slice(struct store_rows *rows, int column, size_t *length)
{
    return rows->connection->store->driver->slice(rows, column, length);
}

const void *store_column_bytes(struct store_rows *rows, int column, size_t *length)
{
    return rows->connection->store->driver->bytes_of(rows, column, length);
}

int store_execute(struct store_connection *connection, struct error *error, int64_t *changed, const char *sql,
                  const struct store_value *values, size_t count)
{
    struct store_statement *statement = begin(connection, sql, count, error);
    if (!statement)
        return error->code;
    int64_t ignored;
    int code = connection->store->driver->execute(connection, statement, values, count, changed ? changed : &ignored, error);
    store_statement_release(connection, statement);
    return code ? failed(connection, error) : 0;
}

int store_run_once(struct store_connection *connection, const char *sql, struct error *error)
{
    int64_t ignored;
    struct store_statement *statement = statement_make(connection, sql, error);
    if (!statement)
        return error->code;
    int code = connection->store->driver->execute(connection, statement, NULL, 0, &ignored, error);
    statement_free(connection, statement);
    return code;
}

int store_conflict(struct error *error, const char *detail)
{
    error_set(error, ERROR_CONFLICT, "unique", "已有相同的记录。", "There is such a record already.");
    error_detail(error, "%s", detail);
    return ERROR_CONFLICT;
}

/* ---- connections */

int store_connection_make(struct store *store, bool reading, struct store_connection **result, struct error *error)
{
    struct store_connection *connection = calloc(1, sizeof *connection);
    *result = NULL;
    if (!connection)
        return error_internal(error, "out of memory");
    connection->store = store;
    connection->reading = reading;
    if (store->driver->open(connection, error)) {
        free(connection);
        return error->code;
    }
    *result = connection;
    return 0;
}

void store_connection_free(struct store_connection *connection)
{
    if (!connection)
        return;
    store_statements_forget(connection);
    connection->store->driver->close(connection);
    free(connection);
}

int store_reader(struct store *store, struct store_connection **connection, struct error *error)
{
    return store_connection_make(store, true, connection, error);
}

void store_reader_close(struct store_connection *connection)
{
    store_connection_free(connection);
}

/* ---- writing */

int store_task_work(struct store_connection *connection, struct store_task *task)
{
    connection->in_work = true;
    connection->broken = connection->again = false;
    error_clear(&task->error);
    int code = task->work(connection, task->argument, &task->error);
    if (!code && connection->broken)
        code = error_internal(&task->error, "the work passed over a failed statement");
    if (code && !task->error.code)
        error_internal(&task->error, "the work failed and did not say why");
    if (!code)
        error_clear(&task->error);
    if (connection->open_rows) {
        connection->store->driver->reset(connection);
        connection->open_rows = 0;
        error_internal(&task->error, "the work left rows open");
    }
    connection->in_work = connection->broken = false;
    return task->error.code;
}

static struct store_task *take(struct store *store)
{
    struct store_task *tasks = NULL, **end = &tasks;
    for (int i = 0; i < store->driver->most && store->first; i++) {
        *end = store->first;
        end = &(*end)->next;
        store->first = store->first->next;
        store->waiting--;
    }
    *end = NULL;
    if (!store->first)
        store->last = &store->first;
    return tasks;
}

static void *writer(void *argument)
{
    struct store_connection *connection = argument;
    struct store *store = connection->store;
    pthread_mutex_lock(&store->lock);
    for (;;) {
        while (!store->first && !store->closing)
            pthread_cond_wait(&store->wake, &store->lock);
        if (!store->first)
            break;
        struct store_task *tasks = take(store);
        pthread_mutex_unlock(&store->lock);
        store->driver->run(connection, tasks);
        pthread_mutex_lock(&store->lock);
    }
    pthread_mutex_unlock(&store->lock);
    return NULL;
}

void store_submit(struct store *store, struct store_task *task)
{
    task->next = NULL;
    pthread_mutex_lock(&store->lock);
    bool refused = store->closing || store->waiting == QUEUE_MAXIMUM;
    if (!refused) {
        *store->last = task;
        store->last = &task->next;
        store->waiting++;
        pthread_cond_signal(&store->wake);
    }
    pthread_mutex_unlock(&store->lock);
    if (refused)
        task->done(task, error_unavailable(&task->error, "the writer's queue is full or closed"));
}

struct waiting {
    struct store_task task;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool over;
    int code;
};

static void waiting_done(struct store_task *task, int code)
{
    struct waiting *waiting = (struct waiting *)task;
    pthread_mutex_lock(&waiting->lock);
    waiting->over = true;
    waiting->code = code;
    pthread_cond_signal(&waiting->wake);
    pthread_mutex_unlock(&waiting->lock);
}

int store_write(struct store *store, store_work *work, void *argument, struct error *error)
{
    struct waiting waiting = {.task = {.work = work, .argument = argument, .done = waiting_done},
                              .lock = PTHREAD_MUTEX_INITIALIZER,
                              .wake = PTHREAD_COND_INITIALIZER};
    store_submit(store, &waiting.task);
    pthread_mutex_lock(&waiting.lock);
    while (!waiting.over)
        pthread_cond_wait(&waiting.wake, &waiting.lock);
    pthread_mutex_unlock(&waiting.lock);
    pthread_mutex_destroy(&waiting.lock);
    pthread_cond_destroy(&waiting.wake);
    if (waiting.code)
        *error = waiting.task.error;
    return waiting.code;
}

/* ---- opening and closing */

static int settings_fill(struct store *store, const char *database, const char *module, const struct store_settings *settings,
                         struct error *error)
{
    if (settings)
        store->settings = *settings;
    if (!store->settings.cache_kib)
        store->settings.cache_kib = 16384;
    if (!store->settings.checkpoint_pages)
        store->settings.checkpoint_pages = 4000;
    if (store->settings.writers < 1)
        store->settings.writers = 4;
    if (store->settings.writers > STORE_WRITERS)
        store->settings.writers = STORE_WRITERS;
    size_t length = strlen(module);
    if (!length || length >= sizeof store->module || strspn(module, "abcdefghijklmnopqrstuvwxyz0123456789_") != length)
        return error_internal(error, "no name for a database: %.40s", module);
    memcpy(store->module, module, length + 1);
    struct buffer where;
    buffer_init(&where, 4096);
    if (!strncmp(database, "sqlite:", 7)) {
        store->driver = &store_sqlite;
        buffer_printf(&where, "%s/%s.db", database + 7, module);
    } else if (!strncmp(database, "postgresql:", 11)) {
        store->driver = &store_postgres;
        buffer_text(&where, database + 11);
    } else {
        return error_internal(error, "a database is sqlite:<directory> or postgresql:<conninfo>");
    }
    store->where = where.data;
    return where.failed ? error_internal(error, "the database's place is too long") : 0;
}

static int writers_start(struct store *store, struct error *error)
{
    int wanted = store_is_sqlite(store) ? 1 : store->settings.writers;
    for (int i = 0; i < wanted; i++) {
        if (store_connection_make(store, false, &store->writer[i].connection, error))
            return error->code;
        if (thread_start(&store->writer[i].thread, writer, store->writer[i].connection)) {
            store_connection_free(store->writer[i].connection);
            return error_internal(error, "no thread for the writer");
        }
        store->writers++;
    }
    return 0;
}

int store_open(const char *database, const char *module, const struct store_settings *settings, struct store **result,
               struct error *error)
{
    struct store *store = calloc(1, sizeof *store);
    *result = NULL;
    if (!store)
        return error_internal(error, "out of memory");
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->wake, NULL);
    store->last = &store->first;
    if (settings_fill(store, database, module, settings, error) || store->driver->prepare_database(store, error) ||
        writers_start(store, error)) {
        store_close(store);
        return error->code;
    }
    *result = store;
    return 0;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    pthread_mutex_lock(&store->lock);
    store->closing = true;
    pthread_cond_broadcast(&store->wake);
    pthread_mutex_unlock(&store->lock);
    for (int i = 0; i < store->writers; i++) {
        pthread_join(store->writer[i].thread, NULL);
        store_connection_free(store->writer[i].connection);
    }
    pthread_cond_destroy(&store->wake);
    pthread_mutex_destroy(&store->lock);
    free(store->where);
    free(store);
}

char *store_like(struct arena *arena, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    char *pattern = arena_alloc(arena, 2 * length + 3), *out = pattern;

    if (!pattern) return NULL;
    *out++ = '%';
    for (size_t i = 0; i < length; i++) {
        if (strchr("%_!", text[i])) *out++ = '!';
        *out++ = (char)tolower((unsigned char)text[i]);
    }
    *out++ = '%';
    *out = '\0';
    return pattern;
}

bool store_is_sqlite(const struct store *store)
{
    return store->driver == &store_sqlite;
}
