/* Code tables from CSV: refused with a reason, or every row can be found again and the table written, read and written to the same bytes. */
#include "../lib/checkout.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void write_csv(const struct code_table *table, struct buffer *out)
{
    buffer_init(out, 0);
    for (size_t i = 0; i < table->column_count; i++) buffer_printf(out, "%s%s", i ? "," : "", table->columns[i]);
    buffer_char(out, '\n');
    for (size_t i = 0; i < table->row_count; i++) code_row_csv(table, &table->rows[i], out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct error error;
    struct code_table *table, *again;
    struct buffer out, second;
    struct json_writer json;

    error_clear(&error);
    if (!(table = code_table_read("fuzz", (const char *)bytes, length, &error))) {
        if (!error.code) abort();
        return 0;
    }
    for (size_t i = 0; i < table->row_count; i++)
        if (table->rows[i].from <= table->rows[i].until && table->rows[i].from != INT32_MIN &&
            !code_table_find(table, NULL, table->rows[i].cells[0], table->rows[i].from))
            abort();
    buffer_init(&out, 0);
    json_writer_init(&json, &out);
    code_table_write(table, &json);
    buffer_free(&out);
    write_csv(table, &out);
    if (!(again = code_table_read("fuzz", out.data, out.length, &error))) {
        fprintf(stderr, "written but not read: %s\n%s\n", error.en, buffer_string(&out));
        abort();
    }
    write_csv(again, &second);
    if (out.length != second.length || memcmp(out.data, second.data, out.length)) {
        fprintf(stderr, "%s----\n%s\n", buffer_string(&out), buffer_string(&second));
        abort();
    }
    buffer_free(&second);
    buffer_free(&out);
    code_table_free(again);
    code_table_free(table);
    return 0;
}
