/* CSV (RFC 4180) in UTF-8: quoted fields, doubled quotes, CRLF or LF, an optional byte order mark. */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/json_read.h"

#define CSV_COLUMNS 64

struct csv {
    const char *at, *end;
    int line; /* of the row last read, from 1 */
    struct arena *arena;
};

void csv_init(struct csv *csv, const char *text, size_t length, struct arena *arena);

/* Reads a row into fields[CSV_COLUMNS] (slices of the text or the arena). Returns the number of fields, 0 at the end,
   -1 on an error (an open quote, too many columns, bad UTF-8) with the line in the words. Empty lines are passed over. */
int csv_row(struct csv *csv, struct slice fields[CSV_COLUMNS], struct error *error);

/* Writes one field (comma first unless `first`), quoted as needed; cells starting = + - @ TAB CR get an apostrophe so that
   no spreadsheet runs them (plain numbers excepted), which csv_row takes away again. End rows with "\r\n". */
void csv_field(struct buffer *out, bool first, const char *text, size_t length);

#endif
