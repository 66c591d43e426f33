/* Enveloped XML signatures (XMLDSig 1.1) of documents: libxmlsec1 with OpenSSL for RSA and ECDSA; for SM2, which it does not know,
   canonicalization by libxml2 and the signature by OpenSSL. What a document may look like is decided here and is narrow.
   Thread-safe. */
#ifndef TRUST_XML_SIGNATURE_H
#define TRUST_XML_SIGNATURE_H

#include "trust/signed_info.h"

#define SIGNED_XML_MAXIMUM (2u << 20)

/* Starts libxml2, once in a process, before threads; libxmlsec1 starts with the first signature that it checks. */
int xml_signature_start(struct error *error);

/* Before a parser sees it: NULL, or what takes an XML text out of these limits and, in *where, at which byte (0: as a whole): UTF-8, at most
   SIGNED_XML_MAXIMUM bytes, 40000 tags, 64 levels, 64 attributes of an element and 40000 of all; no declaration, DTD, entity, comment,
   section or processing instruction. */
const char *xml_outside_limits(const char *xml, size_t length, size_t *where);

/* Appends the exclusive canonical form of an XML text within these limits. ERROR_INVALID "xml_unreadable". */
int xml_canonical(const char *xml, size_t length, struct buffer *out, struct error *error);

/* Appends the document with a Signature as the root's last child: the SignedInfo, the value in base64 (empty: to be filled by who
   signs), the certificate. `document` is canonical. */
int xml_signature_envelope(const char *document, size_t length, const char *signed_info, const char *value, const void *certificate,
                           size_t certificate_length, struct buffer *out, struct error *error);

/* Checks a signed document against the certificate that is known to be the signer's; a certificate inside is never used. Accepts exactly
   one Signature, the last child of the root, with exactly the SignedInfo of signed_info.h (of its canonical form each byte is compared)
   and at most one KeyInfo, within the limits of xml_canonical; no space between the parts of the signature (in base64 it may stand). `sm2`: NULL for
   the usual URIs. Gives what was signed, canonical and without the signature, in `content`: read nothing else.
   ERROR_INVALID "signature_wrong"; the detail (for the log) says what is wrong. */
int xml_signature_check(const char *xml, size_t length, const void *certificate, size_t certificate_length,
                        const struct signature_profile *sm2, const char *sm2_id, struct buffer *content, struct error *error);

#endif
