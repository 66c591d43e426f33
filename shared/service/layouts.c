/* Layouts of printed forms, and which of them an administrator has compared with the official form. Until then each of their pages
   says that nobody has. */
#include "service/layouts.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "service/internal.h"

#include <stdio.h>
#include <string.h>

#define LAYOUTS_MAXIMUM 200 /* of one module */

int layout_open(const struct doc_module *module, const char *name, struct print_layout **layout, struct error *error)
{
    char directory[1100], path[1300];
    struct buffer text;

    *layout = NULL;
    snprintf(directory, sizeof directory, "%s/print", module->schema);
    snprintf(path, sizeof path, "%s/%s.json", directory, name);
    buffer_init(&text, LAYOUT_FILE_MAXIMUM);
    if (!file_read(path, &text, error)) *layout = print_layout_read(buffer_string(&text), text.length, directory, error);
    buffer_free(&text);
    return *layout ? 0 : (int)error->code;
}

/* ---- what administrators said */

struct confirmation {
    bool known, confirmed;
    int64_t at;
    char by[64];
};

static int read_confirmation(struct store_connection *db, const char *name, const char *digest, struct confirmation *found, struct error *error)
{
    struct store_rows rows;

    memset(found, 0, sizeof *found);
    if (store_query(db, &rows, error, "SELECT confirmed, at, by_name FROM layout_confirmation WHERE layout = $1 AND digest = $2",
                    STORE_VALUES(store_string(name), store_string(digest))))
        return (int)error->code;
    if (store_next(&rows)) {
        found->known = true;
        found->confirmed = store_column_integer(&rows, 0) != 0;
        found->at = store_column_integer(&rows, 1);
        snprintf(found->by, sizeof found->by, "%s", store_column_text(&rows, 2, NULL));
    }
    return store_end(&rows);
}

int layout_confirmed(struct store_connection *db, const char *name, const struct print_layout *layout, bool *confirmed, struct error *error)
{
    struct confirmation found;

    *confirmed = print_layout_confirmed(layout);
    if (*confirmed) return 0;
    if (read_confirmation(db, name, print_layout_digest(layout), &found, error)) return (int)error->code;
    *confirmed = found.confirmed;
    return 0;
}

/* ---- which layouts a module has: those that its definitions print with */

struct names {
    char name[LAYOUTS_MAXIMUM][LAYOUT_NAME_SIZE];
    size_t count;
};

static void add_name(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (!strcmp(names->name[i], name)) return;
    if (names->count < LAYOUTS_MAXIMUM) snprintf(names->name[names->count++], LAYOUT_NAME_SIZE, "%s", name);
}

/* One for each code of the field that the print goes by. */
static void add_names_by(struct doc_module *module, struct names *names, const struct form *form, const char *layout, const char *by)
{
    const struct form_field *field = form_field_find(form, by);
    const struct code_table *table;
    struct print_layout *opened;
    struct error error;
    char name[LAYOUT_NAME_SIZE];

    if (!field || field->type != FORM_CODE) return;
    table = doc_codes_read_lock(module, field->list);
    for (size_t i = 0; table && i < table->row_count; i++) {
        if (!layout_name(layout, table->rows[i].cells[0], name) || layout_open(module, name, &opened, &error)) continue;
        print_layout_free(opened);
        add_name(names, name);
    }
    doc_codes_unlock(module);
}

static void find_names(struct doc_module *module, struct names *names)
{
    names->count = 0;
    for (size_t i = 0; i < module->form_count; i++)
        JSON_EACH(print, json_member(module->forms[i]->json, "prints")) {
            const char *layout = json_member_text(print, "layout", ""), *by = json_member_text(print, "by", NULL);
            if (by) add_names_by(module, names, module->forms[i], layout, by);
            else add_name(names, layout);
        }
}

bool layout_name(const char *layout, struct slice by, char name[LAYOUT_NAME_SIZE])
{
    for (size_t i = 0; i < by.length; i++)
        if (!(by.text[i] >= 'A' && by.text[i] <= 'Z') && !(by.text[i] >= 'a' && by.text[i] <= 'z') && !(by.text[i] >= '0' && by.text[i] <= '9')) return false;
    return by.length && snprintf(name, LAYOUT_NAME_SIZE, "%s_%.*s", layout, (int)by.length, by.text) < LAYOUT_NAME_SIZE;
}

/* ---- routes */

/* The layout that the path names. NULL: call->error is filled, ERROR_NOT_FOUND when it is none of this module's. */
static struct print_layout *open_named(struct web_call *call)
{
    struct doc_module *module = &service_of(call)->documents;
    struct names *names = arena_reserve(&call->arena, sizeof *names);
    struct print_layout *layout = NULL;
    bool found = false;

    if (names) find_names(module, names);
    for (size_t i = 0; names && i < names->count; i++) found = found || !strcmp(names->name[i], call->parameter[0]);
    if (found) layout_open(module, call->parameter[0], &layout, &call->error);
    else error_set(&call->error, ERROR_NOT_FOUND, "unknown_layout", "没有这个打印版式。", "There is no such layout.");
    return layout;
}

static int write_layout(struct web_call *call, const char *name, const struct print_layout *layout)
{
    struct json_writer *json = &call->json;
    struct confirmation found;

    if (read_confirmation(reader_of(call), name, print_layout_digest(layout), &found, &call->error)) return (int)call->error.code;
    json_object(json);
    json_put_string(json, "name", name);
    json_put_string(json, "title", print_layout_title(layout));
    json_put_string(json, "digest", print_layout_digest(layout));
    json_put_boolean(json, "verified", print_layout_confirmed(layout));
    json_put_boolean(json, "confirmed", print_layout_confirmed(layout) || found.confirmed);
    if (found.known) {
        json_put_string(json, "who", found.by);
        json_put_integer(json, "when", found.at);
    }
    json_object_end(json);
    return 0;
}

static int list_layouts(struct web_call *call)
{
    struct doc_module *module = &service_of(call)->documents;
    struct names *names = arena_reserve(&call->arena, sizeof *names);
    struct print_layout *layout;
    struct error error;

    if (!names) return error_internal(&call->error, "out of memory");
    find_names(module, names);
    json_object(&call->json);
    json_name(&call->json, "layouts");
    json_array(&call->json);
    for (size_t i = 0; i < names->count && !call->error.code; i++) {
        if (layout_open(module, names->name[i], &layout, &error)) {
            log_line(LOG_ERROR, "layout", "reason=\"%s\"", error.detail);
            continue;
        }
        write_layout(call, names->name[i], layout);
        print_layout_free(layout);
    }
    json_array_end(&call->json);
    json_object_end(&call->json);
    return (int)call->error.code;
}

struct confirm {
    const char *layout, *digest;
    bool confirmed;
};

static int confirm_work(void *connection, struct web_call *call, struct error *error)
{
    const struct confirm *confirm = call->argument;

    call->status = 204;
    return store_execute(connection, error, NULL,
        "INSERT INTO layout_confirmation (layout, digest, confirmed, at, by_name) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (layout, digest) DO UPDATE SET confirmed = $3, at = $4, by_name = $5",
        STORE_VALUES(store_string(confirm->layout), store_string(confirm->digest), store_integer(confirm->confirmed), store_integer(clock_now()),
                     store_string(caller(call)->user_name)));
}

static int wrong_field(struct web_call *call, const char *field)
{
    error_set(&call->error, ERROR_INVALID, "required", "请给出版式摘要(digest)和是否确认(confirmed)。", "Say the layout's digest and whether it is confirmed.");
    error_field(&call->error, field);
    return (int)call->error.code;
}

static int read_confirm(struct web_call *call, struct confirm *confirm)
{
    struct service_input input;
    const struct json *confirmed;

    if (service_input(call, &input) || service_text(call, &input, "digest", DIGEST_SIZE, &confirm->digest)) return (int)call->error.code;
    confirmed = json_member(input.json, "confirmed");
    if (!confirm->digest) return wrong_field(call, "digest");
    if (!confirmed || (confirmed->kind != JSON_TRUE && confirmed->kind != JSON_FALSE)) return wrong_field(call, "confirmed");
    confirm->confirmed = confirmed->kind == JSON_TRUE;
    confirm->layout = call->parameter[0];
    return 0;
}

/* Only what the administrator has looked at: the digest must be that of the file as it is now. */
static int check_digest(struct web_call *call, const struct print_layout *layout, const char *digest)
{
    if (print_layout_confirmed(layout))
        return error_set(&call->error, ERROR_CONFLICT, "layout_verified", "该版式已核实，无需确认。", "This layout has been compared with the form already.");
    if (strcmp(print_layout_digest(layout), digest))
        return error_set(&call->error, ERROR_CONFLICT, "layout_changed", "版式文件已变更，请重新查看样张后再确认。",
                         "The layout was changed: look at its sample again, then confirm.");
    return 0;
}

static int confirm_layout(struct web_call *call)
{
    struct confirm *confirm = arena_alloc(&call->arena, sizeof *confirm);
    struct print_layout *layout;
    int code;

    if (!confirm) return error_internal(&call->error, "out of memory");
    if (!(layout = open_named(call))) return (int)call->error.code;
    code = read_confirm(call, confirm) || check_digest(call, layout, confirm->digest) ? (int)call->error.code : 0;
    print_layout_free(layout);
    if (code || service_audit(call, confirm->confirmed ? "layout_confirmed" : "layout_withdrawn", confirm->layout, confirm->digest))
        return (int)call->error.code;
    return service_write(call, confirm_work, confirm);
}

static int sample(struct web_call *call)
{
    static const struct print_value values[] = {
        {"application_no", "application_no"}, {"form_no", "form_no"}, {"licence_no", "licence_no"}, {"licence_no_face", "licence_no_face"},
        {"applied", "applied"}, {"issued", "issued"}, {"valid_until", "valid_until"}, {"check_code", "check_code"}, {"agency_name", "agency_name"},
        {"verify_url", "verify_url"}, {"portal_url", "portal_url"}, {NULL, NULL}};
    const struct print_source source = {.values = values, .watermark = "样张 SAMPLE"};
    struct print_layout *layout;
    struct buffer pages;
    char file[LAYOUT_NAME_SIZE + 16];

    if (!(layout = open_named(call))) return (int)call->error.code;
    buffer_init(&pages, LAYOUT_FILE_MAXIMUM);
    if (!print_add(&pages, layout, &source, &call->error)) print_draw(&pages, print_layout_title(layout), &call->out, &call->error);
    buffer_free(&pages);
    print_layout_free(layout);
    if (call->error.code) return (int)call->error.code;
    snprintf(file, sizeof file, "%s-sample.pdf", call->parameter[0]);
    web_answer_file(call, "application/pdf", file, true);
    return 0;
}

const struct web_route layout_routes[] = {
    {"GET", "/admin/layouts", list_layouts, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_SLOW, 0, {0, 0}},
    {"GET", "/admin/layouts/:name/sample.pdf", sample, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_SLOW, 0, {0, 0}},
    {"POST", "/admin/layouts/:name/confirm", confirm_layout, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_SLOW, 1024, {0, 0}},
    {0}};
