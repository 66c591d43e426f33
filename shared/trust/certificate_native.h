/* Certificates as OpenSSL has them, for the files of this folder: reading one costs 0.1 ms, so it is done once. */
#ifndef TRUST_CERTIFICATE_NATIVE_H
#define TRUST_CERTIFICATE_NATIVE_H

#include "trust/certificate.h"

#include <openssl/x509.h>

/* As certificate_read; NULL on failure. Free with X509_free. */
X509 *certificate_open(const void *der, size_t length, struct certificate *certificate, struct error *error);

/* As certificate_verify, for what certificate_open has read. */
bool certificate_key_verify(X509 *native, enum key_algorithm algorithm, const char *sm2_id, const void *bytes, size_t count, const void *signature,
                            size_t signature_length);

#endif
