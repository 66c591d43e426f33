/* What the files of this folder share and nobody else needs. */
#ifndef EXCHANGE_INTERNAL_H
#define EXCHANGE_INTERNAL_H

#include "exchange/exchange.h"

#include <string.h>

/* One row of what was read: the text of every field, as sent. */
struct cell {
    struct slice text; /* text NULL = not there */
    const struct exchange_element *element; /* NULL: from a table */
    int line;
    const char *at;    /* the element's path, or the column's letters */
};
struct taken_rows {
    struct taken_row { struct cell *cells; struct taken_rows *children; } *rows; /* by slot; by index of the nested block */
    size_t count, room;
};

/* A new row of a block; NULL when the arena is exhausted. */
struct taken_row *taken_add(struct taken_rows *rows, const struct form_block *block, struct arena *arena);

struct taking { /* one body in the making */
    const struct form *form;
    const struct exchange_context *context;
    struct taken_rows *top; /* form->top_count */
    struct exchange_places *places;
    struct exchange_problems *problems;
    struct arena *arena;
};

/* Writes what was taken as a body, converting; remembers where each value came from. */
void taken_write(struct taking *taking, const char *variant, struct json_writer *json);
/* The rows of one block as a JSON array. */
void taken_write_rows(struct taking *taking, const struct form_block *block, const struct form_variant *variant, const struct taken_rows *rows,
                      const char *path, struct json_writer *json);

struct wrong { const char *rule, *zh, *en; };

/* Their text as ours. `parent`: the value of the field's parent, if it has one. NULL when done, else what is wrong. Without an
   element (a table) names of codes and choices are understood as well. */
const struct wrong *to_ours(const struct exchange_element *element, const struct form_field *field, const struct exchange_context *context,
                            struct slice text, struct slice parent, struct slice *ours);
/* Our value as theirs, in the arena. */
struct slice to_theirs(const struct exchange_element *element, const struct form_field *field, const struct exchange_context *context,
                       struct form_value value, struct slice parent, struct arena *arena);

void place_add(struct exchange_places *places, const char *path, const char *element, int line, struct slice said);

/* The index of a block at the top; -1 = it is none. */
int top_index(const struct form *form, const struct form_block *block);
/* The path of an element below the root, without row numbers. */
void element_path(const struct exchange_element *element, char path[EXCHANGE_PATH]);
/* NULL when the block has no such variant. */
const struct form_variant *variant_named(const struct form_block *block, struct slice id);

#endif
