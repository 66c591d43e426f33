/* The private side of seals, for the files of this folder. */
#ifndef TRUST_SEAL_KEY_H
#define TRUST_SEAL_KEY_H

#include "trust/certificate.h"
#include "trust/seal.h"

#include <openssl/x509.h>
#include <pthread.h>

struct seal {
    char location[512];
    EVP_PKEY *key;
    X509 *certificate;
    STACK_OF(X509) *chain; /* what came with it, or NULL */
    struct certificate about;
    unsigned char *der; /* of the certificate */
    size_t der_length;
    pthread_mutex_t *turn; /* of a token, that signs one at a time; else NULL */
};

/* Where signatures of this seal fit: RSA up to 4096 bits, or the DER of an ECDSA pair. SHA-256. Thread-safe. */
int seal_sign(const struct seal *seal, const void *bytes, size_t length, unsigned char signature[SIGNATURE_BYTES], size_t *size, struct error *error);

/* Key and certificate of a PKCS #11 URI (RFC 7512), by OpenSSL's engine, which is loaded with the first of them. `module`: the library
   of the token, NULL = all that p11-kit knows. `pin` may be NULL. */
int seal_token_open(const char *uri, const char *module, const char *pin, struct seal *seal, struct error *error);
void seal_token_end(void);

#endif
