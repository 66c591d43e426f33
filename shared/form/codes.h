/* Code tables (customs districts, countries, units, goods catalogues ...) in memory, read from CSV. A table's columns start with
   code, name; `scheme`, `valid_from`, `valid_until`, `status`, `letters` may follow anywhere. One code may have several rows, for
   schemes and for times (a yearly catalogue, a monthly rate). */
#ifndef FORM_CODES_H
#define FORM_CODES_H

#include "form/form.h"

#define CODE_COLUMNS 24
#define CODE_ROWS 200000

struct code_row {
    struct slice *cells; /* table->column_count */
    int32_t from, until; /* days, inclusive; open ends are INT32_MIN and INT32_MAX */
    int next;            /* the next row with the same code, -1 */
    int index;
};

struct code_table {
    char name[48];
    const char *columns[CODE_COLUMNS];
    size_t column_count;
    struct code_row *rows;
    size_t row_count;
    int *buckets; /* hash of the code -> first row, -1 */
    size_t bucket_count;
    int scheme_column; /* -1 = none */
    char version[17];  /* hash of the content, in hexadecimal */
    struct arena arena;
};

/* Reads a whole table (the text is copied). Every row needs a code of at most 64 letters, digits and . _ - and a name; dates are
   checked; a code must not be valid twice in one scheme on one day. On failure NULL, with the line in the words. */
struct code_table *code_table_read(const char *name, const char *csv, size_t length, struct error *error);
void code_table_free(struct code_table *table);

/* The row of a code valid on `day`, or NULL. `scheme` NULL = any. */
const struct code_row *code_table_find(const struct code_table *table, const char *scheme, struct slice code, int32_t day);
/* -1 when there is no such column. */
int code_table_column(const struct code_table *table, const char *name);
/* The whole table: {"list","version","columns":[...],"rows":[[...]]}. */
void code_table_write(const struct code_table *table, struct json_writer *json);

/* One row as a line of CSV. */
void code_row_csv(const struct code_table *table, const struct code_row *row, struct buffer *out);

/* A set of tables, as one moment's state. Read-only once built. */
struct code_set {
    struct code_table *tables[128];
    size_t count;
};

const struct code_table *code_set_find(const struct code_set *set, const char *name);
/* The interface for forms; `set` must stay. */
struct form_codes code_set_codes(const struct code_set *set);

#endif
