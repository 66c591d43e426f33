/* Row blocks from spreadsheets: rows are read and checked for the open form, nothing is stored; and the empty sheet to fill in. */
#include "service/exchange.h"

#include "base/clock.h"
#include "base/date.h"
#include "base/utf8.h"
#include "exchange/table.h"
#include "service/sheet.h"

#include <stdio.h>
#include <string.h>
#include <xlsxwriter.h>

#define SHEET_MAXIMUM (4u << 20)
#define KNOWN 64
#define LIST_ROWS 2000      /* choices of one field */
#define LIST_CHARACTERS 255 /* of a drop-down list, as spreadsheets have it */

struct rows_request {
    const struct exchange *exchange;
    const struct form_block *block;
    const struct form_variant *variant;
    struct exchange_filter known[KNOWN];
    size_t known_count;
};

static bool unknown(struct web_call *call, const char *field)
{
    error_set(&call->error, ERROR_INVALID, field, "没有这种表格，请刷新页面。", "There is no such table; reload the page.");
    error_field(&call->error, field);
    return false;
}

/* Values of plain fields of the open form, which codes in the rows may depend on. */
static void take_known(struct web_call *call, struct rows_request *request)
{
    const struct form *form = request->exchange->form;

    for (size_t i = 0; i < form->top_count; i++)
        for (size_t f = 0; !form->top[i]->rows && f < form->top[i]->field_count; f++) {
            const char *name = form->top[i]->fields[f].name, *text = web_query(call, name);
            if (text && *text && strlen(text) < 100 && request->known_count < KNOWN)
                request->known[request->known_count++] = (struct exchange_filter){name, {text, strlen(text)}};
        }
}

static bool read_request(struct web_call *call, struct rows_request *request)
{
    const char *block = web_query(call, "block"), *variant = web_query(call, "variant");

    memset(request, 0, sizeof *request);
    if (!(request->exchange = service_exchange_named(call))) return false;
    for (size_t i = 0; block && i < request->exchange->table_count; i++)
        if (!strcmp(request->exchange->tables[i]->name, block)) request->block = request->exchange->tables[i];
    if (!request->block) return unknown(call, "block");
    for (size_t i = 0; variant && i < request->block->variant_count; i++)
        if (!strcmp(request->block->variants[i].id, variant)) request->variant = &request->block->variants[i];
    if (request->block->variant_count && !request->variant) return unknown(call, "variant");
    take_known(call, request);
    return true;
}

/* ---- reading */

struct reading {
    struct web_call *call;
    struct rows_request request;
    struct exchange_places places;
    struct exchange_problems problems;
    struct buffer body;
};

/* The cell; of what is missing its row, and its column where the table has one. */
static void tell(struct reading *r, const char *field, const char *rule, const char *zh, const char *en, bool warning)
{
    const struct exchange_place *place = exchange_place_find(&r->places, field), *column = place;
    char path[96];
    size_t before = r->problems.count;

    for (size_t i = 0; i < r->problems.count; i++)
        if (!strcmp(r->problems.list[i].field, field)) return;
    if (!place && strrchr(field, '/')) {
        snprintf(path, sizeof path, "%s%s", r->request.block->name, strrchr(field, '/'));
        column = exchange_place_find(&r->places, path);
        snprintf(path, sizeof path, "%.*s", (int)(strrchr(field, '/') - field), field);
        place = exchange_place_find(&r->places, path);
    }
    exchange_problem_add(&r->problems, place ? place->line : 0, column ? column->element : "", field, rule, zh, en);
    if (r->problems.count > before) r->problems.list[before].warning = warning;
}

/* Missing, but a new row of the form begins with it. */
static bool has_default(const struct reading *r, const char *field)
{
    const char *name = strrchr(field, '/');
    int slot = name ? form_slot_find(r->request.block, name + 1) : -1;
    const struct form_field *found = slot >= 0 ? form_field_at(r->request.block, r->request.variant, slot) : NULL;

    return found && found->fallback.kind != VALUE_ABSENT && !exchange_place_find(&r->places, field);
}

/* What the definition says of these rows; the rest of the document is not here. */
static int check_rows(struct reading *r)
{
    struct web_call *call = r->call;
    const char *name = r->request.block->name;
    struct json_writer json;
    struct buffer answer;
    const struct json *tree = NULL;

    buffer_init(&answer, 0);
    json_writer_init(&json, &answer);
    if (!doc_check(&service_of(call)->documents, reader_of(call), caller(call), r->request.exchange->form->name, 0, true, r->body.data, r->body.length, clock_now(),
                   &call->arena, &json, &call->error))
        tree = json_tree(buffer_string(&answer), answer.length, &call->arena, &call->error);
    JSON_EACH(item, json_member(tree, "errors")) {
        const char *field = json_member_text(item, "field", "");
        const struct json *words = json_member(item, "message");
        const char *rule = json_member_text(item, "rule", "");
        bool of_row = !strncmp(field, name, strlen(name)) && field[strlen(name)] == '/';
        if (of_row ? has_default(r, field) : strcmp(field, name) != 0 || strcmp(rule, "too_many_rows") != 0) continue;
        tell(r, field, rule, json_member_text(words, "zh", ""), json_member_text(words, "en", ""),
             strcmp(json_member_text(item, "level", "error"), "error") != 0);
    }
    buffer_free(&answer);
    return (int)call->error.code;
}

static int read_table(struct reading *r)
{
    struct web_call *call = r->call;
    struct doc_module *module = &service_of(call)->documents;
    struct service_finder finder = {reader_of(call), caller(call)};
    struct form_codes codes = code_set_codes(&module->codes);
    struct exchange_context context = {&codes, date_of_instant(clock_now()), service_find, &finder};
    struct table table;

    if (table_read(call->body, call->body_length, &call->arena, &table, &call->error)) return (int)call->error.code;
    pthread_rwlock_rdlock(&module->lock);
    table_body(r->request.exchange, &context, r->request.block, r->request.variant, &table, r->request.known, r->request.known_count, &r->places,
               &r->problems, &r->body);
    pthread_rwlock_unlock(&module->lock);
    if (!r->body.length) return error_set(&call->error, ERROR_INVALID, "empty_file", "文件是空的。", "The file is empty.");
    return check_rows(r);
}

static void answer_rows(struct reading *r)
{
    struct web_call *call = r->call;
    struct slice block = {NULL, 0}, rows = {NULL, 0};
    struct error none;

    error_clear(&none);
    if (json_raw_member(r->body.data, r->body.length, r->request.block->name, &call->arena, &block, &none))
        rows = block.length && block.text[0] == '[' ? block : rows;
    if (block.length && !rows.length) json_raw_member(block.text, block.length, "rows", &call->arena, &rows, &none);
    json_object(&call->json);
    json_name(&call->json, "rows");
    if (rows.length) json_raw(&call->json, rows.text, rows.length);
    else json_raw(&call->json, "[]", 2);
    json_name(&call->json, "problems");
    exchange_problems_sort(&r->problems);
    exchange_problems_write(&r->problems, "row", "column", &call->json);
    json_object_end(&call->json);
}

static int read_rows(struct web_call *call)
{
    struct reading *r = arena_alloc(&call->arena, sizeof *r);

    if (!r) return error_internal(&call->error, "out of memory");
    r->call = call;
    r->places.arena = r->problems.arena = &call->arena;
    buffer_init(&r->body, 4u << 20);
    if (read_request(call, &r->request) && !read_table(r)) answer_rows(r);
    buffer_free(&r->body);
    return (int)call->error.code;
}

/* ---- the empty sheet */

static void explain(const struct form_field *field, bool first, struct buffer *out)
{
    const struct json *help = json_member(field->json, "help");

    buffer_reset(out);
    if (first) buffer_text(out, TABLE_MARK " 说明，导入时跳过此行。");
    if (field->required != FORM_NEVER) buffer_text(out, "必填。");
    switch (field->type) {
    case FORM_TEXT: buffer_printf(out, "最多%d个字。", field->maximum); break;
    case FORM_INTEGER: buffer_text(out, "整数。"); break;
    case FORM_DECIMAL: buffer_printf(out, "数字，最多%d位小数。", field->places); break;
    case FORM_DATE: buffer_text(out, "日期，如2026-09-03。"); break;
    case FORM_BOOL: buffer_text(out, "是或否。"); break;
    case FORM_REF: buffer_text(out, "填写编码，系统自动查找已备案的单据。"); break;
    default: buffer_text(out, "从下拉框选择，或填写代码、名称。"); break;
    }
    if (help) buffer_text(out, json_member_text(help, "zh", ""));
}

struct choices { char *text[LIST_ROWS + 1]; size_t count, characters; };

/* "code name": read again by what stands before the space. A comma would make two choices of it. */
static void add_choice(struct choices *choices, char *text)
{
    if (!text || choices->count == LIST_ROWS) return;
    for (char *at = text; *at; at++)
        if (*at == ',') *at = ' ';
    choices->text[choices->count++] = text;
    choices->characters += utf8_count(text, strlen(text)) + 1;
}

/* Codes whose parent is known to be another are left out. */
static bool is_choice(const struct rows_request *request, const struct form_field *field, const struct form_codes *codes, const void *row)
{
    const char *parent = field->parent ? json_member_text(field->json, "parent", "") : "";
    struct slice code = codes->column(codes->context, field->list, row, "code"), own = codes->column(codes->context, field->list, row, "parent");

    for (size_t i = 0; *parent && i < request->known_count; i++)
        if (!strcmp(request->known[i].column, parent) && !slice_is(own, request->known[i].text.text)) return false;
    return codes->find(codes->context, field->list, field->scheme, code, date_of_instant(clock_now())) == row;
}

static void collect_choices(struct web_call *call, const struct rows_request *request, const struct form_field *field, struct choices *choices)
{
    struct form_codes codes = code_set_codes(&service_of(call)->documents.codes);

    choices->count = choices->characters = 0;
    if (field->type == FORM_BOOL) {
        add_choice(choices, arena_text(&call->arena, "是"));
        add_choice(choices, arena_text(&call->arena, "否"));
    }
    for (size_t i = 0; field->type == FORM_ENUM && i < field->choice_count; i++)
        add_choice(choices, arena_printf(&call->arena, "%s %s", field->choices[i].value, field->choices[i].words.zh));
    for (const void *row = NULL; field->type == FORM_CODE && (row = codes.next(codes.context, field->list, row));) {
        struct slice code = codes.column(codes.context, field->list, row, "code"), name = codes.column(codes.context, field->list, row, "name");
        if (is_choice(request, field, &codes, row))
            add_choice(choices, arena_printf(&call->arena, "%.*s %.*s", (int)code.length, code.text, (int)name.length, name.text));
    }
    choices->text[choices->count] = NULL;
}

/* What fits is a list to drop down; what does not stands on a sheet of its own to look up. */
static void offer(struct sheet *sheet, lxw_worksheet *codes, const struct form_field *field, const struct choices *choices, lxw_col_t column, int rows)
{
    lxw_data_validation list;

    if (!choices->count) return;
    if (choices->characters > LIST_CHARACTERS) {
        worksheet_write_string(codes, 0, column, field->label.zh, NULL);
        for (size_t i = 0; i < choices->count; i++) worksheet_write_string(codes, (lxw_row_t)(i + 1), column, choices->text[i], NULL);
        return;
    }
    memset(&list, 0, sizeof list);
    list.validate = LXW_VALIDATION_TYPE_LIST;
    list.error_type = LXW_VALIDATION_ERROR_TYPE_WARNING;
    list.value_list = (char **)choices->text;
    worksheet_data_validation_range(sheet->page, 2, column, (lxw_row_t)(rows + 1), column, &list);
}

struct template { struct web_call *call; struct rows_request request; const struct form_field *fields[TABLE_COLUMNS]; size_t count; };

/* Heads, an explanation, and lists to choose from. */
static void write_template(struct template *t, struct sheet *sheet, lxw_worksheet *codes, struct choices *choices)
{
    struct doc_module *module = &service_of(t->call)->documents;
    struct buffer text;

    buffer_init(&text, 4096);
    for (size_t i = 0; i < t->count; i++) {
        buffer_reset(&text);
        buffer_printf(&text, "%s%s", t->fields[i]->label.zh, t->fields[i]->required != FORM_NEVER ? "*" : "");
        sheet_text(sheet, buffer_string(&text), text.length);
    }
    sheet_row_end(sheet);
    pthread_rwlock_rdlock(&module->lock);
    for (size_t i = 0; i < t->count; i++) {
        explain(t->fields[i], i == 0, &text);
        sheet_text(sheet, buffer_string(&text), text.length);
        collect_choices(t->call, &t->request, t->fields[i], choices);
        offer(sheet, codes, t->fields[i], choices, (lxw_col_t)i, t->request.block->maximum);
    }
    pthread_rwlock_unlock(&module->lock);
    worksheet_set_column(sheet->page, 0, (lxw_col_t)(t->count ? t->count - 1 : 0), 18, NULL);
    worksheet_freeze_panes(sheet->page, 1, 0);
    buffer_free(&text);
}

static int template(struct web_call *call)
{
    struct template t = {.call = call};
    struct sheet sheet;
    struct choices *choices = arena_alloc(&call->arena, sizeof *choices);
    lxw_worksheet *codes;

    if (!choices) return error_internal(&call->error, "out of memory");
    if (!read_request(call, &t.request)) return (int)call->error.code;
    t.count = table_fields(t.request.block, t.request.variant, t.fields);
    sheet_open(&sheet, true);
    codes = sheet.page ? workbook_add_worksheet(sheet.workbook, "代码") : NULL;
    if (codes) write_template(&t, &sheet, codes, choices);
    if (sheet_close(&sheet, &call->out, &call->error)) return (int)call->error.code;
    web_answer_file(call, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", arena_printf(&call->arena, "%s.xlsx", t.request.block->name), true);
    return 0;
}

#define APPLICANTS (PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON)

const struct web_route row_routes[] = {
    {"POST", "/exchange/:form/rows", read_rows, APPLICANTS, RIGHT_EDIT, WEB_RAW_BODY, LANE_SLOW, SHEET_MAXIMUM, {0, 0}},
    {"GET", "/exchange/:form/rows.xlsx", template, APPLICANTS, RIGHT_EDIT, 0, LANE_SLOW, 0, {0, 0}},
    {0}};
