#define _GNU_SOURCE
#include "service/sheet.h"

#include "base/csv.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xlsxwriter.h>

void sheet_open(struct sheet *sheet, bool xlsx)
{
    char path[40];

    memset(sheet, 0, sizeof *sheet);
    buffer_init(&sheet->csv, 0);
    sheet->memory = -1;
    if (!xlsx) {
        buffer_text(&sheet->csv, "\xef\xbb\xbf");
        return;
    }
    sheet->memory = memfd_create("sheet", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", sheet->memory);
    sheet->workbook = workbook_new(path);
    sheet->page = sheet->workbook ? workbook_add_worksheet(sheet->workbook, NULL) : NULL;
}

static void copy_cell(char cell[32001], const char *text, size_t length)
{
    length = utf8_cut(text, length, 32000);
    memcpy(cell, text, length);
    cell[length] = '\0';
}

void sheet_text(struct sheet *sheet, const char *text, size_t length)
{
    char cell[32001];

    if (!sheet->page) {
        csv_field(&sheet->csv, sheet->column++ == 0, text, length);
        return;
    }
    copy_cell(cell, text, length);
    worksheet_write_string(sheet->page, sheet->row, sheet->column++, cell, NULL); /* a string cell is never a formula */
}

void sheet_number(struct sheet *sheet, const char *text, size_t length)
{
    char cell[32001];

    if (!sheet->page) {
        sheet_text(sheet, text, length);
        return;
    }
    copy_cell(cell, text, length);
    worksheet_write_number(sheet->page, sheet->row, sheet->column++, strtod(cell, NULL), NULL);
}

void sheet_row_end(struct sheet *sheet)
{
    if (!sheet->page) buffer_text(&sheet->csv, "\r\n");
    sheet->row++;
    sheet->column = 0;
}

static bool read_memory(int memory, struct buffer *out)
{
    off_t length = lseek(memory, 0, SEEK_END);
    char *room = length > 0 ? buffer_reserve(out, (size_t)length) : NULL;

    if (!room || pread(memory, room, (size_t)length, 0) != (ssize_t)length) return false;
    out->length += (size_t)length;
    return true;
}

int sheet_close(struct sheet *sheet, struct buffer *out, struct error *error)
{
    bool failed = sheet->csv.failed;

    if (sheet->memory >= 0) {
        failed = !sheet->workbook || workbook_close(sheet->workbook) != LXW_NO_ERROR || !read_memory(sheet->memory, out);
        close(sheet->memory);
    } else {
        buffer_bytes(out, buffer_string(&sheet->csv), sheet->csv.length);
    }
    buffer_free(&sheet->csv);
    return failed || out->failed ? error_internal(error, "the sheet could not be written") : 0;
}
