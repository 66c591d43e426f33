/* Documents in bulk: a JSON array, XML, a workbook or a ZIP of such files with attachments becomes a job; each document is made or refused on its own, with its problems. */
#include "service/bulk.h"

#include "base/clock.h"
#include "base/date.h"
#include "exchange/bodies.h"
#include "exchange/table.h"
#include "service/sheet.h"
#include "service/upload.h"

#include <stdio.h>
#include <string.h>
#include <xlsxwriter.h>

#define UPLOAD_MAXIMUM (20u << 20)
#define MEMORY_MAXIMUM ((size_t)128 << 20) /* what a workbook of that size may unpack to, and its documents */

/* ---- coming in */

/* The form in force that the path means; NULL with an error, also for one that only the portal makes. */
static const struct form *form_of(struct web_call *call)
{
    const struct form *form = doc_form(&service_of(call)->documents, call->parameter[0], date_of_instant(clock_now()));

    if (!form) error_set(&call->error, ERROR_NOT_FOUND, "unknown_form", "没有这种单据。", "There is no such kind of document.");
    else if (refuse_own(call, form->name)) form = NULL;
    return form;
}

static int take_bodies(struct web_call *call, struct service_upload *upload, const void *form)
{
    struct bodies *bodies = arena_alloc(&call->arena, sizeof *bodies);
    struct doc_file_in *files;

    if (!bodies) return error_internal(&call->error, "out of memory");
    if (bodies_read(form, call->body, call->body_length, DOC_BODY_MAXIMUM, &upload->arena, bodies, &call->error)) return (int)call->error.code;
    if (!(files = arena_alloc(&upload->arena, bodies->count * sizeof *files))) return error_internal(&call->error, "out of memory");
    for (size_t i = 0; i < bodies->count; i++)
        files[i] = (struct doc_file_in){bodies->list[i].name, bodies->list[i].text.text, bodies->list[i].text.length};
    upload->import.files = files;
    upload->import.count = bodies->count;
    return 0;
}

static int bulk(struct web_call *call)
{
    const struct form *form = form_of(call);

    if (!form) return (int)call->error.code;
    return service_upload(call, form->name, true, "documents", MEMORY_MAXIMUM, take_bodies, form);
}

/* ---- one document, in the job */

/* The problems of both: of reading the text, and of the body. */
static void join_problems(struct slice read, const struct form_problems *problems, struct buffer *out)
{
    struct json_writer json;
    struct buffer own;

    buffer_init(&own, 0);
    json_writer_init(&json, &own);
    form_write_problems(problems, &json);
    buffer_reset(out);
    buffer_bytes(out, read.text, read.length - 1);
    if (read.length > 2 && own.length > 2) buffer_char(out, ',');
    buffer_bytes(out, buffer_string(&own) + 1, own.length - 1);
    buffer_free(&own);
}

static int read_document(struct doc_module *module, struct store_connection *reader, const struct principal *principal, const char *form,
                         const struct bodies_content *content, int64_t now, struct arena *arena, struct doc_incoming *incoming, struct error *error)
{
    struct form_problems *problems = arena_alloc(arena, sizeof *problems);
    struct error own;

    if (!problems) return error_internal(error, "out of memory");
    incoming->complete = true; /* what still keeps it from being submitted is told when that is tried */
    error_clear(&own);
    doc_prepare_create(module, reader, principal, form, content->body.text, content->body.length, now, arena, problems, &incoming->save, &own);
    if (own.code == ERROR_UNAVAILABLE) {
        *error = own;
        return (int)error->code;
    }
    if (own.code && !problems->errors) form_problem_add(problems, own.field, arena_text(arena, own.name), false, arena_text(arena, own.zh), arena_text(arena, own.en));
    if (!own.code && content->problems.length <= 2) incoming->kind = INCOMING_DOCUMENT;
    else buffer_free(&incoming->save.body);
    join_problems(content->problems, problems, &incoming->problems);
    return 0;
}

int service_read_body(struct doc_module *module, struct store_connection *reader, const struct principal *principal, const char *form, bool submit,
                      const char *bytes, size_t length, int64_t now, struct arena *arena, struct doc_incoming *incoming, struct error *error)
{
    struct bodies_content content;

    (void)submit;
    error_clear(error);
    if (bodies_content_read(bytes, length, arena, &content, error)) return (int)error->code;
    incoming->key = content.key;
    incoming->kind = INCOMING_BROKEN;
    if (!content.type) return read_document(module, reader, principal, form, &content, now, arena, incoming, error);
    incoming->kind = INCOMING_FILE;
    incoming->type = content.type;
    incoming->block = content.block;
    incoming->place = content.place;
    incoming->file_name = content.file_name;
    incoming->bytes = content.bytes.text;
    incoming->length = content.bytes.length;
    buffer_reset(&incoming->problems);
    return 0;
}

/* ---- the empty workbook */

static void put_text(lxw_worksheet *page, unsigned row, size_t column, const char *text)
{
    worksheet_write_string(page, row, (lxw_col_t)column, text, NULL);
}

/* Names above, labels below, behind the mark that this row explains. */
static size_t put_fields(lxw_worksheet *page, struct arena *arena, const struct form_field *fields, size_t count, const struct form_block *block, size_t variants, size_t column)
{
    for (size_t i = 0; i < count && column < TABLE_COLUMNS; i++) {
        bool before = fields[i].readonly || fields[i].compute || fields[i].from == FROM_COLUMN || fields[i].type == FORM_FILE;
        for (size_t v = 0; v < variants; v++) /* fields of earlier variants have their column already */
            for (size_t f = 0; f < block->variants[v].field_count; f++) before = before || !strcmp(block->variants[v].fields[f].name, fields[i].name);
        if (before) continue;
        put_text(page, 0, column, fields[i].name);
        put_text(page, 1, column++, arena_printf(arena, "%s%s", fields[i].label.zh, fields[i].required != FORM_NEVER ? "*" : ""));
    }
    return column;
}

static void put_block(struct web_call *call, struct sheet *sheet, const struct form_block *block)
{
    lxw_worksheet *page = workbook_add_worksheet(sheet->workbook, block->name);
    size_t column = 1;

    if (!page) return; /* a name that spreadsheets do not take */
    put_text(page, 0, 0, "document");
    put_text(page, 1, 0, TABLE_MARK "单据序号");
    if (block->variant_count) {
        struct buffer ids;
        buffer_init(&ids, 4096);
        for (size_t v = 0; v < block->variant_count; v++) buffer_printf(&ids, "%s%s %s", v ? " / " : "", block->variants[v].id, block->variants[v].label.zh);
        put_text(page, 0, column, "variant");
        put_text(page, 1, column++, buffer_string(&ids));
        buffer_free(&ids);
    }
    column = put_fields(page, &call->arena, block->fields, block->field_count, block, 0, column);
    for (size_t v = 0; v < block->variant_count; v++) column = put_fields(page, &call->arena, block->variants[v].fields, block->variants[v].field_count, block, v, column);
    worksheet_set_column(page, 0, (lxw_col_t)column, 18, NULL);
    worksheet_freeze_panes(page, 2, 1);
}

static int template(struct web_call *call)
{
    const struct form *form = form_of(call);
    struct sheet sheet;

    if (!form) return (int)call->error.code;
    sheet_open(&sheet, true);
    if (sheet.page) put_text(sheet.page, 0, 0, "每张工作表是单据的一个部分；第一列填单据序号，同一序号的行属于同一份单据。第一行为栏目名，不要改动。");
    for (size_t i = 0; sheet.page && i < form->top_count; i++) put_block(call, &sheet, form->top[i]);
    if (sheet_close(&sheet, &call->out, &call->error)) return (int)call->error.code;
    web_answer_file(call, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", arena_printf(&call->arena, "%s.xlsx", form->name), true);
    return 0;
}

#define APPLICANTS (PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON)

const struct web_route bulk_routes[] = {
    {"POST", "/bulk/:form", bulk, APPLICANTS, RIGHT_EDIT, WEB_RAW_BODY, LANE_SLOW, UPLOAD_MAXIMUM, {0, 0}},
    {"GET", "/bulk/:form/template.xlsx", template, APPLICANTS, RIGHT_EDIT, 0, LANE_SLOW, 0, {0, 0}},
    {0}};
