#include "certificates.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEED(good) need((good), #good, __LINE__)

static void need(int good, const char *what, int line)
{
    if (good) return;
    fprintf(stderr, "# certificates.c:%d: %s\n", line, what);
    exit(1);
}

EVP_PKEY *key_make(const char *kind)
{
    EVP_PKEY *key = NULL;

    if (!strncmp(kind, "RSA-", 4)) key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)atoi(kind + 4));
    else if (!strcmp(kind, "SM2")) key = EVP_PKEY_Q_keygen(NULL, NULL, "SM2");
    else key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind);
    NEED(key != NULL);
    return key;
}

/* A context that signs with the key as its kind wants it. */
static EVP_MD_CTX *signer(EVP_PKEY *key, const char *sm2_id, EVP_PKEY_CTX **with)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int sm2 = EVP_PKEY_is_a(key, "SM2");

    *with = EVP_PKEY_CTX_new(key, NULL);
    if (sm2) NEED(EVP_PKEY_CTX_set1_id(*with, sm2_id, (int)strlen(sm2_id)) == 1);
    EVP_MD_CTX_set_pkey_ctx(context, *with);
    NEED(EVP_DigestSignInit(context, NULL, sm2 ? EVP_sm3() : EVP_sha256(), NULL, key) == 1);
    return context;
}

static void name_fill(X509_NAME *name, const char *text)
{
    char copy[512], *rest = copy, *part;

    snprintf(copy, sizeof copy, "%s", text);
    while ((part = strsep(&rest, ","))) {
        char *value = strchr(part, '=');
        *value++ = 0;
        NEED(X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0) == 1);
    }
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);

    NEED(extension && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static void days_set(ASN1_TIME *time, int days) { NEED(ASN1_TIME_set(time, (time_t)(TEST_NOW / 1000 + days * 86400LL)) != NULL); }

X509 *certificate_make(EVP_PKEY *key, const struct wish *wish)
{
    static long serial = 4096;
    X509 *made = X509_new(), *issuer = wish->issuer ? wish->issuer : made;
    EVP_PKEY_CTX *with;
    EVP_MD_CTX *context = signer(wish->issuer ? wish->issuer_key : key, wish->sm2_id ? wish->sm2_id : TEST_ID, &with);
    int always = !wish->from_days && !wish->to_days;

    NEED(X509_set_version(made, X509_VERSION_3) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial) == 1);
    name_fill(X509_get_subject_name(made), wish->subject);
    NEED(X509_set_issuer_name(made, X509_get_subject_name(issuer)) == 1 && X509_set_pubkey(made, key) == 1);
    days_set(X509_getm_notBefore(made), always ? -1000 : wish->from_days);
    days_set(X509_getm_notAfter(made), always ? 4000 : wish->to_days);
    add_extension(made, issuer, NID_basic_constraints, wish->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (wish->usage) add_extension(made, issuer, NID_key_usage, wish->usage);
    NEED(X509_sign_ctx(made, context) > 0);
    EVP_MD_CTX_free(context);
    EVP_PKEY_CTX_free(with);
    return made;
}

const void *certificate_der(X509 *certificate, size_t *length)
{
    static unsigned char *der;

    OPENSSL_free(der);
    der = NULL;
    int size = i2d_X509(certificate, &der);
    NEED(size > 0);
    *length = (size_t)size;
    return der;
}

X509_CRL *list_make(X509 *issuer, EVP_PKEY *issuer_key, X509 *revoked, int from_days, int to_days)
{
    X509_CRL *list = X509_CRL_new();
    EVP_PKEY_CTX *with;
    EVP_MD_CTX *context = signer(issuer_key, TEST_ID, &with);
    ASN1_TIME *time = ASN1_TIME_new();

    NEED(X509_CRL_set_version(list, X509_CRL_VERSION_2) == 1 && X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer)) == 1);
    days_set(time, from_days);
    NEED(X509_CRL_set1_lastUpdate(list, time) == 1);
    if (revoked) {
        X509_REVOKED *entry = X509_REVOKED_new();
        NEED(X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked)) == 1 && X509_REVOKED_set_revocationDate(entry, time) == 1);
        NEED(X509_CRL_add0_revoked(list, entry) == 1 && X509_CRL_sort(list) == 1);
    }
    days_set(time, to_days);
    NEED(X509_CRL_set1_nextUpdate(list, time) == 1 && X509_CRL_sign_ctx(list, context) > 0);
    ASN1_TIME_free(time);
    EVP_MD_CTX_free(context);
    EVP_PKEY_CTX_free(with);
    return list;
}

void certificate_save(X509 *certificate, const char *path)
{
    FILE *out = fopen(path, "we");

    NEED(out && PEM_write_X509(out, certificate) == 1 && !fclose(out));
}

void list_save(X509_CRL *list, const char *path)
{
    FILE *out = fopen(path, "we");

    NEED(out && PEM_write_X509_CRL(out, list) == 1 && !fclose(out));
}

size_t key_sign(EVP_PKEY *key, const char *sm2_id, const void *bytes, size_t length, unsigned char signature[512])
{
    EVP_PKEY_CTX *with;
    EVP_MD_CTX *context = signer(key, sm2_id, &with);
    size_t size = 512;

    NEED(EVP_DigestSign(context, signature, &size, bytes, length) == 1);
    EVP_MD_CTX_free(context);
    EVP_PKEY_CTX_free(with);
    if (EVP_PKEY_is_a(key, "RSA")) return size;
    const unsigned char *at = signature;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)size);
    NEED(pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, 32) == 32 && BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + 32, 32) == 32);
    ECDSA_SIG_free(pair);
    return 64;
}
