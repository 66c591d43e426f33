/* Imports: files come in, wait as a job, and are read one by one. */
#include "service/exchange.h"

#include "base/clock.h"
#include "base/date.h"
#include "base/utf8.h"
#include "exchange/archive.h"
#include "service/upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNPACKED_MAXIMUM ((size_t)64 << 20)

/* ---- coming in */

/* A single file is called what the page says. */
static const char *single_name(struct web_call *call)
{
    const char *name = web_query(call, "name");
    char *copy;

    if (!name || !*name) return "file.xml";
    copy = arena_copy(&call->arena, name, utf8_cut(name, strlen(name), 200));
    for (char *at = copy; at && *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f) *at = '?';
    return copy ? copy : "file.xml";
}

static int take_files(struct web_call *call, struct service_upload *upload, const void *context)
{
    static const struct archive_limits limits = {DOC_IMPORT_FILES, EXCHANGE_FILE_MAXIMUM, UNPACKED_MAXIMUM};
    struct doc_file_in *files;
    struct archive_file *unpacked;
    size_t count = 1;

    (void)context;
    if (!call->body_length) return error_set(&call->error, ERROR_INVALID, "empty_file", "文件是空的。", "The file is empty.");
    if (!archive_is(call->body, call->body_length)) {
        if (!(files = arena_alloc(&upload->arena, sizeof *files))) return error_internal(&call->error, "out of memory");
        files[0] = (struct doc_file_in){single_name(call), call->body, call->body_length};
        if (call->body_length > EXCHANGE_FILE_MAXIMUM)
            return error_set(&call->error, ERROR_TOO_LARGE, "file_too_large", "一个XML文件最大2MB；多个文件请打包为ZIP。", "An XML file has at most 2 MB; put several into a ZIP.");
    } else {
        if (archive_read(call->body, call->body_length, &limits, NULL, &upload->arena, &unpacked, &count, &call->error)) return (int)call->error.code;
        if (!count) return error_set(&call->error, ERROR_INVALID, "empty_zip", "ZIP中没有文件。", "There is no file in this ZIP.");
        if (!(files = arena_alloc(&upload->arena, count * sizeof *files))) return error_internal(&call->error, "out of memory");
        for (size_t i = 0; i < count; i++) files[i] = (struct doc_file_in){unpacked[i].name, unpacked[i].bytes, unpacked[i].length};
    }
    upload->import.files = files;
    upload->import.count = count;
    return 0;
}

static int import_files(struct web_call *call)
{
    const struct exchange *exchange = service_exchange_named(call);

    if (!exchange) return (int)call->error.code;
    return service_upload(call, exchange->form->name, false, "files", UNPACKED_MAXIMUM + (16u << 20), take_files, NULL);
}

/* ---- being read */

bool service_find(void *context, const struct form_field *reference, const struct exchange_filter *filters, size_t count, char id[24])
{
    const struct service_finder *finder = context;
    struct doc_column_text columns[8];
    struct error error;
    int64_t found = 0;

    error_clear(&error);
    if (count > 8) return false;
    for (size_t i = 0; i < count; i++) columns[i] = (struct doc_column_text){filters[i].column, filters[i].text};
    if (doc_find_reference(finder->reader, finder->principal, reference, columns, count, &found, &error)) return false;
    snprintf(id, 24, "%lld", (long long)found);
    return found != 0;
}

struct incoming { /* one file */
    struct doc_module *module;
    struct store_connection *reader;
    const struct principal *principal;
    const struct form *form;
    const struct exchange *exchange;
    struct exchange_message message;
    struct exchange_problems *problems;
    struct arena *arena;
    int64_t now;
    struct doc_incoming *result;
};

static size_t error_count(const struct exchange_problems *problems)
{
    size_t count = 0;

    for (size_t i = 0; i < problems->count; i++) count += !problems->list[i].warning;
    return count;
}

static void tell_all(struct incoming *in, const struct form_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) exchange_problem_of_field(in->exchange, &in->message, &problems->list[i], in->problems);
}

/* What is refused as a whole. What the database cannot do now is tried again. */
static int tell_error(struct incoming *in, const struct error *own, struct error *error)
{
    if (own->code == ERROR_UNAVAILABLE) {
        *error = *own;
        return (int)error->code;
    }
    exchange_problem_add(in->problems, 1, "", own->field, arena_text(in->arena, *own->name ? own->name : "internal"), own->zh, own->en);
    return 0;
}

static int check_computed(struct incoming *in, struct error *error)
{
    struct form_problems *ignored = arena_alloc(in->arena, sizeof *ignored);
    const struct buffer *stored = &in->result->save.body;
    struct form_body *body;

    if (!ignored) return error_internal(error, "out of memory");
    if (form_read(in->form, buffer_string(stored), stored->length, true, in->arena, ignored, &body, error)) return (int)error->code;
    pthread_rwlock_rdlock(&in->module->lock);
    exchange_check_computed(in->exchange, body, &in->message, in->problems);
    pthread_rwlock_unlock(&in->module->lock);
    return 0;
}

/* The body that saving starts from: what is there, and what a new document is filled with. */
static int fill(struct incoming *in, struct buffer *filled, struct error *error)
{
    struct form_problems *types = arena_alloc(in->arena, sizeof *types);
    const struct buffer *body = &in->message.body;
    struct form_body *ignored;
    struct error own;

    if (!types) return error_internal(error, "out of memory");
    if (form_read(in->form, buffer_string(body), body->length, false, in->arena, types, &ignored, &own)) return tell_error(in, &own, error);
    tell_all(in, types);
    if (doc_new_body(in->module, in->reader, in->principal, in->form->name, buffer_string(body), body->length, in->now, in->arena, filled, &own))
        return tell_error(in, &own, error);
    return 0;
}

static int prepare_document(struct incoming *in, struct error *error)
{
    struct form_problems *problems = arena_alloc(in->arena, sizeof *problems);
    struct buffer filled;
    struct error own;

    if (!problems) return error_internal(error, "out of memory");
    buffer_init(&filled, DOC_BODY_MAXIMUM);
    error_clear(&own);
    if (!fill(in, &filled, error) && filled.length) {
        if (doc_prepare_create(in->module, in->reader, in->principal, in->form->name, filled.data, filled.length, in->now, in->arena, problems,
                               &in->result->save, &own) && own.code != ERROR_INVALID)
            tell_error(in, &own, error);
        tell_all(in, problems);
        if (!own.code && !error->code) check_computed(in, error);
    }
    buffer_free(&filled);
    return (int)error->code;
}

/* ---- whether it could be submitted */

static bool is_of_later(const char *field, const char *rule) { return !strcmp(rule, "unsaved") || !strncmp(field, "attachment/", 11); }

/* What still keeps a document from being submitted, told as warnings: it is in all the same. */
static int tell_what_is_missing(struct incoming *in, struct error *error)
{
    const struct buffer *stored = &in->result->save.body;
    struct json_writer json;
    struct buffer answer;
    const struct json *tree;

    buffer_init(&answer, 0);
    json_writer_init(&json, &answer);
    if (!doc_check(in->module, in->reader, in->principal, in->form->name, 0, true, stored->data, stored->length, in->now, in->arena, &json, error) &&
        (tree = json_tree(buffer_string(&answer), answer.length, in->arena, error)))
        JSON_EACH(item, json_member(tree, "errors")) {
            const struct json *words = json_member(item, "message");
            struct form_problem problem = {.rule = json_member_text(item, "rule", ""), .zh = json_member_text(words, "zh", ""),
                                           .en = json_member_text(words, "en", ""), .warning = true};
            snprintf(problem.field, sizeof problem.field, "%s", json_member_text(item, "field", ""));
            if (is_of_later(problem.field, problem.rule)) continue;
            if (!strcmp(json_member_text(item, "level", ""), "error")) in->result->complete = false;
            exchange_problem_of_field(in->exchange, &in->message, &problem, in->problems);
        }
    buffer_free(&answer);
    return (int)error->code;
}

/* ---- one file */

static int read_message(struct incoming *in, const char *bytes, size_t length, bool submit, struct error *error)
{
    struct service_finder finder = {in->reader, in->principal};
    struct form_codes codes = code_set_codes(&in->module->codes);
    struct exchange_context context = {&codes, date_of_instant(in->now), service_find, &finder};
    struct doc_incoming *result = in->result;

    pthread_rwlock_rdlock(&in->module->lock);
    exchange_read(in->exchange, &context, bytes, length, in->arena, &in->message, in->problems);
    pthread_rwlock_unlock(&in->module->lock);
    result->key = in->message.key;
    result->kind = INCOMING_BROKEN;
    if (in->message.is_file) {
        result->type = in->message.type;
        result->file_name = in->message.file_name;
        result->bytes = in->message.bytes;
        result->length = in->message.length;
        if (!error_count(in->problems)) result->kind = INCOMING_FILE;
        return 0;
    }
    if (in->message.body.length && prepare_document(in, error)) return (int)error->code;
    if (error_count(in->problems) || !result->save.body.length) return 0;
    result->kind = INCOMING_DOCUMENT;
    result->complete = true;
    return submit ? tell_what_is_missing(in, error) : 0;
}

int service_read_import(struct doc_module *module, struct store_connection *reader, const struct principal *principal, const char *form, bool submit,
                        const char *bytes, size_t length, int64_t now, struct arena *arena, struct doc_incoming *incoming, struct error *error)
{
    const struct service *service = (const struct service *)(const void *)((const char *)module - offsetof(struct service, documents));
    struct incoming in = {.module = module, .reader = reader, .principal = principal, .arena = arena, .now = now, .result = incoming,
                          .form = doc_form(module, form, date_of_instant(now)), .problems = arena_alloc(arena, sizeof *in.problems)};
    struct json_writer json;

    error_clear(error);
    if (!in.problems) return error_internal(error, "out of memory");
    in.problems->arena = arena;
    if ((in.exchange = service_exchange_of(service, in.form))) {
        read_message(&in, bytes, length, submit, error);
    } else {
        incoming->kind = INCOMING_BROKEN;
        exchange_problem_add(in.problems, 1, "", "", "unknown_exchange", "这种单据不能导入导出。", "Documents of this kind are not exchanged.");
    }
    if (incoming->kind != INCOMING_DOCUMENT) buffer_free(&incoming->save.body);
    buffer_free(&in.message.body);
    buffer_reset(&incoming->problems);
    json_writer_init(&json, &incoming->problems);
    exchange_problems_sort(in.problems);
    exchange_problems_write(in.problems, "line", "element", &json);
    return (int)error->code;
}

const struct web_route import_routes[] = {
    {"POST", "/exchange/:form/import", import_files, PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON, RIGHT_EDIT, WEB_RAW_BODY, LANE_SLOW, SERVICE_UPLOAD_MAXIMUM, {0, 0}},
    {0}};
