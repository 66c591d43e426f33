#include "box.h"

#include "base/file.h"
#include "base/utf8.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define COPIES 1000 /* of one name */

static const char *const names[BOXES] = {"OutBox", "SentBox", "FailBox", "InBox"};

static int unavailable(const char *folder, enum box box, const char *file, struct error *error)
{
    return error_unavailable(error, "%s/%s%s%s: %s", folder, names[box], *file ? "/" : "", file, strerror(errno));
}

/* -1: not there. */
static int open_box(const char *folder, enum box box)
{
    char path[1400];

    snprintf(path, sizeof path, "%s/%s", folder, names[box]);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int box_check(const char *folder, struct error *error)
{
    for (int i = 0; i < BOXES; i++) {
        int box = open_box(folder, (enum box)i);
        if (box < 0) return error_internal(error, "%s/%s: %s (mkdir -p %s/{OutBox,SentBox,FailBox,InBox})", folder, names[i], strerror(errno), folder);
        close(box);
    }
    return 0;
}

/* ---- looking */

static int by_name(const void *a, const void *b) { return strcmp(((const struct box_file *)a)->name, ((const struct box_file *)b)->name); }

static bool take_entry(int box, const char *name, int64_t now, struct box_file *file)
{
    size_t length = strlen(name);
    struct stat about;

    if (*name == '.' || length > BOX_NAME_MAXIMUM || !utf8_valid(name, length) || strpbrk(name, "\n\r\t\\")) return false;
    if (fstatat(box, name, &about, AT_SYMLINK_NOFOLLOW) || !S_ISREG(about.st_mode)) return false;
    snprintf(file->name, sizeof file->name, "%.*s", BOX_NAME_MAXIMUM, name);
    file->size = about.st_size;
    file->changed = INT64_C(1000000000) * about.st_mtim.tv_sec + about.st_mtim.tv_nsec;
    file->since = now;
    return true;
}

/* What looked the same the last time has looked so since then. */
static void carry_over(const struct box_list *before, struct box_list *now)
{
    size_t old = 0;

    for (size_t i = 0; i < now->count; i++) {
        struct box_file *file = &now->files[i];
        while (old < before->count && strcmp(before->files[old].name, file->name) < 0) old++;
        if (old == before->count) return;
        const struct box_file *known = &before->files[old];
        if (!strcmp(known->name, file->name) && known->size == file->size && known->changed == file->changed) file->since = known->since;
    }
}

/* Room for one more. */
static bool grow(struct box_list *list)
{
    struct box_file *larger;

    if (list->count % 256) return true;
    larger = realloc(list->files, (list->count + 256) * sizeof *larger);
    if (larger) list->files = larger;
    return larger != NULL;
}

static void list_all(DIR *directory, struct box_list *list)
{
    const struct dirent *entry;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    while (list->count < BOX_FILES && (entry = readdir(directory)) && grow(list))
        if (take_entry(dirfd(directory), entry->d_name, now.tv_sec, &list->files[list->count])) list->count++;
    if (list->count) qsort(list->files, list->count, sizeof *list->files, by_name);
}

int box_look(const char *folder, struct box_list *list, struct error *error)
{
    struct box_list now = {NULL, 0};
    int box = open_box(folder, OUTBOX);
    DIR *directory = box >= 0 ? fdopendir(box) : NULL;

    if (!directory) {
        unavailable(folder, OUTBOX, "", error);
        if (box >= 0) close(box);
        return (int)error->code;
    }
    list_all(directory, &now);
    closedir(directory);
    carry_over(list, &now);
    free(list->files);
    *list = now;
    return 0;
}

void box_list_free(struct box_list *list)
{
    free(list->files);
    *list = (struct box_list){NULL, 0};
}

/* ---- reading, moving, putting */

int box_read(const char *folder, const char *name, struct buffer *out, struct error *error)
{
    int box = open_box(folder, OUTBOX), file = box >= 0 ? openat(box, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    ssize_t got = 1;

    if (file < 0) unavailable(folder, OUTBOX, name, error);
    while (!error->code && got > 0 && !out->failed) {
        char *into = buffer_reserve(out, 65536);
        if (!into) break;
        got = read(file, into, 65536);
        if (got < 0) unavailable(folder, OUTBOX, name, error);
        else out->length += (size_t)got;
    }
    if (file >= 0) close(file);
    if (box >= 0) close(box);
    if (!error->code && out->failed) error_set(error, ERROR_TOO_LARGE, "file_too_large", "文件太大，请分成几个。", "The file is too large; send it in parts.");
    return (int)error->code;
}

/* "a.xml" and 3: "a-3.xml" */
static void other_name(const char *name, int number, char *out, size_t size)
{
    const char *dot = strrchr(name, '.');
    int stem = dot ? (int)(dot - name) : (int)strlen(name);

    snprintf(out, size, "%.*s-%d%s", stem, name, number, dot ? dot : "");
}

int box_move(const char *folder, const char *name, enum box to, struct error *error)
{
    int from = open_box(folder, OUTBOX), box = open_box(folder, to);
    char free_name[BOX_NAME_MAXIMUM + 16];
    struct stat there;

    snprintf(free_name, sizeof free_name, "%s", name);
    for (int i = 2; i < COPIES && !fstatat(box, free_name, &there, AT_SYMLINK_NOFOLLOW); i++) other_name(name, i, free_name, sizeof free_name);
    if (from < 0 || box < 0) unavailable(folder, to, "", error);
    else if (renameat(from, name, box, free_name) ? errno != ENOENT : fsync(box) || fsync(from)) unavailable(folder, to, name, error);
    if (from >= 0) close(from);
    if (box >= 0) close(box);
    return (int)error->code;
}

/* ".<name>.<16 digits>": what file_put calls a file until it is whole. */
static bool is_half(const char *name)
{
    const char *dot = strrchr(name, '.');
    return *name == '.' && dot != name && strlen(dot) == 17 && strspn(dot + 1, "0123456789abcdef") == 16;
}

void box_tidy(const char *folder)
{
    int box = open_box(folder, INBOX);
    DIR *directory = box >= 0 ? fdopendir(box) : NULL;
    const struct dirent *entry;

    while (directory && (entry = readdir(directory)))
        if (is_half(entry->d_name)) unlinkat(box, entry->d_name, 0);
    if (directory) closedir(directory);
    else if (box >= 0) close(box);
}

int box_put(const char *folder, const char *name, const struct buffer *text, struct error *error)
{
    int box = open_box(folder, INBOX);

    if (box < 0 || !file_put(box, name, text->data, text->length)) unavailable(folder, INBOX, name, error);
    if (box >= 0) close(box);
    return (int)error->code;
}
