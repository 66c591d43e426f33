/* Messages of other systems: mappings, exports, the published schema. */
#include "service/exchange.h"

#include "base/clock.h"
#include "base/date.h"
#include "base/file.h"
#include "service/zip.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define EXPORT_MAXIMUM 1000 /* documents in one ZIP */

/* ---- mappings */

static int add_mapping(struct service *service, const char *path, const struct buffer *text, const char *form_name, struct error *error)
{
    char detail[256];

    for (size_t i = 0; i < service->documents.form_count; i++) {
        const struct form *form = service->documents.forms[i];
        if (strcmp(form->name, form_name) != 0) continue;
        if (service->exchange_count == SERVICE_EXCHANGES) return error_internal(error, "%s: more than %d mappings", path, SERVICE_EXCHANGES);
        struct exchange *exchange = exchange_compile(buffer_string(text), text->length, form, error);
        if (!exchange) {
            snprintf(detail, sizeof detail, "%s", error->detail);
            return error_internal(error, "%s: %s", path, detail);
        }
        service->exchanges[service->exchange_count++] = exchange;
    }
    return 0;
}

static int load_mapping(struct service *service, const char *directory, const char *name, struct error *error)
{
    char path[1400], detail[256];
    struct arena arena;
    struct buffer text;
    const char *form_name;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    buffer_init(&text, 0);
    arena_init(&arena, 0);
    if (!file_read(path, &text, error)) {
        if ((form_name = exchange_form_name(buffer_string(&text), text.length, &arena, error))) {
            add_mapping(service, path, &text, form_name, error);
        } else {
            snprintf(detail, sizeof detail, "%s", error->detail[0] ? error->detail : error->en);
            error_internal(error, "%s: %s", path, detail);
        }
    }
    buffer_free(&text);
    arena_free(&arena);
    return (int)error->code;
}

int service_exchange_open(struct service *service, const char *schema, struct error *error)
{
    char directory[1100];
    const struct dirent *entry;
    DIR *folder;
    int code = 0;

    error_clear(error);
    snprintf(directory, sizeof directory, "%s/exchange", schema);
    if (!(folder = opendir(directory))) return 0; /* an installation without any */
    exchange_start();
    while (!code && (entry = readdir(folder))) {
        size_t length = strlen(entry->d_name);
        if (length > 5 && !strcmp(entry->d_name + length - 5, ".json")) code = load_mapping(service, directory, entry->d_name, error);
    }
    closedir(folder);
    return code;
}

void service_exchange_close(struct service *service)
{
    while (service->exchange_count) exchange_free(service->exchanges[--service->exchange_count]);
}

const struct exchange *service_exchange_of(const struct service *service, const struct form *form)
{
    for (size_t i = 0; form && i < service->exchange_count; i++)
        if (service->exchanges[i]->form == form) return service->exchanges[i];
    return NULL;
}

static int no_mapping(struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "unknown_exchange", "这种单据不能导入导出。", "Documents of this kind are not exchanged.");
}

const struct exchange *service_exchange_named(struct web_call *call)
{
    struct service *service = service_of(call);
    const struct exchange *exchange = service_exchange_of(service, doc_form(&service->documents, call->parameter[0], date_of_instant(clock_now())));

    if (!exchange) no_mapping(&call->error);
    return exchange;
}

static int schema(struct web_call *call)
{
    const struct exchange *exchange = service_exchange_named(call);

    if (!exchange) return (int)call->error.code;
    exchange_write_xsd(exchange, &call->out);
    call->answer_type = "application/xml";
    return 0;
}

/* ---- exports */

static const char *row_column(void *context, const char *name)
{
    const struct doc_row *row = context;
    const struct { const char *name, *text; } columns[] = {{"application_no", row->application_no}, {"form_no", row->form_no},
        {"licence_no", row->licence_no}, {"applied", row->applied}, {"issued", row->issued}, {"valid_until", row->valid_until}};

    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (!strcmp(columns[i].name, name)) return columns[i].text;
    return "";
}

struct exporting {
    struct web_call *call;
    struct doc_row row;
    struct form_body *body;
    const struct exchange *exchange;
    struct exchange_problems *problems;
};

static int load_document(struct exporting *e, int64_t id)
{
    struct web_call *call = e->call;
    struct service *service = service_of(call);
    struct form_problems *ignored = new_problems(call);
    struct slice text;
    const struct form *form;

    if (!ignored || doc_read(reader_of(call), caller(call), service->module, id, false, &call->arena, &e->row, &call->error) ||
        doc_read_body(reader_of(call), id, &call->arena, &text, &call->error))
        return (int)call->error.code;
    form = doc_form_version(&service->documents, e->row.form, (int)e->row.form_version);
    if (!(e->exchange = service_exchange_of(service, form))) return no_mapping(&call->error);
    return form_read(form, text.text, text.length, true, &call->arena, ignored, &e->body, &call->error);
}

/* Nothing is sent that the other system would refuse. */
static int refuse(struct exporting *e)
{
    struct form_problems *told = new_problems(e->call);

    for (size_t i = 0; told && i < e->problems->count; i++) {
        const struct exchange_problem *problem = &e->problems->list[i];
        form_problem_add(told, problem->field, problem->rule, false,
                         arena_printf(&e->call->arena, "%s %s：%s", e->row.application_no, problem->element, problem->zh),
                         arena_printf(&e->call->arena, "%s %s: %s", e->row.application_no, problem->element, problem->en));
    }
    error_set(&e->call->error, ERROR_INVALID, "not_exportable", "有内容不符合报文的规定，没有导出。", "Something does not fit the message; nothing was exported.");
    return told ? answer_problems(e->call, told) : (int)e->call->error.code;
}

static int write_document(struct exporting *e, int64_t id, struct buffer *out)
{
    struct doc_module *module = &service_of(e->call)->documents;
    struct exchange_source source = {.today = date_of_instant(clock_now()), .column = row_column, .column_context = &e->row};

    if (load_document(e, id)) return (int)e->call->error.code;
    e->problems->count = 0;
    e->problems->arena = &e->call->arena;
    source.body = e->body;
    source.state = e->row.state[MACHINE_MAIN];
    pthread_rwlock_rdlock(&module->lock);
    struct form_codes codes = code_set_codes(&module->codes);
    source.codes = &codes;
    exchange_write(e->exchange, &source, out, e->problems);
    pthread_rwlock_unlock(&module->lock);
    if (out->failed) return error_set(&e->call->error, ERROR_TOO_LARGE, "too_large", "内容太大，请分几次导出。", "Too large; export in parts.");
    return e->problems->count ? refuse(e) : 0;
}

/* What the file is called: the mapping's field without what no file name holds, and the portal's number, which no two share. */
static char *file_name(const struct exporting *e)
{
    const struct exchange_target *target = &e->exchange->file_name;
    struct form_value value = {.kind = VALUE_ABSENT};
    char text[48] = "";
    size_t length;

    if (target->block) value = form_body_value(e->body, target->block, target->slot);
    length = form_value_text(value, text, 40);
    for (size_t i = 0; i < length; i++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", text[i])) text[i] = '-';
    return arena_printf(&e->call->arena, "%.*s%s%s.xml", (int)length, text, length ? "_" : "", e->row.application_no);
}

static struct exporting *exporting(struct web_call *call)
{
    struct exporting *e = arena_alloc(&call->arena, sizeof *e);

    if (!e || !(e->problems = arena_alloc(&call->arena, sizeof *e->problems))) {
        error_internal(&call->error, "out of memory");
        return NULL;
    }
    e->call = call;
    return e;
}

static int export_one(struct web_call *call)
{
    struct exporting *e = exporting(call);
    int64_t id;

    if (!e || web_parameter_id(call, 0, &id) || write_document(e, id, &call->out)) return (int)call->error.code;
    web_answer_file(call, "application/xml; charset=utf-8", file_name(e), true);
    return 0;
}

static int export_many(struct web_call *call)
{
    struct exporting *e = exporting(call);
    struct service_input input;
    struct error ending;
    struct buffer xml;
    struct zip *zip;
    int64_t *ids;
    size_t count;

    if (!e || service_input(call, &input) || service_ids(call, &input, EXPORT_MAXIMUM, &ids, &count)) return (int)call->error.code;
    buffer_init(&xml, EXCHANGE_FILE_MAXIMUM);
    if (!(zip = zip_open(&call->out))) return error_internal(&call->error, "out of memory");
    for (size_t i = 0; i < count && !call->error.code; i++) {
        buffer_reset(&xml);
        if (!write_document(e, ids[i], &xml)) zip_add(zip, file_name(e), xml.data, xml.length, &call->error);
    }
    buffer_free(&xml);
    if (zip_close(zip, &ending) && !call->error.code) call->error = ending;
    if (!call->error.code) web_answer_file(call, "application/zip", "export.zip", true);
    return (int)call->error.code;
}

#define APPLICANTS (PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON)
#define READERS (APPLICANTS | PRINCIPAL_OFFICER)

const struct web_route exchange_routes[] = {
    {"GET", "/documents/:id/exchange.xml", export_one, READERS, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"POST", "/exchange/:form/export", export_many, READERS, RIGHT_VIEW, 0, LANE_SLOW, 65536, {0, 0}},
    {"GET", "/exchange/:form/schema.xsd", schema, READERS, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {0}};
