/* Rows of a spreadsheet for a row block of a form: cells of an XLSX or CSV file, heads matched with fields, values converted. */
#ifndef EXCHANGE_TABLE_H
#define EXCHANGE_TABLE_H

#include "exchange/exchange.h"

#define TABLE_ROWS 1002   /* heads, explanation and what a block holds */
#define TABLE_COLUMNS 64
#define TABLE_MARK "※"    /* a row that begins with it explains and is passed over */

struct table_cell { struct slice text; bool wrong; }; /* wrong: a formula without a result, or an error */
struct table_row { struct table_cell *cells; size_t count; int number; /* of the row in the file, from 1 */ };
struct table { struct table_row *rows; size_t count, most; }; /* most: rows that it may have, 0 = TABLE_ROWS */
struct table_sheet { const char *name; struct table table; };

/* Reads the first sheet of an XLSX file, or a CSV file in UTF-8 or GB18030. Formulas are never computed: what the file holds as their
   result counts. Numbers come as plain decimals, cells with a date format as yyyy-MM-dd. ERROR_INVALID says what is wrong. */
int table_read(const char *bytes, size_t length, struct arena *arena, struct table *table, struct error *error);

/* All sheets of an XLSX file, in order, each with at most `most` rows; in `sheets` (room for `room`; more of them are an error). */
int table_read_sheets(const char *bytes, size_t length, size_t most, struct arena *arena, struct table_sheet *sheets, size_t room, size_t *count,
                      struct error *error);

/* The fields that a person may enter in a row of the block under a variant, in order; in `fields` (room for TABLE_COLUMNS). */
size_t table_fields(const struct form_block *block, const struct form_variant *variant, const struct form_field **fields);

/* Writes the rows as a body for form_read: {"<block>": ...}. The first row holds heads: labels in Chinese or English, or names of fields. Problems name
   row (line) and column (element, its letters); `places` says where each path came from. `known`: names and texts of plain fields around the rows that codes
   depend on. */
void table_body(const struct exchange *exchange, const struct exchange_context *context, const struct form_block *block,
                const struct form_variant *variant, const struct table *table, const struct exchange_filter *known, size_t known_count,
                struct exchange_places *places, struct exchange_problems *problems, struct buffer *out);

/* "A", "B", .. "BL" of a column from 0. */
void table_letters(size_t column, char letters[8]);

#endif
