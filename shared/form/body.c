/* Bodies: read in place from JSON against the definition. */
#include "base/date.h"
#include "base/utf8.h"
#include "form/internal.h"

#include <stdio.h>
#include <string.h>

struct reading {
    const struct form *form;
    struct json_reader json;
    struct arena *arena;
    struct form_problems *problems;
    bool stored;
    bool exhausted;
};

/* ---- problems */

void form_problem_add(struct form_problems *problems, const char *field, const char *rule, bool warning, const char *zh,
                      const char *en)
{
    struct form_problem *problem;

    if (!problems) return;
    if (!warning) problems->errors++;
    if (problems->count == FORM_PROBLEMS) {
        problems->more = true;
        return;
    }
    problem = &problems->list[problems->count++];
    snprintf(problem->field, sizeof problem->field, "%s", field);
    problem->rule = rule;
    problem->zh = zh;
    problem->en = en;
    problem->warning = warning;
}

void problem_at(struct form_problems *problems, const char *path, const char *rule, bool warning, const char *zh, const char *en)
{
    form_problem_add(problems, path, rule, warning, zh, en);
}

/* Paths are made for every value read, whether or not something is wrong with it: no format is interpreted for them. */
static void path_join(char path[PATH_SIZE], const char *row_path, const char *name, size_t length)
{
    size_t used = strnlen(row_path, PATH_SIZE - 2), room = PATH_SIZE - 2 - used;

    memcpy(path, row_path, used);
    path[used++] = '/';
    length = utf8_cut(name, length, room);
    memcpy(path + used, name, length);
    path[used + length] = '\0';
}

void path_field(char path[PATH_SIZE], const char *row_path, const char *field)
{
    path_join(path, row_path, field, strlen(field));
}

void form_write_problem(struct json_writer *json, const char *field, const char *rule, const char *zh, const char *en, bool warning)
{
    json_put_string(json, "field", field);
    json_put_string(json, "rule", rule);
    json_put_words(json, "message", zh, en);
    json_put_string(json, "level", warning ? "warning" : "error");
}

void form_write_problems(const struct form_problems *problems, struct json_writer *json)
{
    json_array(json);
    for (size_t i = 0; i < problems->count; i++) {
        const struct form_problem *problem = &problems->list[i];
        json_object(json);
        form_write_problem(json, problem->field, problem->rule, problem->zh, problem->en, problem->warning);
        json_object_end(json);
    }
    json_array_end(json);
}

/* ---- making */

static bool row_init(const struct form_block *block, struct form_row *row, struct arena *arena)
{
    row->values = arena_alloc(arena, (block->slot_count + 1) * sizeof *row->values);
    row->children = block->block_count ? arena_alloc(arena, block->block_count * sizeof *row->children) : NULL;
    return row->values && (row->children || !block->block_count);
}

struct form_body *form_body_new(const struct form *form, struct arena *arena)
{
    struct form_body *body = arena_alloc(arena, sizeof *body);

    if (!body || !(body->top = arena_alloc(arena, form->top_count * sizeof *body->top))) return NULL;
    body->form = form;
    body->arena = arena;
    for (size_t i = 0; i < form->top_count; i++) {
        if (form->top[i]->rows) continue;
        if (!(body->top[i].rows = arena_alloc(arena, sizeof *body->top[i].rows))) return NULL;
        if (!row_init(form->top[i], body->top[i].rows, arena)) return NULL;
        body->top[i].count = 1;
    }
    return body;
}

/* ---- reading values */

struct wrong { const char *rule, *zh, *en; };

static const struct wrong wrong_type = {"type", "值的类型不对。", "A value of another kind is expected."};
static const struct wrong wrong_number = {"number", "请输入数字，不要用千位分隔符或指数。", "Enter a plain number, without separators or exponent."};
static const struct wrong wrong_digits = {"too_large", "整数部分最多13位。", "At most 13 digits before the point."};
static const struct wrong wrong_places = {"places", "小数位数太多。", "Too many decimal places."};
static const struct wrong wrong_date = {"date", "请输入日期，例如 2026-09-03。", "Enter a date such as 2026-09-03."};
static const struct wrong wrong_text = {"control_character", "不能包含控制字符。", "Control characters are not allowed."};
static const struct wrong wrong_long = {"too_long", "内容太长。", "The text is too long."};

/* Control characters never, nor the two that XML does not know (U+FFFE, U+FFFF); line ends only where the field has several lines. */
static bool text_is_clean(struct slice text, bool multiline)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.text[i];
        if ((c < 0x20 && !(multiline && (c == '\n' || c == '\t'))) || c == 0x7f) return false;
        if (c == 0xc2 && i + 1 < text.length && (unsigned char)text.text[i + 1] < 0xa0) return false;
        if (c == 0xef && i + 2 < text.length && (unsigned char)text.text[i + 1] == 0xbf && (unsigned char)text.text[i + 2] >= 0xbe) return false;
    }
    return true;
}

static struct slice trimmed(struct slice text)
{
    while (text.length && (text.text[0] == ' ' || text.text[0] == '\n')) text.text++, text.length--;
    while (text.length && (text.text[text.length - 1] == ' ' || text.text[text.length - 1] == '\n')) text.length--;
    return text;
}

static size_t most_bytes(const struct form_field *field)
{
    return field->type == FORM_TEXT ? (size_t)field->maximum * 4 : 64;
}

static const struct wrong *read_text(const struct form_field *field, struct slice text, struct form_value *value)
{
    if (text.length > most_bytes(field) + 64) return &wrong_long;
    if (!text_is_clean(text, field->multiline)) return &wrong_text;
    if (field->type == FORM_TEXT && utf8_count(text.text, text.length) > (size_t)field->maximum) return &wrong_long;
    if (field->type != FORM_TEXT && text.length > 64) return &wrong_long;
    text = trimmed(text);
    if (text.length) *value = (struct form_value){.kind = VALUE_TEXT, .text = text};
    return NULL;
}

static const struct wrong *read_number(const struct form_field *field, struct slice text, struct form_value *value)
{
    decimal number;
    int failure;

    if (!text.length) return NULL;
    failure = decimal_parse(text.text, text.length, field->type == FORM_INTEGER ? 0 : field->places, &number);
    if (failure == 1) return &wrong_number;
    if (failure) return failure == 2 ? &wrong_digits : &wrong_places;
    *value = (struct form_value){.kind = VALUE_NUMBER, .number = number};
    return NULL;
}

static const struct wrong *read_date(struct slice text, struct form_value *value)
{
    int32_t day;

    if (!text.length) return NULL;
    if (!date_parse(text.text, text.length, &day)) return &wrong_date;
    *value = (struct form_value){.kind = VALUE_DATE, .number = day};
    return NULL;
}

static const struct wrong *read_rate(struct slice text, struct form_value *value)
{
    int64_t rate;

    if (decimal_parse_rate(text.text, text.length, &rate)) return &wrong_number;
    *value = (struct form_value){.kind = VALUE_RATE, .number = rate};
    return NULL;
}

static const struct wrong *read_scalar(const struct form_field *field, enum json_kind kind, struct slice text,
                                       struct form_value *value)
{
    if (kind == JSON_NULL) return NULL;
    if (field->type == FORM_BOOL) {
        if (kind != JSON_TRUE && kind != JSON_FALSE) return &wrong_type;
        *value = (struct form_value){.kind = VALUE_BOOL, .number = kind == JSON_TRUE};
        return NULL;
    }
    if (field->type == FORM_INTEGER ? kind != JSON_NUMBER : kind != JSON_STRING) return &wrong_type;
    switch (field->type) {
    case FORM_INTEGER: case FORM_DECIMAL: return read_number(field, text, value);
    case FORM_DATE: return read_date(text, value);
    case FORM_RATE: return read_rate(text, value);
    case FORM_FILE: return &wrong_type;
    default: return read_text(field, text, value);
    }
}

/* What the portal fills is never taken from the request. */
static bool from_server(const struct form_field *field)
{
    return field->readonly || field->compute || field->from == FROM_COLUMN;
}

static bool read_field(struct reading *reading, const struct form_field *field, const char *path, struct form_value *value)
{
    enum json_kind kind;
    struct slice text;
    const struct wrong *wrong;

    if (field->from == FROM_COLUMN || (from_server(field) && !reading->stored)) return json_skip(&reading->json, NULL);
    if (!json_peek(&reading->json, &kind)) return false;
    if (kind == JSON_ARRAY || kind == JSON_OBJECT) {
        if (!json_skip(&reading->json, NULL)) return false;
        wrong = &wrong_type;
    } else {
        if (!json_scalar(&reading->json, &kind, &text)) return false;
        wrong = read_scalar(field, kind, text, value);
    }
    if (wrong) problem_at(reading->problems, path, wrong->rule, false, wrong->zh, wrong->en);
    return true;
}

/* ---- reading rows */

static bool read_rows(struct reading *reading, const struct form_block *block, struct form_rows *rows, const char *path);

static bool read_row_id(struct reading *reading, const char *path, int64_t *row_id)
{
    enum json_kind kind;
    struct slice text;
    decimal number;

    if (!json_peek(&reading->json, &kind)) return false;
    if (kind == JSON_ARRAY || kind == JSON_OBJECT) {
        problem_at(reading->problems, path, wrong_type.rule, false, wrong_type.zh, wrong_type.en);
        return json_skip(&reading->json, NULL);
    }
    if (!json_scalar(&reading->json, &kind, &text)) return false;
    if (kind == JSON_NULL) return true;
    if (kind == JSON_NUMBER && !decimal_parse(text.text, text.length, 0, &number) && number >= 0 &&
        number <= 1000000 * DECIMAL_ONE)
        *row_id = number / DECIMAL_ONE;
    else problem_at(reading->problems, path, wrong_type.rule, false, wrong_type.zh, wrong_type.en);
    return true;
}

static void unknown_name(struct reading *reading, const char *path)
{
    problem_at(reading->problems, path, "unknown_field", false, "没有这个字段。", "There is no such field.");
}

/* Slices of names have no end; this copies one for a path, cut to what a path holds. */
static void slice_path(char path[PATH_SIZE], const char *row_path, struct slice name)
{
    char text[48];
    size_t length = utf8_cut(name.text, name.length, sizeof text - 1);

    memcpy(text, name.text, length);
    text[length] = '\0';
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < 0x20) text[i] = '?';
    if (*row_path) path_join(path, row_path, text, length);
    else memcpy(path, text, length + 1);
}

static const struct form_field *named_field(const struct form_block *block, const struct form_variant *variant, struct slice name)
{
    for (size_t i = 0; i < block->field_count; i++)
        if (slice_is(name, block->fields[i].name)) return &block->fields[i];
    for (size_t i = 0; variant && i < variant->field_count; i++)
        if (slice_is(name, variant->fields[i].name)) return &variant->fields[i];
    return NULL;
}

/* One member of a row's object. `variant_ok` says that a member "variant" was handled by the caller. */
static bool read_member(struct reading *reading, const struct form_block *block, const struct form_variant *variant,
                        struct form_row *row, struct slice name, const char *row_path)
{
    const struct form_field *field = named_field(block, variant, name);
    char path[PATH_SIZE];

    slice_path(path, row_path, name);
    if (field) return read_field(reading, field, path, &row->values[field->slot]);
    if (block->rows && slice_is(name, "row_id")) return read_row_id(reading, path, &row->row_id);
    for (size_t i = 0; i < block->block_count; i++)
        if (slice_is(name, block->blocks[i]->name)) return read_rows(reading, block->blocks[i], &row->children[i], path);
    unknown_name(reading, path);
    return json_skip(&reading->json, NULL);
}

static bool expect(struct reading *reading, enum json_kind expected, const char *path, bool *right)
{
    enum json_kind kind;

    if (!json_peek(&reading->json, &kind)) return false;
    *right = kind == expected;
    if (*right) return true;
    if (kind != JSON_NULL) problem_at(reading->problems, path, wrong_type.rule, false, wrong_type.zh, wrong_type.en);
    return json_skip(&reading->json, NULL);
}

static bool read_row(struct reading *reading, const struct form_block *block, const struct form_variant *variant,
                     struct form_row *row, const char *path)
{
    struct slice name;
    bool right;

    if (!expect(reading, JSON_OBJECT, path, &right)) return false;
    if (!right) return true;
    if (!json_enter(&reading->json, JSON_OBJECT)) return false;
    while (json_next(&reading->json, &name))
        if (!read_member(reading, block, variant, row, name, path)) return false;
    return !json_failed(&reading->json);
}

static bool grow_rows(struct reading *reading, const struct form_block *block, struct form_rows *rows, size_t *capacity)
{
    struct form_row *larger;

    if (rows->count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 4;
        if (!(larger = arena_alloc(reading->arena, *capacity * sizeof *larger))) return false;
        if (rows->count) memcpy(larger, rows->rows, rows->count * sizeof *larger);
        rows->rows = larger;
    }
    return row_init(block, &rows->rows[rows->count], reading->arena);
}

static bool exhausted(struct reading *reading)
{
    reading->exhausted = true;
    return false;
}

static bool read_row_list(struct reading *reading, const struct form_block *block, struct form_rows *rows, const char *path)
{
    size_t capacity = 0, limit = (size_t)block->maximum;
    char row_path[PATH_SIZE];
    bool right;

    if (rows->variant && rows->variant->maximum < block->maximum) limit = (size_t)rows->variant->maximum;
    if (!expect(reading, JSON_ARRAY, path, &right)) return false;
    if (!right) return true;
    if (!json_enter(&reading->json, JSON_ARRAY)) return false;
    while (json_next(&reading->json, NULL)) {
        if (rows->count >= limit) {
            if (rows->count == limit) problem_at(reading->problems, path, "too_many_rows", false, "行数太多。", "There are too many rows.");
            limit = 0; /* said once */
            if (!json_skip(&reading->json, NULL)) return false;
            continue;
        }
        if (!grow_rows(reading, block, rows, &capacity)) return exhausted(reading);
        snprintf(row_path, sizeof row_path, "%s/%zu", path, rows->count);
        if (!read_row(reading, block, rows->variant, &rows->rows[rows->count++], row_path)) return false;
    }
    return !json_failed(&reading->json);
}

/* The variant comes first in canonical bodies; in others it is looked for ahead. */
static bool find_variant(struct reading *reading, const struct form_block *block, const char *path, struct form_rows *rows)
{
    struct error error;
    struct json_reader ahead = reading->json;
    struct slice name, text;
    enum json_kind kind;

    ahead.error = &error;
    error_clear(&error);
    if (!json_enter(&ahead, JSON_OBJECT)) return true; /* the real reader will say what is wrong */
    while (json_next(&ahead, &name)) {
        if (!slice_is(name, "variant") || !json_peek(&ahead, &kind) || kind != JSON_STRING) {
            if (!json_skip(&ahead, NULL)) return true;
            continue;
        }
        if (!json_scalar(&ahead, &kind, &text)) return true;
        for (size_t i = 0; i < block->variant_count; i++)
            if (slice_is(text, block->variants[i].id)) rows->variant = &block->variants[i];
        if (!rows->variant) problem_at(reading->problems, path, "unknown_variant", false, "没有这种表格。", "There is no such variant.");
        return true;
    }
    return true;
}

static bool read_variant_rows(struct reading *reading, const struct form_block *block, struct form_rows *rows, const char *path)
{
    char member_path[PATH_SIZE];
    struct slice name;
    bool right;

    if (!expect(reading, JSON_OBJECT, path, &right)) return false;
    if (!right) return true;
    find_variant(reading, block, path, rows);
    if (!json_enter(&reading->json, JSON_OBJECT)) return false;
    while (json_next(&reading->json, &name)) {
        if (slice_is(name, "variant")) {
            if (!json_skip(&reading->json, NULL)) return false;
        } else if (!block->rows) {
            if (!read_member(reading, block, rows->variant, rows->rows, name, path)) return false;
        } else if (slice_is(name, "rows")) {
            if (!read_row_list(reading, block, rows, path)) return false;
        } else {
            slice_path(member_path, path, name);
            unknown_name(reading, member_path);
            if (!json_skip(&reading->json, NULL)) return false;
        }
    }
    return !json_failed(&reading->json);
}

static bool read_rows(struct reading *reading, const struct form_block *block, struct form_rows *rows, const char *path)
{
    rows->present = true;
    if (block->variant_count) return read_variant_rows(reading, block, rows, path);
    if (block->rows) return read_row_list(reading, block, rows, path);
    return read_row(reading, block, NULL, rows->rows, path);
}

/* ---- ids of rows: an attachment belongs to one row */

static size_t count_rows(const struct form_block *block, const struct form_rows *rows)
{
    size_t count = block->rows ? rows->count : 0;

    for (size_t i = 0; i < rows->count; i++)
        for (size_t b = 0; b < block->block_count; b++) count += count_rows(block->blocks[b], &rows->rows[i].children[b]);
    return count;
}

struct ids { int64_t *slots; size_t mask; }; /* a hash table, at most half full; 0 = free */

static bool ids_repeat(const struct form_block *block, const struct form_rows *rows, struct ids *ids)
{
    bool repeat = false;

    for (size_t i = 0; i < rows->count; i++) {
        int64_t id = block->rows ? rows->rows[i].row_id : 0;
        size_t at = ((size_t)id * 2654435761u) & ids->mask;
        while (id && ids->slots[at] && ids->slots[at] != id) at = (at + 1) & ids->mask;
        if (id && ids->slots[at] == id) repeat = true;
        if (id) ids->slots[at] = id;
        for (size_t b = 0; b < block->block_count; b++)
            if (ids_repeat(block->blocks[b], &rows->rows[i].children[b], ids)) repeat = true;
    }
    return repeat;
}

static bool check_row_ids(struct reading *reading, const struct form_body *body)
{
    size_t count = 0, size = 16;
    struct ids ids;

    for (size_t i = 0; i < reading->form->top_count; i++) count += count_rows(reading->form->top[i], &body->top[i]);
    if (count < 2) return true;
    while (size < count * 2) size *= 2;
    ids.mask = size - 1;
    if (!(ids.slots = arena_alloc(reading->arena, size * sizeof *ids.slots))) return exhausted(reading);
    for (size_t i = 0; i < reading->form->top_count; i++)
        if (ids_repeat(reading->form->top[i], &body->top[i], &ids))
            problem_at(reading->problems, reading->form->top[i]->name, "row_id", false, "两行的编号相同，请刷新后再试。", "Two rows have one id; reload the page.");
    return true;
}

static bool read_body(struct reading *reading, struct form_body *body)
{
    struct slice name;
    char path[PATH_SIZE];
    size_t i;

    if (!json_enter(&reading->json, JSON_OBJECT)) return false;
    while (json_next(&reading->json, &name)) {
        for (i = 0; i < reading->form->top_count; i++)
            if (slice_is(name, reading->form->top[i]->name)) break;
        if (i < reading->form->top_count) {
            if (!read_rows(reading, reading->form->top[i], &body->top[i], reading->form->top[i]->name)) return false;
            continue;
        }
        slice_path(path, "", name);
        if (!slice_is(name, "names")) unknown_name(reading, path); /* names of codes are the portal's */
        if (!json_skip(&reading->json, NULL)) return false;
    }
    return !json_failed(&reading->json) && json_finish(&reading->json) && (reading->stored || check_row_ids(reading, body));
}

int form_read(const struct form *form, const char *text, size_t length, bool stored, struct arena *arena,
              struct form_problems *problems, struct form_body **body, struct error *error)
{
    struct reading reading = {.form = form, .arena = arena, .problems = problems, .stored = stored};

    error_clear(error);
    if (!(*body = form_body_new(form, arena))) return error_set(error, ERROR_TOO_LARGE, "too_large", "内容太大。", "The content is too large.");
    json_reader_init(&reading.json, text, length, arena, error);
    if (read_body(&reading, *body)) return 0;
    if (reading.exhausted || !error->code)
        return error_set(error, ERROR_TOO_LARGE, "too_large", "内容太大。", "The content is too large.");
    return (int)error->code;
}

/* The rows of a block, with at least one; NULL when there is no memory for it. */
static struct form_rows *with_row(struct form_body *body, size_t top)
{
    struct form_rows *rows = &body->top[top];

    if (rows->count) return rows;
    if (!(rows->rows = arena_alloc(body->arena, sizeof *rows->rows)) || !row_init(body->form->top[top], rows->rows, body->arena)) return NULL;
    rows->count = 1;
    rows->present = true;
    return rows;
}

bool form_set_column(struct form_body *body, enum form_column column, struct slice text)
{
    const struct form *form = body->form;
    bool bound = form->columns[column].block != NULL;
    const struct form_block *block = bound ? form->columns[column].block : form->lines.block;
    int slot = !block ? -1 : bound ? form->columns[column].slot : form->lines.slot[column];
    const struct form_field *field = slot >= 0 ? form_field_at(block, NULL, slot) : NULL;
    struct form_rows *rows;

    if (!field || !text.length) return true;
    for (size_t i = 0; i < form->top_count; i++)
        if (form->top[i] == block) {
            if (!(rows = with_row(body, i))) return false;
            struct form_value *value = &rows->rows[0].values[slot];
            if (field->type == FORM_TEXT && (utf8_count(text.text, text.length) > (size_t)field->maximum || !text_is_clean(text, false))) return false;
            *value = value_from_text(field, text);
            if (column == COLUMN_BATCH) value->number = slice_is(text, "one"); /* the column's own words */
            if (column == COLUMN_BATCH && !value->number && !slice_is(text, "several")) return false;
            return value->kind != VALUE_ABSENT;
        }
    return true;
}
