/* Pages: layouts from schema/print (boxes, texts, row tables, QR codes; millimetres on A4) filled with a document and drawn with Pango and
   Cairo into one PDF. The language of layouts is in schema/print/README.md. */
#ifndef PRINT_PRINT_H
#define PRINT_PRINT_H

#include "form/form.h"

struct print_layout;

/* Reads a layout. NULL on failure; error->detail names line and reason. */
struct print_layout *print_layout_read(const char *text, size_t length, struct error *error);
void print_layout_free(struct print_layout *layout);

/* What is printed: the body, names of codes, and what stands outside the body. */
struct print_source {
    const struct form_body *body;
    const struct json *names;         /* "names" of a frozen body, or NULL */
    const struct form_codes *codes;   /* for names that are not frozen; may be NULL */
    const struct print_value { const char *name, *text; } *values; /* "@licence_no" ...; ends with a NULL name */
};

struct print_job; /* one PDF being made */

struct print_job *print_begin(struct buffer *out, const char *title);
/* Adds the pages of one document: the layout's page, then as many continuation pages as its rows need. */
int print_add(struct print_job *job, const struct print_layout *layout, const struct print_source *source, struct error *error);
/* Finishes and frees. Always call. */
int print_end(struct print_job *job, struct error *error);

#endif
