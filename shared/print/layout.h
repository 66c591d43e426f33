/* What the files share that fill a layout. */
#ifndef PRINT_LAYOUT_H
#define PRINT_LAYOUT_H

#include "base/digest.h"
#include "print/print.h"

#define PARTS_MAXIMUM 8 /* of one layout */

struct print_layout {
    const struct json *json;
    struct part { const char *name; const struct json *json; } parts[PARTS_MAXIMUM];
    size_t part_count;
    char digest[DIGEST_SIZE];
    struct arena arena;
};

/* layout.c */
bool is_include(const struct json *element);
/* The elements of an included part; NULL when it is none. */
const struct json *part_of(const struct print_layout *layout, const char *name);

/* template.c */
struct place { /* a row, and the row it belongs to */
    const struct form_block *block;
    const struct form_rows *rows;
    size_t row;
    const struct place *parent;
};

struct filling {
    const struct print_source *source;
    const struct print_layout *layout;
    const struct place *place; /* of the current row, or NULL */
    size_t seq;                /* its number in the table, from 1 */
};

/* Fills a template ("{field}", "{@value}", "{seq}") into `out`, which is emptied before. Unknown names become nothing. */
void fill(const struct filling *filling, const char *template, struct buffer *out);
/* Whether a template has numbers of pages, which only the drawing program knows. */
bool has_numbers(const char *template);

#endif
