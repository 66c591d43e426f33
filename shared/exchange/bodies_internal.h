/* What the readers of many bodies share. */
#ifndef EXCHANGE_BODIES_INTERNAL_H
#define EXCHANGE_BODIES_INTERNAL_H

#include "exchange/bodies.h"

/* Adds a document: its body as JSON and the problems told so far, which are emptied. ERROR_INVALID when there are too many. */
int bodies_add(struct bodies *bodies, const char *name, const char *body, size_t length, struct error *error);
void bodies_problem(struct bodies *bodies, const char *field, const char *rule, const char *zh, const char *en);
/* A value of a field from its text, as bodies have it; what is no such value stays a text, which form_read then tells of. */
void bodies_value(const struct form_field *field, const char *text, size_t length, struct json_writer *json);

/* The place of the next document in its file, from 1. */
size_t bodies_place(const struct bodies *bodies);
/* Adds the documents of one file that is no ZIP. */
int bodies_file(const struct form *form, const char *bytes, size_t length, struct bodies *bodies, struct error *error);
/* What a text begins with; then the key and a NUL. */
#define BODIES_DOCUMENT 'D'   /* then {"body":{...},"problems":[...]} */
#define BODIES_ATTACHMENT 'F' /* then type, block, place and file name, each with a NUL behind it; then the bytes */
/* Adds a text for bodies_content_read. ERROR_INVALID when there are too many. */
int bodies_text(struct bodies *bodies, const char *name, const struct buffer *text, struct error *error);

int bodies_xml(const struct form *form, const char *bytes, size_t length, struct bodies *bodies, struct error *error);
int bodies_sheets(const struct form *form, const char *bytes, size_t length, struct bodies *bodies, struct error *error);
int bodies_archive(const struct form *form, const char *bytes, size_t length, struct bodies *bodies, struct error *error);

#endif
