/* Random bytes from the kernel (getrandom), ids and tokens made of them. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills; stops the program if the kernel cannot. */
void random_bytes(void *bytes, size_t length);

/* `bytes` (at most 64) random bytes as lower-case hexadecimal; `text` has room for 2 x bytes + 1. */
void random_hex(size_t bytes, char *text);

/* A positive id that grows with time: 41 bits of milliseconds since 2020, 22 random bits that count up within one
   millisecond. Unique keys catch the rare collision between programs (the writer tries again). */
int64_t random_id(int64_t now_milliseconds);

#endif
