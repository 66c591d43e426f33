#include "trust/signing.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct signing_key {
    EVP_PKEY *native;
};

static int made(EVP_PKEY *native, const char *file, struct signing_key **key, struct error *error)
{
    *key = native ? calloc(1, sizeof **key) : NULL;
    if (!*key) {
        EVP_PKEY_free(native);
        return error_internal(error, "%s holds no Ed25519 key", file);
    }
    (*key)->native = native;
    return 0;
}

void signing_close(struct signing_key *key)
{
    if (!key) return;
    EVP_PKEY_free(key->native);
    free(key);
}

/* ---- files: written whole beside their place, then linked there; who comes second takes what the first has made */

static int write_beside(const char *file, char *beside, size_t size, EVP_PKEY *native, bool secret, struct error *error)
{
    int fd = (size_t)snprintf(beside, size, "%s.%ld", file, (long)getpid()) < size ? open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, secret ? 0600 : 0644) : -1;
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool good = out && (secret ? PEM_write_PrivateKey(out, native, NULL, NULL, 0, NULL, NULL) : PEM_write_PUBKEY(out, native));

    if (out && (fflush(out) || fsync(fd))) good = false;
    if (out) fclose(out);
    else if (fd >= 0) close(fd);
    return good ? 0 : error_internal(error, "%s cannot be written: %s", file, strerror(errno));
}

static int key_file_make(const char *file, EVP_PKEY *native, bool secret, struct error *error)
{
    char beside[1100];
    int code;

    if (write_beside(file, beside, sizeof beside, native, secret, error)) return (int)error->code;
    code = link(beside, file) && errno != EEXIST ? error_internal(error, "%s: %s", file, strerror(errno)) : 0;
    unlink(beside);
    return code;
}

static EVP_PKEY *read_key(const char *file, bool secret)
{
    FILE *in = fopen(file, "re");
    EVP_PKEY *native = !in ? NULL : secret ? PEM_read_PrivateKey(in, NULL, NULL, NULL) : PEM_read_PUBKEY(in, NULL, NULL, NULL);

    if (in) fclose(in);
    if (native && EVP_PKEY_get_id(native) != EVP_PKEY_ED25519) {
        EVP_PKEY_free(native);
        native = NULL;
    }
    return native;
}

static int make_private(const char *file, struct error *error)
{
    EVP_PKEY *native = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    int code = native ? key_file_make(file, native, true, error) : error_internal(error, "no Ed25519 key can be made");

    EVP_PKEY_free(native);
    return code;
}

int signing_open(const char *private_file, const char *public_file, struct signing_key **key, struct error *error)
{
    *key = NULL;
    if (access(private_file, F_OK) && make_private(private_file, error)) return (int)error->code;
    if (made(read_key(private_file, true), private_file, key, error) || !*key) return (int)error->code;
    if (!access(public_file, F_OK) || !key_file_make(public_file, (*key)->native, false, error)) return 0;
    signing_close(*key);
    *key = NULL;
    return (int)error->code;
}

int signing_open_public(const char *public_file, struct signing_key **key, struct error *error)
{
    return made(read_key(public_file, false), public_file, key, error);
}

/* ---- signatures */

int signing_sign(const struct signing_key *key, const void *bytes, size_t length, char signature[SIGNATURE_SIZE], struct error *error)
{
    unsigned char raw[64];
    size_t size = sizeof raw;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestSignInit(context, NULL, NULL, NULL, key->native) == 1 &&
                EVP_DigestSign(context, raw, &size, bytes, length) == 1 && size == sizeof raw;

    EVP_MD_CTX_free(context);
    if (!good) return error_internal(error, "Ed25519 cannot sign");
    for (size_t i = 0; i < sizeof raw; i++) snprintf(signature + 2 * i, 3, "%02x", raw[i]);
    return 0;
}

bool signing_check(const struct signing_key *key, const void *bytes, size_t length, const char *signature)
{
    unsigned char raw[64];
    char pair[3] = "";
    EVP_MD_CTX *context;
    bool good;

    if (strlen(signature) != SIGNATURE_SIZE - 1 || strspn(signature, "0123456789abcdef") != SIGNATURE_SIZE - 1) return false;
    for (size_t i = 0; i < sizeof raw; i++) {
        memcpy(pair, signature + 2 * i, 2);
        raw[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
    context = EVP_MD_CTX_new();
    good = context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->native) == 1 &&
           EVP_DigestVerify(context, raw, sizeof raw, bytes, length) == 1;
    EVP_MD_CTX_free(context);
    return good;
}
