/* A workbook with a sheet for each block: the first column says which document a row belongs to, heads are names or labels of fields. Blocks
   within rows have no place in it. */
#include "exchange/bodies_internal.h"
#include "base/utf8.h"
#include "exchange/table.h"

#include <stdio.h>
#include <string.h>

#define SHEETS 64
#define PATH_SIZE 96

struct sheet {
    const struct form_block *block;
    const struct table *table;
    const struct table_row *heads;
    int variant_column;          /* -1: the block has none */
    int *owner;                  /* by row: the place of its document, -1 = no row of a document */
    const struct form_variant *mapped; /* whose fields `fields` holds */
    bool is_mapped;
    const struct form_field *fields[TABLE_COLUMNS]; /* by column; NULL: none, or one that an earlier column is */
};

struct sheets {
    const struct form *form;
    struct bodies *bodies;
    struct arena *arena;
    struct error *error;
    struct sheet list[SHEETS];
    size_t count;
    struct slice keys[BODIES_MAXIMUM]; /* of documents, in the order in which they appear */
    size_t key_count;
    struct json_writer json;
};

static struct slice trimmed(struct slice text)
{
    while (text.length && strchr(" \t\r\n", text.text[0])) text.text++, text.length--;
    while (text.length && strchr(" \t\r\n", text.text[text.length - 1])) text.length--;
    return text;
}

static struct slice cell(const struct table_row *row, size_t column)
{
    return row && column < row->count && row->cells[column].text.text ? trimmed(row->cells[column].text) : (struct slice){"", 0};
}

/* ---- which document a row belongs to */

static int refuse_row(struct sheets *s, const struct sheet *sheet, const struct table_row *row)
{
    char zh[200], en[200];

    snprintf(zh, sizeof zh, "工作表“%s”第%d行没有单据序号（第一列）。", sheet->block->label.zh, row->number);
    snprintf(en, sizeof en, "Row %d of the sheet \"%s\" does not say its document (first column).", row->number, sheet->block->name);
    return error_set(s->error, ERROR_INVALID, "no_document_of_row", zh, en);
}

static bool is_blank(const struct table_row *row)
{
    for (size_t i = 0; i < row->count; i++)
        if (cell(row, i).length || row->cells[i].wrong) return false;
    return true;
}

static int owner_of(struct sheets *s, struct slice key, int guess)
{
    if (guess >= 0 && s->keys[guess].length == key.length && !memcmp(s->keys[guess].text, key.text, key.length)) return guess;
    for (size_t i = 0; i < s->key_count; i++)
        if (s->keys[i].length == key.length && !memcmp(s->keys[i].text, key.text, key.length)) return (int)i;
    if (s->key_count == BODIES_MAXIMUM) {
        error_set(s->error, ERROR_INVALID, "too_many_documents", "一次最多1000份单据，请分批提交。", "At most 1,000 documents at a time; send them in parts.");
        return -1;
    }
    s->keys[s->key_count] = key;
    return (int)s->key_count++;
}

static int assign_rows(struct sheets *s, struct sheet *sheet)
{
    int before = -1;

    if (!(sheet->owner = arena_alloc(s->arena, (sheet->table->count + 1) * sizeof *sheet->owner))) return error_internal(s->error, "out of memory");
    for (size_t i = 0; i < sheet->table->count; i++) {
        const struct table_row *row = &sheet->table->rows[i];
        struct slice key = cell(row, 0);
        bool explains = key.length >= strlen(TABLE_MARK) && !memcmp(key.text, TABLE_MARK, strlen(TABLE_MARK));
        sheet->owner[i] = -1;
        if (!i || explains || is_blank(row)) continue;
        if (!key.length) return refuse_row(s, sheet, row);
        sheet->owner[i] = before = owner_of(s, key, before);
        if (s->error->code) return (int)s->error->code;
    }
    return 0;
}

static int variant_column(const struct sheet *sheet)
{
    for (size_t c = 1; sheet->block->variant_count && sheet->heads && c < sheet->heads->count; c++)
        if (slice_is(cell(sheet->heads, c), "variant") || slice_is(cell(sheet->heads, c), "样式")) return (int)c;
    return -1;
}

/* A program's own first sheet may be there, empty or with words of explanation. */
static bool is_of_no_block(const char *name) { return !strcmp(name, "Sheet1") || !strcmp(name, "说明"); }

static int take_sheets(struct sheets *s, const struct table_sheet *sheets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct sheet *sheet = &s->list[s->count];
        const struct form_block *block = bodies_block(s->form, sheets[i].name);
        if (!block && is_of_no_block(sheets[i].name)) continue;
        if (!block) {
            error_set(s->error, ERROR_INVALID, "unknown_sheet", "有一个工作表不是单据的任何部分，请使用模板中的名称。", "One of the sheets is no part of the form; use the names of the template.");
            error_field(s->error, sheets[i].name);
            return (int)s->error->code;
        }
        *sheet = (struct sheet){.block = block, .table = &sheets[i].table, .heads = sheets[i].table.count ? &sheets[i].table.rows[0] : NULL};
        sheet->variant_column = variant_column(sheet);
        s->count++;
        if (assign_rows(s, sheet)) return (int)s->error->code;
    }
    return 0;
}

/* ---- values */

static bool is_head(struct slice head, const struct form_field *field)
{
    if (head.length && head.text[head.length - 1] == '*') head.length--;
    return slice_is(head, field->name) || slice_is(head, field->label.zh) || slice_is(head, field->label.en);
}

static const struct form_field *field_of(const struct form_block *block, const struct form_variant *variant, struct slice head)
{
    for (size_t i = 0; i < block->field_count; i++)
        if (is_head(head, &block->fields[i])) return &block->fields[i];
    for (size_t i = 0; variant && i < variant->field_count; i++)
        if (is_head(head, &variant->fields[i])) return &variant->fields[i];
    return NULL;
}

static void map_columns(struct sheet *sheet, const struct form_variant *variant)
{
    if (sheet->is_mapped && sheet->mapped == variant) return;
    sheet->is_mapped = true;
    sheet->mapped = variant;
    for (size_t c = 1; c < TABLE_COLUMNS; c++) {
        sheet->fields[c] = field_of(sheet->block, variant, cell(sheet->heads, c));
        for (size_t earlier = 1; earlier < c; earlier++)
            if (sheet->fields[earlier] == sheet->fields[c]) sheet->fields[c] = NULL;
    }
}

/* "35 千克" of a list to choose from is the code 35. */
static struct slice of_choice(const struct form_field *field, struct slice text)
{
    const char *space = field->type == FORM_CODE || field->type == FORM_ENUM ? memchr(text.text, ' ', text.length) : NULL;

    return space ? (struct slice){text.text, (size_t)(space - text.text)} : text;
}

static void put_row(struct sheets *s, const struct sheet *sheet, const struct table_row *row, const char *path)
{
    char field_path[PATH_SIZE];

    for (size_t c = 1; c < row->count && c < TABLE_COLUMNS; c++) {
        struct slice text = cell(row, c), head = cell(sheet->heads, c);
        if (c == (size_t)sheet->variant_column || (!text.length && !row->cells[c].wrong)) continue;
        const struct form_field *field = sheet->fields[c];
        if (!field) {
            snprintf(field_path, sizeof field_path, "%.50s/%.*s", path, (int)utf8_cut(head.text, head.length, 40), head.text);
            bodies_problem(s->bodies, field_path, "unknown_column", "没有这一栏，或它重复了。", "There is no such column, or it is there twice.");
            continue;
        }
        snprintf(field_path, sizeof field_path, "%.50s/%.40s", path, field->name);
        if (row->cells[c].wrong) {
            bodies_problem(s->bodies, field_path, "formula", "公式没有结果，请填写数值。", "A formula without a result; enter the value.");
            continue;
        }
        text = of_choice(field, text);
        json_name(&s->json, field->name);
        bodies_value(field, text.text, text.length, &s->json);
    }
}

static const struct form_variant *variant_of(const struct sheet *sheet, const struct table_row *row)
{
    struct slice said = sheet->variant_column < 0 ? (struct slice){"", 0} : cell(row, (size_t)sheet->variant_column);

    for (size_t i = 0; i < sheet->block->variant_count; i++) {
        const struct form_variant *variant = &sheet->block->variants[i];
        if (slice_is(said, variant->id) || slice_is(said, variant->label.zh) || slice_is(said, variant->label.en)) return variant;
    }
    return NULL;
}

static void put_rows(struct sheets *s, struct sheet *sheet, size_t first, int document)
{
    const struct form_block *block = sheet->block;
    const struct form_variant *variant = variant_of(sheet, &sheet->table->rows[first]);
    char path[PATH_SIZE];
    int number = 0;

    map_columns(sheet, variant);
    json_name(&s->json, block->name);
    if (block->variant_count) {
        json_object(&s->json);
        if (variant) json_put_string(&s->json, "variant", variant->id);
        else bodies_problem(s->bodies, block->name, "variant", "请在variant一栏填写样式。", "Say the variant in the column \"variant\".");
        if (block->rows) json_name(&s->json, "rows");
    }
    if (block->rows) json_array(&s->json);
    for (size_t i = first; i < sheet->table->count; i++) {
        if (sheet->owner[i] != document) continue;
        if (!block->rows && number) {
            bodies_problem(s->bodies, block->name, "repeated", "这一部分一份单据只能有一行。", "There is one row of this for a document.");
            break;
        }
        if (block->rows) snprintf(path, sizeof path, "%.80s/%d", block->name, number);
        else snprintf(path, sizeof path, "%.80s", block->name);
        number++;
        bool own_object = block->rows || !block->variant_count;
        if (own_object) json_object(&s->json);
        put_row(s, sheet, &sheet->table->rows[i], path);
        if (own_object) json_object_end(&s->json);
    }
    if (block->rows) json_array_end(&s->json);
    if (block->variant_count) json_object_end(&s->json);
}

static int put_document(struct sheets *s, int document, struct buffer *body)
{
    buffer_reset(body);
    json_writer_init(&s->json, body);
    json_object(&s->json);
    for (size_t i = 0; i < s->count; i++) {
        size_t first = 0;
        bool again = false;
        for (size_t earlier = 0; earlier < i; earlier++) again = again || s->list[earlier].block == s->list[i].block;
        while (first < s->list[i].table->count && s->list[i].owner[first] != document) first++;
        if (first == s->list[i].table->count) continue;
        if (again) bodies_problem(s->bodies, s->list[i].block->name, "repeated", "同一部分有两个工作表。", "Two sheets are the same part of the form.");
        else put_rows(s, &s->list[i], first, document);
    }
    json_object_end(&s->json);
    if (body->failed) return error_internal(s->error, "out of memory");
    struct slice key = s->keys[document];
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)utf8_cut(key.text, key.length, sizeof name - 1), key.text);
    return bodies_add(s->bodies, name, buffer_string(body), body->length, s->error);
}

int bodies_sheets(const struct form *form, const char *bytes, size_t length, struct bodies *bodies, struct error *error)
{
    struct table_sheet *sheets = arena_alloc(bodies->arena, SHEETS * sizeof *sheets);
    struct sheets *s = arena_alloc(bodies->arena, sizeof *s);
    struct buffer body;
    size_t count;

    if (!sheets || !s) return error_internal(error, "out of memory");
    s->form = form;
    s->bodies = bodies;
    s->arena = bodies->arena;
    s->error = error;
    if (table_read_sheets(bytes, length, BODIES_ROWS, bodies->arena, sheets, SHEETS, &count, error) || take_sheets(s, sheets, count)) return (int)error->code;
    buffer_init(&body, 0);
    for (size_t i = 0; !error->code && i < s->key_count; i++) put_document(s, (int)i, &body);
    buffer_free(&body);
    return (int)error->code;
}
