#include "trust/certificate_native.h"

#include "base/digest.h"
#include "base/utf8.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define USCC_LENGTH 18

static int unreadable(struct error *error, const char *why)
{
    error_set(error, ERROR_INVALID, "certificate_unreadable", "无法读取该证书。请使用 RSA（2048 至 4096 位）、P-256 或 SM2 密钥的证书。",
              "This certificate cannot be read. Use one with a key of RSA (2048 to 4096 bits), P-256 or SM2.");
    error_detail(error, "%s", why);
    return (int)error->code;
}

/* The certificate and nothing behind it; NULL if it is none. */
static X509 *decode(const void *der, size_t length)
{
    const unsigned char *at = der;
    X509 *native = length && length <= CERTIFICATE_MAXIMUM ? d2i_X509(NULL, &at, (long)length) : NULL;

    if (native && at != (const unsigned char *)der + length) {
        X509_free(native);
        native = NULL;
    }
    return native;
}

static bool algorithm_of(EVP_PKEY *key, enum key_algorithm *algorithm)
{
    char group[32] = "";
    int bits = key ? EVP_PKEY_get_bits(key) : 0;

    if (!key) return false;
    if (EVP_PKEY_is_a(key, "RSA")) {
        *algorithm = KEY_RSA;
        return bits >= 2048 && bits <= SIGNATURE_BYTES * 8;
    }
    if (EVP_PKEY_is_a(key, "SM2")) {
        *algorithm = KEY_SM2;
        return true;
    }
    *algorithm = KEY_P256;
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 && !strcmp(group, "prime256v1");
}

void key_algorithm_name(const struct certificate *certificate, char name[KEY_ALGORITHM_SIZE])
{
    if (certificate->algorithm == KEY_RSA) snprintf(name, KEY_ALGORITHM_SIZE, "RSA-%d", certificate->bits);
    else snprintf(name, KEY_ALGORITHM_SIZE, "%s", certificate->algorithm == KEY_P256 ? "P-256" : "SM2");
}

/* ---- what stands in it */

static void cut_into(char *out, size_t size, const char *text, size_t length)
{
    size_t kept = utf8_valid(text, length) ? utf8_cut(text, length, size - 1) : 0;

    memcpy(out, text, kept);
    out[kept] = 0;
}

static void name_line(X509_NAME *name, char *out, size_t size)
{
    BIO *memory = BIO_new(BIO_s_mem());
    char *text = NULL;

    *out = 0;
    if (memory && X509_NAME_print_ex(memory, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) > 0) {
        long length = BIO_get_mem_data(memory, &text);
        if (length > 0) cut_into(out, size, text, (size_t)length);
    }
    BIO_free(memory);
}

/* The attribute's next value after `*at` (-1 at first) as UTF-8; "" when it cannot be written so or holds a NUL. False: no further one. */
static bool next_value(X509_NAME *name, int attribute, int *at, char *out, size_t size)
{
    unsigned char *text = NULL;
    int length;

    *out = 0;
    *at = X509_NAME_get_index_by_NID(name, attribute, *at);
    if (*at < 0) return false;
    length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, *at)));
    if (length > 0 && !memchr(text, 0, (size_t)length)) cut_into(out, size, (const char *)text, (size_t)length);
    OPENSSL_free(text);
    return true;
}

static bool is_uscc(const char *text)
{
    return strlen(text) == USCC_LENGTH && strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == USCC_LENGTH;
}

static void find_holder(X509_NAME *name, char holder[24])
{
    static const int attributes[] = {NID_organizationIdentifier, NID_serialNumber, NID_organizationalUnitName};
    char value[256];

    *holder = 0;
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        for (int at = -1; next_value(name, attributes[i], &at, value, sizeof value);) {
            const char *text = i == 0 && !strncmp(value, "NTRCN-", 6) ? value + 6 : value;
            if (!is_uscc(text)) continue;
            memcpy(holder, text, USCC_LENGTH + 1);
            return;
        }
}

static bool instant_of(const ASN1_TIME *time, int64_t *instant)
{
    struct tm parts;

    if (ASN1_TIME_to_tm(time, &parts) != 1) return false;
    *instant = (int64_t)timegm(&parts) * 1000;
    return true;
}

static bool serial_of(const X509 *native, char *out, size_t size)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(native), NULL);
    char *digits = number ? BN_bn2hex(number) : NULL;
    bool good = digits && strlen(digits) < size;

    if (good) memcpy(out, digits, strlen(digits) + 1);
    OPENSSL_free(digits);
    BN_free(number);
    return good;
}

X509 *certificate_open(const void *der, size_t length, struct certificate *certificate, struct error *error)
{
    X509 *native = decode(der, length);
    int at = -1;
    bool good = false;

    memset(certificate, 0, sizeof *certificate);
    if (native && algorithm_of(X509_get0_pubkey(native), &certificate->algorithm)) {
        X509_NAME *subject = X509_get_subject_name(native);
        certificate->bits = EVP_PKEY_get_bits(X509_get0_pubkey(native));
        name_line(subject, certificate->subject, sizeof certificate->subject);
        name_line(X509_get_issuer_name(native), certificate->issuer, sizeof certificate->issuer);
        next_value(subject, NID_commonName, &at, certificate->name, sizeof certificate->name);
        find_holder(subject, certificate->holder);
        digest_sha256(der, length, certificate->fingerprint);
        good = serial_of(native, certificate->serial, sizeof certificate->serial) &&
               instant_of(X509_get0_notBefore(native), &certificate->not_before) && instant_of(X509_get0_notAfter(native), &certificate->not_after);
    }
    if (good) return native;
    unreadable(error, native ? "a key of another kind, or a broken date or serial number" : "no certificate");
    X509_free(native);
    return NULL;
}

int certificate_read(const void *der, size_t length, struct certificate *certificate, struct error *error)
{
    X509 *native = certificate_open(der, length, certificate, error);

    if (!native) return (int)error->code;
    X509_free(native);
    return 0;
}

/* ---- signatures */

/* r||s of 64 bytes as the DER that OpenSSL wants. Owned: OPENSSL_free. */
static unsigned char *pair_as_der(const unsigned char *pair, int *length)
{
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(pair, 32, NULL), *s = BN_bin2bn(pair + 32, 32, NULL);
    unsigned char *der = NULL;

    *length = 0;
    if (signature && r && s && ECDSA_SIG_set0(signature, r, s) == 1) {
        *length = i2d_ECDSA_SIG(signature, &der);
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(signature);
    return *length > 0 ? der : NULL;
}

static bool verify(EVP_PKEY *key, enum key_algorithm algorithm, const char *sm2_id, const void *bytes, size_t count, const void *signature,
                   size_t length)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *with = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    bool good = context && with && (algorithm != KEY_SM2 || EVP_PKEY_CTX_set1_id(with, sm2_id, (int)strlen(sm2_id)) == 1);

    if (good) {
        EVP_MD_CTX_set_pkey_ctx(context, with);
        good = EVP_DigestVerifyInit(context, NULL, algorithm == KEY_SM2 ? EVP_sm3() : EVP_sha256(), NULL, key) == 1 &&
               EVP_DigestVerify(context, signature, length, bytes, count) == 1;
    }
    EVP_MD_CTX_free(context);
    EVP_PKEY_CTX_free(with);
    return good;
}

bool certificate_key_verify(X509 *native, enum key_algorithm algorithm, const char *sm2_id, const void *bytes, size_t count, const void *signature,
                            size_t signature_length)
{
    EVP_PKEY *key = X509_get0_pubkey(native);
    unsigned char *pair;
    bool good;
    int size;

    if (algorithm == KEY_RSA) return verify(key, algorithm, sm2_id, bytes, count, signature, signature_length);
    if (signature_length != 64) return false;
    pair = pair_as_der(signature, &size);
    good = pair && verify(key, algorithm, sm2_id, bytes, count, pair, (size_t)size);
    OPENSSL_free(pair);
    return good;
}

bool certificate_verify(const void *der, size_t length, const char *sm2_id, const void *bytes, size_t count, const void *signature,
                        size_t signature_length)
{
    X509 *native = decode(der, length);
    enum key_algorithm algorithm;
    bool good = native && algorithm_of(X509_get0_pubkey(native), &algorithm) &&
                certificate_key_verify(native, algorithm, sm2_id, bytes, count, signature, signature_length);

    X509_free(native);
    return good;
}
