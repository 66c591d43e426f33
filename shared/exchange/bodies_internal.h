/* What the readers of many bodies share. */
#ifndef EXCHANGE_BODIES_INTERNAL_H
#define EXCHANGE_BODIES_INTERNAL_H

#include "exchange/bodies.h"

/* Adds a document: its body as JSON and the problems told so far, which are emptied. ERROR_INVALID when there are too many. */
int bodies_add(struct bodies *bodies, const char *name, const char *body, size_t length, struct error *error);
void bodies_problem(struct bodies *bodies, const char *field, const char *rule, const char *zh, const char *en);
/* A value of a field from its text, as bodies have it; what is no such value stays a text, which form_read then tells of. */
void bodies_value(const struct form_field *field, const char *text, size_t length, struct json_writer *json);

int bodies_xml(const struct form *form, const char *bytes, size_t length, struct bodies *bodies, struct error *error);
int bodies_sheets(const struct form *form, const char *bytes, size_t length, struct bodies *bodies, struct error *error);

#endif
