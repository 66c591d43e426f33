/* A table as a download: CSV (with a byte order mark, so that spreadsheets read UTF-8) or XLSX. Text is never a formula. */
#ifndef SERVICE_SHEET_H
#define SERVICE_SHEET_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>

struct sheet {
    struct buffer csv;
    void *workbook, *page; /* libxlsxwriter's */
    int memory;            /* a file in memory, which the library writes by its path */
    unsigned row;
    unsigned short column;
};

void sheet_open(struct sheet *sheet, bool xlsx);
void sheet_text(struct sheet *sheet, const char *text, size_t length); /* cut to 32,000 bytes, what a cell holds */
void sheet_number(struct sheet *sheet, const char *text, size_t length);
void sheet_row_end(struct sheet *sheet);
/* Finishes and appends the file to `out`. Always call once. */
int sheet_close(struct sheet *sheet, struct buffer *out, struct error *error);

#endif
