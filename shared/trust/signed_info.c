#include "trust/signed_info.h"

#include <openssl/evp.h>

#define XMLDSIG "http://www.w3.org/2000/09/xmldsig#"
#define EXCLUSIVE_C14N "http://www.w3.org/2001/10/xml-exc-c14n#"

struct signature_profile signature_profile_of(enum key_algorithm algorithm)
{
    static const struct signature_profile profiles[] = {
        [KEY_RSA] = {"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256", "SHA256"},
        [KEY_P256] = {"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256", "SHA256"},
        [KEY_SM2] = {SM2_SIGNATURE_URI, SM3_DIGEST_URI, "SM3"}};
    return profiles[algorithm];
}

bool signed_info_make(const struct signature_profile *profile, const void *document, size_t length, struct buffer *out)
{
    unsigned char hash[EVP_MAX_MD_SIZE], value[EVP_MAX_MD_SIZE * 2];
    size_t size = 0;
    if (!EVP_Q_digest(NULL, profile->digest_name, NULL, document, length, hash, &size))
        return false;
    EVP_EncodeBlock(value, hash, (int)size);
    /* canonical XML writes an empty element as a pair of tags */
    buffer_printf(out,
                  "<SignedInfo xmlns=\"" XMLDSIG "\">"
                  "<CanonicalizationMethod Algorithm=\"" EXCLUSIVE_C14N "\"></CanonicalizationMethod>"
                  "<SignatureMethod Algorithm=\"%s\"></SignatureMethod>"
                  "<Reference URI=\"\"><Transforms>"
                  "<Transform Algorithm=\"" XMLDSIG "enveloped-signature\"></Transform>"
                  "<Transform Algorithm=\"" EXCLUSIVE_C14N "\"></Transform>"
                  "</Transforms><DigestMethod Algorithm=\"%s\"></DigestMethod>"
                  "<DigestValue>%s</DigestValue></Reference></SignedInfo>",
                  profile->signature_uri, profile->digest_uri, value);
    return !out->failed;
}
