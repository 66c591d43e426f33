/* Authorities, certificates and revocation lists made in the test itself, by OpenSSL. Whatever fails ends the test program. */
#ifndef TESTS_UNIT_CERTIFICATES_H
#define TESTS_UNIT_CERTIFICATES_H

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#define TEST_NOW 1788400800000LL /* 2026-09-03T10:00:00+08:00 */
#define TEST_ID "1234567812345678"

/* A private key: "RSA-2048", "RSA-1024", "P-256", "P-384", "SM2". */
EVP_PKEY *key_make(const char *kind);

struct wish {
    const char *subject;   /* "CN=x,2.5.4.97=y": blank-free names, commas between */
    X509 *issuer;          /* NULL: signed by itself */
    EVP_PKEY *issuer_key;
    int ca;                /* an authority */
    const char *usage;     /* keyUsage, NULL = none */
    int from_days, to_days; /* seen from TEST_NOW; both 0: -1000 to 4000 */
    const char *sm2_id;    /* NULL = TEST_ID */
};

X509 *certificate_make(EVP_PKEY *key, const struct wish *wish);
/* Its DER, good until the next call; the length in *length. */
const void *certificate_der(X509 *certificate, size_t *length);

/* A list of the issuer with one revoked certificate (NULL: none), current from_days to to_days. */
X509_CRL *list_make(X509 *issuer, EVP_PKEY *issuer_key, X509 *revoked, int from_days, int to_days);

/* As PEM files. */
void certificate_save(X509 *certificate, const char *path);
void list_save(X509_CRL *list, const char *path);

/* What a key answers: RSA as it is, P-256 and SM2 as r||s. Returns the length. */
size_t key_sign(EVP_PKEY *key, const char *sm2_id, const void *bytes, size_t length, unsigned char signature[512]);

#endif
