/* Files that a partner puts into its InBox: stored as they are, then removed. Only regular files with plain names are taken, when they are whole or have
   not changed for a while; each once, by what the file system calls it and what is in it, so that a crash between storing and removing makes nothing twice. */
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
    ino_t inode;
    off_t size;
    int64_t changed; /* milliseconds, by the folder's clock */
    int64_t since;   /* from when on it has been seen like this, by ours (clock_monotonic) */
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

/* Since when a file has not changed. What its times say is another machine's clock, perhaps. */
static int64_t quiet_since(const struct found *file, const struct gate_inbox *before)
{
    for (size_t i = 0; i < before->count; i++) {
        const struct found *it = &before->files[i];
        if (it->inode == file->inode && it->size == file->size && it->changed == file->changed && !strcmp(it->name, file->name)) return it->since;
    }
    return clock_monotonic();
}

static size_t list(DIR *folder, const struct gate_inbox *before, struct found *files)
{
    const struct dirent *entry;
    struct stat about;
    size_t count = 0;

    while (count < FILES_MAXIMUM && (entry = readdir(folder))) {
        struct found *file = &files[count];
        if (!is_plain(entry->d_name) || fstatat(dirfd(folder), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) || !S_ISREG(about.st_mode)) continue;
        *file = (struct found){.inode = about.st_ino, .size = about.st_size, .changed = milliseconds(&about.st_mtim)};
        snprintf(file->name, sizeof file->name, "%.*s", NAME_MAXIMUM, entry->d_name);
        file->since = quiet_since(file, before);
        count++;
    }
    qsort(files, count, sizeof *files, oldest_first);
    return count;
}

/* ---- one file */

struct reading {
    struct gate *gate;
    const struct gate_sender *sender;
    int box;
    const char *name, *hash;
    struct buffer bytes;
    struct stat about;
};

static int keep_work(struct store_connection *db, void *argument, struct error *error)
{
    const struct reading *r = argument;
    char origin[NAME_MAXIMUM + 80 + DIGEST_SIZE];
    const struct gate_received received = {r->sender->partner->name, "folder", r->name, origin, buffer_string(&r->bytes), r->bytes.length};

    snprintf(origin, sizeof origin, "%s %llu %lld.%09ld %s", r->name, (unsigned long long)r->about.st_ino, (long long)r->about.st_mtim.tv_sec, r->about.st_mtim.tv_nsec, r->hash);
    return gate_receive(db, &received, error);
}

static int unavailable(const struct reading *r, const char *what, struct error *error)
{
    return error_unavailable(error, "%s/InBox/%s cannot be %s: %s", r->sender->partner->folder, r->name, what, strerror(errno));
}

/* False for what is gone or no file any more, and with an error for what cannot be read. A file that is too large is read to one byte more than is allowed. */
static bool read_file(struct reading *r, struct error *error)
{
    int file = openat(r->box, r->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool there = file >= 0 && !fstat(file, &r->about) && S_ISREG(r->about.st_mode);
    ssize_t got = there;

    buffer_reset(&r->bytes);
    if (file < 0 && errno != ENOENT && errno != ELOOP) unavailable(r, "read", error);
    while (got && !error->code && r->bytes.length <= ENVELOPE_MAXIMUM) {
        size_t room = ENVELOPE_MAXIMUM + 1 - r->bytes.length;
        char *into = buffer_reserve(&r->bytes, room < 65536 ? room : 65536);
        got = into ? read(file, into, room < 65536 ? room : 65536) : 0;
        if (!into) error_internal(error, "out of memory");
        if (got < 0 && errno != EINTR) unavailable(r, "read", error);
        if (got > 0) r->bytes.length += (size_t)got;
    }
    if (file >= 0) close(file);
    return there && !error->code;
}

/* Whether it is still the file that was read: another of its name may have come over it. */
static bool is_same(const struct reading *r)
{
    struct stat now;

    return !fstatat(r->box, r->name, &now, AT_SYMLINK_NOFOLLOW) && now.st_ino == r->about.st_ino && now.st_dev == r->about.st_dev &&
           milliseconds(&now.st_mtim) == milliseconds(&r->about.st_mtim) && now.st_size == r->about.st_size;
}

/* What was seen for so long is what was read. */
static bool is_quiet(const struct reading *r, const struct found *file)
{
    return clock_monotonic() - file->since >= 1000 * (int64_t)r->gate->quiet_seconds && file->inode == r->about.st_ino && file->size == r->about.st_size &&
           file->changed == milliseconds(&r->about.st_mtim);
}

/* False when nothing can be stored now. */
static bool take(struct reading *r, const struct found *file, struct error *error)
{
    char hash[DIGEST_SIZE];

    r->name = file->name;
    r->hash = hash;
    if (!read_file(r, error)) return true;
    if (!gate_whole(buffer_string(&r->bytes), r->bytes.length) && !is_quiet(r, file)) return true; /* somebody may still be writing it */
    digest_sha256(buffer_string(&r->bytes), r->bytes.length, hash);
    if (store_write(r->gate->program->store, keep_work, r, error)) return false;
    gate_wake(r->gate, GATE_IN);
    if (is_same(r) && unlinkat(r->box, r->name, 0) && errno != ENOENT) unavailable(r, "removed", error);
    return true;
}

/* What cannot be taken is told, and does not hold up the others. */
static void take_all(struct reading *r, const struct gate_inbox *inbox, struct error *error)
{
    bool more = true;

    for (size_t i = 0; i < inbox->count && more && !r->gate->stopping; i++) {
        struct error own;
        error_clear(&own);
        more = take(r, &inbox->files[i], &own);
        if (!error->code) *error = own;
    }
}

int gate_inbox_look(struct gate *gate, const struct gate_sender *sender, struct gate_inbox *inbox, struct error *error)
{
    struct reading r = {.gate = gate, .sender = sender};
    struct gate_inbox now = {NULL, 0};
    DIR *folder;

    r.box = gate_box_open(sender->partner, "InBox", error);
    if (r.box < 0) return (int)error->code;
    folder = fdopendir(r.box);
    now.files = folder ? calloc(FILES_MAXIMUM, sizeof *now.files) : NULL;
    if (now.files) {
        now.count = list(folder, inbox, now.files);
        free(inbox->files);
        *inbox = now;
        buffer_init(&r.bytes, ENVELOPE_MAXIMUM + 65536);
        take_all(&r, inbox, error);
        buffer_free(&r.bytes);
    } else {
        error_internal(error, "out of memory");
    }
    if (folder) closedir(folder);
    else close(r.box);
    return (int)error->code;
}
