/* What another system already has: a registration, goods filings. A definition's `fetch` says from which system (a setting), asked with
   what, and into which documents. Each run is remembered.

   The setting of that name: https://... gets POST {"form","uscc", and the asked fields} and answers 200 {"documents":[{"number","body"}]},
   or 401, 403, 404, 422 when it knows nothing under them (<setting>_token goes as Authorization: Bearer); or file:<path>, a stand-in for
   demonstrations: {"<form>":[{"fields":{...},"documents":[...]}]}. Without it there is nobody to ask. */
#include "service/internal.h"

#include "base/clock.h"
#include "base/date.h"
#include "base/random.h"
#include "trust/gateway.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_MAXIMUM (1024u * 1024)
#define FIELDS 8
#define RUNS 50

struct fetching {
    struct web_call *call;
    const struct form *form;
    const struct json *fetch;       /* the definition's member */
    struct slice answer;            /* {"documents":[...]} */
    struct { const char *name, *value; } fields[FIELDS];
    size_t field_count;
    struct fetched { struct doc_save save; } *items;
    size_t item_count;
    int64_t now, written;
};

static int nothing_there(struct fetching *fetching)
{
    const struct json *words = json_member(fetching->fetch, "failed");
    struct error *error = &fetching->call->error;

    error_set(error, ERROR_INVALID, "not_fetched", json_member_text(words, "zh", ""), json_member_text(words, "en", ""));
    if (fetching->field_count) error_field(error, fetching->fields[fetching->field_count - 1].name);
    return (int)error->code;
}

/* ---- what is asked: from the request, else from the owner's own document of the form or its filing */

static const char *own_value(struct fetching *fetching, const char *name)
{
    struct web_call *call = fetching->call;
    const char *forms[] = {fetching->form->filing.form, fetching->form->name};
    struct error ignored;
    char *found = NULL;

    for (int i = 0; i < 2 && !found; i++) {
        struct store_rows rows;
        if (!forms[i] || store_query(reader_of(call), &rows, &ignored,
                                     "SELECT b.body FROM document d JOIN document_body b ON b.document = d.id WHERE d.enterprise = $1 AND d.form = $2 ORDER BY d.id DESC LIMIT 1",
                                     STORE_VALUES(store_integer(principal_owner(caller(call))), store_string(forms[i]))))
            continue;
        if (store_next(&rows)) {
            size_t length;
            const char *text = store_column_text(&rows, 0, &length);
            JSON_EACH(block, json_tree(text, length, &call->arena, &ignored))
                if (block->kind == JSON_OBJECT && json_member(block, name)) found = arena_text(&call->arena, json_member_text(block, name, NULL));
        }
        store_end(&rows);
    }
    return found;
}

static int read_fields(struct fetching *fetching)
{
    struct web_call *call = fetching->call;
    struct service_input input;

    if (service_input(call, &input)) return (int)call->error.code;
    JSON_EACH(field, json_member(fetching->fetch, "fields")) {
        const char *name = json_member_text(field, "name", ""), *value = NULL;
        if (fetching->field_count == FIELDS) break;
        bool own = json_member_true(field, "own"); /* what says whose data these are is nobody's to type */
        if (!own && service_text(call, &input, name, (size_t)json_member_integer(field, "max", 64), &value)) return (int)call->error.code;
        if (!value && !json_member_true(field, "secret")) value = own_value(fetching, name);
        fetching->fields[fetching->field_count].name = name;
        fetching->fields[fetching->field_count++].value = value;
    }
    return 0;
}

/* ---- asking */

static bool entry_fits(const struct fetching *fetching, const struct json *entry)
{
    const struct json *fields = json_member(entry, "fields");

    for (size_t i = 0; i < fetching->field_count; i++) {
        const char *wanted = json_member_text(fields, fetching->fields[i].name, "");
        if (!fetching->fields[i].value || strcmp(wanted, fetching->fields[i].value)) return false;
    }
    return true;
}

static int ask_file(struct fetching *fetching, const char *path)
{
    struct web_call *call = fetching->call;
    char *text = arena_alloc(&call->arena, ANSWER_MAXIMUM);
    FILE *file = fopen(path, "re");
    size_t length = file && text ? fread(text, 1, ANSWER_MAXIMUM, file) : 0;
    struct slice entries, entry;

    if (file) fclose(file);
    if (!length) return error_unavailable(&call->error, "%s cannot be read", path);
    if (!json_raw_member(text, length, fetching->form->name, &call->arena, &entries, &call->error)) return call->error.code ? (int)call->error.code : nothing_there(fetching);
    struct json_reader reader;
    json_reader_init(&reader, entries.text, entries.length, &call->arena, &call->error);
    if (json_enter(&reader, JSON_ARRAY))
        while (json_next(&reader, NULL) && json_skip(&reader, &entry))
            if (entry_fits(fetching, json_tree(entry.text, entry.length, &call->arena, &call->error))) fetching->answer = entry;
    if (json_failed(&reader)) return (int)call->error.code;
    return fetching->answer.text ? 0 : nothing_there(fetching);
}

static int ask_address(struct fetching *fetching, const char *url, const char *token)
{
    struct web_call *call = fetching->call;
    const struct config *config = web_config(call->server);
    struct buffer question, answer;
    struct json_writer json;
    long status = 0;

    buffer_init(&question, 8192);
    buffer_init(&answer, ANSWER_MAXIMUM);
    json_writer_init(&json, &question);
    json_object(&json);
    json_put_string(&json, "form", fetching->form->name);
    json_put_string(&json, "uscc", caller(call)->uscc);
    for (size_t i = 0; i < fetching->field_count; i++)
        if (fetching->fields[i].value) json_put_string(&json, fetching->fields[i].name, fetching->fields[i].value);
    json_object_end(&json);
    if (!gateway_ask(url, !strcmp(config_text(config, "gateway_private", "0"), "1"), token, buffer_string(&question), &answer, &status, &call->error)) {
        char *text = arena_copy(&call->arena, answer.data ? answer.data : "", answer.length);
        if (status == 200 && text) fetching->answer = (struct slice){text, answer.length};
        else if (status == 401 || status == 403 || status == 404 || status == 422) nothing_there(fetching);
        else error_unavailable(&call->error, "%s answers with status %ld", url, status);
    }
    memset(question.data ? question.data : (char[1]){0}, 0, question.length); /* a password in it is kept nowhere */
    buffer_free(&question);
    buffer_free(&answer);
    return (int)call->error.code;
}

static int ask(struct fetching *fetching)
{
    struct web_call *call = fetching->call;
    const struct config *config = web_config(call->server);
    const char *setting = json_member_text(fetching->fetch, "setting", ""), *where = config_text(config, setting, NULL);
    char token[64];

    if (!where)
        return error_set(&call->error, ERROR_CONFLICT, "not_connected", "本门户没有接入该系统，请自行填写并申报。",
                         "This portal is not connected to that system; fill in the form and submit it.");
    if (!strncmp(where, "file:", 5)) return ask_file(fetching, where + 5);
    snprintf(token, sizeof token, "%s_token", setting);
    return ask_address(fetching, where, config_text(config, token, NULL));
}

/* ---- storing: as it came, and taken as granted */

/* The document that this answer is about: the owner's only one of a single form, or the one of that number, whoever has it. */
static int existing(struct fetching *fetching, const char *number, int64_t *id)
{
    struct web_call *call = fetching->call;
    bool single = fetching->form->single;
    const struct store_value values[] = {store_string(fetching->form->name), single ? store_integer(principal_owner(caller(call))) : store_string(number)};
    struct store_rows rows;

    *id = 0;
    if (store_query(reader_of(call), &rows, &call->error,
                    single ? "SELECT id FROM document WHERE form = $1 AND enterprise = $2" : "SELECT id FROM document WHERE form = $1 AND licence_no = $2 AND source = '' AND licence_no <> ''", values, 2))
        return (int)call->error.code;
    if (store_next(&rows)) *id = store_column_integer(&rows, 0);
    return store_end(&rows);
}

/* The other system's own data do not fit: said with the first reason. */
static int bad_answer(struct web_call *call, const struct form_problems *problems)
{
    char zh[400], en[400];
    size_t i = 0;

    while (i + 1 < problems->count && problems->list[i].warning) i++;
    snprintf(zh, sizeof zh, "对方系统的数据不符合要求：%s（%s）", problems->list[i].zh, problems->list[i].field);
    snprintf(en, sizeof en, "What the other system has does not fit: %s (%s)", problems->list[i].en, problems->list[i].field);
    return error_set(&call->error, ERROR_INVALID, "bad_answer", zh, en);
}

static int prepare_item(struct fetching *fetching, struct slice document)
{
    struct web_call *call = fetching->call;
    struct doc_module *module = &service_of(call)->documents;
    struct form_problems *problems = arena_alloc(&call->arena, sizeof *problems);
    struct doc_save *save = &fetching->items[fetching->item_count].save;
    const char *number = json_member_text(json_tree(document.text, document.length, &call->arena, &call->error), "number", "");
    struct slice body;
    int64_t id;

    if (!problems) return error_internal(&call->error, "out of memory");
    if (!json_raw_member(document.text, document.length, "body", &call->arena, &body, &call->error))
        return call->error.code ? (int)call->error.code : error_unavailable(&call->error, "an answer without a body");
    if (existing(fetching, number, &id)) return (int)call->error.code;
    if (id && !fetching->form->single) return 0; /* known: what was granted does not change */
    if (id ? doc_prepare_save(module, reader_of(call), caller(call), id, -1, body.text, body.length, fetching->now, &call->arena, problems, save, &call->error)
           : doc_prepare_create(module, reader_of(call), caller(call), fetching->form->name, body.text, body.length, fetching->now, &call->arena, problems, save, &call->error))
        return problems->count ? bad_answer(call, problems) : (int)call->error.code;
    if (!id) save->licence_no = arena_text(&call->arena, number);
    fetching->item_count++;
    return 0;
}

static int prepare_items(struct fetching *fetching)
{
    struct web_call *call = fetching->call;
    struct json_reader reader;
    struct slice documents, document;

    fetching->items = arena_alloc(&call->arena, DOC_BATCH_MAXIMUM * sizeof *fetching->items);
    if (!fetching->items) return error_internal(&call->error, "out of memory");
    if (!json_raw_member(fetching->answer.text, fetching->answer.length, "documents", &call->arena, &documents, &call->error))
        return call->error.code ? (int)call->error.code : nothing_there(fetching);
    json_reader_init(&reader, documents.text, documents.length, &call->arena, &call->error);
    if (!json_enter(&reader, JSON_ARRAY)) return (int)call->error.code;
    while (json_next(&reader, NULL) && json_skip(&reader, &document))
        if (fetching->item_count < DOC_BATCH_MAXIMUM && prepare_item(fetching, document)) return (int)call->error.code;
    return json_failed(&reader) ? (int)call->error.code : 0;
}

static int write_run(struct store_connection *db, const struct fetching *fetching, const char *state, struct error *error)
{
    return store_execute(db, error, NULL,
        "INSERT INTO fetch_run (id, enterprise, form, user_name, state, count, requested, finished) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        STORE_VALUES(store_integer(random_id(fetching->now)), store_integer(principal_owner(caller(fetching->call))), store_string(fetching->form->name),
                     store_string(caller(fetching->call)->display_name), store_string(state), store_integer(fetching->written),
                     store_integer(fetching->now), store_integer(clock_now())));
}

static int fetch_work(void *connection, struct web_call *call, struct error *error)
{
    static const struct principal portal = {.kind = PRINCIPAL_SYSTEM, .display_name = "portal"};
    struct fetching *fetching = call->argument;
    struct form_problems *problems = arena_alloc(&call->arena, sizeof *problems);
    struct doc_act act = {.state = ""};

    if (!problems) return error_internal(error, "out of memory");
    fetching->written = 0;
    for (size_t i = 0; i < fetching->item_count; i++) {
        struct doc_save *save = &fetching->items[i].save;
        int code;
        if (doc_write_save(connection, save, error) ||
            doc_prepare_act(save->module, connection, &portal, save->id, -1, "fetched", "", save->now, &call->arena, problems, &act, error))
            return (int)error->code;
        code = doc_write_act(connection, &act, error);
        buffer_free(&act.body);
        if (code) return code;
        fetching->written++;
    }
    if (write_run(connection, fetching, "done", error)) return (int)error->code;
    json_object(&call->json);
    if (fetching->form->single && fetching->item_count) {
        json_put_id(&call->json, "id", fetching->items[0].save.id);
        json_put_string(&call->json, "state", act.state);
    }
    json_put_integer(&call->json, "count", fetching->written);
    json_object_end(&call->json);
    return 0;
}

static void fetch_done(struct web_call *call, int code)
{
    struct fetching *fetching = call->argument;

    (void)code;
    for (size_t i = 0; i < fetching->item_count; i++) buffer_free(&fetching->items[i].save.body);
}

static int failed_work(struct store_connection *db, void *argument, struct error *error) { return write_run(db, argument, "failed", error); }

static int fetch(struct web_call *call)
{
    struct fetching *fetching = arena_alloc(&call->arena, sizeof *fetching);
    struct error failed, ignored;

    if (!fetching) return error_internal(&call->error, "out of memory");
    fetching->call = call;
    fetching->now = clock_now();
    fetching->form = doc_form(&service_of(call)->documents, call->parameter[0], date_of_instant(fetching->now));
    fetching->fetch = fetching->form ? json_member(fetching->form->json, "fetch") : NULL;
    if (!fetching->fetch) return error_set(&call->error, ERROR_NOT_FOUND, "unknown_form", "没有这种单据。", "There is no such kind of document.");
    if (read_fields(fetching)) return (int)call->error.code;
    call->argument = fetching;
    if (ask(fetching) || prepare_items(fetching)) {
        fetch_done(call, 1);
        failed = call->error;
        store_write(service_of(call)->store, failed_work, fetching, &ignored); /* the history tells it, too */
        call->error = failed;
        return (int)failed.code;
    }
    call->work_done = fetch_done;
    return service_write(call, fetch_work, fetching);
}

/* ---- the history */

static int fetches(struct web_call *call)
{
    struct store_rows rows;

    if (store_query(reader_of(call), &rows, &call->error,
                    "SELECT id, form, user_name, state, count, requested, finished FROM fetch_run WHERE enterprise = $1 ORDER BY id DESC LIMIT $2",
                    STORE_VALUES(store_integer(principal_owner(caller(call))), store_integer(RUNS))))
        return (int)call->error.code;
    json_object(&call->json);
    json_name(&call->json, "items");
    json_array(&call->json);
    while (store_next(&rows)) {
        json_object(&call->json);
        json_put_id(&call->json, "id", store_column_integer(&rows, 0));
        json_put_string(&call->json, "form", store_column_text(&rows, 1, NULL));
        json_put_string(&call->json, "user_name", store_column_text(&rows, 2, NULL));
        json_put_string(&call->json, "state", store_column_text(&rows, 3, NULL));
        json_put_integer(&call->json, "count", store_column_integer(&rows, 4));
        json_put_integer(&call->json, "requested", store_column_integer(&rows, 5));
        json_put_integer(&call->json, "finished", store_column_integer(&rows, 6));
        json_object_end(&call->json);
    }
    json_array_end(&call->json);
    json_object_end(&call->json);
    return store_end(&rows);
}

#define APPLICANTS (PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON)

const struct web_route fetch_routes[] = {
    {"POST", "/fetch/:form", fetch, APPLICANTS, RIGHT_SUBMIT, 0, LANE_SLOW, 1024, {10, 60}},
    {"GET", "/fetches", fetches, APPLICANTS, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {0}};
