#include "exchange/bodies_internal.h"

#include "base/json_read.h"
#include "exchange/archive.h"

#include <stdio.h>
#include <string.h>

size_t bodies_place(const struct bodies *bodies) { return bodies->count - bodies->first + 1; }

int bodies_text(struct bodies *bodies, const char *name, const struct buffer *text, struct error *error)
{
    struct bodies_item *item = &bodies->list[bodies->count];

    if (bodies->count == BODIES_MAXIMUM)
        return error_set(error, ERROR_INVALID, "too_many_documents", "一次最多1000份单据（含附件），请分批提交。", "At most 1,000 documents and attachments at a time; send them in parts.");
    *item = (struct bodies_item){arena_text(bodies->arena, name), {arena_copy(bodies->arena, buffer_string(text), text->length), text->length}};
    bodies->count++;
    return item->name && item->text.text ? 0 : error_internal(error, "out of memory");
}

int bodies_add(struct bodies *bodies, const char *name, const char *body, size_t length, struct error *error)
{
    struct buffer text;
    struct json_writer json;
    char whole[300];

    if (length > bodies->largest) {
        bodies_problem(bodies, "", "too_large", "内容太大。", "The content is too large.");
        body = "{}";
        length = 2;
    }
    buffer_init(&text, 0);
    buffer_char(&text, BODIES_DOCUMENT);
    buffer_bytes(&text, bodies->key, strlen(bodies->key) + 1);
    json_writer_init(&json, &text);
    json_object(&json);
    json_put_raw(&json, "body", body, length);
    json_name(&json, "problems");
    form_write_problems(&bodies->problems, &json);
    json_object_end(&json);
    snprintf(whole, sizeof whole, "%s%s%.64s", bodies->file, *bodies->file ? "/" : "", name);
    bodies_text(bodies, whole, &text, error);
    buffer_free(&text);
    bodies->problems.count = bodies->problems.errors = 0;
    bodies->problems.more = false;
    return (int)error->code;
}

void bodies_problem(struct bodies *bodies, const char *field, const char *rule, const char *zh, const char *en)
{
    form_problem_add(&bodies->problems, field, rule, false, zh, en);
}

/* Digits, perhaps with a sign, and few enough to be a number in JSON. */
static bool is_integer(const char *text, size_t length)
{
    size_t sign = length && *text == '-';

    return length > sign && length - sign <= 15 && strspn(text + sign, "0123456789") >= length - sign && (text[sign] != '0' || length - sign == 1);
}

static bool is_word(const char *text, size_t length, const char *const *words)
{
    for (; *words; words++)
        if (strlen(*words) == length && !memcmp(*words, text, length)) return true;
    return false;
}

void bodies_value(const struct form_field *field, const char *text, size_t length, struct json_writer *json)
{
    static const char *const yes[] = {"true", "1", "是", NULL}, *const no[] = {"false", "0", "否", NULL};

    if (field->type == FORM_INTEGER && is_integer(text, length)) json_raw(json, text, length);
    else if (field->type == FORM_BOOL && (is_word(text, length, yes) || is_word(text, length, no))) json_boolean(json, is_word(text, length, yes));
    else json_text(json, text, length);
}

/* ---- a JSON array of bodies */

static int read_json(const char *bytes, size_t length, struct bodies *bodies, struct error *error)
{
    struct json_reader reader;
    enum json_kind kind;
    struct slice body;
    char name[24];

    json_reader_init(&reader, bytes, length, bodies->arena, error);
    if (!json_enter(&reader, JSON_ARRAY)) return (int)error->code;
    while (json_next(&reader, NULL)) {
        if (!json_peek(&reader, &kind) || !json_skip(&reader, &body)) break;
        if (kind != JSON_OBJECT) {
            bodies_problem(bodies, "", "object", "每份单据应为一个JSON对象。", "Each document is a JSON object.");
            body = (struct slice){"{}", 2};
        }
        snprintf(name, sizeof name, "%zu", bodies_place(bodies));
        if (bodies_add(bodies, name, body.text, body.length, error)) return (int)error->code;
    }
    return json_failed(&reader) || !json_finish(&reader) ? (int)error->code : 0;
}

/* ---- any of them */

const struct form_block *bodies_block(const struct form *form, const char *sheet)
{
    for (size_t i = 0; i < form->top_count; i++) {
        const struct form_block *block = form->top[i];
        if (!strcmp(block->name, sheet) || !strcmp(block->label.zh, sheet) || !strcmp(block->label.en, sheet)) return block;
    }
    return NULL;
}

int bodies_file(const struct form *form, const char *bytes, size_t length, struct bodies *bodies, struct error *error)
{
    size_t start = length >= 3 && !memcmp(bytes, "\xef\xbb\xbf", 3) ? 3 : 0;
    int code;

    bodies->first = bodies->count;
    while (start < length && strchr(" \t\r\n", bytes[start]) && bytes[start]) start++;
    if (archive_is(bytes, length)) code = bodies_sheets(form, bytes, length, bodies, error);
    else if (start < length && bytes[start] == '<') code = bodies_xml(form, bytes + start, length - start, bodies, error);
    else if (start < length && bytes[start] == '[') code = read_json(bytes + start, length - start, bodies, error);
    else return error_set(error, ERROR_INVALID, "bulk_format", "内容应为JSON数组、XML、XLSX，或装有这些文件的ZIP。", "A JSON array, XML, XLSX, or a ZIP of such files is expected.");
    if (!code && bodies->count == bodies->first) code = error_set(error, ERROR_INVALID, "no_documents", "其中没有单据。", "There is no document in it.");
    return code;
}

static bool is_workbook(const char *name) { return !strcmp(name, "xl/workbook.xml"); }

/* A ZIP in which no workbook is. What is broken is left to the reader of workbooks, who says so. */
static bool is_of_files(const char *bytes, size_t length, struct arena *arena)
{
    static const struct archive_limits limits = {BODIES_MAXIMUM, 0, BODIES_MAXIMUM};
    struct archive_file *found;
    struct error ignored;
    size_t count;

    return archive_is(bytes, length) && !archive_read(bytes, length, &limits, is_workbook, arena, &found, &count, &ignored) && !count;
}

int bodies_read(const struct form *form, const char *bytes, size_t length, size_t largest, struct arena *arena, struct bodies *bodies, struct error *error)
{
    error_clear(error);
    memset(bodies, 0, sizeof *bodies);
    bodies->arena = arena;
    bodies->largest = largest;
    bodies->file = bodies->key = "";
    if (!(bodies->list = arena_alloc(arena, BODIES_MAXIMUM * sizeof *bodies->list))) return error_internal(error, "out of memory");
    return is_of_files(bytes, length, arena) ? bodies_archive(form, bytes, length, bodies, error) : bodies_file(form, bytes, length, bodies, error);
}
