#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <string.h>

/* Fetched once: looking an algorithm up by name at every hash takes longer than the hash, and locks. */
static EVP_MD *sha256;

static void fetch(void) { sha256 = EVP_MD_fetch(NULL, "SHA256", NULL); }

static const EVP_MD *algorithm(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, fetch);
    return sha256;
}

void digest_hex(const unsigned char bytes[DIGEST_BYTES], char hex[DIGEST_SIZE])
{
    static const char digit[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digit[bytes[i] >> 4];
        hex[2 * i + 1] = digit[bytes[i] & 15];
    }
    hex[64] = 0;
}

void digest_raw(const void *bytes, size_t length, unsigned char hash[DIGEST_BYTES])
{
    EVP_Digest(bytes, length, hash, NULL, algorithm(), NULL);
}

void digest_sha256(const void *bytes, size_t length, char hex[DIGEST_SIZE])
{
    unsigned char hash[DIGEST_BYTES];
    digest_raw(bytes, length, hash);
    digest_hex(hash, hex);
}

void digest_hmac(const char *key, const void *bytes, size_t length, char hex[DIGEST_SIZE])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    HMAC(algorithm(), key, (int)strlen(key), bytes, length, hash, NULL);
    digest_hex(hash, hex);
}

bool digest_same(const char *a, const char *b)
{
    size_t length = strlen(a);
    return length == strlen(b) && !CRYPTO_memcmp(a, b, length);
}
