#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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
