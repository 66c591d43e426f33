/* Signed messages between the portal and partners (exchange/partners.h): which kinds there are, what stands in them, their XML Schema, and
   writing them. Namespace ENVELOPE_NAMESPACE; documented for partners in modules/exchange/PARTNERS.md. Pure: no files, clock or network. */
#ifndef EXCHANGE_ENVELOPE_H
#define EXCHANGE_ENVELOPE_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENVELOPE_NAMESPACE "urn:singlewindow:message"
#define ENVELOPE_MAXIMUM (2u << 20) /* bytes of one message, with its signature */
#define ENVELOPE_ID_MAXIMUM 64      /* bytes of a MessageId: [A-Za-z0-9._-] */
#define ENVELOPE_NAME_MAXIMUM 64    /* of an element's name, and its NUL */

enum envelope_type {
    ENVELOPE_TEXT,
    ENVELOPE_INTEGER, /* digits */
    ENVELOPE_DECIMAL, /* not negative, 13 digits and 5 places at most */
    ENVELOPE_DATE,    /* 2026-09-03 */
    ENVELOPE_INSTANT, /* 2026-09-03T02:00:00Z */
    ENVELOPE_BASE64,
    ENVELOPE_FORM,    /* one element: the document by its form's published schema */
    ENVELOPE_GROUP    /* has members of its own */
};

struct envelope_member { /* in the order in which they stand; the last has no name */
    const char *name;
    enum envelope_type type;
    int maximum;         /* characters of a text, occurrences of a group; 0 = no limit of its own */
    bool required, many;
    const char *pattern; /* what the whole text must match (a regular expression of XML Schema), or NULL */
    const struct envelope_member *members;
};

struct envelope_kind {
    const char *name;
    bool sent, received; /* by the portal */
    const struct envelope_member *members;
};

extern const struct envelope_kind envelope_kinds[]; /* the last has no name */
const struct envelope_kind *envelope_kind(const char *name); /* NULL when there is none */

/* The members of Head: MessageId, Number, Sender, Receiver, Kind, Module, Document, Sequence, Created. */
extern const struct envelope_member envelope_head_members[];

struct envelope_head {
    const char *message_id, *sender, *receiver, *kind, *module, *document;
    int64_t number, sequence, created; /* created: milliseconds UTC */
};

/* Appends <element>text</element>: nothing when the text is "" or NULL. Characters that XML cannot have are left out. */
void envelope_put(struct buffer *out, const char *element, const char *text);
void envelope_put_integer(struct buffer *out, const char *element, int64_t value);
void envelope_put_instant(struct buffer *out, const char *element, int64_t milliseconds);
void envelope_open(struct buffer *out, const char *element);
void envelope_close(struct buffer *out, const char *element);

/* Appends the whole unsigned message. `payload` is the element of its kind, written without prefix or namespace declaration of its own. */
void envelope_write(const struct envelope_head *head, const char *payload, size_t length, struct buffer *out);

struct envelope_form { const char *name, *module; };

/* Appends the XML Schema. `only_received`: of what partners send, for the program that has checked the signature already: Signature may be
   missing there, and nothing is imported. Otherwise all kinds, and the forms' schemas are imported from "../<module>/forms/<name>/xsd". */
void envelope_write_xsd(const struct envelope_form *forms, size_t count, bool only_received, struct buffer *out);

/* What an element is called in JSON: LicenceNo is licence_no. */
void envelope_json_name(const char *element, char out[ENVELOPE_NAME_MAXIMUM]);

#endif
