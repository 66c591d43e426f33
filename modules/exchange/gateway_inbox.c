/* Files that a partner puts into its InBox: stored as they are, then removed. Only whole regular files with plain names are taken; each once, by
   what the file system calls it, so that a crash between storing and removing makes nothing twice. */
#include "gateway.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAXIMUM 500 /* of one look */
#define NAME_MAXIMUM 120

struct found {
    char name[NAME_MAXIMUM + 1];
    int64_t changed; /* milliseconds */
};

static int64_t milliseconds(const struct timespec *at) { return 1000 * (int64_t)at->tv_sec + at->tv_nsec / 1000000; }

static int oldest_first(const void *a, const void *b)
{
    const struct found *one = a, *other = b;
    return one->changed != other->changed ? (one->changed > other->changed) - (one->changed < other->changed) : strcmp(one->name, other->name);
}

static bool is_plain(const char *name)
{
    size_t length = strlen(name);

    return length > 4 && length <= NAME_MAXIMUM && *name != '.' && !strcmp(name + length - 4, ".xml") &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == length;
}

static size_t list(DIR *folder, struct found *files)
{
    const struct dirent *entry;
    struct stat about;
    size_t count = 0;

    while (count < FILES_MAXIMUM && (entry = readdir(folder))) {
        if (!is_plain(entry->d_name) || fstatat(dirfd(folder), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) || !S_ISREG(about.st_mode)) continue;
        snprintf(files[count].name, sizeof files[count].name, "%.*s", NAME_MAXIMUM, entry->d_name);
        files[count++].changed = milliseconds(&about.st_mtim);
    }
    qsort(files, count, sizeof *files, oldest_first);
    return count;
}

/* ---- one file */

struct reading {
    struct gate *gate;
    const struct gate_sender *sender;
    int box;
    const char *name;
    struct buffer bytes;
    struct stat about;
};

static int keep_work(struct store_connection *db, void *argument, struct error *error)
{
    const struct reading *r = argument;
    char origin[NAME_MAXIMUM + 80];
    const struct gate_received received = {r->sender->partner->name, "folder", r->name, origin, buffer_string(&r->bytes), r->bytes.length};

    snprintf(origin, sizeof origin, "%s %llu %lld.%09ld", r->name, (unsigned long long)r->about.st_ino, (long long)r->about.st_mtim.tv_sec, r->about.st_mtim.tv_nsec);
    return gate_receive(db, &received, error);
}

/* False for what is gone, no file or cannot be read now. A file that is too large is read to one byte more than is allowed. */
static bool read_file(struct reading *r)
{
    int file = openat(r->box, r->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool good = file >= 0 && !fstat(file, &r->about) && S_ISREG(r->about.st_mode);
    ssize_t got = 1;

    buffer_reset(&r->bytes);
    while (good && got && r->bytes.length <= ENVELOPE_MAXIMUM) {
        size_t room = ENVELOPE_MAXIMUM + 1 - r->bytes.length;
        char *into = room ? buffer_reserve(&r->bytes, room < 65536 ? room : 65536) : NULL;
        got = into ? read(file, into, room < 65536 ? room : 65536) : 0;
        if (got < 0 && errno != EINTR) good = false;
        if (got > 0) r->bytes.length += (size_t)got;
    }
    if (file >= 0) close(file);
    return good && !r->bytes.failed;
}

/* Whether it is still the file that was read: another of its name may have come over it. */
static bool is_same(const struct reading *r)
{
    struct stat now;

    return !fstatat(r->box, r->name, &now, AT_SYMLINK_NOFOLLOW) && now.st_ino == r->about.st_ino && now.st_dev == r->about.st_dev &&
           milliseconds(&now.st_mtim) == milliseconds(&r->about.st_mtim) && now.st_size == r->about.st_size;
}

static int take(struct reading *r, struct error *error)
{
    bool quiet;

    if (!read_file(r)) return 0;
    quiet = clock_lease() - milliseconds(&r->about.st_mtim) >= 1000 * (int64_t)r->gate->quiet_seconds;
    if (!quiet && !gate_whole(buffer_string(&r->bytes), r->bytes.length)) return 0; /* somebody may still be writing it */
    if (store_write(r->gate->program->store, keep_work, r, error)) return (int)error->code;
    gate_wake(r->gate, GATE_IN);
    if (!is_same(r) || !unlinkat(r->box, r->name, 0) || errno == ENOENT) return 0;
    return error_unavailable(error, "%s/InBox/%s cannot be removed: %s", r->sender->partner->folder, r->name, strerror(errno));
}

int gate_inbox_look(struct gate *gate, const struct gate_sender *sender, struct error *error)
{
    struct reading r = {.gate = gate, .sender = sender};
    struct found *files;
    char path[1400];
    DIR *folder;
    size_t count;

    snprintf(path, sizeof path, "%s/InBox", sender->partner->folder);
    folder = opendir(path);
    if (!folder) return error_unavailable(error, "%s: %s", path, strerror(errno));
    files = calloc(FILES_MAXIMUM, sizeof *files);
    count = files ? list(folder, files) : 0;
    r.box = dirfd(folder);
    buffer_init(&r.bytes, ENVELOPE_MAXIMUM + 65536);
    for (size_t i = 0; i < count && !error->code && !gate->stopping; i++) {
        r.name = files[i].name;
        take(&r, error);
    }
    buffer_free(&r.bytes);
    free(files);
    closedir(folder);
    return (int)error->code;
}
