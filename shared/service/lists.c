/* Lists, queries, jobs and batches. */
#include "service/internal.h"

#include "base/clock.h"
#include "base/date.h"
#include "document/job.h"
#include "document/ledger.h"
#include "document/list.h"

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
    list->whole = web_query(call, "fields") && !strcmp(web_query(call, "fields"), "all");
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

int service_dates(struct web_call *call, const char **from, const char **to)
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
    struct doc_write_offs query = {.principal = caller(call), .licence_no = web_query(call, "licence_no"),
                                   .unknown = caller(call)->kind == PRINCIPAL_ADMINISTRATOR};

    if (service_dates(call, &query.from, &query.to) || web_query_integer(call, "page", 1, 100000, 1, &query.page) ||
        web_query_integer(call, "size", 1, DOC_PAGE_MAXIMUM, 10, &query.size))
        return (int)call->error.code;
    return doc_write_offs_write(reader_of(call), &query, &call->json, &call->error);
}

static int write_off_goods(struct web_call *call)
{
    int64_t id;

    return web_parameter_id(call, 0, &id) ? (int)call->error.code
                                          : doc_write_off_goods_write(reader_of(call), caller(call), id, &call->json, &call->error);
}

static int ledger(struct web_call *call)
{
    struct doc_row row;
    int64_t id, at;

    if (web_parameter_id(call, 0, &id) || web_query_integer(call, "at", 0, LEDGER_NOW, LEDGER_NOW, &at) ||
        doc_read(reader_of(call), caller(call), service_of(call)->module, id, false, &call->arena, &row, &call->error))
        return (int)call->error.code;
    return doc_ledger_write(reader_of(call), &service_of(call)->documents, &row, at, &call->json, &call->error);
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

static int series(struct web_call *call)
{
    return doc_series_write(reader_of(call), &service_of(call)->documents, clock_now(), &call->json, &call->error);
}

#define APPLICANTS (PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON)

static int recall(struct web_call *call)
{
    const struct form *form = doc_form(&service_of(call)->documents, call->parameter[0], date_of_instant(clock_now()));
    const char *goods = web_query(call, "goods");

    if (!form) return error_set(&call->error, ERROR_NOT_FOUND, "unknown_form", "没有这种单据。", "There is no such kind of document.");
    return doc_recall_write(reader_of(call), caller(call), form, goods ? goods : "", &call->arena, &call->json, &call->error);
}

const struct web_route list_routes[] = {
    {"GET", "/:form/recall", recall, APPLICANTS, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/documents", documents, APPLICANTS, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/queries/:name", queries, APPLICANTS, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/write-offs", write_offs, APPLICANTS, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/write-offs/:id/goods", write_off_goods, APPLICANTS, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/unknown-write-offs", write_offs, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/admin/series", series, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/documents/:id/ledger", ledger, APPLICANTS | PRINCIPAL_OFFICER, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"POST", "/batch", batch, APPLICANTS | PRINCIPAL_OFFICER, RIGHT_VIEW, 0, LANE_FAST, 65536, {0, 0}},
    {"GET", "/jobs/:id", job, APPLICANTS | PRINCIPAL_OFFICER, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {0}};
