#include "base/file.h"

#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int file_read(const char *path, struct buffer *out, struct error *error)
{
    FILE *file = fopen(path, "re");
    char chunk[65536];
    size_t length;
    bool bad;

    if (!file) return error_internal(error, "%s: %s", path, strerror(errno));
    while (!out->failed && (length = fread(chunk, 1, sizeof chunk, file)) > 0) buffer_bytes(out, chunk, length);
    bad = ferror(file);
    fclose(file);
    if (bad) return error_internal(error, "%s cannot be read", path);
    return out->failed ? error_internal(error, "%s is too large", path) : 0;
}

static bool write_all(int file, const char *bytes, size_t length)
{
    while (length) {
        ssize_t done = write(file, bytes, length);
        if (done < 0 && errno != EINTR) return false;
        if (done > 0) bytes += done, length -= (size_t)done;
    }
    return true;
}

/* Nobody can know the name: neither another program that puts the same file, nor somebody who would lay a pipe or a file of his own there. */
static int open_aside(int folder, const char *name, char aside[256])
{
    char fresh[17];

    random_hex(8, fresh);
    if (snprintf(aside, 256, ".%s.%s", name, fresh) < 256) return openat(folder, aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0660);
    errno = ENAMETOOLONG;
    return -1;
}

bool file_put(int folder, const char *name, const void *bytes, size_t length)
{
    char aside[256];
    int file = open_aside(folder, name, aside), why = 0;

    if (file < 0) return false;
    if (!write_all(file, bytes, length) || fsync(file)) why = errno;
    if (close(file) && !why) why = errno;
    if (!why && renameat(folder, aside, folder, name)) why = errno;
    if (why) unlinkat(folder, aside, 0);
    else if (fsync(folder)) why = errno;
    errno = why;
    return !why;
}
