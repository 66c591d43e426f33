#include "exchange/archive.h"
#include "exchange/table_internal.h"

#include "base/csv.h"

#include <stdio.h>
#include <string.h>

int table_too_much(struct error *error)
{
    return error_set(error, ERROR_INVALID, "too_many_rows", "表格太大：最多1000行、64列。", "The table is too large: at most 1,000 rows and 64 columns.");
}

struct table_cell *table_cell_at(struct table *table, int row, size_t column, struct arena *arena, bool *too_much)
{
    struct table_row *last = table->count ? &table->rows[table->count - 1] : NULL;

    size_t most = table->most ? table->most : TABLE_ROWS;

    if (!table->rows && !(table->rows = arena_alloc(arena, most * sizeof *table->rows))) return NULL;
    if (!last || last->number != row) {
        if (table->count == most || column >= TABLE_COLUMNS) {
            *too_much = true;
            return NULL;
        }
        last = &table->rows[table->count++];
        last->number = row;
        last->cells = arena_alloc(arena, TABLE_COLUMNS * sizeof *last->cells);
    }
    if (column >= TABLE_COLUMNS || !last->cells) {
        *too_much = true;
        return NULL;
    }
    if (last->count <= column) last->count = column + 1;
    return &last->cells[column];
}

/* ---- CSV */

static int csv_read(const char *bytes, size_t length, struct arena *arena, struct table *table, struct error *error)
{
    size_t text_length;
    const char *text = archive_utf8(bytes, length, arena, &text_length);
    struct slice fields[CSV_COLUMNS];
    struct csv csv;
    bool too_much = false;
    int count;

    if (!text) return error_set(error, ERROR_INVALID, "encoding", "文件不是UTF-8或GB18030编码的CSV，也不是XLSX。", "This is neither CSV in UTF-8 or GB18030 nor XLSX.");
    csv_init(&csv, text, text_length, arena);
    while ((count = csv_row(&csv, fields, error)) > 0)
        for (int i = 0; i < count; i++) {
            struct table_cell *cell = table_cell_at(table, csv.line, (size_t)i, arena, &too_much);
            if (!cell) return table_too_much(error);
            cell->text = fields[i];
        }
    return count < 0 ? (int)error->code : 0;
}

int table_read(const char *bytes, size_t length, struct arena *arena, struct table *table, struct error *error)
{
    error_clear(error);
    memset(table, 0, sizeof *table);
    if (!length) return error_set(error, ERROR_INVALID, "empty_file", "文件是空的。", "The file is empty.");
    if (archive_is(bytes, length)) return xlsx_read(bytes, length, arena, table, error);
    if (length > 8 && !memcmp(bytes, "\xd0\xcf\x11\xe0", 4))
        return error_set(error, ERROR_INVALID, "old_excel", "这是旧格式(.xls)，请另存为.xlsx或CSV。", "This is the old format (.xls); save it as .xlsx or CSV.");
    return csv_read(bytes, length, arena, table, error);
}
