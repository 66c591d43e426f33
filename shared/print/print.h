/* Pages: layouts from schema/print (boxes, texts, row tables, QR codes; millimetres on A4) filled with a document and drawn into one
   PDF. The language of layouts is in schema/print/README.md.

   Filling happens here; drawing, which wants Pango, Cairo and fonts (and the memory of all of them), in a program of its own,
   bin/draw-pages, started when there is something to draw and ended when nobody has asked for a while. A page that crashes it or
   keeps it busy for ever costs that page, not the program that asked. */
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

/* Appends one document to `pages` (an initialised buffer): the layout's page, then as many continuation pages as its rows need. */
int print_add(struct buffer *pages, const struct print_layout *layout, const struct print_source *source, struct error *error);

/* Has the pages drawn as one PDF, appended to `pdf`. From any thread; at most DRAWERS at once, others wait. ERROR_INTERNAL when it
   cannot be done, also after a second try with a fresh program. */
int print_draw(const struct buffer *pages, const char *title, struct buffer *pdf, struct error *error);

/* Ends drawing programs that nobody has asked for half a minute. To be called now and then. */
void print_rest(void);

#endif
