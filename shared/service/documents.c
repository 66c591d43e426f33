/* One document: new, save, open, act, copy, attach. */
#include "service/internal.h"

#include "base/clock.h"
#include "base/date.h"
#include "document/attachment.h"
#include "document/signature.h"
#include "exchange/partners.h"
#include "service/signatures.h"

#include <stdio.h>
#include <string.h>

/* ---- bodies in requests */

struct body_request { /* {"form","body","document"} read in place: the body stays a slice of the request */
    struct slice body;
    char form[48];
    int64_t document;
};

static int read_body_request(struct web_call *call, struct body_request *request)
{
    struct json_reader reader;
    struct slice name, value;
    enum json_kind kind;

    memset(request, 0, sizeof *request);
    json_reader_init(&reader, call->body, call->body_length, &call->arena, &call->error);
    if (!json_enter(&reader, JSON_OBJECT)) return (int)call->error.code;
    while (json_next(&reader, &name)) {
        if (slice_is(name, "body")) {
            if (!json_skip(&reader, &request->body)) break;
        } else if (slice_is(name, "form") || slice_is(name, "document")) {
            if (!json_peek(&reader, &kind)) break;
            if (kind != JSON_STRING) {
                json_skip(&reader, NULL);
                continue;
            }
            if (!json_scalar(&reader, &kind, &value)) break;
            if (name.text[0] == 'f' && value.length < sizeof request->form) memcpy(request->form, value.text, value.length);
            for (size_t i = 0; name.text[0] == 'd' && i < value.length && i < 18; i++)
                request->document = value.text[i] >= '0' && value.text[i] <= '9' ? request->document * 10 + (value.text[i] - '0') : -1;
        } else if (!json_skip(&reader, NULL)) {
            break;
        }
    }
    return json_failed(&reader) || !json_finish(&reader) ? (int)call->error.code : 0;
}

static const char *form_of_path(const struct web_call *call) { return call->parameter[0]; }

/* Some documents are only ever made by the portal itself, out of others. */
int refuse_own(struct web_call *call, const char *name)
{
    const struct form *form = doc_form(&service_of(call)->documents, name, date_of_instant(clock_now()));

    if (!form || !json_member_true(form->json, "made_by_portal")) return 0;
    return error_set(&call->error, ERROR_CONFLICT, "made_by_portal", "此单据由系统生成，不能直接新建。", "The portal makes these documents; they cannot be begun by hand.");
}

static int get_new(struct web_call *call)
{
    struct body_request request;

    if (refuse_own(call, form_of_path(call)) || read_body_request(call, &request)) return (int)call->error.code;
    json_object(&call->json);
    json_name(&call->json, "body");
    struct buffer body;
    buffer_init(&body, DOC_BODY_MAXIMUM);
    int code = doc_new_body(&service_of(call)->documents, reader_of(call), caller(call), form_of_path(call), request.body.text,
                            request.body.length, clock_now(), &call->arena, &body, &call->error);
    if (!code) json_raw(&call->json, buffer_string(&body), body.length);
    buffer_free(&body);
    json_object_end(&call->json);
    return code;
}

static int check(struct web_call *call)
{
    struct body_request request;
    bool has_key;

    if (read_body_request(call, &request)) return (int)call->error.code;
    if (service_has_key(call, &has_key)) return (int)call->error.code;
    return doc_check(&service_of(call)->documents, reader_of(call), caller(call), form_of_path(call), request.document, has_key, request.body.text,
                     request.body.length, clock_now(), &call->arena, &call->json, &call->error);
}

static int verdict(struct web_call *call)
{
    struct body_request request;
    struct form_problems *problems = new_problems(call);

    if (!problems || read_body_request(call, &request)) return (int)call->error.code;
    if (doc_verdict(&service_of(call)->documents, caller(call), form_of_path(call), request.body.text, request.body.length, clock_now(),
                    &call->arena, problems, &call->json, &call->error))
        return answer_problems(call, problems);
    return 0;
}

/* ---- saving */

static int save_work(void *connection, struct web_call *call, struct error *error)
{
    struct doc_save *save = call->argument;

    if (doc_write_save(connection, save, error)) return (int)error->code;
    call->status = save->create ? 201 : 200;
    return answer_document(call, connection, save->id);
}

static void save_done(struct web_call *call, int code)
{
    struct doc_save *save = call->argument;

    (void)code;
    buffer_free(&save->body);
}

static int save(struct web_call *call, int64_t id)
{
    struct body_request request;
    struct form_problems *problems = new_problems(call);
    struct doc_save *save = arena_alloc(&call->arena, sizeof *save);
    struct doc_module *module = &service_of(call)->documents;
    int64_t expected = -1;
    bool dry;
    int code;

    if (!problems || !save) return error_internal(&call->error, "out of memory");
    if (service_dry_run(call, &dry)) return (int)call->error.code;
    if (id && web_expected_version(call, &expected)) return (int)call->error.code;
    if (read_body_request(call, &request)) return (int)call->error.code;
    if (!id && refuse_own(call, request.form)) return (int)call->error.code;
    if (!request.body.text) request.body = (struct slice){"{}", 2};
    code = id ? doc_prepare_save(module, reader_of(call), caller(call), id, expected, request.body.text, request.body.length, clock_now(),
                                 &call->arena, problems, save, &call->error)
              : doc_prepare_create(module, reader_of(call), caller(call), request.form, request.body.text, request.body.length, clock_now(), &call->arena,
                                   problems, save, &call->error);
    if (code) return answer_problems(call, problems);
    call->work_done = save_done;
    return service_write_or_try(call, save_work, save);
}

static int create_document(struct web_call *call) { return save(call, 0); }

static int save_document(struct web_call *call)
{
    int64_t id;

    return web_parameter_id(call, 0, &id) ? (int)call->error.code : save(call, id);
}

/* ---- one document */

static int open_document(struct web_call *call)
{
    int64_t id;

    if (web_parameter_id(call, 0, &id)) return (int)call->error.code;
    return answer_document(call, reader_of(call), id);
}

static bool needs_key(struct web_call *call, const struct form *form, const struct form_action *action, struct slice text)
{
    struct form_problems *ignored;
    struct form_body *body;
    struct error error;

    if (!action->key_when) return true;
    return (ignored = new_problems(call)) && !form_read(form, text.text, text.length, true, &call->arena, ignored, &body, &error) &&
           doc_needs_key(action, body, date_of_instant(clock_now()));
}

static void write_actions(struct web_call *call, const struct form *form, const struct doc_row *row, struct slice body)
{
    struct error error;

    json_name(&call->json, "actions");
    json_object(&call->json);
    for (size_t i = 0; i < form->action_count; i++) {
        const struct form_action *action = &form->actions[i];
        bool applicant = caller(call)->kind != PRINCIPAL_OFFICER;
        if (action->by != (applicant ? ACTOR_APPLICANT : ACTOR_AGENCY) && !(action->by == ACTOR_APPLICANT && action->kind >= ACTION_PRINT)) continue;
        error_clear(&error);
        json_name(&call->json, action->name);
        json_object(&call->json);
        bool allowed = !doc_may(action, row, caller(call), &service_of(call)->documents, &error);
        json_put_boolean(&call->json, "allowed", allowed);
        if (action->key && needs_key(call, form, action, body))
            json_put_string(&call->json, "key", service_of(call)->documents.key_required ? "required" : "optional");
        if (!allowed) {
            json_put_words(&call->json, "why", error.zh, error.en);
            json_put_string(&call->json, "code", error.name);
        }
        json_object_end(&call->json);
    }
    json_object_end(&call->json);
}

static int write_row(struct web_call *call, struct store_connection *db, int64_t id)
{
    const struct doc_shape *shape = doc_shape_of(&service_of(call)->documents, NULL, caller(call)->kind == PRINCIPAL_OFFICER);
    struct store_rows rows;
    char sql[sizeof shape->select + 60];

    snprintf(sql, sizeof sql, "SELECT %s FROM document WHERE id = $1", shape->select);
    if (store_query(db, &rows, &call->error, sql, STORE_VALUES(store_integer(id)))) return (int)call->error.code;
    json_name(&call->json, "document");
    if (store_next(&rows)) doc_write_list_row(&rows, shape, caller(call), clock_now(), &call->json);
    else json_null(&call->json);
    return store_end(&rows);
}

/* A draft moves to the newest definition when it is opened: what that one no longer knows is left out. The page shows what
   changed (`moved_from`); nothing is stored until it is saved. */
static int write_body(struct web_call *call, const struct form *form, const struct doc_row *row, struct slice text)
{
    const struct doc_module *module = &service_of(call)->documents;
    const struct form_action *edit = form_action_find(form, "edit");
    const struct form *newest = doc_newest(module, form, date_of_instant(clock_now()));
    struct form_problems *ignored;
    struct form_body *body;
    struct error error;

    error_clear(&error);
    if (newest == form || !edit || doc_may(edit, row, caller(call), module, &error)) {
        json_put_integer(&call->json, "form_version", form->version);
        json_put_raw(&call->json, "body", text.text, text.length);
        return 0;
    }
    if (!(ignored = new_problems(call)) || form_read(newest, text.text, text.length, true, &call->arena, ignored, &body, &call->error))
        return (int)call->error.code;
    json_put_integer(&call->json, "form_version", newest->version);
    json_put_integer(&call->json, "moved_from", form->version);
    json_name(&call->json, "body");
    form_write(body, &call->json, NULL, 0);
    return 0;
}

/* Whose own system reviews instead of the desk. */
static void write_reviewer(struct web_call *call, const struct doc_row *row)
{
    const struct doc_module *module = &service_of(call)->documents;
    const struct partner *partner = partners_reviewing(module->partners, module->name, row->agency);

    if (partner) json_put_words(&call->json, "reviewer", partner->title_zh, partner->title_en);
}

int answer_document(struct web_call *call, struct store_connection *db, int64_t id)
{
    struct doc_row row;
    struct slice body;
    const struct form *form;
    const struct doc_module *module = &service_of(call)->documents;

    if (doc_read(db, caller(call), module->name, id, false, &call->arena, &row, &call->error) ||
        doc_read_body(db, id, &call->arena, &body, &call->error))
        return (int)call->error.code;
    if (!(form = doc_form_version(module, row.form, (int)row.form_version))) return error_internal(&call->error, "no definition %s", row.form);
    web_answer_version(call, row.version);
    json_object(&call->json);
    if (write_row(call, db, id)) return (int)call->error.code;
    if (write_body(call, form, &row, body)) return (int)call->error.code;
    write_reviewer(call, &row);
    json_name(&call->json, "attachments");
    if (!row.attachments) json_raw(&call->json, "[]", 2);
    else if (doc_attachments_write(db, id, &call->json, &call->error)) return (int)call->error.code;
    write_actions(call, form, &row, body);
    json_object_end(&call->json);
    return 0;
}

/* The stored body in its XML shape (GET .../forms/:form/xsd). */
static int document_xml(struct web_call *call)
{
    struct form_problems *ignored = new_problems(call);
    struct doc_row row;
    struct slice text;
    struct form_body *body;
    const struct form *form;
    int64_t id;

    if (!ignored || web_parameter_id(call, 0, &id) ||
        doc_read(reader_of(call), caller(call), service_of(call)->module, id, false, &call->arena, &row, &call->error) ||
        doc_read_body(reader_of(call), id, &call->arena, &text, &call->error))
        return (int)call->error.code;
    if (!(form = doc_form_version(&service_of(call)->documents, row.form, (int)row.form_version)))
        return error_internal(&call->error, "no definition %s", row.form);
    if (form_read(form, text.text, text.length, true, &call->arena, ignored, &body, &call->error)) return (int)call->error.code;
    call->answer_type = "application/xml; charset=utf-8";
    buffer_text(&call->out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    form_write_xml(body, &call->out);
    return 0;
}

/* ---- actions */

static int act_work(void *connection, struct web_call *call, struct error *error)
{
    struct doc_act *act = call->argument;

    if (act->action->kind == ACTION_DELETE) {
        call->status = 204;
        return doc_write_delete(connection, act, error);
    }
    if (doc_write_act(connection, act, error)) return (int)error->code;
    return answer_document(call, connection, act->id);
}

static void act_done(struct web_call *call, int code)
{
    struct doc_act *act = call->argument;

    (void)code;
    buffer_free(&act->body);
}

/* `signed_xml` NULL: not signed. */
static int act_on(struct web_call *call, int64_t id, const char *action, const char *opinion, const char *token, const char *signed_xml)
{
    struct form_problems *problems = new_problems(call);
    struct doc_act *act = arena_alloc(&call->arena, sizeof *act);
    int64_t expected;
    bool dry;

    if (!problems || !act) return error_internal(&call->error, "out of memory");
    if (service_dry_run(call, &dry)) return (int)call->error.code;
    if (dry && signed_xml) /* its token would be used up */
        return error_set(&call->error, ERROR_INVALID, "dry_run_signed", "试办不接受签名，请去掉signed。", "A dry run takes no signature; leave \"signed\" out.");
    if (web_expected_version(call, &expected)) return (int)call->error.code;
    if (doc_prepare_act(&service_of(call)->documents, reader_of(call), caller(call), id, expected, action, opinion, clock_now(), &call->arena,
                        problems, act, &call->error)) {
        buffer_free(&act->body);
        return answer_problems(call, problems);
    }
    if (signed_xml && service_check_signature(call, token, signed_xml, act)) {
        buffer_free(&act->body);
        return (int)call->error.code;
    }
    call->work_done = act_done;
    return service_write_or_try(call, act_work, act);
}

static int act(struct web_call *call)
{
    int64_t id;
    struct service_input input;
    const char *opinion, *token, *signed_xml;

    if (web_parameter_id(call, 0, &id) || service_input(call, &input) || service_text(call, &input, "opinion", 2000, &opinion) ||
        service_text(call, &input, "token", 64, &token) || service_text(call, &input, "signed", DOC_SIGNED_MAXIMUM, &signed_xml))
        return (int)call->error.code;
    return act_on(call, id, call->parameter[1], opinion, token, signed_xml);
}

static int delete_document(struct web_call *call)
{
    int64_t id;

    return web_parameter_id(call, 0, &id) ? (int)call->error.code : act_on(call, id, "delete", "", NULL, NULL);
}

/* ---- copies */

static int copy_work(void *connection, struct web_call *call, struct error *error)
{
    struct doc_copy *copy = call->argument;
    char text[24];

    if (doc_write_copy(connection, copy, error)) return (int)error->code;
    call->status = 201;
    json_object(&call->json);
    json_name(&call->json, "ids");
    json_array(&call->json);
    for (int i = 0; i < copy->count; i++) json_text(&call->json, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)copy->ids[i]));
    json_array_end(&call->json);
    json_object_end(&call->json);
    return 0;
}

static void copy_done(struct web_call *call, int code)
{
    struct doc_copy *copy = call->argument;

    (void)code;
    buffer_free(&copy->save.body);
}

static int copy_document(struct web_call *call)
{
    struct doc_copy *copy = arena_alloc(&call->arena, sizeof *copy);
    struct service_input input;
    const char *action;
    int64_t id, count;

    if (!copy) return error_internal(&call->error, "out of memory");
    if (web_parameter_id(call, 0, &id) || service_input(call, &input) ||
        service_number(call, &input, "count", 1, DOC_COPIES_MAXIMUM, 1, &count) || service_text(call, &input, "action", 31, &action))
        return (int)call->error.code;
    if (doc_prepare_copy(&service_of(call)->documents, reader_of(call), caller(call), id, action ? action : "copy", (int)count, clock_now(), &call->arena, copy, &call->error))
        return (int)call->error.code;
    call->work_done = copy_done;
    return service_write(call, copy_work, copy);
}

/* ---- events and attachments */

static int events(struct web_call *call)
{
    struct doc_row row;
    int64_t id;

    if (web_parameter_id(call, 0, &id) ||
        doc_read(reader_of(call), caller(call), service_of(call)->module, id, false, &call->arena, &row, &call->error))
        return (int)call->error.code;
    json_object(&call->json);
    json_name(&call->json, "events");
    if (doc_events_write(reader_of(call), &service_of(call)->documents, caller(call), &row, &call->json, &call->error)) return (int)call->error.code;
    json_object_end(&call->json);
    return 0;
}

static int attach_work(void *connection, struct web_call *call, struct error *error)
{
    struct doc_attach *attach = call->argument;

    if (doc_write_attach(connection, attach, error)) return (int)error->code;
    call->status = 201;
    doc_attachment_write(attach, &call->json);
    return 0;
}

static int attach(struct web_call *call)
{
    struct doc_attach *attach = arena_alloc(&call->arena, sizeof *attach);
    int64_t id, row_id;

    if (!attach) return error_internal(&call->error, "out of memory");
    if (web_parameter_id(call, 0, &id) || web_query_integer(call, "row_id", 0, 1000000, 0, &row_id)) return (int)call->error.code;
    if (doc_prepare_attach(&service_of(call)->documents, reader_of(call), caller(call), id, web_query(call, "type"), web_query(call, "block"),
                           row_id, web_query(call, "name"), call->body, call->body_length, clock_now(), &call->arena, attach, &call->error))
        return (int)call->error.code;
    return service_write(call, attach_work, attach);
}

static int detach_work(void *connection, struct web_call *call, struct error *error)
{
    int64_t id;

    if (web_parameter_id(call, 0, &id)) return (int)call->error.code;
    call->status = 204;
    return doc_write_detach(connection, &service_of(call)->documents, caller(call), id, clock_now(), error);
}

static int detach(struct web_call *call) { return service_write(call, detach_work, NULL); }

static int get_attachment(struct web_call *call)
{
    struct doc_file file;
    int64_t id;

    if (web_parameter_id(call, 0, &id) ||
        doc_attachment_read(reader_of(call), &service_of(call)->documents, caller(call), id, &call->arena, &file, &call->error))
        return (int)call->error.code;
    web_answer_file(call, file.media_type, file.file_name, true);
    buffer_bytes(&call->out, file.bytes, file.length);
    return 0;
}

/* ---- routes */

#define APPLICANTS (PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON)
#define READERS (APPLICANTS | PRINCIPAL_OFFICER)
#define BODY (DOC_BODY_MAXIMUM + 4096)

const struct web_route document_routes[] = {
    {"POST", "/:form/verdict", verdict, APPLICANTS, RIGHT_EDIT, 0, LANE_FAST, BODY, {0, 0}},
    {"POST", "/:form/new", get_new, APPLICANTS, RIGHT_EDIT, 0, LANE_FAST, BODY, {0, 0}},
    {"POST", "/:form/check", check, APPLICANTS, RIGHT_VIEW, 0, LANE_FAST, BODY, {0, 0}},
    {"POST", "/documents", create_document, APPLICANTS, RIGHT_EDIT, 0, LANE_FAST, BODY, {0, 0}},
    {"GET", "/documents/:id", open_document, READERS, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/documents/:id/xml", document_xml, READERS, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"PUT", "/documents/:id", save_document, APPLICANTS, RIGHT_EDIT, 0, LANE_FAST, BODY, {0, 0}},
    {"DELETE", "/documents/:id", delete_document, APPLICANTS, RIGHT_EDIT, 0, LANE_FAST, 0, {0, 0}},
    {"POST", "/documents/:id/actions/:action", act, READERS, RIGHT_VIEW, 0, LANE_FAST, 2 * DOC_SIGNED_MAXIMUM, {0, 0}},
    {"POST", "/documents/:id/copy", copy_document, APPLICANTS, RIGHT_EDIT, 0, LANE_FAST, 1024, {0, 0}},
    {"GET", "/documents/:id/events", events, READERS, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"POST", "/documents/:id/attachments", attach, APPLICANTS, RIGHT_EDIT, WEB_RAW_BODY, LANE_FAST, DOC_ATTACHMENT_MAXIMUM + 4096, {0, 0}},
    {"GET", "/attachments/:id", get_attachment, READERS, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"DELETE", "/attachments/:id", detach, APPLICANTS, RIGHT_EDIT, 0, LANE_FAST, 0, {0, 0}},
    {0}};
