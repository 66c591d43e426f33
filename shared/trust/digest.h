/* Hashes: SHA-256 and HMAC-SHA-256 in lower-case hexadecimal, and a comparison that tells nothing by its time. */
#ifndef TRUST_DIGEST_H
#define TRUST_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#define DIGEST_SIZE 65 /* 64 digits and NUL */

void digest_sha256(const void *bytes, size_t length, char hex[DIGEST_SIZE]);

/* Keyed: for values that only this installation may be able to make or look up (the key is the instance's secret). */
void digest_hmac(const char *key, const void *bytes, size_t length, char hex[DIGEST_SIZE]);

/* Whether two texts are equal, in a time that depends on their lengths only. */
bool digest_same(const char *a, const char *b);

#endif
