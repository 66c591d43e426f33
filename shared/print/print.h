/* Pages: layouts from schema/print (boxes, texts, row tables, pictures, QR codes; millimetres on A4) filled with a document and drawn into one
   PDF. The language of layouts is in schema/print/README.md.

   Filling happens here; drawing, which wants Pango, Cairo and fonts (and the memory of all of them), in a program of its own,
   bin/draw-pages, started when there is something to draw and ended when nobody has asked for a while. A page that crashes it or
   keeps it busy for ever costs that page, not the program that asked. */
#ifndef PRINT_PRINT_H
#define PRINT_PRINT_H

#include "form/form.h"

struct print_layout;

/* Reads a layout and the parts that it includes, from <directory>/parts/<part>.json (NULL: it may include none). NULL on failure;
   error->detail names line and reason. */
struct print_layout *print_layout_read(const char *text, size_t length, const char *directory, struct error *error);
void print_layout_free(struct print_layout *layout);
const char *print_layout_title(const struct print_layout *layout);
/* SHA-256 of the layout and the parts that it includes: what an administrator confirms. */
const char *print_layout_digest(const struct print_layout *layout);
/* False where the layout says that nobody has compared it with the official form yet. */
bool print_layout_confirmed(const struct print_layout *layout);

struct print_file {
    const char *bytes; /* until the next one is asked for */
    size_t length;
    char what[80];     /* for the log, when it cannot be drawn */
};

/* What is printed: the body, names of codes, and what stands outside the body. */
struct print_source {
    const struct form_body *body;     /* NULL: a sample, every field is its own name */
    const struct json *names;         /* "names" of a frozen body, or NULL */
    const struct form_codes *codes;   /* for names that are not frozen; may be NULL */
    const struct print_value { const char *name, *text; } *values; /* "@licence_no" ...; ends with a NULL name */
    const char *watermark;            /* across every page, or NULL */
    /* The picture attached as `type` to the document (block "", row 0) or to a row; the issuing office's seal for NULL. False:
       there is none. May itself be NULL. */
    bool (*picture)(void *context, const char *type, const char *block, int64_t row_id, struct print_file *file);
    void *picture_context;
};

/* Appends one document to `pages` (an initialised buffer): the layout's page, then as many continuation pages as its rows need.
   More than 50 pages: ERROR_INVALID, here or, for rows that are measured, from print_draw. */
int print_add(struct buffer *pages, const struct print_layout *layout, const struct print_source *source, struct error *error);

/* Has the pages drawn as one PDF, appended to `pdf`. From any thread; at most DRAWERS at once, others wait. ERROR_INTERNAL when it
   cannot be done, also after a second try with a fresh program; ERROR_INVALID when a document has more than 50 pages. */
int print_draw(const struct buffer *pages, const char *title, struct buffer *pdf, struct error *error);

/* Ends drawing programs that nobody has asked for half a minute. To be called now and then. */
void print_rest(void);

#endif
