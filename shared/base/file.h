/* Files read whole and written whole. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>

/* Appends a file to `out`. ERROR_INTERNAL names the file: it cannot be read, or is longer than the buffer's maximum. */
int file_read(const char *path, struct buffer *out, struct error *error);

/* Puts a file into an open folder, over one of that name: whole or not at all, and durable. It is written aside, under a name that begins with
   ".<name>.". The name has at most 230 bytes. False with errno. */
bool file_put(int folder, const char *name, const void *bytes, size_t length);

#endif
