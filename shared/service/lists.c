/* Lists, queries, statistics, jobs and batches. */
#include "service/internal.h"

#include "base/clock.h"
#include "base/csv.h"
#include "base/date.h"
#include "document/job.h"
#include "document/ledger.h"
#include "document/list.h"
#include "service/sheet.h"

#include <stdio.h>
#include <string.h>

static const char *parameter(void *context, const char *name) { return web_query(context, name); }

static int list_of(struct web_call *call, struct doc_list *list)
{
    memset(list, 0, sizeof *list);
    list->module = &service_of(call)->documents;
    list->principal = caller(call);
    list->now = clock_now();
    list->form = web_query(call, "form");
    list->parameter = parameter;
    list->parameter_context = call;
    if (list->form && !doc_form(list->module, list->form, date_of_instant(list->now)))
        return error_set(&call->error, ERROR_NOT_FOUND, "unknown_form", "没有这种单据。", "There is no such kind of document.");
    return web_query_integer(call, "page", 1, 100000, 1, &list->page) || web_query_integer(call, "size", 1, DOC_PAGE_MAXIMUM, 10, &list->size)
               ? (int)call->error.code : 0;
}

static int documents(struct web_call *call)
{
    struct doc_list list;

    return list_of(call, &list) ? (int)call->error.code : doc_list_write(reader_of(call), &list, &call->json, &call->error);
}

static int queries(struct web_call *call)
{
    struct doc_list list;

    if (list_of(call, &list)) return (int)call->error.code;
    list.query = call->parameter[0];
    return doc_list_write(reader_of(call), &list, &call->json, &call->error);
}

static int dates_of(struct web_call *call, const char **from, const char **to)
{
    const char **both[] = {from, to};
    static const char *const names[] = {"from", "to"};
    int32_t day;

    for (int i = 0; i < 2; i++) {
        *both[i] = web_query(call, names[i]);
        if (*both[i] && !**both[i]) *both[i] = NULL;
        if (!*both[i] || date_parse(*both[i], strlen(*both[i]), &day)) continue;
        error_set(&call->error, ERROR_INVALID, "date", "请输入日期，例如 2026-09-03。", "Enter a date such as 2026-09-03.");
        error_field(&call->error, names[i]);
        return (int)call->error.code;
    }
    return 0;
}

static int write_offs(struct web_call *call)
{
    const char *from = NULL, *to = NULL;
    int64_t page, size;

    if (dates_of(call, &from, &to) || web_query_integer(call, "page", 1, 100000, 1, &page) ||
        web_query_integer(call, "size", 1, DOC_PAGE_MAXIMUM, 10, &size))
        return (int)call->error.code;
    return doc_write_offs_write(reader_of(call), caller(call), from, to, caller(call)->kind == PRINCIPAL_ADMINISTRATOR, page, size,
                                &call->json, &call->error);
}

static int ledger(struct web_call *call)
{
    struct doc_row row;
    int64_t id;

    if (web_parameter_id(call, 0, &id) ||
        doc_read(reader_of(call), caller(call), service_of(call)->module, id, false, &call->arena, &row, &call->error))
        return (int)call->error.code;
    return doc_ledger_write(reader_of(call), &service_of(call)->documents, &row, &call->json, &call->error);
}

/* ---- batches */

struct batch_request {
    struct doc_batch batch;
    struct doc_batch_item *items;
};

static int batch_work(void *connection, struct web_call *call, struct error *error)
{
    struct batch_request *request = call->argument;

    if (doc_write_batch(connection, &request->batch, request->items, error)) return (int)error->code;
    doc_batch_results(&request->batch, request->items, &call->json);
    return 0;
}

static void batch_done(struct web_call *call, int code)
{
    struct batch_request *request = call->argument;

    (void)code;
    if (request->items) doc_batch_free(request->items, request->batch.count);
}

static int job_work(void *connection, struct web_call *call, struct error *error)
{
    struct batch_request *request = call->argument;

    if (doc_write_job(connection, &request->batch, error)) return (int)error->code;
    call->status = 202;
    json_object(&call->json);
    json_put_id(&call->json, "job", request->batch.job);
    json_object_end(&call->json);
    return 0;
}

static int batch(struct web_call *call)
{
    struct batch_request *request = arena_alloc(&call->arena, sizeof *request);
    struct service_input input;
    struct doc_batch *batch;
    int64_t *ids;
    bool at_once;

    if (!request) return error_internal(&call->error, "out of memory");
    batch = &request->batch;
    if (service_input(call, &input) || service_text(call, &input, "action", 31, &batch->action) ||
        service_text(call, &input, "opinion", 2000, &batch->opinion) || service_ids(call, &input, DOC_BATCH_MAXIMUM, &ids, &batch->count))
        return (int)call->error.code;
    batch->action = batch->action ? batch->action : "";
    batch->opinion = batch->opinion ? batch->opinion : "";
    batch->module = &service_of(call)->documents;
    batch->principal = caller(call);
    batch->now = clock_now();
    batch->ids = ids;
    at_once = batch->count <= DOC_BATCH_AT_ONCE;
    if (at_once) {
        request->items = arena_alloc(&call->arena, batch->count * sizeof *request->items);
        if (!request->items) return error_internal(&call->error, "out of memory");
        doc_prepare_batch(reader_of(call), batch, &call->arena, request->items);
        call->work_done = batch_done;
    }
    return service_write(call, at_once ? batch_work : job_work, request);
}

static int job(struct web_call *call)
{
    int64_t id;

    return web_parameter_id(call, 0, &id) ? (int)call->error.code : doc_job_write(reader_of(call), caller(call), id, &call->json, &call->error);
}

/* ---- statistics */

struct statistics_output {
    struct web_call *call;
    const struct code_table *names, *units;
    struct sheet sheet;
    bool as_sheet;
    int64_t count;
    decimal amount_usd;
};

static struct slice name_of(const struct code_table *table, const char *code)
{
    const struct slice key = {code, strlen(code)};

    for (size_t i = 0; table && i < table->row_count; i++) /* whatever its validity: this is for showing */
        if (table->rows[i].cells[0].length == key.length && !memcmp(table->rows[i].cells[0].text, key.text, key.length)) return table->rows[i].cells[1];
    return key;
}

static void statistics_row(void *context, const char *key, const char *unit, int64_t count, decimal quantity, decimal amount_usd)
{
    struct statistics_output *output = context;
    struct json_writer *json = &output->call->json;
    struct slice label = name_of(output->names, key), unit_name = name_of(output->units, unit);
    char text[DECIMAL_TEXT_SIZE];

    output->count += count;
    output->amount_usd += amount_usd;
    if (output->as_sheet) {
        sheet_text(&output->sheet, key, strlen(key));
        sheet_text(&output->sheet, label.text, label.length);
        sheet_number(&output->sheet, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)count));
        sheet_number(&output->sheet, text, decimal_format(quantity, 0, text));
        sheet_text(&output->sheet, unit_name.text, unit_name.length);
        sheet_number(&output->sheet, text, decimal_format(amount_usd, 0, text));
        sheet_row_end(&output->sheet);
        return;
    }
    json_object(json);
    json_put_string(json, "key", key);
    json_put_text(json, "label", label.text, label.length);
    json_put_text(json, "unit", unit_name.text, unit_name.length);
    json_put_integer(json, "count", count);
    json_put_decimal(json, "quantity", quantity, 0);
    json_put_decimal(json, "amount_usd", amount_usd, 0);
    json_object_end(json);
}

static const char *list_of_dimension(const struct form *form, const char *dimension)
{
    JSON_EACH(item, json_member(json_member(form->json, "statistics"), "dimensions"))
        if (!strcmp(json_member_text(item, "column", ""), dimension)) return json_member_text(item, "list", NULL);
    return NULL;
}

static int statistics_each(struct statistics_output *output, const struct doc_statistics *statistics)
{
    struct doc_module *module = &service_of(output->call)->documents;
    const char *list = list_of_dimension(statistics->form, statistics->dimension);
    int code;

    output->units = doc_codes_read_lock(module, "unit");
    output->names = list ? code_set_find(&module->codes, list) : NULL;
    code = doc_statistics_each(reader_of(output->call), statistics, statistics_row, output, &output->call->error);
    doc_codes_unlock(module);
    return code;
}

static int statistics_sheet(struct statistics_output *output, const struct doc_statistics *statistics, const char *format)
{
    static const char *const heads[] = {"代码", "名称", "份数", "数量", "单位", "金额(美元)"};
    struct web_call *call = output->call;
    char name[100];
    bool xlsx = !strcmp(format, "xlsx");

    output->as_sheet = true;
    sheet_open(&output->sheet, xlsx);
    for (size_t i = 0; i < 6; i++) sheet_text(&output->sheet, heads[i], strlen(heads[i]));
    sheet_row_end(&output->sheet);
    if (statistics_each(output, statistics) || sheet_close(&output->sheet, &call->out, &call->error)) return (int)call->error.code;
    snprintf(name, sizeof name, "statistics-%s.%s", statistics->dimension, format);
    web_answer_file(call, xlsx ? "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" : "text/csv; charset=utf-8", name, true);
    return 0;
}

static int statistics(struct web_call *call)
{
    struct statistics_output output = {.call = call};
    struct doc_statistics statistics = {.principal = caller(call)};
    const char *format = web_query(call, "format");

    statistics.form = doc_form(&service_of(call)->documents, call->parameter[0], date_of_instant(clock_now()));
    if (!statistics.form) return error_set(&call->error, ERROR_NOT_FOUND, "unknown_form", "没有这种单据。", "There is no such kind of document.");
    statistics.dimension = web_query(call, "dimension") ? web_query(call, "dimension") : "year";
    if (dates_of(call, &statistics.from, &statistics.to)) return (int)call->error.code;
    if (format && (!strcmp(format, "csv") || !strcmp(format, "xlsx"))) return statistics_sheet(&output, &statistics, format);
    json_object(&call->json);
    json_name(&call->json, "rows");
    json_array(&call->json);
    if (statistics_each(&output, &statistics)) return (int)call->error.code;
    json_array_end(&call->json);
    json_name(&call->json, "total");
    json_object(&call->json);
    json_put_integer(&call->json, "count", output.count);
    json_put_decimal(&call->json, "amount_usd", output.amount_usd, 0);
    json_object_end(&call->json);
    json_object_end(&call->json);
    return 0;
}

#define APPLICANTS (PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON)

const struct web_route list_routes[] = {
    {"GET", "/documents", documents, APPLICANTS, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/queries/:name", queries, APPLICANTS, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/write-offs", write_offs, APPLICANTS, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/unknown-write-offs", write_offs, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/documents/:id/ledger", ledger, APPLICANTS | PRINCIPAL_OFFICER, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"POST", "/batch", batch, APPLICANTS | PRINCIPAL_OFFICER, RIGHT_VIEW, 0, LANE_FAST, 65536, {0, 0}},
    {"GET", "/jobs/:id", job, APPLICANTS | PRINCIPAL_OFFICER, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/statistics/:form", statistics, APPLICANTS | PRINCIPAL_OFFICER | PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {0}};
