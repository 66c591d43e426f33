/* Definitions in force and code tables: read by everybody signed in, loaded by administrators. */
#include "service/internal.h"

#include "base/clock.h"
#include "base/date.h"
#include "base/utf8.h"
#include "service/exchange.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TABLE_MAXIMUM (16u << 20)

/* What the page can offer: messages in and out, and row blocks that are read from spreadsheets. */
static void write_exchange(struct web_call *call, const struct form *form)
{
    const struct exchange *exchange = service_exchange_of(service_of(call), form);

    if (!exchange) return;
    json_name(&call->json, "exchange");
    json_object(&call->json);
    json_put_string(&call->json, "root", exchange->root);
    json_name(&call->json, "tables");
    json_array(&call->json);
    for (size_t i = 0; i < exchange->table_count; i++) json_string(&call->json, exchange->tables[i]->name);
    json_array_end(&call->json);
    json_object_end(&call->json);
}

static int forms(struct web_call *call)
{
    const struct doc_module *module = &service_of(call)->documents;
    int32_t today = date_of_instant(clock_now());
    char url[96];

    json_object(&call->json);
    json_name(&call->json, "forms");
    json_array(&call->json);
    for (size_t i = 0; i < module->form_count; i++) {
        const struct form *form = module->forms[i];
        if (doc_form(module, form->name, today) != form) continue;
        snprintf(url, sizeof url, "/forms/%s.%d.json", form->name, form->version);
        json_object(&call->json);
        json_put_string(&call->json, "form", form->name);
        json_put_integer(&call->json, "version", form->version);
        json_put_words(&call->json, "title", form->title.zh, form->title.en);
        json_put_string(&call->json, "kind", form->kind);
        json_put_string(&call->json, "url", url);
        write_exchange(call, form);
        json_object_end(&call->json);
    }
    json_array_end(&call->json);
    json_object_end(&call->json);
    return 0;
}

static int unknown_list(struct web_call *call)
{
    return error_set(&call->error, ERROR_NOT_FOUND, "unknown_list", "没有这个参数表。", "There is no such code table.");
}

/* The published shape of a document type, for integrators. */
static int published(struct web_call *call, void (*write)(const struct form *form, struct buffer *out), const char *type)
{
    const struct form *form = doc_form(&service_of(call)->documents, call->parameter[0], date_of_instant(clock_now()));

    if (!form) return error_set(&call->error, ERROR_NOT_FOUND, "unknown_form", "没有这种单据。", "There is no such kind of document.");
    write(form, &call->out);
    call->answer_type = type;
    return 0;
}

static int json_schema(struct web_call *call) { return published(call, form_write_json_schema, "application/schema+json"); }
static int xsd(struct web_call *call) { return published(call, form_write_xsd, "application/xml"); }

/* The whole table; the browser keeps it and asks with If-None-Match. */
static int table(struct web_call *call)
{
    struct doc_module *module = &service_of(call)->documents;
    const struct code_table *table = doc_codes_read_lock(module, call->parameter[0]);
    const char *known = web_header(call, "If-None-Match");
    char tag[24];

    if (table) {
        snprintf(tag, sizeof tag, "\"%s\"", table->version);
        web_answer_header(call, "ETag", tag);
        web_answer_header(call, "Cache-Control", "private, no-cache");
        if (known && !strcmp(known, tag)) call->status = 304;
        else code_table_write(table, &call->json);
    }
    doc_codes_unlock(module);
    return table ? 0 : unknown_list(call);
}

/* ---- searching large catalogues */

struct search {
    const struct code_table *table;
    const char *q, *filters[CODE_COLUMNS];
    int32_t first, last; /* the row must be valid on some day between */
};

static bool contains(struct slice cell, const char *text)
{
    size_t length = strlen(text);

    if (!length) return true;
    for (size_t i = 0; i + length <= cell.length; i++)
        if (!strncasecmp(cell.text + i, text, length)) return true;
    return false;
}

static bool matches(const struct search *search, const struct code_row *row)
{
    bool found = !search->q;

    if (row->from > search->last || row->until < search->first) return false;
    for (size_t i = 0; i < search->table->column_count; i++) {
        if (search->filters[i] && !contains(row->cells[i], search->filters[i])) return false;
        if (!found && contains(row->cells[i], search->q)) found = true;
    }
    return found;
}

static void write_cells(struct json_writer *json, const struct code_table *table, const struct code_row *row)
{
    json_array(json);
    for (size_t i = 0; i < table->column_count; i++) json_text(json, row->cells[i].text, row->cells[i].length);
    json_array_end(json);
}

static int run_search(struct web_call *call, const struct search *search, int64_t page, int64_t size)
{
    struct json_writer *json = &call->json;
    int64_t total = 0;

    json_object(json);
    json_name(json, "columns");
    json_array(json);
    for (size_t i = 0; i < search->table->column_count; i++) json_string(json, search->table->columns[i]);
    json_array_end(json);
    json_name(json, "rows");
    json_array(json);
    for (size_t i = 0; i < search->table->row_count; i++) {
        if (!matches(search, &search->table->rows[i])) continue;
        if (total >= (page - 1) * size && total < page * size) write_cells(json, search->table, &search->table->rows[i]);
        total++;
    }
    json_array_end(json);
    json_put_integer(json, "total", total);
    json_object_end(json);
    return 0;
}

static int search(struct web_call *call)
{
    struct doc_module *module = &service_of(call)->documents;
    struct search search = {.q = web_query(call, "q")};
    int64_t page, size, year;
    int code;

    if (web_query_integer(call, "page", 1, 100000, 1, &page) || web_query_integer(call, "size", 1, 100, 10, &size) ||
        web_query_integer(call, "year", 2000, 2199, 0, &year))
        return (int)call->error.code;
    search.first = year ? date_from_parts((int)year, 1, 1) : date_of_instant(clock_now());
    search.last = year ? date_from_parts((int)year, 12, 31) : search.first;
    search.table = doc_codes_read_lock(module, call->parameter[0]);
    for (size_t i = 0; search.table && i < search.table->column_count; i++)
        if (strcmp(search.table->columns[i], "year")) search.filters[i] = web_query(call, search.table->columns[i]);
    code = search.table ? run_search(call, &search, page, size) : unknown_list(call);
    doc_codes_unlock(module);
    return code;
}

/* ---- loading */

struct load {
    const char *list;
    struct code_table *table;
};

static int load_work(void *connection, struct web_call *call, struct error *error)
{
    struct load *load = call->argument;

    json_object(&call->json);
    json_put_integer(&call->json, "rows", (int64_t)load->table->row_count);
    json_object_end(&call->json);
    return store_execute(connection, error, NULL,
        "INSERT INTO code_table (list, csv, loaded, loaded_by) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (list) DO UPDATE SET csv = $2, loaded = $3, loaded_by = $4",
        STORE_VALUES(store_string(load->list), store_text(call->body, call->body_length), store_integer(clock_lease()),
                     store_string(caller(call)->user_name)));
}

static void load_done(struct web_call *call, int code)
{
    struct load *load = call->argument;
    struct service *service = service_of(call);

    if (code) code_table_free(load->table);
    else doc_codes_put(&service->documents, load->table);
}

/* A table must keep the columns that the shipped one has: definitions and rules name them. */
static int check_columns(struct web_call *call, const struct code_table *table)
{
    struct doc_module *module = &service_of(call)->documents;
    const struct code_table *old = doc_codes_read_lock(module, call->parameter[0]);
    char zh[160], en[160];

    for (size_t i = 0; old && i < old->column_count; i++) {
        if (code_table_column(table, old->columns[i]) >= 0) continue;
        snprintf(zh, sizeof zh, "缺少列 %s。", old->columns[i]);
        snprintf(en, sizeof en, "The column %s is missing.", old->columns[i]);
        error_set(&call->error, ERROR_INVALID, "missing_column", zh, en);
        break;
    }
    doc_codes_unlock(module);
    return old ? (int)call->error.code : unknown_list(call);
}

static int load_table(struct web_call *call)
{
    struct load *load = arena_alloc(&call->arena, sizeof *load);

    if (!load) return error_internal(&call->error, "out of memory");
    if (!utf8_valid(call->body, call->body_length))
        return error_set(&call->error, ERROR_INVALID, "bad_utf8", "文件不是UTF-8编码。", "The file is not UTF-8.");
    load->list = call->parameter[0];
    if (!(load->table = code_table_read(load->list, call->body, call->body_length, &call->error))) return (int)call->error.code;
    if (check_columns(call, load->table)) {
        code_table_free(load->table);
        return (int)call->error.code;
    }
    call->work_done = load_done;
    return service_write(call, load_work, load);
}

static int download(struct web_call *call)
{
    struct doc_module *module = &service_of(call)->documents;
    const struct code_table *table = doc_codes_read_lock(module, call->parameter[0]);
    char name[80];

    for (size_t i = 0; table && i < table->column_count; i++) buffer_printf(&call->out, "%s%s", i ? "," : "", table->columns[i]);
    if (table) buffer_text(&call->out, "\r\n");
    for (size_t r = 0; table && r < table->row_count; r++) code_row_csv(table, &table->rows[r], &call->out);
    doc_codes_unlock(module);
    if (!table) return unknown_list(call);
    snprintf(name, sizeof name, "%s.csv", call->parameter[0]);
    web_answer_file(call, "text/csv; charset=utf-8", name, true);
    return 0;
}

/* Which tables there are, for the administrator's page. */
static int tables(struct web_call *call)
{
    struct doc_module *module = &service_of(call)->documents;

    doc_codes_read_lock(module, "");
    json_object(&call->json);
    json_name(&call->json, "tables");
    json_array(&call->json);
    for (size_t i = 0; i < module->codes.count; i++) {
        json_object(&call->json);
        json_put_string(&call->json, "list", module->codes.tables[i]->name);
        json_put_integer(&call->json, "rows", (int64_t)module->codes.tables[i]->row_count);
        json_put_string(&call->json, "version", module->codes.tables[i]->version);
        json_object_end(&call->json);
    }
    json_array_end(&call->json);
    json_object_end(&call->json);
    doc_codes_unlock(module);
    return 0;
}

#define EVERYBODY (PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON | PRINCIPAL_OFFICER | PRINCIPAL_CUSTOMS | PRINCIPAL_ADMINISTRATOR)

const struct web_route code_routes[] = {
    {"GET", "/forms", forms, 0, 0, WEB_ANONYMOUS, LANE_FAST, 0, {0, 0}},
    {"GET", "/forms/:form/json-schema", json_schema, 0, 0, WEB_ANONYMOUS, LANE_FAST, 0, {0, 0}},
    {"GET", "/forms/:form/xsd", xsd, 0, 0, WEB_ANONYMOUS, LANE_FAST, 0, {0, 0}},
    {"GET", "/codes", tables, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/codes/:list", table, EVERYBODY, 0, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/codes/:list/search", search, EVERYBODY, 0, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/codes/:list/csv", download, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {"POST", "/codes/:list", load_table, PRINCIPAL_ADMINISTRATOR, 0, WEB_RAW_BODY, LANE_SLOW, TABLE_MAXIMUM, {0, 0}},
    {0}};
