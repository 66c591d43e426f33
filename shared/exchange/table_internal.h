/* What reading tables shares. */
#ifndef EXCHANGE_TABLE_INTERNAL_H
#define EXCHANGE_TABLE_INTERNAL_H

#include "exchange/table.h"

/* The cell of a row and column, made when it is not there yet; NULL beyond the limits (`*too_much` is then set). */
struct table_cell *table_cell_at(struct table *table, int row, size_t column, struct arena *arena, bool *too_much);

int xlsx_read(const char *bytes, size_t length, struct arena *arena, struct table *table, struct error *error);
int table_too_much(struct error *error);

#endif
