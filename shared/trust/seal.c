#include "trust/seal.h"

#include "base/base64.h"
#include "base/config.h"
#include "base/file.h"
#include "trust/seal_key.h"
#include "trust/xml_signature.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PASSWORD_SIZE 130
#define CHAIN_MAXIMUM 4

struct named {
    const char *name; /* the config's */
    struct seal *seal;
};

struct seals {
    struct config *lines;
    struct named *named;
    size_t count;
    struct seal **seals; /* each location once; the last is NULL */
    pthread_mutex_t turn;
};

static void seal_free(struct seal *seal)
{
    if (!seal) return;
    EVP_PKEY_free(seal->key);
    X509_free(seal->certificate);
    sk_X509_pop_free(seal->chain, X509_free);
    OPENSSL_free(seal->der);
    free(seal);
}

/* ---- opening */

/* Beside the file of lines, unless it says where. */
static void full_path(const char *file, const char *path, char *out, size_t size)
{
    const char *stroke = strrchr(file, '/');

    snprintf(out, size, "%.*s%s", *path == '/' || !stroke ? 0 : (int)(stroke - file + 1), file, path);
}

static int read_password(const char *path, char password[PASSWORD_SIZE], struct error *error)
{
    struct stat status;
    FILE *in = fopen(path, "re");
    bool good = in && !fstat(fileno(in), &status) && !(status.st_mode & 077) && fgets(password, PASSWORD_SIZE, in);

    if (in) fclose(in);
    if (!good) return error_internal(error, "%s: a password is one line in a file that only its owner may read (chmod 600)", path);
    password[strcspn(password, "\r\n")] = 0;
    return 0;
}

static int open_file(const char *path, const char *password, struct seal *seal, struct error *error)
{
    struct buffer file;
    const unsigned char *at;
    PKCS12 *store = NULL;
    int code;

    buffer_init(&file, 65536);
    if (!file_read(path, &file, error)) {
        at = (const unsigned char *)buffer_string(&file);
        store = d2i_PKCS12(NULL, &at, (long)file.length);
        if (!store || PKCS12_parse(store, password, &seal->key, &seal->certificate, &seal->chain) != 1 || !seal->key || !seal->certificate)
            error_internal(error, "%s: no PKCS #12 with a key and its certificate, or a wrong password", path);
    }
    code = (int)error->code;
    if (file.data) OPENSSL_cleanse(file.data, file.length);
    buffer_free(&file);
    PKCS12_free(store);
    ERR_clear_error();
    return code;
}

/* What a seal must be: a key that belongs to its certificate and that readers of PDF files know. */
static int look_at(struct seal *seal, struct error *error)
{
    int length = i2d_X509(seal->certificate, &seal->der);

    if (length <= 0) return error_internal(error, "no certificate");
    seal->der_length = (size_t)length;
    if (certificate_read(seal->der, seal->der_length, &seal->about, error)) return (int)error->code;
    if (seal->about.algorithm == KEY_SM2) return error_internal(error, "a seal has an RSA or P-256 key: no reader of PDF files knows SM2");
    if (X509_check_private_key(seal->certificate, seal->key) != 1) return error_internal(error, "the certificate is of another key");
    return sk_X509_num(seal->chain) > CHAIN_MAXIMUM ? error_internal(error, "more than %d certificates come with it", CHAIN_MAXIMUM) : 0;
}

static int open_seal(struct seals *seals, const char *file, const char *location, const char *password_file, struct seal *seal, struct error *error)
{
    static const char token[] = "pkcs11:";
    char password[PASSWORD_SIZE] = "", path[1200];
    int code = 0;

    snprintf(seal->location, sizeof seal->location, "%s", location);
    if (*password_file) {
        full_path(file, password_file, path, sizeof path);
        code = read_password(path, password, error);
    }
    if (!code && !strncmp(location, token, sizeof token - 1)) {
        seal->turn = &seals->turn;
        code = seal_token_open(location, config_text(seals->lines, "pkcs11_module", NULL), *password_file ? password : NULL, seal, error);
    } else if (!code) {
        full_path(file, location, path, sizeof path);
        code = open_file(path, password, seal, error);
    }
    OPENSSL_cleanse(password, sizeof password);
    return code ? code : look_at(seal, error);
}

/* One line: the seal of this location, opened unless another name has it already. */
static int take_line(struct seals *seals, const char *file, const char *name, const char *value, struct error *error)
{
    char location[512], why[sizeof error->detail];
    size_t length = strcspn(value, " \t");
    const char *password_file = value + length + strspn(value + length, " \t");
    struct named *named = &seals->named[seals->count++];
    struct seal *seal;

    *named = (struct named){name, NULL};
    if (!length || length >= sizeof location) return error_internal(error, "seals %s: %s names no key", file, name);
    snprintf(location, sizeof location, "%.*s", (int)length, value);
    struct seal **at = seals->seals;
    while (*at && strcmp((*at)->location, location) != 0) at++;
    named->seal = *at;
    if (*at) return 0;
    if (!(seal = calloc(1, sizeof *seal))) return error_internal(error, "out of memory");
    named->seal = *at = seal;
    if (!open_seal(seals, file, location, password_file, seal, error)) return 0;
    memcpy(why, error->detail, sizeof why);
    return error_internal(error, "seals %s: %s: %s", file, name, why);
}

static int take_lines(struct seals *seals, const char *file, struct error *error)
{
    const char *name, *value;
    size_t lines = 0;

    while (config_at(seals->lines, lines, &name, &value)) lines++;
    seals->named = calloc(lines + 1, sizeof *seals->named);
    seals->seals = calloc(lines + 1, sizeof(struct seal *));
    if (!seals->named || !seals->seals) return error_internal(error, "out of memory");
    for (size_t i = 0; config_at(seals->lines, i, &name, &value); i++)
        if (strcmp(name, "pkcs11_module") != 0 && take_line(seals, file, name, value, error)) return (int)error->code;
    return 0;
}

int seals_open(const char *file, struct seals **seals, struct error *error)
{
    struct seals *made = calloc(1, sizeof *made);

    *seals = NULL;
    error_clear(error);
    if (!made) return error_internal(error, "out of memory");
    pthread_mutex_init(&made->turn, NULL);
    if (file && *file && (config_read(file, &made->lines, error) || take_lines(made, file, error))) {
        seals_close(made);
        return (int)error->code;
    }
    *seals = made;
    return 0;
}

void seals_close(struct seals *seals)
{
    if (!seals) return;
    for (struct seal **at = seals->seals; at && *at; at++) seal_free(*at);
    seal_token_end();
    free(seals->seals);
    free(seals->named);
    if (seals->lines) config_free(seals->lines);
    pthread_mutex_destroy(&seals->turn);
    free(seals);
}

const struct seal *seal_of(const struct seals *seals, const char *name)
{
    for (size_t i = 0; seals && i < seals->count; i++)
        if (!strcmp(seals->named[i].name, name)) return seals->named[i].seal;
    return NULL;
}

const char *seal_name(const struct seal *seal) { return seal->about.name; }
bool seal_valid(const struct seal *seal, int64_t now) { return now >= seal->about.not_before && now <= seal->about.not_after; }

/* ---- signing */

int seal_sign(const struct seal *seal, const void *bytes, size_t length, unsigned char signature[SIGNATURE_BYTES], size_t *size, struct error *error)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good;

    *size = SIGNATURE_BYTES;
    if (seal->turn) pthread_mutex_lock(seal->turn);
    good = context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, seal->key) == 1 && EVP_DigestSign(context, signature, size, bytes, length) == 1;
    if (seal->turn) pthread_mutex_unlock(seal->turn);
    EVP_MD_CTX_free(context);
    if (!good) {
        char reason[160];
        ERR_error_string_n(ERR_peek_last_error(), reason, sizeof reason);
        ERR_clear_error();
        return error_internal(error, "the seal \"%s\" cannot sign: %s", seal->about.name, reason);
    }
    return 0;
}

/* An ECDSA signature as XMLDSig has it: r||s of 64 bytes. */
static bool as_pair(unsigned char signature[SIGNATURE_BYTES], size_t *size)
{
    const unsigned char *at = signature;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)*size);
    bool good = pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, 32) == 32 && BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + 32, 32) == 32;

    ECDSA_SIG_free(pair);
    *size = 64;
    return good;
}

int seal_xml(const struct seal *seal, const char *document, size_t length, struct buffer *out, struct error *error)
{
    struct signature_profile profile = signature_profile_of(seal->about.algorithm);
    unsigned char signature[SIGNATURE_BYTES];
    struct buffer content, info, value;
    size_t size;
    int code;

    buffer_init(&content, SIGNED_XML_MAXIMUM);
    buffer_init(&info, SIGNED_INFO_MAXIMUM);
    buffer_init(&value, 0);
    code = xml_canonical(document, length, &content, error);
    if (!code && !signed_info_make(&profile, content.data, content.length, &info)) code = error_internal(error, "no SignedInfo");
    if (!code) code = seal_sign(seal, info.data, info.length, signature, &size, error);
    if (!code && seal->about.algorithm == KEY_P256 && !as_pair(signature, &size)) code = error_internal(error, "no ECDSA signature");
    if (!code) {
        base64_write(signature, size, &value);
        code = xml_signature_envelope(content.data, content.length, buffer_string(&info), buffer_string(&value), seal->der, seal->der_length, out, error);
    }
    buffer_free(&content);
    buffer_free(&info);
    buffer_free(&value);
    return code;
}
