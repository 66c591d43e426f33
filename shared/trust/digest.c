#include "trust/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static void hex_of(const unsigned char bytes[32], char hex[DIGEST_SIZE])
{
    static const char digit[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digit[bytes[i] >> 4];
        hex[2 * i + 1] = digit[bytes[i] & 15];
    }
    hex[64] = 0;
}

void digest_sha256(const void *bytes, size_t length, char hex[DIGEST_SIZE])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    EVP_Digest(bytes, length, hash, NULL, EVP_sha256(), NULL);
    hex_of(hash, hex);
}

void digest_hmac(const char *key, const void *bytes, size_t length, char hex[DIGEST_SIZE])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    HMAC(EVP_sha256(), key, (int)strlen(key), bytes, length, hash, NULL);
    hex_of(hash, hex);
}

bool digest_same(const char *a, const char *b)
{
    size_t length = strlen(a);
    return length == strlen(b) && !CRYPTO_memcmp(a, b, length);
}
