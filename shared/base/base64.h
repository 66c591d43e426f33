/* Base64 (RFC 4648, section 4). */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/arena.h"
#include "base/buffer.h"

/* Appends the bytes as one line without an end of line; a failure shows in the buffer. */
void base64_write(const void *bytes, size_t length, struct buffer *out);

/* The bytes of a text, white space left out, in the arena; *result is their number. NULL where it is none, or memory is short. */
char *base64_read(const char *text, size_t length, struct arena *arena, size_t *result);

#endif
