#include "form/codes.h"

#include "base/csv.h"
#include "base/date.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

static uint64_t hash_bytes(const char *text, size_t length)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a: tables are loaded by administrators only */

    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
    return hash;
}

int code_table_column(const struct code_table *table, const char *name)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (!strcmp(table->columns[i], name)) return (int)i;
    return -1;
}

/* ---- reading */

struct loading {
    struct code_table *table;
    struct csv csv;
    struct error *error;
    size_t capacity;
};

static bool fail(struct loading *loading, const char *zh, const char *en)
{
    char full_zh[200], full_en[200];

    snprintf(full_zh, sizeof full_zh, "第 %d 行：%s", loading->csv.line, zh);
    snprintf(full_en, sizeof full_en, "Line %d: %s", loading->csv.line, en);
    error_set(loading->error, ERROR_INVALID, "bad_code_table", full_zh, full_en);
    error_detail(loading->error, "%s line %d: %s", loading->table->name, loading->csv.line, en);
    return false;
}

static bool good_code(struct slice code)
{
    if (!code.length || code.length > 64) return false;
    for (size_t i = 0; i < code.length; i++) {
        char c = code.text[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' || c == '_' || c == '-' || c == '/')) return false;
    }
    return true;
}

static bool read_head(struct loading *loading)
{
    struct slice fields[CSV_COLUMNS];
    struct code_table *table = loading->table;
    int count = csv_row(&loading->csv, fields, loading->error);

    if (count < 0) return false;
    if (count < 2 || count > CODE_COLUMNS || !slice_is(fields[0], "code") || !slice_is(fields[1], "name"))
        return fail(loading, "第一行应为列名，以 code,name 开始，最多24列。", "the first line names the columns, starting code,name, at most 24.");
    for (int i = 0; i < count; i++) {
        if (!good_code(fields[i])) return fail(loading, "列名只能是字母、数字和下划线。", "column names are letters, digits and underscores.");
        table->columns[i] = arena_copy(&table->arena, fields[i].text, fields[i].length);
    }
    table->column_count = (size_t)count;
    table->scheme_column = code_table_column(table, "scheme");
    return true;
}

static bool read_day(struct loading *loading, struct slice cell, int32_t open, int32_t *day)
{
    *day = open;
    if (!cell.length || date_parse(cell.text, cell.length, day)) return true;
    return fail(loading, "有效期应为日期，例如 2026-01-01。", "validity is a date such as 2026-01-01.");
}

static bool make_room(struct loading *loading)
{
    struct code_table *table = loading->table;
    struct code_row *larger;

    if (table->row_count < loading->capacity) return true;
    if (table->row_count >= CODE_ROWS) return fail(loading, "行数太多。", "too many rows.");
    loading->capacity = loading->capacity ? loading->capacity * 2 : 64;
    if (!(larger = arena_alloc(&table->arena, loading->capacity * sizeof *larger))) return fail(loading, "表太大。", "the table is too large.");
    if (table->row_count) memcpy(larger, table->rows, table->row_count * sizeof *larger);
    table->rows = larger;
    return true;
}

static bool read_row(struct loading *loading, const struct slice *fields, int count)
{
    struct code_table *table = loading->table;
    struct code_row *row;
    int from = code_table_column(table, "valid_from"), until = code_table_column(table, "valid_until");
    const struct slice none = {"", 0};

    if ((size_t)count != table->column_count) return fail(loading, "列数与第一行不同。", "another number of columns than the first line.");
    if (!good_code(fields[0])) return fail(loading, "代码应为1至64位字母、数字和 . _ - /。", "a code is 1 to 64 letters, digits and . _ - /.");
    if (!fields[1].length) return fail(loading, "没有名称。", "the name is missing.");
    if (!make_room(loading)) return false;
    row = &table->rows[table->row_count];
    if (!(row->cells = arena_alloc(&table->arena, (size_t)count * sizeof *row->cells))) return fail(loading, "表太大。", "the table is too large.");
    memcpy(row->cells, fields, (size_t)count * sizeof *fields);
    row->index = (int)table->row_count++;
    return read_day(loading, from < 0 ? none : fields[from], INT32_MIN, &row->from) &&
           read_day(loading, until < 0 ? none : fields[until], INT32_MAX, &row->until);
}

static bool same_scheme(const struct code_table *table, const struct code_row *a, const struct code_row *b)
{
    struct slice x, y;

    if (table->scheme_column < 0) return true;
    x = a->cells[table->scheme_column];
    y = b->cells[table->scheme_column];
    return x.length == y.length && !memcmp(x.text, y.text, x.length);
}

static bool index_rows(struct loading *loading)
{
    struct code_table *table = loading->table;

    table->bucket_count = 64;
    while (table->bucket_count < table->row_count * 2) table->bucket_count *= 2;
    if (!(table->buckets = arena_alloc(&table->arena, table->bucket_count * sizeof *table->buckets))) return fail(loading, "表太大。", "the table is too large.");
    for (size_t i = 0; i < table->bucket_count; i++) table->buckets[i] = -1;
    for (size_t i = table->row_count; i-- > 0;) {
        struct code_row *row = &table->rows[i];
        int *bucket = &table->buckets[hash_bytes(row->cells[0].text, row->cells[0].length) & (table->bucket_count - 1)];
        for (int k = *bucket; k >= 0; k = table->rows[k].next) {
            const struct code_row *other = &table->rows[k];
            if (other->cells[0].length == row->cells[0].length && !memcmp(other->cells[0].text, row->cells[0].text, row->cells[0].length) &&
                same_scheme(table, row, other) && row->from <= other->until && other->from <= row->until) {
                loading->csv.line = other->index + 2;
                return fail(loading, "代码在同一时期重复。", "the same code twice for the same time.");
            }
        }
        row->next = *bucket;
        *bucket = (int)i;
    }
    return true;
}

static bool load(struct loading *loading)
{
    struct slice fields[CSV_COLUMNS];
    int count;

    if (!read_head(loading)) return false;
    while ((count = csv_row(&loading->csv, fields, loading->error)) > 0)
        if (!read_row(loading, fields, count)) return false;
    return count == 0 && index_rows(loading);
}

struct code_table *code_table_read(const char *name, const char *csv, size_t length, struct error *error)
{
    struct arena arena;
    struct code_table *table;
    struct loading loading = {.error = error};
    char *copy;

    arena_init(&arena, 256u << 20);
    table = arena_alloc(&arena, sizeof *table);
    copy = table ? arena_copy(&arena, csv, length) : NULL;
    if (!copy) {
        arena_free(&arena);
        error_internal(error, "out of memory");
        return NULL;
    }
    table->arena = arena;
    snprintf(table->name, sizeof table->name, "%s", name);
    snprintf(table->version, sizeof table->version, "%016llx", (unsigned long long)hash_bytes(csv, length));
    loading.table = table;
    csv_init(&loading.csv, copy, length, &table->arena);
    if (load(&loading)) return table;
    code_table_free(table);
    return NULL;
}

void code_table_free(struct code_table *table)
{
    if (table) arena_free(&table->arena); /* it lies in its own arena */
}

/* ---- asking */

const struct code_row *code_table_find(const struct code_table *table, const char *scheme, struct slice code, int32_t day)
{
    int i = table->buckets[hash_bytes(code.text, code.length) & (table->bucket_count - 1)];

    for (; i >= 0; i = table->rows[i].next) {
        const struct code_row *row = &table->rows[i];
        if (row->cells[0].length != code.length || memcmp(row->cells[0].text, code.text, code.length)) continue;
        if (day < row->from || day > row->until) continue;
        if (scheme && (table->scheme_column < 0 || !slice_is(row->cells[table->scheme_column], scheme))) continue;
        return row;
    }
    return NULL;
}

void code_table_write(const struct code_table *table, struct json_writer *json)
{
    json_object(json);
    json_put_string(json, "list", table->name);
    json_put_string(json, "version", table->version);
    json_name(json, "columns");
    json_array(json);
    for (size_t i = 0; i < table->column_count; i++) json_string(json, table->columns[i]);
    json_array_end(json);
    json_name(json, "rows");
    json_array(json);
    for (size_t r = 0; r < table->row_count; r++) {
        json_array(json);
        for (size_t i = 0; i < table->column_count; i++) json_text(json, table->rows[r].cells[i].text, table->rows[r].cells[i].length);
        json_array_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

void code_row_csv(const struct code_table *table, const struct code_row *row, struct buffer *out)
{
    for (size_t i = 0; i < table->column_count; i++) csv_field(out, i == 0, row->cells[i].text, row->cells[i].length);
    buffer_text(out, "\r\n");
}

const struct code_table *code_set_find(const struct code_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (!strcmp(set->tables[i]->name, name)) return set->tables[i];
    return NULL;
}

static const void *set_find(void *context, const char *list, const char *scheme, struct slice code, int32_t day)
{
    const struct code_table *table = code_set_find(context, list);

    return table ? code_table_find(table, scheme, code, day) : NULL;
}

static struct slice set_column(void *context, const char *list, const void *row, const char *column)
{
    const struct code_table *table = code_set_find(context, list);
    int index = table ? code_table_column(table, column) : -1;

    return index < 0 ? (struct slice){"", 0} : ((const struct code_row *)row)->cells[index];
}

static const void *set_next(void *context, const char *list, const void *row)
{
    const struct code_table *table = code_set_find(context, list);
    size_t next = row ? (size_t)((const struct code_row *)row)->index + 1 : 0;

    return table && next < table->row_count ? &table->rows[next] : NULL;
}

struct form_codes code_set_codes(const struct code_set *set)
{
    return (struct form_codes){.context = (void *)(uintptr_t)set, .find = set_find, .column = set_column, .next = set_next};
}
