/* Printed forms, the licence itself, and the public page that verifies it. */
#include "service/internal.h"

#include "base/clock.h"
#include "base/date.h"
#include "document/job.h"
#include "document/ledger.h"
#include "print/pages.h"
#include "service/layouts.h"
#include "service/seals.h"
#include "service/zip.h"
#include "trust/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRINT_MAXIMUM 100 /* documents at once */
#define UNCONFIRMED "版式未核实"
#define PAGES_BYTES ((size_t)PRINT_REQUEST_MAXIMUM - 8192)

/* ---- one document onto pages */

struct printing {
    struct doc_module *module;
    struct store_connection *reader;
    struct arena *arena;
    struct doc_row row;
    struct form_body *body;
    const struct json *names;
    const struct form *form;
    const struct json *print; /* of the definition */
    struct error error;       /* of reading pictures */
};

static int load(struct printing *printing, const struct principal *principal, int64_t id, struct error *error)
{
    struct form_problems *problems = arena_alloc(printing->arena, sizeof *problems);
    struct slice body;

    if (!problems) return error_internal(error, "out of memory");
    if (doc_read(printing->reader, principal, printing->module->name, id, false, printing->arena, &printing->row, error) ||
        doc_read_body(printing->reader, id, printing->arena, &body, error))
        return (int)error->code;
    printing->form = doc_form_version(printing->module, printing->row.form, (int)printing->row.form_version);
    if (!printing->form) return error_internal(error, "no definition %s", printing->row.form);
    if (form_read(printing->form, body.text, body.length, true, printing->arena, problems, &printing->body, error)) return (int)error->code;
    printing->names = json_member(json_tree(body.text, body.length, printing->arena, error), "names");
    return 0;
}

static const struct json *print_of(const struct form *form, const char *name)
{
    JSON_EACH(print, json_member(form->json, "prints"))
        if (!strcmp(json_member_text(print, "name", ""), name)) return print;
    return NULL;
}

static void face_number(const char *number, char face[32])
{
    if (strlen(number) == 10) snprintf(face, 32, "%.2s-%.2s-%s", number, number + 2, number + 4); /* digest 0.4: YY-AA-NNNNNN */
    else snprintf(face, 32, "%s", number);
}

static struct slice agency_name(struct doc_module *module, const char *code)
{
    const struct code_table *agencies = code_set_find(&module->codes, "issuing_agency");

    for (size_t i = 0; agencies && i < agencies->row_count; i++)
        if (slice_is(agencies->rows[i].cells[0], code)) return agencies->rows[i].cells[1];
    return (struct slice){code, strlen(code)};
}

/* ---- pictures: attachments, and the seal of who issues */

static bool is_issued(const struct form *form, const char *name)
{
    for (size_t i = 0; form && i < form->action_count; i++)
        for (size_t k = 0; k < form->actions[i].effect_count; k++)
            if (form->actions[i].effects[k].kind == EFFECT_ISSUE && !strcmp(form->actions[i].effects[k].name, name)) return true;
    return false;
}

/* Only what is issued is sealed: no preview, no application. */
static bool find_seal(struct printing *printing, struct print_file *file)
{
    struct slice seal;

    if (!*printing->row.issued || !is_issued(printing->form, json_member_text(printing->print, "name", ""))) return false;
    if (seal_read(printing->reader, printing->row.agency, printing->arena, &seal, &printing->error) || !seal.text) return false;
    file->bytes = seal.text;
    file->length = seal.length;
    snprintf(file->what, sizeof file->what, "seal of %s", printing->row.agency);
    return true;
}

static bool find_picture(void *context, const char *type, const char *block, int64_t row_id, struct print_file *file)
{
    struct printing *printing = context;
    struct store_rows rows;
    const void *bytes = NULL;

    if (printing->error.code) return false;
    if (!type) return find_seal(printing, file);
    if (store_query(printing->reader, &rows, &printing->error, "SELECT id, bytes FROM attachment WHERE document = $1 AND block = $2 AND row_id = $3 AND type = $4",
                    STORE_VALUES(store_integer(printing->row.id), store_string(block), store_integer(row_id), store_string(type))))
        return false;
    if (store_next(&rows)) {
        bytes = store_column_bytes(&rows, 1, &file->length);
        file->bytes = arena_copy(printing->arena, bytes, file->length);
        snprintf(file->what, sizeof file->what, "attachment %lld", (long long)store_column_integer(&rows, 0));
        if (!file->bytes) error_internal(&printing->error, "out of memory");
    }
    return !store_end(&rows) && bytes && !printing->error.code;
}

/* ---- onto pages */

/* What stands across every page: the print's own words, and that nobody has compared the layout with the official form. */
static int find_watermark(struct printing *printing, const char *name, const struct print_layout *layout, const char **watermark, struct error *error)
{
    const char *own = json_member_text(json_member(printing->print, "watermark"), "zh", NULL);
    bool confirmed;

    *watermark = own;
    if (layout_confirmed(printing->reader, name, layout, &confirmed, error) || confirmed) return (int)error->code;
    *watermark = own ? arena_printf(printing->arena, "%s\n%s", own, UNCONFIRMED) : UNCONFIRMED;
    return 0;
}

/* Call with the module's read lock held: names of codes point into tables. */
static int add_pages(struct printing *printing, struct buffer *pages, const struct print_layout *layout, const char *watermark, struct error *error)
{
    const struct doc_row *row = &printing->row;
    struct form_codes codes = code_set_codes(&printing->module->codes);
    struct slice agency = agency_name(printing->module, row->agency);
    char face[32];
    face_number(row->licence_no, face);
    char *url = row->check_code[0] ? arena_printf(printing->arena, "%s/#/verify?module=%s&number=%s&code=%s", printing->module->public_url,
                                                  printing->module->name, row->licence_no, row->check_code) : "";
    const struct print_value values[] = {
        {"application_no", row->application_no}, {"form_no", row->form_no}, {"licence_no", row->licence_no}, {"licence_no_face", face},
        {"applied", row->applied}, {"issued", row->issued}, {"valid_until", row->valid_until}, {"check_code", row->check_code},
        {"agency_name", arena_copy(printing->arena, agency.text, agency.length)}, {"verify_url", url},
        {"portal_url", printing->module->public_url}, {NULL, NULL}};
    const struct print_source source = {.body = printing->body, .names = printing->names, .codes = &codes, .values = values, .watermark = watermark,
                                        .picture = find_picture, .picture_context = printing};

    error_clear(&printing->error);
    if (print_add(pages, layout, &source, error)) return (int)error->code;
    if (printing->error.code) *error = printing->error;
    return (int)error->code;
}

/* A print that goes "by" a field has a layout for each of its codes. */
static int find_layout(const struct printing *printing, char name[LAYOUT_NAME_SIZE], struct error *error)
{
    const char *layout = json_member_text(printing->print, "layout", ""), *by = json_member_text(printing->print, "by", NULL);
    const struct form_field *field = by ? form_field_find(printing->form, by) : NULL;
    struct form_value value;

    snprintf(name, LAYOUT_NAME_SIZE, "%s", layout);
    if (!by) return 0;
    if (!field) return error_internal(error, "no field %s to print by", by);
    value = form_body_value(printing->body, field->block, field->slot);
    if (value.kind == VALUE_TEXT && layout_name(layout, value.text, name)) return 0;
    error_set(error, ERROR_INVALID, "required", "", "");
    snprintf(error->zh, sizeof error->zh, "请先填写%s再打印。", field->label.zh);
    snprintf(error->en, sizeof error->en, "Fill in before printing: %s.", field->label.en);
    error_field(error, by);
    return (int)error->code;
}

static int print_one(struct printing *printing, const char *name, struct buffer *pages, struct error *error)
{
    struct print_layout *layout = NULL;
    char layout_file[LAYOUT_NAME_SIZE];
    const char *watermark;

    if (!(printing->print = print_of(printing->form, name)))
        return error_set(error, ERROR_NOT_FOUND, "unknown_print", "没有这种打印格式。", "There is no such print.");
    if (find_layout(printing, layout_file, error) || layout_open(printing->module, layout_file, &layout, error)) return (int)error->code;
    if (!find_watermark(printing, layout_file, layout, &watermark, error)) {
        pthread_rwlock_rdlock(&printing->module->lock);
        add_pages(printing, pages, layout, watermark, error);
        pthread_rwlock_unlock(&printing->module->lock);
    }
    print_layout_free(layout);
    return (int)error->code;
}

static const char *title_of(const struct printing *printing) { return printing->form ? printing->form->title.zh : ""; }

/* What is issued carries its agency's signature, where the operator has given one (trust/seal.h). */
static int seal_issued(const struct printing *printing, const struct buffer *drawn, struct buffer *out, struct error *error)
{
    const struct doc_module *module = printing->module;
    const struct seal *seal = seal_of(module->seals, printing->row.agency);
    char reason[200];

    if (!seal && module->seals_required)
        return error_internal(error, "document %lld: there is no seal of %s, and seals_required is set", (long long)printing->row.id, printing->row.agency);
    snprintf(reason, sizeof reason, "签发 %s %s", title_of(printing), printing->row.licence_no);
    if (seal) return seal_pdf(seal, drawn->data, drawn->length, reason, clock_now(), out, error);
    buffer_bytes(out, drawn->data, drawn->length);
    return 0;
}

int make_print(struct doc_module *module, struct store_connection *reader, int64_t document, const char *print, struct arena *arena,
               struct buffer *out, struct error *error)
{
    static const struct principal portal = {.kind = PRINCIPAL_SYSTEM};
    struct printing printing = {.module = module, .reader = reader, .arena = arena};
    struct buffer pages, drawn;

    error_clear(error);
    buffer_init(&pages, PAGES_BYTES);
    buffer_init(&drawn, out->maximum);
    if (!load(&printing, &portal, document, error) && !print_one(&printing, print, &pages, error) &&
        !print_draw(&pages, title_of(&printing), &drawn, error))
        seal_issued(&printing, &drawn, out, error);
    buffer_free(&pages);
    buffer_free(&drawn);
    return (int)error->code;
}

/* ---- routes */

/* Whether the definition's action of this print allows it in the document's state. */
static int may_print(struct web_call *call, const struct printing *printing, const char *name)
{
    for (size_t i = 0; printing->form && i < printing->form->action_count; i++) {
        const struct form_action *action = &printing->form->actions[i];
        if (strcmp(json_member_text(action->json, "print", ""), name)) continue;
        if (doc_may(action, &printing->row, caller(call), &service_of(call)->documents, &call->error)) return (int)call->error.code;
        if (action->kind == ACTION_TRANSITION && strcmp(printing->row.state[action->machine], action->to)) /* a print that is counted is opened once it was */
            return error_set(&call->error, ERROR_CONFLICT, "not_counted", "请点击“打印”，系统记录打印次数后再打开。", "Use \"Print\": it is counted, then it opens.");
        return 0;
    }
    return 0;
}

/* A number in a file's name: one that is divided by strokes is no path. */
static void file_name(char *file, size_t size, const char *name, const char *number)
{
    snprintf(file, size, "%s-%s.pdf", name, number);
    for (char *at = file; (at = strchr(at, '/')); at++) *at = '-';
}

static int answer_pdf(struct web_call *call, const char *name, const char *number)
{
    char file[120];

    file_name(file, sizeof file, name, number);
    web_answer_file(call, "application/pdf", file, true);
    return 0;
}

/* "licence.pdf" -> "licence" */
static const char *print_name(struct web_call *call, int index)
{
    char *name = arena_text(&call->arena, call->parameter[index]);
    size_t length = name ? strlen(name) : 0;

    if (length > 4 && !strcmp(name + length - 4, ".pdf")) name[length - 4] = '\0';
    return name ? name : "";
}

static int print_document(struct web_call *call)
{
    struct printing printing = {.module = &service_of(call)->documents, .reader = reader_of(call), .arena = &call->arena};
    const char *name = print_name(call, 1), *bytes;
    struct buffer pages;
    int64_t id;
    size_t length;

    if (web_parameter_id(call, 0, &id) || load(&printing, caller(call), id, &call->error) || may_print(call, &printing, name)) return (int)call->error.code;
    if (is_issued(printing.form, name)) { /* made once, by the job: everybody gets the same bytes */
        if (doc_issued_read(reader_of(call), id, name, &call->arena, &bytes, &length, &call->error)) return (int)call->error.code;
        buffer_bytes(&call->out, bytes, length);
        return answer_pdf(call, name, printing.row.licence_no);
    }
    buffer_init(&pages, PAGES_BYTES);
    if (!print_one(&printing, name, &pages, &call->error)) print_draw(&pages, title_of(&printing), &call->out, &call->error);
    buffer_free(&pages);
    return call->error.code ? (int)call->error.code : answer_pdf(call, name, printing.row.application_no);
}

/* Made licences are given as they were made, each its own file: a ZIP. */
static int zip_issued(struct web_call *call, struct printing *printing, const char *name, const int64_t *ids, size_t count)
{
    struct zip *zip = zip_open(&call->out);
    struct error ending;
    const char *bytes;
    char file[120];
    size_t length;

    if (!zip) return error_internal(&call->error, "out of memory");
    for (size_t i = 0; i < count && !call->error.code; i++) {
        if (load(printing, caller(call), ids[i], &call->error) || may_print(call, printing, name) ||
            doc_issued_read(reader_of(call), ids[i], name, &call->arena, &bytes, &length, &call->error))
            break;
        file_name(file, sizeof file, name, printing->row.licence_no);
        zip_add(zip, file, bytes, length, &call->error);
    }
    if (zip_close(zip, &ending) && !call->error.code) call->error = ending;
    if (!call->error.code) web_answer_file(call, "application/zip", "licences.zip", true);
    return (int)call->error.code;
}

static int pages_of_many(struct web_call *call, struct printing *printing, const char *name, const int64_t *ids, size_t count)
{
    struct buffer pages;

    buffer_init(&pages, PAGES_BYTES);
    for (size_t i = 0; i < count && !call->error.code; i++)
        if (!load(printing, caller(call), ids[i], &call->error) && !may_print(call, printing, name))
            print_one(printing, name, &pages, &call->error);
    if (!call->error.code) print_draw(&pages, title_of(printing), &call->out, &call->error);
    buffer_free(&pages);
    return call->error.code ? (int)call->error.code : answer_pdf(call, name, "batch");
}

static int print_many(struct web_call *call)
{
    struct printing printing = {.module = &service_of(call)->documents, .reader = reader_of(call), .arena = &call->arena};
    struct service_input input;
    const char *name;
    int64_t *ids;
    size_t count;

    if (service_input(call, &input) || service_text(call, &input, "name", 40, &name) || service_ids(call, &input, PRINT_MAXIMUM, &ids, &count) ||
        load(&printing, caller(call), ids[0], &call->error))
        return (int)call->error.code;
    if (!name) name = "";
    return is_issued(printing.form, name) ? zip_issued(call, &printing, name, ids, count) : pages_of_many(call, &printing, name, ids, count);
}

/* ---- public verification */

static int find_licence(struct web_call *call, const char *number, const char *code, struct printing *printing, bool *found)
{
    static const struct principal portal = {.kind = PRINCIPAL_SYSTEM};
    struct store_rows rows;
    int64_t id = 0;

    if (store_query(reader_of(call), &rows, &call->error,
                    "SELECT id, check_code FROM document WHERE licence_no = $1 AND source = '' AND licence_no <> ''", STORE_VALUES(store_string(number))))
        return (int)call->error.code;
    if (store_next(&rows)) {
        /* every character is looked at: the time says nothing about the code */
        const char *right = store_column_text(&rows, 1, NULL);
        unsigned different = strlen(right) != 16 || strlen(code) != 16;
        for (int i = 0; !different && i < 16; i++) different |= (unsigned char)right[i] ^ (unsigned char)code[i];
        if (!different) id = store_column_integer(&rows, 0);
    }
    if (store_end(&rows)) return (int)call->error.code;
    *found = id && !load(printing, &portal, id, &call->error);
    return (int)call->error.code;
}

/* Letters as they may be typed: case, spaces and hyphens do not matter; O, I and L are the digits they look like. */
static const char *normal(struct web_call *call, const char *text, bool code)
{
    char *out = arena_text(&call->arena, text ? text : ""), *to = out;

    for (const char *at = out; at && *at; at++) {
        char c = *at >= 'a' && *at <= 'z' ? (char)(*at - 32) : *at;
        if (c == ' ' || c == '-') continue;
        if (code && c == 'O') c = '0';
        if (code && (c == 'I' || c == 'L')) c = '1';
        *to++ = c;
    }
    if (to) *to = '\0';
    return out ? out : "";
}

/* What has a ledger is in force until it was released; anything else in the state that issuing it led to. */
static bool is_in_force(const struct printing *printing, const struct ledger_state *ledger)
{
    if (printing->form->ledger.present) return ledger->released == 0;
    for (size_t i = 0; i < printing->form->action_count; i++)
        for (size_t k = 0; k < printing->form->actions[i].effect_count; k++)
            if (printing->form->actions[i].effects[k].kind == EFFECT_ISSUE)
                return printing->form->actions[i].to && !strcmp(printing->form->actions[i].to, printing->row.state[MACHINE_MAIN]);
    return false;
}

static const char *result_of(const struct printing *printing, const struct ledger_state *ledger)
{
    const struct doc_row *row = &printing->row;
    char today[DATE_TEXT_SIZE];

    date_format(date_of_instant(clock_now()), today);
    if (!form_state_find(printing->form, MACHINE_MAIN, row->state[MACHINE_MAIN]) || *row->source) return "unknown";
    if (!is_in_force(printing, ledger)) return "revoked";
    return *row->valid_until && strcmp(today, row->valid_until) > 0 ? "expired" : "valid";
}

/* Fields that the definition shows to whoever holds the paper (`verified`): [{"label","value"}]; codes by the names frozen with them. */
static void write_facts(const struct printing *printing, struct json_writer *json)
{
    char text[600], code[80];

    json_name(json, "facts");
    json_array(json);
    JSON_EACH(name, json_member(printing->form->json, "verified")) {
        const struct form_field *field = form_field_find(printing->form, name->text.text);
        struct form_value value = form_body_value(printing->body, field->block, field->slot);
        size_t length = form_value_text(value, text, sizeof text);
        if (value.kind == VALUE_ABSENT) continue;
        snprintf(code, sizeof code, "%.*s", (int)(length < 79 ? length : 79), text);
        const char *words = field->list ? json_member_text(json_member(printing->names, field->list), code, NULL) : NULL;
        json_object(json);
        json_put_words(json, "label", field->label.zh, field->label.en);
        json_put_text(json, "value", words ? words : text, words ? strlen(words) : length);
        json_object_end(json);
    }
    json_array_end(json);
}

static int write_verified(struct web_call *call, struct printing *printing)
{
    struct ledger_state state;
    struct json_writer *json = &call->json;
    const struct doc_row *row = &printing->row;
    struct form_value goods = form_column_value(printing->body, COLUMN_GOODS_NAME);

    if (doc_ledger_read(reader_of(call), row->id, &state, &call->error)) return (int)call->error.code;
    json_object(json);
    json_put_string(json, "result", result_of(printing, &state));
    json_put_words(json, "title", printing->form->title.zh, printing->form->title.en);
    json_put_string(json, "number", row->licence_no);
    json_put_string(json, "issued", row->issued);
    json_put_string(json, "valid_until", row->valid_until);
    if (goods.kind == VALUE_TEXT) json_put_text(json, "goods", goods.text.text, goods.text.length);
    if (printing->form->ledger.present) {
        json_put_decimal(json, "quantity", row->quantity, 0);
        json_put_decimal(json, "remaining", state.available, 0);
    }
    write_facts(printing, json);
    pthread_rwlock_rdlock(&printing->module->lock);
    struct slice agency = agency_name(printing->module, row->agency);
    json_put_text(json, "agency", agency.text, agency.length);
    const struct code_table *units = code_set_find(&printing->module->codes, "unit");
    const struct code_row *unit = units ? code_table_find(units, NULL, (struct slice){row->unit, strlen(row->unit)}, date_of_instant(clock_now())) : NULL;
    if (unit) json_put_text(json, "unit", unit->cells[1].text, unit->cells[1].length);
    pthread_rwlock_unlock(&printing->module->lock);
    json_object_end(json);
    return 0;
}

static int verify(struct web_call *call)
{
    struct printing printing = {.module = &service_of(call)->documents, .reader = reader_of(call), .arena = &call->arena};
    bool found = false;

    if (find_licence(call, normal(call, web_query(call, "number"), false), normal(call, web_query(call, "code"), true), &printing, &found))
        return (int)call->error.code;
    if (found) return write_verified(call, &printing);
    json_object(&call->json);
    json_put_string(&call->json, "result", "unknown");
    json_object_end(&call->json);
    return 0;
}

#define APPLICANTS (PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON)

const struct web_route print_routes[] = {
    {"GET", "/documents/:id/print/:name", print_document, APPLICANTS | PRINCIPAL_OFFICER, RIGHT_VIEW, 0, LANE_SLOW, 0, {0, 0}},
    {"POST", "/print", print_many, APPLICANTS | PRINCIPAL_OFFICER, RIGHT_VIEW, 0, LANE_SLOW, 65536, {0, 0}},
    {"GET", "/verify", verify, 0, 0, WEB_ANONYMOUS, LANE_FAST, 0, {30, 60}},
    {0}};
