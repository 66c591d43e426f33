/* The evaluator for the page: the same code as in the programs, behind five exported functions. Text in, JSON text out. The code rows that a
   body refers to come with each call, so nothing here knows where tables are kept. */
#include "base/date.h"
#include "form/form.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(#name)))

#define FORMS 16
static struct form *forms[FORMS];
static struct buffer answer;
static struct arena arena;

EXPORT(form_alloc) void *wasm_alloc(size_t size);
EXPORT(form_free) void wasm_free(void *memory);
EXPORT(form_load) int wasm_load(const char *text, size_t length);
EXPORT(form_unload) void wasm_unload(int handle);
EXPORT(form_evaluate) const char *wasm_evaluate(int handle, const char *text, size_t length);

void *wasm_alloc(size_t size) { return malloc(size); }
void wasm_free(void *memory) { free(memory); }

/* A handle from 1, or 0 when the definition is bad or there are too many. */
int wasm_load(const char *text, size_t length)
{
    struct error error;

    for (int i = 0; i < FORMS; i++)
        if (!forms[i]) return (forms[i] = form_compile(text, length, &error)) ? i + 1 : 0;
    return 0;
}

void wasm_unload(int handle)
{
    if (handle < 1 || handle > FORMS) return;
    form_free(forms[handle - 1]);
    forms[handle - 1] = NULL;
}

/* ---- code rows from the call: {list: {code: {column: value}}} */

static const void *find_code(void *context, const char *list, const char *scheme, struct slice code, int32_t day)
{
    (void)scheme; /* the page sends only rows of the right scheme and day */
    (void)day;
    JSON_EACH(row, json_member(context, list))
        if (slice_is(code, row->name)) return row;
    return NULL;
}

static struct slice code_column(void *context, const char *list, const void *row, const char *column)
{
    const struct json *json = row;
    const struct json *cell = json_member(json, column);

    (void)context;
    (void)list;
    if (!cell && !strcmp(column, "code")) return (struct slice){json->name, strlen(json->name)};
    return cell && cell->kind == JSON_STRING ? cell->text : (struct slice){"", 0};
}

static const void *next_code(void *context, const char *list, const void *row)
{
    const struct json *table = json_member(context, list);

    return row ? ((const struct json *)row)->next : table ? table->first : NULL;
}

static size_t read_attachments(const struct json *json, struct form_attachment *list, size_t most)
{
    size_t count = 0;

    JSON_EACH(item, json) {
        if (count == most) break;
        list[count].type = json_member_text(item, "type", "");
        list[count].block = json_member_text(item, "block", "");
        list[count++].row_id = json_member_integer(item, "row_id", 0);
    }
    return count;
}

/* Read-only values that only the portal knows (enterprise, codes of the session) are kept as they came. */
static struct form_value kept_source(void *context, const struct form_field *field)
{
    return form_body_value(context, field->block, field->slot);
}

static const char *failure(const struct error *error)
{
    struct json_writer json;

    buffer_reset(&answer);
    json_writer_init(&json, &answer);
    json_object(&json);
    json_put_words(&json, "failure", error->zh, error->en);
    json_object_end(&json);
    return buffer_string(&answer);
}

static void write_answer(struct form_body *body, const struct form_context *context, const struct form_problems *problems)
{
    struct json_writer json;

    buffer_reset(&answer);
    json_writer_init(&json, &answer);
    json_object(&json);
    json_name(&json, "body");
    form_write(body, &json, NULL, context->today);
    json_name(&json, "errors");
    form_write_problems(problems, &json);
    form_write_marks(body, context, &json);
    json_object_end(&json);
}

struct call { /* the raw members of a call */
    struct slice body, codes, attachments, today, stage;
};

static bool read_call(const char *text, size_t length, struct call *call, struct error *error)
{
    struct json_reader reader;
    struct slice name, raw;

    json_reader_init(&reader, text, length, &arena, error);
    if (!json_enter(&reader, JSON_OBJECT)) return false;
    while (json_next(&reader, &name)) {
        if (!json_skip(&reader, &raw)) return false;
        if (slice_is(name, "body")) call->body = raw;
        else if (slice_is(name, "codes")) call->codes = raw;
        else if (slice_is(name, "attachments")) call->attachments = raw;
        else if (slice_is(name, "today")) call->today = raw;
        else if (slice_is(name, "stage")) call->stage = raw;
    }
    return !json_failed(&reader) && json_finish(&reader);
}

static const struct json *tree_of(struct slice raw, struct error *error)
{
    return raw.length ? json_tree(raw.text, raw.length, &arena, error) : NULL;
}

const char *wasm_evaluate(int handle, const char *text, size_t length)
{
    static struct form_problems problems;
    static struct form_attachment attachments[256];
    struct form_codes codes = {.find = find_code, .column = code_column, .next = next_code};
    struct form_context context = {.codes = &codes, .source = kept_source, .attachments = attachments};
    struct call call = {0};
    struct error error;
    struct form_body *body;

    arena_reset(&arena);
    problems.count = problems.errors = 0;
    problems.more = false;
    error_clear(&error);
    if (handle < 1 || handle > FORMS || !forms[handle - 1]) return "{}";
    if (!read_call(text, length, &call, &error)) return failure(&error);
    if (call.today.length != 12 || !date_parse(call.today.text + 1, 10, &context.today)) return "{}";
    codes.context = (void *)(uintptr_t)tree_of(call.codes, &error);
    context.attachment_count = read_attachments(tree_of(call.attachments, &error), attachments, 256);
    if (form_read(forms[handle - 1], call.body.text, call.body.length, true, &arena, &problems, &body, &error)) return failure(&error);
    context.source_context = body;
    form_evaluate(body, &context, slice_is(call.stage, "\"save\"") ? FORM_SAVE : FORM_SUBMIT, &problems);
    write_answer(body, &context, &problems);
    return buffer_string(&answer);
}
