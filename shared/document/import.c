#include "document/import.h"

#include "base/json_tree.h"
#include "base/random.h"
#include "document/attachment.h"
#include "document/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MILLISECONDS (24 * 3600 * INT64_C(1000))
#define PROBLEMS_BYTES ((size_t)256 << 10)

enum { PHASE_READ, PHASE_ATTACH, PHASE_SUBMIT, PHASE_DONE };

/* ---- storing */

int doc_write_import(struct store_connection *db, struct doc_import *import, struct error *error)
{
    import->job = random_id(import->now);
    doc_job_insert(db, import->job, import->bodies ? "bulk" : "import", import->principal, import->form, import->submit ? "submit" : "", import->now, import->count, error);
    for (size_t i = 0; !error->code && i < import->count; i++) {
        const struct doc_file_in *file = &import->files[i];
        if (!store_execute(db, error, NULL, "INSERT INTO job_item (job, item, document, name) VALUES ($1, $2, 0, $3)",
                           STORE_VALUES(store_integer(import->job), store_integer((int64_t)i), store_string(file->name))))
            store_execute(db, error, NULL, "INSERT INTO import_file (job, item, phase, bytes) VALUES ($1, $2, 0, $3)",
                          STORE_VALUES(store_integer(import->job), store_integer((int64_t)i), store_bytes(file->bytes, file->length)));
    }
    return (int)error->code;
}

struct sweep { int64_t before; };

static int delete_old(struct store_connection *db, void *argument, struct error *error)
{
    const struct sweep *sweep = argument;

    return store_execute(db, error, NULL, "DELETE FROM import_file WHERE job IN (SELECT import_file.job FROM import_file JOIN job ON job.id = import_file.job WHERE job.finished < $1)",
                         STORE_VALUES(store_integer(sweep->before)));
}

int doc_import_sweep(struct doc_module *module, struct store_connection *reader, int64_t now, struct error *error)
{
    struct sweep sweep = {now - DAY_MILLISECONDS};
    struct store_rows rows;
    bool some;

    error_clear(error);
    if (store_query(reader, &rows, error, "SELECT 1 FROM import_file f JOIN job j ON j.id = f.job WHERE j.finished < $1 LIMIT 1",
                    STORE_VALUES(store_integer(sweep.before))))
        return (int)error->code;
    some = store_next(&rows);
    if (store_end(&rows) || !some) return (int)error->code;
    return store_write(module->store, delete_old, &sweep, error);
}

/* ---- references */

static bool state_listed(const struct form_field *reference, const char *state)
{
    const struct json *states = json_member(reference->json, "states");

    JSON_EACH(item, states)
        if (!strcmp(item->text.text, state)) return true;
    return !states;
}

static bool is_column(const char *name)
{
    for (int i = 0; i < COLUMN_COUNT; i++)
        if (!strcmp(form_column_names[i], name)) return true;
    return false;
}

int doc_find_reference(struct store_connection *reader, const struct principal *principal, const struct form_field *reference,
                       const struct doc_column_text *columns, size_t count, int64_t *id, struct error *error)
{
    char sql[1024];
    struct store_value values[10] = {store_integer(principal_owner(principal)), store_string(reference->ref_form)};
    size_t used = (size_t)snprintf(sql, sizeof sql, "SELECT id, state FROM document WHERE enterprise = $1 AND form = $2");
    struct store_rows rows;

    *id = 0;
    for (size_t i = 0; i < count && i < 8; i++) {
        if (!is_column(columns[i].column)) return error_internal(error, "no column %s", columns[i].column);
        values[2 + i] = store_text(columns[i].text.text ? columns[i].text.text : "", columns[i].text.length);
        used += (size_t)snprintf(sql + used, sizeof sql - used, " AND %s = $%zu", columns[i].column, 3 + i);
    }
    snprintf(sql + used, sizeof sql - used, " ORDER BY id DESC");
    if (store_query(reader, &rows, error, sql, values, 2 + (count < 8 ? count : 8))) return (int)error->code;
    while (!*id && store_next(&rows))
        if (state_listed(reference, store_column_text(&rows, 1, NULL))) *id = store_column_integer(&rows, 0);
    return store_end(&rows);
}

/* ---- one step */

struct item {
    int64_t number, document;
    const char *bytes, *key; /* the key of an earlier phase */
    size_t length;
    int phase;               /* the next */
    bool ok;                 /* when `phase` is PHASE_DONE */
    struct doc_incoming in;
    struct doc_attach attach;
    struct doc_act act;
    bool acts, attaches;
    struct error refused;
    char state[32];
};

struct doc_import_step {
    struct doc_module *module;
    struct store_connection *reader;
    const struct principal *principal;
    const char *form;
    doc_read_file *read;
    struct arena *arena;
    int64_t job, now;
    int phase;
    bool submit;
    struct item items[DOC_IMPORT_STEP];
    size_t count;
};

/* The files that are furthest behind. */
static int load(struct doc_import_step *step, struct error *error)
{
    struct store_rows rows;

    if (store_query(step->reader, &rows, error,
                    "SELECT i.item, i.document, f.phase, f.message_key, f.bytes FROM job_item i JOIN import_file f ON f.job = i.job AND f.item = i.item "
                    "WHERE i.job = $1 AND i.ok IS NULL ORDER BY f.phase, i.item LIMIT $2",
                    STORE_VALUES(store_integer(step->job), store_integer(DOC_IMPORT_STEP))))
        return (int)error->code;
    while (store_next(&rows) && step->count < DOC_IMPORT_STEP) {
        int phase = (int)store_column_integer(&rows, 2);
        struct item *item = &step->items[step->count];
        if (!step->count) step->phase = phase;
        if (phase != step->phase) continue;
        item->number = store_column_integer(&rows, 0);
        item->document = store_column_integer(&rows, 1);
        item->key = arena_text(step->arena, store_column_text(&rows, 3, NULL));
        const void *bytes = store_column_bytes(&rows, 4, &item->length);
        if (!(item->bytes = arena_copy(step->arena, bytes, item->length))) break;
        buffer_init(&item->in.problems, PROBLEMS_BYTES);
        step->count++;
    }
    return store_end(&rows);
}

static int read_file(struct doc_import_step *step, struct item *item, struct error *error)
{
    return step->read(step->module, step->reader, step->principal, step->form, step->submit, item->bytes, item->length, step->now, step->arena,
                              &item->in, error);
}

static int find_document(struct doc_import_step *step, struct item *item, struct error *error)
{
    struct store_rows rows;

    if (store_query(step->reader, &rows, error,
                    "SELECT i.document FROM job_item i JOIN import_file f ON f.job = i.job AND f.item = i.item "
                    "WHERE i.job = $1 AND f.message_key = $2 AND i.document <> 0 ORDER BY i.item LIMIT 1",
                    STORE_VALUES(store_integer(step->job), store_string(item->key))))
        return (int)error->code;
    item->document = store_next(&rows) ? store_column_integer(&rows, 0) : 0;
    return store_end(&rows);
}

/* The id of a row by its place; 0 = there is none. */
static int find_row(struct doc_import_step *step, const struct item *item, int64_t *row_id, struct error *error)
{
    struct slice body;
    const struct json *block;
    int place = 0;

    *row_id = 0;
    if (doc_read_body(step->reader, item->document, step->arena, &body, error)) return (int)error->code;
    block = json_member(json_tree(body.text, body.length, step->arena, error), item->in.block);
    JSON_EACH(row, json_member(block, "rows") ? json_member(block, "rows") : block)
        if (row->kind == JSON_OBJECT && ++place == item->in.place) *row_id = json_member_integer(row, "row_id", 0);
    return (int)error->code;
}

static int attach(struct doc_import_step *step, struct item *item, struct error *error)
{
    const char *block = item->in.block ? item->in.block : "";
    int64_t row_id = 0;

    if (*block && find_row(step, item, &row_id, error)) return (int)error->code;
    if (*block && !row_id) {
        error_set(&item->refused, ERROR_INVALID, "no_row", "单据中没有附件名所指的那一行。", "The document has no row of the place that the attachment's name says.");
        error_field(&item->refused, block);
        return 0;
    }
    item->attaches = !doc_prepare_attach(step->module, step->reader, step->principal, item->document, item->in.type, block, row_id, item->in.file_name, item->in.bytes,
                                         item->in.length, step->now, step->arena, &item->attach, &item->refused);
    return 0;
}

static int prepare_attach(struct doc_import_step *step, struct item *item, struct error *error)
{
    if (read_file(step, item, error) || find_document(step, item, error)) return (int)error->code;
    if (item->document) return attach(step, item, error);
    error_set(&item->refused, ERROR_INVALID, "no_document", "同一次导入中没有它所属的单据，或该单据未能导入。", "Its document is not in this import, or could not be imported.");
    error_field(&item->refused, "");
    return 0;
}

/* What the applicant does to hand a complete document in. */
static const struct form_action *submission(const struct form *form)
{
    for (size_t i = 0; form && i < form->action_count; i++)
        if (form->actions[i].complete && form->actions[i].by == ACTOR_APPLICANT) return &form->actions[i];
    return NULL;
}

static int prepare_submit(struct doc_import_step *step, struct item *item, struct error *error)
{
    struct form_problems *problems = arena_alloc(step->arena, sizeof *problems);
    const struct form_action *action;
    struct doc_row row;

    if (!problems) return error_internal(error, "out of memory");
    if (doc_read(step->reader, step->principal, step->module->name, item->document, false, step->arena, &row, &item->refused)) return 0;
    if (!(action = submission(doc_form_of(step->module, &row, error)))) return error->code ? (int)error->code : error_internal(error, "%s: nothing submits it", row.form);
    snprintf(item->state, sizeof item->state, "%s", row.state[MACHINE_MAIN]);
    item->acts = !doc_prepare_act(step->module, step->reader, step->principal, item->document, -1, action->name, "", step->now, step->arena, problems, &item->act,
                                  &item->refused);
    for (size_t i = 0; item->refused.code == ERROR_INVALID && i < problems->count; i++)
        if (!problems->list[i].warning) { /* the first of what is missing says more than "invalid" */
            error_set(&item->refused, ERROR_INVALID, problems->list[i].rule, problems->list[i].zh, problems->list[i].en);
            error_field(&item->refused, problems->list[i].field);
            break;
        }
    return 0;
}

struct doc_import_step *doc_import_prepare(struct doc_module *module, struct store_connection *reader, int64_t job, const struct principal *principal,
                                           const char *form, bool submit, int64_t now, doc_read_file *read, struct arena *arena,
                                           struct error *error)
{
    struct doc_import_step *step = arena_alloc(arena, sizeof *step);
    int code;

    if (!step) {
        error_internal(error, "out of memory");
        return NULL;
    }
    *step = (struct doc_import_step){.module = module, .reader = reader, .principal = principal, .form = form, .read = read, .arena = arena,
                                     .job = job, .now = now, .submit = submit};
    code = load(step, error);
    for (size_t i = 0; !code && i < step->count; i++)
        code = step->phase == PHASE_READ ? read_file(step, &step->items[i], error)
             : step->phase == PHASE_ATTACH ? prepare_attach(step, &step->items[i], error) : prepare_submit(step, &step->items[i], error);
    if (!code) return step;
    doc_import_free(step);
    return NULL;
}

void doc_import_free(struct doc_import_step *step)
{
    for (size_t i = 0; step && i < step->count; i++) {
        buffer_free(&step->items[i].in.save.body);
        buffer_free(&step->items[i].in.problems);
        buffer_free(&step->items[i].act.body);
    }
}

/* ---- writing */

/* Whatever the phase wants done; where it goes on. Work may run again. */
static void do_item(struct store_connection *db, struct doc_import_step *step, struct item *item, struct error *refused)
{
    item->phase = PHASE_DONE;
    item->ok = true;
    if (step->phase == PHASE_READ && item->in.kind == INCOMING_FILE) {
        item->phase = PHASE_ATTACH;
    } else if (step->phase == PHASE_READ && item->in.kind == INCOMING_DOCUMENT) {
        if (doc_write_save(db, &item->in.save, refused)) return;
        item->document = item->in.save.id;
        snprintf(item->state, sizeof item->state, "%s", item->in.save.form->machines[MACHINE_MAIN].initial);
        if (step->submit && item->in.complete) item->phase = PHASE_SUBMIT;
    } else if (step->phase == PHASE_READ) {
        item->ok = false;
    } else if (item->attaches) {
        doc_write_attach(db, &item->attach, refused);
    } else if (item->acts) {
        if (!doc_write_act(db, &item->act, refused)) snprintf(item->state, sizeof item->state, "%s", item->act.state);
    } else {
        *refused = item->refused;
    }
}

static void add_refusal(struct buffer *problems, const struct error *refused, bool warning)
{
    struct json_writer json;

    buffer_reset(problems);
    json_writer_init(&json, problems);
    json_array(&json);
    json_object(&json);
    json_put_integer(&json, "line", 0);
    json_put_string(&json, "element", "");
    json_put_string(&json, "field", refused->field);
    json_put_string(&json, "rule", refused->name);
    json_put_words(&json, "message", refused->zh, refused->en);
    json_put_string(&json, "level", warning ? "warning" : "error");
    json_object_end(&json);
    json_array_end(&json);
}

static int store_item(struct store_connection *db, const struct doc_import_step *step, struct item *item, const struct error *refused, struct error *error)
{
    bool done = item->phase == PHASE_DONE;
    const char *zh = item->ok ? "" : refused->code ? refused->zh : "有错误，未导入。", *en = item->ok ? "" : refused->code ? refused->en : "It has errors and was not imported.";
    const char *key = item->in.key && *item->in.key ? item->in.key : item->key;

    if (store_execute(db, error, NULL,
                      "UPDATE job_item SET document = $3, ok = $4, state = $5, zh = $6, en = $7, problems = $8 WHERE job = $1 AND item = $2 AND ok IS NULL",
                      STORE_VALUES(store_integer(step->job), store_integer(item->number), store_integer(item->document),
                                   done ? store_integer(item->ok) : store_null(), store_string(item->state), store_string(zh), store_string(en),
                                   store_string(item->in.problems.length ? buffer_string(&item->in.problems) : "[]"))))
        return (int)error->code;
    return store_execute(db, error, NULL, "UPDATE import_file SET phase = $3, message_key = $4 WHERE job = $1 AND item = $2",
                         STORE_VALUES(store_integer(step->job), store_integer(item->number), store_integer(item->phase), store_string(key)));
}

/* What is refused is undone by its savepoint and told; a document that cannot be submitted yet is in all the same. */
static int write_item(struct store_connection *db, struct doc_import_step *step, struct item *item, struct error *error)
{
    struct error refused;

    if (store_execute(db, error, NULL, "SAVEPOINT item", STORE_NO_VALUES)) return (int)error->code;
    error_clear(&refused);
    do_item(db, step, item, &refused);
    if (refused.code && !doc_only_refused(&refused)) {
        *error = refused;
        return (int)error->code;
    }
    if (refused.code) {
        if (store_execute(db, error, NULL, "ROLLBACK TO SAVEPOINT item", STORE_NO_VALUES)) return (int)error->code;
        item->ok = step->phase == PHASE_SUBMIT;
        if (step->phase != PHASE_SUBMIT) item->document = 0;
        add_refusal(&item->in.problems, &refused, item->ok);
    }
    return store_execute(db, error, NULL, "RELEASE SAVEPOINT item", STORE_NO_VALUES) ? (int)error->code : store_item(db, step, item, &refused, error);
}

int doc_import_write(struct store_connection *db, struct doc_import_step *step, struct error *error)
{
    for (size_t i = 0; i < step->count; i++)
        if (write_item(db, step, &step->items[i], error)) return (int)error->code;
    return 0;
}
