#include "base/file.h"

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

bool file_put(int folder, const char *name, const void *bytes, size_t length)
{
    char aside[256];
    bool good;
    int file;

    if (snprintf(aside, sizeof aside, ".%s.new", name) >= (int)sizeof aside) {
        errno = ENAMETOOLONG;
        return false;
    }
    if ((file = openat(folder, aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0660)) < 0) return false;
    good = write_all(file, bytes, length) && !fsync(file);
    if (close(file)) good = false;
    return good && !renameat(folder, aside, folder, name) && !fsync(folder);
}
