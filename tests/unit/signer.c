#include "signer.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct signer signer_make(const char *kind)
{
    struct signer signer = {.key = key_make(kind)};
    struct error error;
    signer.native = certificate_make(signer.key, &(struct wish){.subject = "CN=signer"});
    const void *der = certificate_der(signer.native, &signer.length);
    memcpy(signer.certificate, der, signer.length);
    certificate_read(signer.certificate, signer.length, &signer.about, &error);
    return signer;
}

void signer_free(struct signer *signer)
{
    X509_free(signer->native);
    EVP_PKEY_free(signer->key);
}

char *text_copy(const char *text, size_t length)
{
    char *made = malloc(length + 1);
    if (length) memcpy(made, text, length);
    made[length] = 0;
    return made;
}

char *sign_info(const struct signer *signer, const char *content, const char *info)
{
    unsigned char signature[512], value[700];
    struct buffer out;
    struct error error = {0};
    EVP_EncodeBlock(value, signature, (int)key_sign(signer->key, TEST_ID, info, strlen(info), signature));
    buffer_init(&out, 0);
    if (xml_signature_envelope(content, strlen(content), info, (const char *)value, signer->certificate, signer->length, &out, &error)) fprintf(stderr, "# %s\n", error.detail);
    char *made = text_copy(out.data, out.length);
    buffer_free(&out);
    return made;
}

char *info_of(const struct signer *signer, const char *content)
{
    struct signature_profile profile = signature_profile_of(signer->about.algorithm);
    struct buffer out;
    buffer_init(&out, 0);
    signed_info_make(&profile, content, strlen(content), &out);
    char *made = text_copy(out.data, out.length);
    buffer_free(&out);
    return made;
}

char *sign(const struct signer *signer, const char *content)
{
    char *info = info_of(signer, content), *made = sign_info(signer, content, info);
    free(info);
    return made;
}
