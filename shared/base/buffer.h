/* A growing byte string with a maximum. Errors stick: write on, ask once at the end. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *data; /* owned; always NUL-terminated once anything was written; NULL before */
    size_t length, capacity;
    size_t maximum; /* bytes; 0 = 64 MiB */
    bool failed;    /* the maximum was reached or memory ran out; later writes do nothing */
};

void buffer_init(struct buffer *buffer, size_t maximum);
void buffer_bytes(struct buffer *buffer, const void *bytes, size_t length);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_char(struct buffer *buffer, char c);
void buffer_integer(struct buffer *buffer, long long value);
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for `length` more bytes; the pointer is good until the next write. Add what was used to ->length. NULL = failed. */
char *buffer_reserve(struct buffer *buffer, size_t length);

/* Empties it, keeps the memory, clears `failed`. */
void buffer_reset(struct buffer *buffer);
void buffer_free(struct buffer *buffer);

/* The text ("" when empty). Owned by the buffer. */
const char *buffer_string(const struct buffer *buffer);

#endif
