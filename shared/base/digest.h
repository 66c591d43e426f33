/* Hashes: SHA-256 and HMAC-SHA-256 in lower-case hexadecimal, and a comparison that tells nothing by its time. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#define DIGEST_SIZE 65 /* 64 digits and NUL */
#define DIGEST_BYTES 32

void digest_sha256(const void *bytes, size_t length, char hex[DIGEST_SIZE]);
/* SHA-256 as bytes. */
void digest_raw(const void *bytes, size_t length, unsigned char hash[DIGEST_BYTES]);

void digest_hex(const unsigned char bytes[DIGEST_BYTES], char hex[DIGEST_SIZE]);

/* Keyed: for values that only this installation may be able to make or look up (the key is the instance's secret). */
void digest_hmac(const char *key, const void *bytes, size_t length, char hex[DIGEST_SIZE]);

/* Whether two texts are equal, in a time that depends on their lengths only. */
bool digest_same(const char *a, const char *b);

#endif
