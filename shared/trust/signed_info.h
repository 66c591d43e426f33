/* The only SignedInfo (XMLDSig 1.1) that is ever made or accepted here: one Reference to the whole document (URI ""), enveloped
   signature, exclusive canonicalization. One place, so that the client control, the programs and the tests agree byte for byte. */
#ifndef TRUST_SIGNED_INFO_H
#define TRUST_SIGNED_INFO_H

#include "base/buffer.h"
#include "trust/certificate.h"

/* Which URIs stand for the algorithms; those of SM2 and SM3 are settings, for no standard of the W3C has them. */
struct signature_profile {
    const char *signature_uri, *digest_uri;
    const char *digest_name; /* for OpenSSL: "SHA256" or "SM3" */
};

#define SM2_SIGNATURE_URI "urn:oid:1.2.156.10197.1.501" /* SM2 with SM3 (GM/T 0006) */
#define SM3_DIGEST_URI "urn:oid:1.2.156.10197.1.401"
#define SM2_ID "1234567812345678"                         /* GM/T 0009: the distinguishing id when none was agreed */

/* The profile of RSA and P-256 keys; for SM2 the URIs above. */
struct signature_profile signature_profile_of(enum key_algorithm algorithm);

#define SIGNED_INFO_MAXIMUM 1200

/* Appends the canonical SignedInfo (with its own xmlns, as exclusive canonicalization writes it) for a canonical document. False when
   OpenSSL or memory fails. */
bool signed_info_make(const struct signature_profile *profile, const void *document, size_t length, struct buffer *out);

#endif
