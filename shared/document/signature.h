/* What applicants sign with their electronic keys: the body of a document at its version, as canonical XML (R-KEY-2, R-EX-16). */
#ifndef DOCUMENT_SIGNATURE_H
#define DOCUMENT_SIGNATURE_H

#include "document/document.h"
#include "trust/certificate.h"

#define DOC_SIGNED_MAXIMUM (1024u * 1024) /* bytes of what applicants sign */
#define DOC_SIGNED_NAMESPACE "urn:singlewindow:signed-application:1"
#define DOC_RECEIPT_NAMESPACE "urn:singlewindow:submission-receipt:1"

/* A signature that was checked, for doc_act.signature. Everything is the caller's and outlives the writing. */
struct doc_signature {
    struct certificate certificate;
    const char *der, *xml;
    size_t der_length, xml_length;
};

/* Appends the canonical XML that is to be signed for an action that was prepared and is `complete`: SignedApplication around the frozen
   body, with application number, document, enterprise, form and versions. */
int doc_signable(const struct doc_act *act, struct arena *arena, struct buffer *out, struct error *error);

/* In the transaction of the action, after its effects: keeps the signature with what the portal has assigned. */
int doc_signature_store(struct store_connection *db, const struct doc_act *act, struct error *error);

/* {"items":[{"id","action","signed_at","signer","subject","issuer","serial","algorithm","application_no","form_no","version","current"}]} of a document that was
   read with its rights; newest first. "current": the stored body is, byte for byte, what was signed. */
int doc_signatures_write(struct store_connection *db, const struct doc_module *module, const struct doc_row *row, struct arena *arena,
                         struct json_writer *json, struct error *error);

/* The signed XML; ERROR_NOT_FOUND. */
int doc_signature_xml(struct store_connection *db, int64_t document, int64_t sequence, struct buffer *out, struct error *error);

/* Appends the canonical XML of the receipt that the portal signs: which signed document it has received, when, and what it has assigned. */
int doc_receipt(struct store_connection *db, int64_t document, int64_t sequence, struct buffer *out, struct error *error);

#endif
