/* Certificates of electronic keys and seals (X.509, RFC 5280), by OpenSSL: read, checked against the configured authorities and their
   revocation lists, and used to verify a signature. RSA of 2048 bits and more, P-256, and SM2 (GB/T 32918). */
#ifndef TRUST_CERTIFICATE_H
#define TRUST_CERTIFICATE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CERTIFICATE_MAXIMUM 4096 /* bytes of DER */
#define SIGNATURE_BYTES 512      /* the longest signature: RSA-4096 */

enum key_algorithm { KEY_RSA, KEY_P256, KEY_SM2 };

struct certificate {
    enum key_algorithm algorithm;
    int bits;                    /* of an RSA key */
    char subject[512], issuer[512]; /* one line, RFC 2253 order, UTF-8; cut if longer */
    char name[256];              /* common name of the subject */
    char serial[64];             /* hexadecimal, upper case */
    char holder[24];             /* USCC of the holder (18 digits and capitals), "" when it names none: organizationIdentifier
                                    (2.5.4.97; a NTRCN- in front is left out), else serialNumber (2.5.4.5), else an OU */
    char fingerprint[65];        /* SHA-256 of the DER, hexadecimal, lower case */
    int64_t not_before, not_after; /* milliseconds UTC */
};

/* Reads a certificate without checking it. ERROR_INVALID "certificate_unreadable" for what is none, is longer than the maximum or has
   a key of another kind. */
int certificate_read(const void *der, size_t length, struct certificate *certificate, struct error *error);

#define KEY_ALGORITHM_SIZE 16
/* "RSA-2048", "P-256", "SM2". */
void key_algorithm_name(const struct certificate *certificate, char name[KEY_ALGORITHM_SIZE]);

/* The certificates and revocation lists that are trusted here: every *.pem (certificates, also several in a file) and *.crl (PEM or
   DER) of a folder. Looked at again at most once a second, taken over when a file came, went or changed. Thread-safe. */
struct authorities;
/* `sm2_id` is the distinguishing id that SM2 signatures of certificates are made with. A folder that is absent or empty trusts nobody.
   A file that cannot be read is an error at the start, afterwards a line in the log and what stood before stays in force. */
int authorities_open(const char *directory, const char *sm2_id, struct authorities **authorities, struct error *error);
void authorities_close(struct authorities *authorities);

enum certificate_use {
    USE_SIGN_IN, /* keyUsage digitalSignature, if it is there at all */
    USE_SIGN     /* digitalSignature or nonRepudiation, if it is there at all */
};

/* Whether the certificate is good at an instant (milliseconds UTC): chain, validity, key usage, every list of its chain; reads it, too.
   Each certificate of the folder is an anchor; about an anchor itself no list is asked for, but one that is there is heard. What was found
   good is known for ten seconds, unless the folder changes before. ERROR_CONFLICT with one of: key_expired, key_not_yet_valid, key_revoked,
   key_unknown_authority, key_list_missing (no current revocation list of its issuer), key_wrong_use. */
int certificate_check(struct authorities *authorities, const void *der, size_t length, enum certificate_use use, int64_t now,
                      struct certificate *certificate, struct error *error);

/* Whether `signature` is the key's over `bytes`: RSA PKCS #1 v1.5 with SHA-256; ECDSA with SHA-256 or SM2 with SM3 as r||s of 64 bytes
   (RFC 4050, XMLDSig). */
bool certificate_verify(const void *der, size_t length, const char *sm2_id, const void *bytes, size_t count, const void *signature,
                        size_t signature_length);

#endif
