/* The store on SQLite and, when STORE_POSTGRES names a database (a conninfo), the same cases on PostgreSQL. */
#include "tap.h"

#include "base/buffer.h"
#include "base/log.h"
#include "store/store.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/store_test.XXXXXX";
static char database[1100]; /* as store_open wants it */
static bool on_sqlite;
static struct error error;

static void file_write(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/sql/%s", directory, name);
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

static void file_remove(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/sql/%s", directory, name);
    unlink(path);
}

static int migrate(struct store *store)
{
    char path[256];
    snprintf(path, sizeof path, "%s/sql", directory);
    return store_migrate(store, path, &error);
}

static struct store *opened(const struct store_settings *settings)
{
    struct store *store;
    if (store_open(database, "store_test", settings, &store, &error))
        fail("store_open: %s", error.detail);
    return store;
}

/* ---- work for the cases below */

struct thing {
    struct store_task task; /* first */
    int64_t id;
    const char *name;
    size_t blob;
    int fail;               /* returns this after its insert */
    bool wrong;             /* runs a statement that fails and passes over it */
    int runs;
    _Atomic int over;       /* 1 + code when done */
};

static int insert_thing(struct store_connection *db, void *argument, struct error *e)
{
    struct thing *thing = argument;
    char *blob = calloc(1, thing->blob + 1);
    thing->runs++;
    int code = store_execute(db, e, NULL, "INSERT INTO thing (id, name, body) VALUES ($1, $2, $3)",
                             STORE_VALUES(store_integer(thing->id), store_string(thing->name),
                                          thing->blob ? store_bytes(blob, thing->blob) : store_null()));
    free(blob);
    if (thing->wrong) {
        struct error ignored;
        if (store_execute(db, &ignored, NULL, "INSERT INTO thing (id, name) VALUES ($1, NULL)", STORE_VALUES(store_integer(thing->id + 1))))
            return 0;
    }
    if (!code && thing->fail)
        return error_set(e, (enum error_code)thing->fail, "wanted", "要", "wanted");
    return code;
}

static void thing_done(struct store_task *task, int code)
{
    ((struct thing *)task)->over = 1 + code;
}

static int insert(struct store *store, int64_t id, const char *name)
{
    struct thing thing = {.id = id, .name = name};
    return store_write(store, insert_thing, &thing, &error);
}

static int64_t count_of(struct store *store, const char *sql)
{
    struct store_connection *reader;
    struct store_rows rows;
    int64_t count = -1;
    if (store_reader(store, &reader, &error))
        return -2;
    if (!store_query(reader, &rows, &error, sql, STORE_NO_VALUES)) {
        if (store_next(&rows))
            count = store_column_integer(&rows, 0);
        if (store_end(&rows))
            count = -3;
    }
    store_reader_close(reader);
    return count;
}

static void wait_for(struct thing *things, int count)
{
    for (int i = 0; i < count; i++)
        while (!things[i].over)
            usleep(200);
}

/* ---- cases */

static void migration_cases(struct store *store)
{
    file_write("001_first.sql", "-- the first;\nCREATE TABLE thing (\n  id BIGINT PRIMARY KEY,\n  name TEXT NOT NULL,\n\n"
                                "  body {bytes},\n  flag SMALLINT NOT NULL DEFAULT 0\n) {clustered};\n"
                                "CREATE UNIQUE INDEX thing_name ON thing (name) WHERE flag = 0;\n");
    file_write("002_second.sql", "CREATE TABLE other (id BIGINT PRIMARY KEY, thing BIGINT NOT NULL REFERENCES thing (id), note TEXT);\n"
                                 "INSERT INTO thing (id, name) VALUES (1, 'a;b''{bytes}');\n");
    file_write("notes.txt", "not SQL");
    ok(!migrate(store), "migrations run: %s", error.detail);
    ok(!migrate(store), "and are not run again");
    is_int(count_of(store, "SELECT COUNT(*) FROM store_migration"), 2, "two are remembered");
    is_int(count_of(store, "SELECT COUNT(*) FROM thing WHERE name = 'a;b''{bytes}'"), 1, "words in literals stay");
    file_write("003_bad.sql", "INSERT INTO thing (id, name) VALUES (2, 'two');\nINSERT INTO nowhere VALUES (1);\n");
    ok(migrate(store) && strstr(error.detail, "003_bad.sql"), "a bad one is named: %s", error.detail);
    is_int(count_of(store, "SELECT COUNT(*) FROM thing"), 1, "and undone whole");
    file_write("003_bad.sql", "SELECT 1");
    ok(migrate(store) && strstr(error.detail, "semicolon"), "a statement without an end");
    file_remove("003_bad.sql");
    file_write("002_twice.sql", "SELECT 1;\n");
    ok(migrate(store), "a number twice");
    file_remove("002_twice.sql");
    file_write("002_second.sql", "CREATE TABLE changed (id BIGINT);\n");
    ok(migrate(store) && strstr(error.detail, "002_second.sql"), "a changed old file is refused: %s", error.detail);
    file_remove("002_second.sql");
    ok(!migrate(store), "a newer number of a newer program is accepted");
    ok(store_migrate(store, "/nowhere", &error), "no directory");
}

static void binding_cases(struct store *store)
{
    struct store_connection *db;
    struct store_rows rows;
    size_t length;
    ok(!store_reader(store, &db, &error), "a reader");
    ok(!store_query(db, &rows, &error, "SELECT CAST($2 AS TEXT), CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS BIGINT)",
                    STORE_VALUES(store_string("first"), store_text("second and more", 6), store_integer(INT64_MIN))),
       "a query: %s", error.detail);
    ok(store_next(&rows), "a row");
    is_text(store_column_text(&rows, 0, &length), "second", "$2 is the second value though it comes first");
    is_int(length, 6, "its length");
    is_text(store_column_text(&rows, 1, NULL), "first", "$1 is the first");
    is_text(store_column_text(&rows, 2, NULL), "second", "$2 again");
    ok(store_column_integer(&rows, 3) == INT64_MIN, "64 bits");
    ok(!store_next(&rows) && !store_end(&rows), "one row only");
    ok(!store_query(db, &rows, &error, "SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), 1 = 1, 1 = 2", STORE_VALUES(store_string(NULL), store_null())) &&
           store_next(&rows), "NULLs");
    ok(store_is_null(&rows, 0) && store_is_null(&rows, 1) && !store_is_null(&rows, 2), "are NULL");
    is_text(store_column_text(&rows, 0, NULL), "", "read as empty text");
    is_int(store_column_integer(&rows, 1), 0, "or 0");
    ok(store_column_integer(&rows, 2) == 1 && store_column_integer(&rows, 3) == 0, "conditions are 1 and 0");
    store_end(&rows);
    ok(!store_query(db, &rows, &error, "SELECT CAST($1 AS TEXT)", STORE_VALUES(store_text("", 0))) && store_next(&rows) &&
           !store_is_null(&rows, 0), "empty text is not NULL");
    store_end(&rows);
    is_int(store_query(db, &rows, &error, "SELECT CAST($1 AS TEXT)", STORE_NO_VALUES), ERROR_INTERNAL, "too few values");
    ok(!store_next(&rows) && store_end(&rows), "a query that failed has no rows");
    is_int(store_query(db, &rows, &error, "SELECT CAST($1 AS TEXT)", STORE_VALUES(store_null(), store_null())), ERROR_INTERNAL, "too many");
    is_int(store_query(db, &rows, &error, "SELECT CAST($2 AS TEXT)", STORE_VALUES(store_null(), store_null())), ERROR_INTERNAL, "a gap");
    is_int(store_query(db, &rows, &error, "SELECT {unknown}", STORE_NO_VALUES), ERROR_INTERNAL, "an unknown word in braces");
    is_int(store_query(db, &rows, &error, "SELECT nonsense", STORE_NO_VALUES), ERROR_INTERNAL, "nonsense");
    ok(store_execute(db, &error, NULL, "DELETE FROM thing", STORE_NO_VALUES), "a reader cannot write: %s", error.detail);
    /* the same text while its rows are open, and more texts than the cache holds */
    struct store_rows inner;
    int64_t sum = 0;
    const char *numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n";
    store_query(db, &rows, &error, numbers, STORE_NO_VALUES);
    while (store_next(&rows)) {
        store_query(db, &inner, &error, numbers, STORE_NO_VALUES);
        while (store_next(&inner))
            sum += store_column_integer(&rows, 0) * store_column_integer(&inner, 0);
        store_end(&inner);
    }
    ok(!store_end(&rows) && sum == 36, "the same statement within itself");
    bool right = true;
    for (int i = 0; i < 1000; i++) {
        char sql[40];
        snprintf(sql, sizeof sql, "SELECT %d", i);
        right = right && !store_query(db, &rows, &error, sql, STORE_NO_VALUES) && store_next(&rows) && store_column_integer(&rows, 0) == i;
        store_end(&rows);
    }
    ok(right, "1,000 different statements");
    store_reader_close(db);
}

static int write_bytes(struct store_connection *db, void *argument, struct error *e)
{
    int64_t changed;
    int code = store_execute(db, e, &changed, "UPDATE thing SET body = $2 WHERE id = $1",
                             STORE_VALUES(store_integer(1), store_bytes("\0\xFF'\\x\n", 6)));
    *(int64_t *)argument = changed;
    return code;
}

static int returning(struct store_connection *db, void *argument, struct error *e)
{
    struct store_rows rows;
    if (store_query(db, &rows, e, "INSERT INTO thing (id, name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING id, name",
                    STORE_VALUES(store_integer(1), store_string("one"))))
        return e->code;
    while (store_next(&rows))
        *(int64_t *)argument += store_column_integer(&rows, 0) + !strcmp(store_column_text(&rows, 1, NULL), "one");
    return store_end(&rows);
}

static int forgets_rows(struct store_connection *db, void *argument, struct error *e)
{
    struct store_rows rows;
    (void)argument;
    if (store_query(db, &rows, e, "SELECT id FROM thing", STORE_NO_VALUES))
        return e->code;
    store_next(&rows);
    return 0;
}

static int says_nothing(struct store_connection *db, void *argument, struct error *e)
{
    (void)db; (void)argument; (void)e;
    return ERROR_CONFLICT;
}

static void writing_cases(struct store *store)
{
    int64_t changed = 0;
    ok(!store_write(store, write_bytes, &changed, &error) && changed == 1, "bytes are written, one row changed");
    struct store_connection *db;
    struct store_rows rows;
    size_t length;
    store_reader(store, &db, &error);
    ok(!store_query(db, &rows, &error, "SELECT body, LENGTH(body) FROM thing WHERE id = 1", STORE_NO_VALUES) && store_next(&rows), "and read");
    const void *bytes = store_column_bytes(&rows, 0, &length);
    is_bytes(bytes, length, "\0\xFF'\\x\n", 6, "the same bytes");
    is_int(store_column_integer(&rows, 1), 6, "six of them");
    store_end(&rows);
    store_reader_close(db);
    changed = 0;
    ok(!store_write(store, returning, &changed, &error) && changed == 2, "RETURNING and ON CONFLICT");
    is_int(insert(store, 2, "two"), 0, "an insert");
    is_int(insert(store, 2, "again"), ERROR_CONFLICT, "a broken primary key");
    is_text(error.name, "unique", "is a conflict of its name");
    is_int(insert(store, 3, "two"), ERROR_CONFLICT, "a broken partial unique index");
    is_int(insert(store, 3, NULL), ERROR_INTERNAL, "a NULL that must not be is a defect");
    struct thing wrong = {.id = 50, .name = "fifty", .wrong = true};
    is_int(store_write(store, insert_thing, &wrong, &error), ERROR_INTERNAL, "a work that passes over a failed statement fails");
    struct thing fails = {.id = 60, .name = "sixty", .fail = ERROR_INVALID};
    is_int(store_write(store, insert_thing, &fails, &error), ERROR_INVALID, "a work that fails gives its own code");
    is_text(error.name, "wanted", "and its own words");
    is_int(store_write(store, forgets_rows, NULL, &error), ERROR_INTERNAL, "rows left open are a defect");
    is_int(store_write(store, says_nothing, NULL, &error), ERROR_INTERNAL, "a failure without words is never taken for success");
    is_int(count_of(store, "SELECT COUNT(*) FROM thing"), 2, "nothing of these was stored");
    is_int(insert(store, 3, "three"), 0, "the writer goes on");
}

static void group_cases(struct store *store)
{
    enum { N = 200 };
    static struct thing things[N];
    static char names[N][24];
    memset(things, 0, sizeof things);
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "group%d", i);
        things[i] = (struct thing){.task = {.work = insert_thing, .argument = &things[i], .done = thing_done},
                                   .id = 1000 + i, .name = i % 50 == 49 ? "two" : names[i], .fail = i % 20 == 7 ? ERROR_STALE : 0};
    }
    for (int i = 0; i < N; i++)
        store_submit(store, &things[i].task);
    wait_for(things, N);
    bool right = true;
    for (int i = 0; i < N; i++)
        right = right && things[i].over == 1 + (i % 50 == 49 ? ERROR_CONFLICT : i % 20 == 7 ? ERROR_STALE : 0);
    ok(right, "in a group every task has its own fate");
    is_int(count_of(store, "SELECT COUNT(*) FROM thing WHERE id >= 1000"), N - 4 - 10, "only the good ones are stored");
}

struct crowd {
    struct store *store;
    int number, good;
};

static int add_one(struct store_connection *db, void *argument, struct error *e)
{
    struct store_rows rows;
    int64_t value = -1;
    (void)argument;
    if (store_query(db, &rows, e, "SELECT CAST(note AS BIGINT) FROM other WHERE id = 1 {for update}", STORE_NO_VALUES))
        return e->code;
    if (store_next(&rows))
        value = store_column_integer(&rows, 0);
    if (store_end(&rows))
        return e->code;
    return store_execute(db, e, NULL, "UPDATE other SET note = CAST(CAST($1 AS BIGINT) AS TEXT) WHERE id = 1", STORE_VALUES(store_integer(value + 1)));
}

static void *crowd_run(void *argument)
{
    struct crowd *crowd = argument;
    for (int i = 0; i < 100; i++) {
        struct error mine;
        crowd->good += !store_write(crowd->store, add_one, NULL, &mine);
    }
    return NULL;
}

static int other_begin(struct store_connection *db, void *argument, struct error *e)
{
    (void)argument;
    return store_execute(db, e, NULL, "INSERT INTO other (id, thing, note) VALUES (1, 1, '0'), (2, 1, '0')", STORE_NO_VALUES);
}

static void crowd_cases(struct store *store)
{
    struct crowd crowds[8];
    pthread_t threads[8];
    int good = 0;
    ok(!store_write(store, other_begin, NULL, &error), "a counter: %s", error.detail);
    for (int i = 0; i < 8; i++) {
        crowds[i] = (struct crowd){.store = store, .number = i};
        pthread_create(&threads[i], NULL, crowd_run, &crowds[i]);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        good += crowds[i].good;
    }
    is_int(good, 800, "8 threads write 100 times each");
    is_int(count_of(store, "SELECT CAST(note AS BIGINT) FROM other WHERE id = 1"), 800, "and nothing is lost");
}

/* Two tasks that lock two rows in opposite order: PostgreSQL ends one with a deadlock, and it is run again. */
static int cross(struct store_connection *db, void *argument, struct error *e)
{
    const int64_t first = *(int64_t *)argument;
    for (int i = 0; i < 2; i++) {
        if (store_execute(db, e, NULL, "UPDATE other SET note = CAST(CAST(note AS BIGINT) + 1 AS TEXT) WHERE id = $1",
                          STORE_VALUES(store_integer(i ? 3 - first : first))))
            return e->code;
        usleep(2000);
    }
    return 0;
}

static void *cross_run(void *argument)
{
    struct crowd *crowd = argument;
    for (int i = 0; i < 2; i++) {
        struct error mine;
        int64_t first = 1 + crowd->number % 2;
        crowd->good += !store_write(crowd->store, cross, &first, &mine);
    }
    return NULL;
}

static void deadlock_cases(struct store *store)
{
    struct crowd crowds[2];
    pthread_t threads[2];
    int good = 0;
    for (int i = 0; i < 2; i++) {
        crowds[i] = (struct crowd){.store = store, .number = i};
        pthread_create(&threads[i], NULL, cross_run, &crowds[i]);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        good += crowds[i].good;
    }
    is_int(good, 4, "works that lock crosswise all end well");
}

static int reference_broken(struct store_connection *db, void *argument, struct error *e)
{
    (void)argument;
    return store_execute(db, e, NULL, "INSERT INTO other (id, thing) VALUES (9, 987654)", STORE_NO_VALUES);
}

static void closing_cases(struct store *store)
{
    enum { N = 50 };
    static struct thing things[N];
    static char names[N][24];
    is_int(store_write(store, reference_broken, NULL, &error), ERROR_INTERNAL, "references are checked");
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "last%d", i);
        things[i] = (struct thing){.task = {.work = insert_thing, .argument = &things[i], .done = thing_done}, .id = 5000 + i, .name = names[i]};
        store_submit(store, &things[i].task);
    }
    store_close(store);
    int good = 0;
    for (int i = 0; i < N; i++)
        good += things[i].over == 1;
    is_int(good, N, "closing waits for queued work");
    store = opened(NULL);
    is_int(count_of(store, "SELECT COUNT(*) FROM thing WHERE id >= 5000"), N, "all of it is there");
    store_close(store);
}

static void cases(void)
{
    struct store *store = opened(NULL);
    ok(store && store_is_sqlite(store) == on_sqlite, "open");
    migration_cases(store);
    binding_cases(store);
    writing_cases(store);
    group_cases(store);
    crowd_cases(store);
    deadlock_cases(store);
    closing_cases(store);
}

/* ---- SQLite alone: a full disk */

static int clear_things(struct store_connection *db, void *argument, struct error *e)
{
    (void)argument;
    return store_execute(db, e, NULL, "DELETE FROM thing WHERE id >= 10000", STORE_NO_VALUES);
}

static void full_disk_cases(void)
{
    enum { N = 40 };
    static struct thing things[N];
    static char names[N][24];
    struct store *store = opened(&(struct store_settings){.maximum_pages = 400});
    struct thing block = {.task = {.work = insert_thing, .argument = &block, .done = thing_done}, .id = 9999, .name = "block"};
    int lost = 0, good = 0, other = 0;
    store_submit(store, &block.task);
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "full%d", i);
        things[i] = (struct thing){.task = {.work = insert_thing, .argument = &things[i], .done = thing_done},
                                   .id = 10000 + i, .name = names[i], .blob = i % 10 == 5 ? 2000000 : 10};
        store_submit(store, &things[i].task);
    }
    wait_for(things, N);
    wait_for(&block, 1);
    for (int i = 0; i < N; i++) {
        lost += things[i].over == 1 + ERROR_UNAVAILABLE;
        good += things[i].over == 1;
        other += things[i].over != 1 && things[i].over != 1 + ERROR_UNAVAILABLE;
        if (things[i].blob > 10 && things[i].over == 1)
            fail("a task that does not fit was reported done");
    }
    ok(lost >= 4 && !other, "a full disk: %d of the group are lost, %d of other groups stored", lost, good);
    is_int(count_of(store, "SELECT COUNT(*) FROM thing WHERE id >= 10000"), good, "exactly what was reported done is there");
    struct thing small = {.id = 20000, .name = "small", .blob = 10};
    is_int(store_write(store, insert_thing, &small, &error), 0, "what fits still works");
    /* fill it in small steps, then give space back */
    int code = 0, stored = 0;
    for (int i = 0; !code && i < 2000; i++, stored++) {
        struct thing thing = {.id = 30000 + i, .name = names[0], .blob = 20000};
        char name[20];
        snprintf(name, sizeof name, "fill%d", i);
        thing.name = name;
        code = store_write(store, insert_thing, &thing, &error);
    }
    is_int(code, ERROR_UNAVAILABLE, "the database is full");
    is_int(store_write(store, clear_things, NULL, &error), 0, "space is given back");
    struct thing again = {.id = 40000, .name = "again", .blob = 20000};
    is_int(store_write(store, insert_thing, &again, &error), 0, "and writing works again");
    store_close(store);
}

static void permission_case(void)
{
    char path[256];
    struct stat status;
    snprintf(path, sizeof path, "%s/store_test.db", directory);
    ok(!stat(path, &status) && (status.st_mode & 0777) == 0600, "the file is for its owner alone");
    struct store *store;
    ok(store_open("sqlite:/nowhere/at/all", "x", NULL, &store, &error) == ERROR_UNAVAILABLE && !store, "no such directory");
    ok(store_open("mysql:x", "x", NULL, &store, &error) && !store, "no such database");
    ok(store_open(database, "../x", NULL, &store, &error) && !store, "a module's name is a word");
}

/* ---- PostgreSQL alone: connections that break */

static int kill_others(struct store_connection *db, void *argument, struct error *e)
{
    struct store_rows rows;
    (void)argument;
    if (store_query(db, &rows, e, "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE application_name = 'store_test' AND pid <> pg_backend_pid()", STORE_NO_VALUES))
        return e->code;
    store_next(&rows);
    return store_end(&rows);
}

static int kill_self(struct store_connection *db, void *argument, struct error *e)
{
    struct thing *thing = argument;
    if (insert_thing(db, thing, e))
        return e->code;
    struct store_rows rows;
    if (thing->runs > 1)
        return 0;
    if (store_query(db, &rows, e, "SELECT pg_terminate_backend(pg_backend_pid())", STORE_NO_VALUES))
        return e->code;
    store_next(&rows);
    return store_end(&rows);
}

static void broken_connection_cases(void)
{
    struct store *store = opened(&(struct store_settings){.writers = 2});
    struct store_connection *reader;
    struct store_rows rows;
    store_reader(store, &reader, &error);
    ok(!store_query(reader, &rows, &error, "SELECT COUNT(*) FROM thing", STORE_NO_VALUES) && store_next(&rows), "a reader");
    store_end(&rows);
    ok(!store_write(store, kill_others, NULL, &error), "all other sessions are killed: %s", error.detail);
    ok(!store_query(reader, &rows, &error, "SELECT COUNT(*) FROM thing", STORE_NO_VALUES) && store_next(&rows),
       "the reader asks again over a new connection: %s", error.detail);
    store_end(&rows);
    int good = 0;
    for (int i = 0; i < 10; i++) {
        char name[20];
        snprintf(name, sizeof name, "after%d", i);
        good += !insert(store, 6000 + i, name);
    }
    is_int(good, 10, "the writers, too");
    struct thing self = {.id = 7000, .name = "self"};
    ok(!store_write(store, kill_self, &self, &error) && self.runs == 2, "a session killed within a work: it runs again (%d)", self.runs);
    is_int(count_of(store, "SELECT COUNT(*) FROM thing WHERE id = 7000"), 1, "once only");
    store_reader_close(reader);
    store_close(store);
    ok(store_open("postgresql:host=/nowhere", "store_test", NULL, &store, &error) == ERROR_UNAVAILABLE, "no server: %s", error.detail);
}

static int drop_schema(struct store_connection *db, void *argument, struct error *e)
{
    (void)argument;
    return store_execute(db, e, NULL, "DROP SCHEMA store_test CASCADE", STORE_NO_VALUES);
}

static void remove_all(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    if (system(command))
        diag("%s stays", directory);
}

int main(void)
{
    char path[64];
    if (!mkdtemp(directory))
        return 1;
    log_open("store_test", (enum log_level)(LOG_ERROR + 1));
    snprintf(path, sizeof path, "%s/sql", directory);
    mkdir(path, 0700);
    on_sqlite = true;
    snprintf(database, sizeof database, "sqlite:%s", directory);
    cases();
    full_disk_cases();
    permission_case();
    const char *postgres = getenv("STORE_POSTGRES");
    if (postgres) {
        struct store *store;
        on_sqlite = false;
        snprintf(database, sizeof database, "postgresql:%s", postgres);
        if ((store = opened(NULL))) {
            store_write(store, drop_schema, NULL, &error);
            store_close(store);
            cases();
            broken_connection_cases();
            store = opened(NULL);
            store_write(store, drop_schema, NULL, &error);
            store_close(store);
        }
    } else {
        pass("the same on PostgreSQL # SKIP STORE_POSTGRES is not set");
    }
    remove_all();
    return done_testing();
}
