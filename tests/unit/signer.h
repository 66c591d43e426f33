/* Who signs documents in tests: a key with a certificate of its own. */
#ifndef TESTS_UNIT_SIGNER_H
#define TESTS_UNIT_SIGNER_H

#include "certificates.h"

#include "trust/xml_signature.h"

struct signer {
    EVP_PKEY *key;
    X509 *native;
    unsigned char certificate[CERTIFICATE_MAXIMUM];
    size_t length;
    struct certificate about;
};

struct signer signer_make(const char *kind);
void signer_free(struct signer *signer);

/* The SignedInfo of a canonical document, and the document signed with it, or with any other. To be freed. */
char *info_of(const struct signer *signer, const char *content);
char *sign_info(const struct signer *signer, const char *content, const char *info);
char *sign(const struct signer *signer, const char *content);

/* NUL-terminated; to be freed. */
char *text_copy(const char *text, size_t length);

#endif
