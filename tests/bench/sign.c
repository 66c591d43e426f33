/* Signs as an electronic key with P-256 does: for each line of standard input, a text in hexadecimal, the signature r||s in base64.
     sign <private key, PEM> */
#include "base/base64.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HALF 32

static size_t from_hexadecimal(char *line)
{
    size_t count = strspn(line, "0123456789abcdef") / 2;

    for (size_t i = 0; i < count; i++) {
        char digits[3] = {line[2 * i], line[2 * i + 1], 0};
        line[i] = (char)strtoul(digits, NULL, 16);
    }
    return count;
}

static bool sign(EVP_PKEY *key, const void *text, size_t length, unsigned char raw[2 * HALF])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char der[160];
    const unsigned char *at = der;
    size_t size = sizeof der;
    bool good = context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 && EVP_DigestSign(context, der, &size, text, length) == 1;
    ECDSA_SIG *pair = good ? d2i_ECDSA_SIG(NULL, &at, (long)size) : NULL;

    good = pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, HALF) == HALF && BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + HALF, HALF) == HALF;
    ECDSA_SIG_free(pair);
    EVP_MD_CTX_free(context);
    return good;
}

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "re") : NULL;
    EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
    unsigned char raw[2 * HALF];
    struct buffer text;
    char *line = NULL;
    size_t room = 0;

    if (!key) {
        fprintf(stderr, "usage: %s <private key of P-256, PEM>\n", argv[0]);
        return 2;
    }
    buffer_init(&text, 256);
    while (getline(&line, &room, stdin) > 0) {
        if (!sign(key, line, from_hexadecimal(line), raw)) return 1;
        buffer_reset(&text);
        base64_write(raw, sizeof raw, &text);
        puts(buffer_string(&text));
    }
    free(line);
    buffer_free(&text);
    EVP_PKEY_free(key);
    fclose(file);
    return 0;
}
