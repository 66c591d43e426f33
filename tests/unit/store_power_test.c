/* Power loss on SQLite: a VFS that notes what was synced. Whatever was reported done before the lights went out must be found
   in a copy of the files that has only synced bytes. */
#include "tap.h"

#include "base/log.h"
#include "store/store.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <unistd.h>

/* ---- the VFS: every write goes through at once and is also noted; a sync applies the notes to the shadow of the file */

#define FILES 8

struct pending {
    struct pending *next;
    sqlite3_int64 offset; /* -1: truncate to `length` */
    sqlite3_int64 length;
    char bytes[];
};

struct shadow {
    char path[200];
    int fd; /* what the disk holds for sure */
    struct pending *first, **last;
};

struct power_file {
    sqlite3_file base;
    struct shadow *shadow; /* NULL: not of the database */
    sqlite3_file *real;
};

static pthread_mutex_t power_lock = PTHREAD_MUTEX_INITIALIZER;
static struct shadow shadows[FILES];
static int shadow_count;
static const char *live_directory, *shadow_directory;
static sqlite3_vfs *real_vfs;
static bool lie; /* for the counter-check: a sync that does nothing */

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct power_file *)file)->real;
}

static void note(struct shadow *shadow, sqlite3_int64 offset, const void *bytes, sqlite3_int64 length)
{
    size_t kept = offset < 0 ? 0 : (size_t)length;
    struct pending *pending = malloc(sizeof *pending + kept);
    *pending = (struct pending){.offset = offset, .length = length};
    if (kept)
        memcpy(pending->bytes, bytes, kept);
    *shadow->last = pending;
    shadow->last = &pending->next;
}

static void notes_apply(struct shadow *shadow, bool keep)
{
    for (struct pending *pending = shadow->first, *next; pending; pending = next) {
        next = pending->next;
        if (keep && pending->offset < 0 && ftruncate(shadow->fd, pending->length))
            abort();
        if (keep && pending->offset >= 0 && pwrite(shadow->fd, pending->bytes, (size_t)pending->length, pending->offset) != pending->length)
            abort();
        free(pending);
    }
    shadow->first = NULL;
    shadow->last = &shadow->first;
}

static int power_write(sqlite3_file *file, const void *bytes, int length, sqlite3_int64 offset)
{
    struct shadow *shadow = ((struct power_file *)file)->shadow;
    pthread_mutex_lock(&power_lock);
    int result = real_of(file)->pMethods->xWrite(real_of(file), bytes, length, offset);
    if (shadow && result == SQLITE_OK)
        note(shadow, offset, bytes, length);
    pthread_mutex_unlock(&power_lock);
    return result;
}

static int power_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct shadow *shadow = ((struct power_file *)file)->shadow;
    pthread_mutex_lock(&power_lock);
    int result = real_of(file)->pMethods->xTruncate(real_of(file), size);
    if (shadow && result == SQLITE_OK)
        note(shadow, -1, NULL, size);
    pthread_mutex_unlock(&power_lock);
    return result;
}

static int power_sync(sqlite3_file *file, int flags)
{
    struct shadow *shadow = ((struct power_file *)file)->shadow;
    (void)flags;
    pthread_mutex_lock(&power_lock);
    if (shadow && !lie)
        notes_apply(shadow, true);
    pthread_mutex_unlock(&power_lock);
    return SQLITE_OK;
}

static int power_close(sqlite3_file *file)
{
    int result = real_of(file)->pMethods->xClose(real_of(file));
    free(real_of(file));
    return result;
}

static int power_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at) { return real_of(f)->pMethods->xRead(real_of(f), to, n, at); }
static int power_size(sqlite3_file *f, sqlite3_int64 *size) { return real_of(f)->pMethods->xFileSize(real_of(f), size); }
static int power_lock_file(sqlite3_file *f, int level) { return real_of(f)->pMethods->xLock(real_of(f), level); }
static int power_unlock_file(sqlite3_file *f, int level) { return real_of(f)->pMethods->xUnlock(real_of(f), level); }
static int power_reserved(sqlite3_file *f, int *out) { return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out); }
/* hints about sizes and chunks are not passed on: they write past the notes */
static int power_control(sqlite3_file *f, int op, void *a) { (void)f; (void)op; (void)a; return SQLITE_NOTFOUND; }
static int power_sector(sqlite3_file *f) { return real_of(f)->pMethods->xSectorSize(real_of(f)); }
static int power_device(sqlite3_file *f) { (void)f; return 0; } /* promises nothing */
static int power_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}
static int power_shm_lock(sqlite3_file *f, int at, int n, int flags) { return real_of(f)->pMethods->xShmLock(real_of(f), at, n, flags); }
static void power_shm_barrier(sqlite3_file *f) { real_of(f)->pMethods->xShmBarrier(real_of(f)); }
static int power_shm_unmap(sqlite3_file *f, int del) { return real_of(f)->pMethods->xShmUnmap(real_of(f), del); }

static const sqlite3_io_methods power_methods = {
    .iVersion = 2, .xClose = power_close, .xRead = power_read, .xWrite = power_write, .xTruncate = power_truncate,
    .xSync = power_sync, .xFileSize = power_size, .xLock = power_lock_file, .xUnlock = power_unlock_file,
    .xCheckReservedLock = power_reserved, .xFileControl = power_control, .xSectorSize = power_sector,
    .xDeviceCharacteristics = power_device, .xShmMap = power_shm_map, .xShmLock = power_shm_lock,
    .xShmBarrier = power_shm_barrier, .xShmUnmap = power_shm_unmap,
};

/* The shadow of a path; all its openings share it. */
static struct shadow *shadow_of(const char *path)
{
    char copy[300];
    const char *name = strrchr(path, '/') + 1;
    for (int i = 0; i < shadow_count; i++)
        if (!strcmp(shadows[i].path, path))
            return &shadows[i];
    struct shadow *shadow = &shadows[shadow_count++];
    snprintf(shadow->path, sizeof shadow->path, "%s", path);
    snprintf(copy, sizeof copy, "%s/%s", shadow_directory, name);
    shadow->fd = open(copy, O_RDWR | O_CREAT | O_TRUNC, 0600);
    shadow->last = &shadow->first;
    return shadow;
}

static int power_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out)
{
    struct power_file *power = (struct power_file *)file;
    (void)vfs;
    power->real = calloc(1, (size_t)real_vfs->szOsFile);
    int result = real_vfs->xOpen(real_vfs, name, power->real, flags, out);
    power->base.pMethods = result == SQLITE_OK ? &power_methods : NULL;
    power->shadow = NULL;
    if (result != SQLITE_OK) {
        free(power->real);
    } else if (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL) && !strncmp(name, live_directory, strlen(live_directory))) {
        pthread_mutex_lock(&power_lock);
        power->shadow = shadow_of(name);
        pthread_mutex_unlock(&power_lock);
    }
    return result;
}

/* ---- work */

#define THREADS 6

static _Atomic bool stop;
static _Atomic int64_t reported[THREADS]; /* the last number of each thread that was reported done */

static int table(struct store_connection *db, void *argument, struct error *error)
{
    (void)argument;
    return store_execute(db, error, NULL, "CREATE TABLE done (thread BIGINT, number BIGINT, body TEXT, PRIMARY KEY (thread, number))", STORE_NO_VALUES);
}

struct step {
    int64_t thread, number;
};

static int insert(struct store_connection *db, void *argument, struct error *error)
{
    const struct step *step = argument;
    char body[2000];
    memset(body, 'x', sizeof body);
    return store_execute(db, error, NULL, "INSERT INTO done (thread, number, body) VALUES ($1, $2, $3)",
                         STORE_VALUES(store_integer(step->thread), store_integer(step->number), store_text(body, 10 + (size_t)(step->number * 37 % 1900))));
}

static struct store *store;

static void *worker(void *argument)
{
    struct step step = {.thread = (int64_t)(intptr_t)argument};
    struct error error;
    while (!stop) {
        step.number++;
        if (store_write(store, insert, &step, &error))
            break;
        reported[step.thread] = step.number;
    }
    return NULL;
}

/* The lights go out: what is synced is there for certain, and with `some` a part of what is not synced, too. */
static void power_loss(const char *after, bool some)
{
    char command[700], path[500];
    snprintf(command, sizeof command, "rm -rf %s && cp -r %s %s", after, shadow_directory, after);
    pthread_mutex_lock(&power_lock);
    if (system(command))
        abort();
    for (int i = 0; some && i < shadow_count; i++) {
        snprintf(path, sizeof path, "%s/%s", after, strrchr(shadows[i].path, '/') + 1);
        int fd = open(path, O_RDWR);
        for (struct pending *pending = shadows[i].first; pending; pending = pending->next)
            if (pending->offset >= 0 && rand() % 2 && pwrite(fd, pending->bytes, (size_t)pending->length, pending->offset) < 0)
                abort();
        close(fd);
    }
    pthread_mutex_unlock(&power_lock);
}

/* What is missing in the database of this directory, -1 if it cannot be read. */
static int64_t missing(const char *directory, const int64_t *expected)
{
    char database[300];
    struct store *after;
    struct store_connection *reader;
    struct store_rows rows;
    struct error error;
    int64_t lost = 0;
    snprintf(database, sizeof database, "sqlite:%s", directory);
    if (store_open(database, "power", NULL, &after, &error))
        return -1;
    if (store_reader(after, &reader, &error))
        lost = -1;
    for (int i = 0; i < THREADS && lost >= 0; i++) {
        if (store_query(reader, &rows, &error, "SELECT COUNT(*) FROM done WHERE thread = $1 AND number <= $2",
                        STORE_VALUES(store_integer(i), store_integer(expected[i]))))
            return -1;
        lost += store_next(&rows) ? expected[i] - store_column_integer(&rows, 0) : expected[i];
        if (store_end(&rows))
            return -1;
    }
    store_reader_close(reader);
    store_close(after);
    return lost;
}

int main(void)
{
    char directory[] = "/tmp/store_power.XXXXXX", live[200], held[200], after[200], database[220];
    struct error error;
    if (!mkdtemp(directory))
        return 1;
    log_open("store_power_test", (enum log_level)(LOG_ERROR + 1));
    snprintf(live, sizeof live, "%s/live", directory);
    snprintf(held, sizeof held, "%s/held", directory);
    snprintf(after, sizeof after, "%s/after", directory);
    snprintf(database, sizeof database, "sqlite:%s", live);
    char command[700];
    snprintf(command, sizeof command, "mkdir %s %s", live, held);
    if (system(command))
        return 1;

    sqlite3_initialize();
    real_vfs = sqlite3_vfs_find(NULL);
    static sqlite3_vfs power;
    power = *real_vfs;
    power.zName = "power";
    power.szOsFile = sizeof(struct power_file);
    power.xOpen = power_open;
    sqlite3_shutdown();
    live_directory = live;
    shadow_directory = held;
    sqlite3_vfs_register(&power, 1);

    ok(!store_open(database, "power", &(struct store_settings){.checkpoint_pages = 60}, &store, &error), "a database: %s", error.detail);
    ok(!store_write(store, table, NULL, &error), "a table: %s", error.detail);
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, worker, (void *)i);
    for (int round = 0; round < 12; round++) {
        int64_t expected[THREADS], total = 0;
        usleep(20000 + (useconds_t)round * 7919 % 30000);
        for (int i = 0; i < THREADS; i++)
            total += expected[i] = reported[i];
        power_loss(after, round % 2);
        is_int(missing(after, expected), 0, "nothing that was reported done is missing");
        diag("%lld tasks were reported done", (long long)total);
    }
    lie = true; /* the test itself is tested: with a disk that only says it has synced, work must be missing */
    usleep(50000);
    int64_t expected[THREADS];
    for (int i = 0; i < THREADS; i++)
        expected[i] = reported[i];
    power_loss(after, false);
    stop = true;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    store_close(store);
    ok(missing(after, expected) != 0, "on a disk that lies, work is missing");
    for (int i = 0; i < shadow_count; i++) {
        notes_apply(&shadows[i], false);
        close(shadows[i].fd);
    }
    snprintf(command, sizeof command, "rm -rf %s", directory);
    if (system(command))
        diag("%s stays", directory);
    return done_testing();
}
