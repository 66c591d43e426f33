/* Files of the installation (definitions, layouts), read whole. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buffer.h"
#include "base/error.h"

/* Appends a file to `out`. ERROR_INTERNAL names the file: it cannot be read, or is longer than the buffer's maximum. */
int file_read(const char *path, struct buffer *out, struct error *error);

#endif
