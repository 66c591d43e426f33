/* Seals of the portal and of agencies: a private key with its certificate, from PKCS #12 or PKCS #11, that signs PDF files (CMS,
   PAdES baseline B-B, ETSI EN 319 142-1) and the portal's own XML (receipts).

   Setting `seals` = a file of lines
       portal = /etc/singlewindow/portal.p12 /etc/singlewindow/portal.password
       C11000 = pkcs11:token=agency;object=seal agency.pin
       pkcs11_module = /usr/lib/softhsm/libsofthsm2.so
   The second word, where one is needed: a file that holds the password or PIN (one line, mode 0600). Files are looked for beside the
   file of lines unless their path is whole. `pkcs11_module`: the token's library; without it what p11-kit knows. RSA of 2048 bits and
   more, P-256; not SM2, which no reader of PDF files and no CMS of OpenSSL 3.0 knows. Tokens want OpenSSL's engine
   (libengine-pkcs11-openssl), which is loaded only when a line names one. */
#ifndef TRUST_SEAL_H
#define TRUST_SEAL_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct seals;
struct seal;

/* Reads the file and opens every key in it; a key that does not open is an error that names it. `file` NULL: no seals. Thread-safe
   afterwards. */
int seals_open(const char *file, struct seals **seals, struct error *error);
void seals_close(struct seals *seals);
/* NULL when there is none of that name ("portal" or an agency's code). */
const struct seal *seal_of(const struct seals *seals, const char *name);
/* Whose it is: common name of the certificate. */
const char *seal_name(const struct seal *seal);
/* Whether its certificate is valid at an instant (milliseconds UTC). */
bool seal_valid(const struct seal *seal, int64_t now);

/* Appends the PDF with an invisible signature of the whole file as an incremental update (ISO 32000-1, 12.8): about 5 KB. `reason` and
   `now` (milliseconds) stand in it. Reads what Cairo writes (a classic cross-reference table, one revision) and refuses anything else.
   ERROR_INTERNAL with the reason: that, a certificate that is not valid at `now`, a token that is away; nothing is appended then. */
int seal_pdf(const struct seal *seal, const void *pdf, size_t length, const char *reason, int64_t now, struct buffer *out, struct error *error);

/* Appends the canonical form of a document with an enveloped XMLDSig (trust/xml_signature.h), the certificate in KeyInfo. ERROR_INVALID
   as xml_canonical, ERROR_INTERNAL when a token is away. Whether the certificate is valid is the caller's to ask. */
int seal_xml(const struct seal *seal, const char *document, size_t length, struct buffer *out, struct error *error);

#endif
