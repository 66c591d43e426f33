/* Where the values of fills come from, and what a body's bound columns hold. */
#include "document/internal.h"

#include "base/date.h"

#include <string.h>

static struct form_value text_value(const char *text)
{
    struct form_value value = {.kind = VALUE_ABSENT};

    if (text && *text) value = (struct form_value){.kind = VALUE_TEXT, .text = {text, strlen(text)}};
    return value;
}

static struct form_value session_value(const struct principal *principal, const char *key)
{
    static const struct { const char *key; size_t offset; } keys[] = {
        {"enterprise_code", offsetof(struct principal, enterprise_code)},
        {"organisation_code", offsetof(struct principal, organisation_code)},
        {"uscc", offsetof(struct principal, uscc)},
        {"enterprise_name", offsetof(struct principal, enterprise_name)},
        {"user_name", offsetof(struct principal, user_name)}};

    if (!strcmp(key, "display_name")) return text_value(principal_person(principal));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strcmp(keys[i].key, key)) return text_value((const char *)principal + keys[i].offset);
    return text_value(NULL);
}

/* The newest body of this owner that `condition` admits; NULL when there is none. */
static const struct form_body *newest_body(struct doc_sources *sources, const char *sql, const struct store_value *values, size_t count)
{
    struct store_rows rows;
    struct error error;
    struct form_body *body = NULL;
    struct form_problems problems = {.count = 0};
    size_t length;

    if (store_query(sources->reader, &rows, &error, sql, values, count)) return NULL;
    if (store_next(&rows)) {
        const char *text = store_column_text(&rows, 0, &length);
        text = arena_copy(sources->arena, text, length);
        if (!text || form_read(sources->form, text, length, true, sources->arena, &problems, &body, &error)) body = NULL;
    }
    return store_end(&rows) ? NULL : body;
}

static void look_back(struct doc_sources *sources)
{
    int64_t owner = sources->owner;

    sources->looked = true;
    if (!sources->reader) return;
    sources->last_used = newest_body(sources,
        "SELECT b.body FROM document d JOIN document_body b ON b.document = d.id "
        "WHERE d.enterprise = $1 AND d.form = $2 AND d.creator = $3 ORDER BY d.id DESC LIMIT 1",
        STORE_VALUES(store_integer(owner), store_string(sources->form->name), store_integer(sources->principal->user)));
    sources->last_approved = newest_body(sources,
        "SELECT b.body FROM document d JOIN document_body b ON b.document = d.id "
        "WHERE d.enterprise = $1 AND d.form = $2 AND d.issued <> '' ORDER BY d.issued DESC, d.id DESC LIMIT 1",
        STORE_VALUES(store_integer(owner), store_string(sources->form->name)));
}

static bool is_one_of(const char *state, const char **states, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(states[i], state)) return true;
    return count == 0;
}

/* The owner's newest document of the form that this one's definition asks to be filed first, if it is in one of the states. */
static const struct form_body *filing_of(struct doc_sources *sources)
{
    const struct form *form = sources->form;
    struct store_rows rows;
    struct error error;
    struct form_problems *problems = arena_alloc(sources->arena, sizeof *problems);
    struct form_body *body = NULL;

    if (!problems || !sources->reader ||
        store_query(sources->reader, &rows, &error,
                    "SELECT d.state, d.form_version, b.body FROM document d JOIN document_body b ON b.document = d.id "
                    "WHERE d.enterprise = $1 AND d.form = $2 ORDER BY d.id DESC LIMIT 1",
                    STORE_VALUES(store_integer(sources->owner), store_string(form->filing.form))))
        return NULL;
    if (store_next(&rows) && is_one_of(store_column_text(&rows, 0, NULL), form->filing.states, form->filing.state_count)) {
        const struct form *filed = doc_form_version(sources->module, form->filing.form, (int)store_column_integer(&rows, 1));
        size_t length;
        const char *text = store_column_text(&rows, 2, &length);
        text = arena_copy(sources->arena, text, length);
        if (!filed || !text || form_read(filed, text, length, true, sources->arena, problems, &body, &error)) body = NULL;
    }
    return store_end(&rows) ? NULL : body;
}

static struct form_value filed_value(const struct doc_sources *sources, const char *name)
{
    const struct form_field *field = sources->filing ? form_field_find(sources->filing->form, name) : NULL;

    return field ? form_body_value(sources->filing, field->block, field->slot) : text_value(NULL);
}

static struct form_value source_value(void *context, const struct form_field *field)
{
    struct doc_sources *sources = context;

    if (field->from == FROM_SESSION) return session_value(sources->principal, field->from_key);
    if (field->from == FROM_FILING) return filed_value(sources, field->from_key);
    if (!sources->looked) look_back(sources);
    if (field->from == FROM_LAST_APPROVED && sources->last_approved)
        return form_body_value(sources->last_approved, field->block, field->slot);
    if (field->from == FROM_LAST_USED && sources->last_used) return form_body_value(sources->last_used, field->block, field->slot);
    return text_value(NULL);
}

void doc_context(struct doc_sources *sources, struct doc_module *module, const struct principal *principal, int64_t owner, const struct form *form,
                 struct store_connection *reader, struct arena *arena, int32_t today, struct form_context *context)
{
    sources->principal = principal;
    sources->owner = owner;
    sources->module = module;
    sources->reader = reader;
    sources->form = form;
    sources->arena = arena;
    sources->looked = false;
    sources->last_used = sources->last_approved = NULL;
    sources->codes = code_set_codes(&module->codes);
    memset(context, 0, sizeof *context);
    context->today = today;
    context->codes = &sources->codes;
    context->source = principal->kind == PRINCIPAL_SYSTEM ? NULL : source_value;
    context->source_context = sources;
    sources->filing = form->filing.form ? filing_of(sources) : NULL;
    context->unfiled = form->filing.form && !sources->filing;
}

int doc_load_attachments(struct doc_sources *sources, struct store_connection *reader, int64_t id, struct form_context *context,
                         struct error *error)
{
    struct store_rows rows;
    size_t count = 0;

    if (store_query(reader, &rows, error, "SELECT type, block, row_id FROM attachment WHERE document = $1", STORE_VALUES(store_integer(id))))
        return (int)error->code;
    while (store_next(&rows) && count < DOC_ATTACHMENTS) {
        sources->attachments[count].type = arena_text(sources->arena, store_column_text(&rows, 0, NULL));
        sources->attachments[count].block = arena_text(sources->arena, store_column_text(&rows, 1, NULL));
        sources->attachments[count++].row_id = store_column_integer(&rows, 2);
    }
    context->attachments = sources->attachments;
    context->attachment_count = count;
    return store_end(&rows);
}

static struct form_value kept(struct form_value value, struct arena *arena)
{
    if (value.kind == VALUE_TEXT) value.text.text = arena_copy(arena, value.text.text, value.text.length);
    return value;
}

/* What the definition's list shows of the body, as the JSON that lists send. */
static struct slice shown_of(const struct form_body *body, struct arena *arena)
{
    const struct json *names = json_member(json_member(body->form->json, "list"), "shown");
    struct slice shown = {NULL, 0};
    struct json_writer json;
    struct buffer out;

    if (!names) return shown;
    buffer_init(&out, 65536);
    json_writer_init(&json, &out);
    json_object(&json);
    JSON_EACH(name, names) form_write_field(body, form_field_find(body->form, name->text.text), &json);
    json_object_end(&json);
    if (!out.failed) shown = (struct slice){arena_copy(arena, buffer_string(&out), out.length), out.length};
    buffer_free(&out);
    return shown;
}

void doc_columns_of(const struct form_body *body, struct arena *arena, struct doc_columns *columns)
{
    columns->shown = shown_of(body, arena);
    for (int i = 0; i < COLUMN_COUNT; i++) columns->value[i] = kept(form_column_value(body, (enum form_column)i), arena);
    doc_lines_of(body, arena, columns);
}

struct store_value doc_column(const struct doc_columns *columns, enum form_column column)
{
    struct form_value value = columns->value[column];
    static _Thread_local char dates[COLUMN_COUNT][DATE_TEXT_SIZE];
    bool number = column == COLUMN_QUANTITY || column == COLUMN_AMOUNT || column == COLUMN_AMOUNT_USD;

    if (column == COLUMN_YEAR) return store_integer(value.kind == VALUE_NUMBER ? value.number / DECIMAL_ONE : 0);
    if (column == COLUMN_BATCH) return store_string(value.kind != VALUE_BOOL ? "" : value.number ? "one" : "several");
    if (number) return value.kind == VALUE_NUMBER ? store_integer(value.number) : store_null();
    if (value.kind == VALUE_TEXT) return store_text(value.text.text, value.text.length);
    if (value.kind != VALUE_DATE) return store_string("");
    date_format((int32_t)value.number, dates[column]);
    return store_string(dates[column]);
}

int doc_problems_error(const struct form_problems *problems, struct error *error)
{
    if (!problems->errors) return 0;
    error_set(error, ERROR_INVALID, "invalid", "有内容需要更正，请查看各栏提示。", "Some entries need correction; see the hints beside the fields.");
    for (size_t i = 0; i < problems->count; i++)
        if (!problems->list[i].warning) {
            error_field(error, problems->list[i].field);
            break;
        }
    return (int)error->code;
}
