#include "document/internal.h"
#include "document/job.h"

#include "base/clock.h"
#include "base/json_tree.h"
#include "base/log.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEASE_MILLISECONDS 30000
#define ISSUED_BYTES (32u << 20) /* a print with the pictures of its rows */
#define ISSUES_AT_ONCE 4

/* ---- batches */

void doc_prepare_batch(struct store_connection *reader, const struct doc_batch *batch, struct arena *arena, struct doc_batch_item *items)
{
    struct form_problems *problems = arena_alloc(arena, sizeof *problems);

    for (size_t i = 0; i < batch->count; i++) {
        struct doc_batch_item *item = &items[i];
        memset(item, 0, sizeof *item);
        item->id = batch->ids[i];
        if (!problems) continue;
        problems->count = problems->errors = 0;
        item->ready = !doc_prepare_act(batch->module, reader, batch->principal, item->id, -1, batch->action, batch->opinion, batch->now, arena,
                                       problems, &item->act, &item->error);
        if (item->ready && !item->act.action->batch && batch->count > 1) {
            item->ready = false;
            error_set(&item->error, ERROR_CONFLICT, "not_in_batch", "该操作不能批量办理。", "This cannot be done in a batch.");
        }
        for (size_t k = 0; item->error.code == ERROR_INVALID && k < problems->count; k++)
            if (!problems->list[k].warning) { /* the first of what is missing says more than "invalid" */
                snprintf(item->error.zh, sizeof item->error.zh, "%s", problems->list[k].zh);
                snprintf(item->error.en, sizeof item->error.en, "%s", problems->list[k].en);
                break;
            }
    }
}

bool doc_only_refused(const struct error *error)
{
    return error->code != ERROR_UNAVAILABLE && error->code != ERROR_INTERNAL;
}

static int write_item(struct store_connection *db, struct doc_batch_item *item, struct error *error)
{
    if (store_execute(db, error, NULL, "SAVEPOINT item", STORE_NO_VALUES)) return (int)error->code;
    error_clear(&item->error);
    if (item->act.action->kind == ACTION_DELETE) doc_write_delete(db, &item->act, &item->error);
    else doc_write_act(db, &item->act, &item->error);
    item->ok = !item->error.code;
    if (!item->ok && !doc_only_refused(&item->error)) {
        *error = item->error;
        return (int)error->code;
    }
    if (!item->ok && store_execute(db, error, NULL, "ROLLBACK TO SAVEPOINT item", STORE_NO_VALUES)) return (int)error->code;
    return store_execute(db, error, NULL, "RELEASE SAVEPOINT item", STORE_NO_VALUES);
}

int doc_write_batch(struct store_connection *db, const struct doc_batch *batch, struct doc_batch_item *items, struct error *error)
{
    for (size_t i = 0; i < batch->count; i++)
        if (items[i].ready && write_item(db, &items[i], error)) return (int)error->code;
    return 0;
}

void doc_batch_results(const struct doc_batch *batch, const struct doc_batch_item *items, struct json_writer *json)
{
    json_object(json);
    json_name(json, "results");
    json_array(json);
    for (size_t i = 0; i < batch->count; i++) {
        json_object(json);
        json_put_id(json, "id", items[i].id);
        json_put_boolean(json, "ok", items[i].ok);
        json_put_string(json, "state", items[i].ok ? items[i].act.state : items[i].act.row.state[MACHINE_MAIN]);
        if (!items[i].ok) json_put_words(json, "message", items[i].error.zh, items[i].error.en);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

void doc_batch_free(struct doc_batch_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) buffer_free(&items[i].act.body);
}

/* ---- storing jobs */

static void write_principal(const struct principal *p, struct buffer *out)
{
    struct json_writer json;

    json_writer_init(&json, out);
    json_object(&json);
    json_put_integer(&json, "kind", (int64_t)p->kind);
    json_put_id(&json, "user", p->user);
    json_put_id(&json, "enterprise", p->enterprise);
    json_put_string(&json, "user_name", p->user_name);
    json_put_string(&json, "display_name", p->display_name);
    if (p->api_key) {
        json_put_id(&json, "api_key", p->api_key);
        json_put_string(&json, "person", p->person);
    }
    json_put_string(&json, "enterprise_code", p->enterprise_code);
    json_put_string(&json, "organisation_code", p->organisation_code);
    json_put_string(&json, "uscc", p->uscc);
    json_put_string(&json, "enterprise_name", p->enterprise_name);
    json_put_string(&json, "agency", p->agency);
    json_name(&json, "grants");
    json_array(&json);
    for (int i = 0; i < p->grant_count; i++) {
        json_object(&json);
        json_put_string(&json, "module", p->grants[i].module);
        json_put_integer(&json, "rights", p->grants[i].rights);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_object_end(&json);
}

static int64_t id_member(const struct json *json, const char *name)
{
    return strtoll(json_member_text(json, name, "0"), NULL, 10);
}

#define TEXT_MEMBER(target, name) snprintf(target, sizeof target, "%s", json_member_text(json, name, ""))

static void read_principal(const char *text, size_t length, struct arena *arena, struct principal *p)
{
    struct error error;
    const struct json *json = json_tree(text, length, arena, &error);

    memset(p, 0, sizeof *p);
    p->kind = (enum principal_kind)json_member_integer(json, "kind", 0);
    p->user = id_member(json, "user");
    p->enterprise = id_member(json, "enterprise");
    TEXT_MEMBER(p->user_name, "user_name");
    TEXT_MEMBER(p->display_name, "display_name");
    p->api_key = id_member(json, "api_key");
    TEXT_MEMBER(p->person, "person");
    TEXT_MEMBER(p->enterprise_code, "enterprise_code");
    TEXT_MEMBER(p->organisation_code, "organisation_code");
    TEXT_MEMBER(p->uscc, "uscc");
    TEXT_MEMBER(p->enterprise_name, "enterprise_name");
    TEXT_MEMBER(p->agency, "agency");
    JSON_EACH(grant, json_member(json, "grants")) {
        if (p->grant_count == PRINCIPAL_GRANTS) break;
        snprintf(p->grants[p->grant_count].module, sizeof p->grants[0].module, "%s", json_member_text(grant, "module", ""));
        p->grants[p->grant_count++].rights = (unsigned)json_member_integer(grant, "rights", 0);
    }
}

int doc_job_insert(struct store_connection *db, int64_t job, const char *kind, const struct principal *principal, const char *action,
                   const char *opinion, int64_t now, size_t count, struct error *error)
{
    struct buffer text;

    buffer_init(&text, 16384);
    write_principal(principal, &text);
    store_execute(db, error, NULL,
        "INSERT INTO job (id, kind, owner, principal, action, opinion, created, total) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        STORE_VALUES(store_integer(job), store_string(kind), store_integer(principal->user), store_string(buffer_string(&text)),
                     store_string(action), store_string(opinion), store_integer(now), store_integer((int64_t)count)));
    buffer_free(&text);
    return (int)error->code;
}

int doc_write_job(struct store_connection *db, struct doc_batch *batch, struct error *error)
{
    batch->job = random_id(batch->now);
    doc_job_insert(db, batch->job, "batch", batch->principal, batch->action, batch->opinion, batch->now, batch->count, error);
    for (size_t i = 0; !error->code && i < batch->count; i++)
        store_execute(db, error, NULL, "INSERT INTO job_item (job, item, document) VALUES ($1, $2, $3)",
                      STORE_VALUES(store_integer(batch->job), store_integer((int64_t)i), store_integer(batch->ids[i])));
    return (int)error->code;
}

int doc_job_add_issue(struct store_connection *db, int64_t document, int64_t now, int64_t *job, struct error *error)
{
    *job = random_id(now);
    if (store_execute(db, error, NULL,
                      "INSERT INTO job (id, kind, owner, principal, action, opinion, created, total) VALUES ($1, 'issue', 0, '{}', 'issued', '', $2, 1)",
                      STORE_VALUES(store_integer(*job), store_integer(now))))
        return (int)error->code;
    return store_execute(db, error, NULL, "INSERT INTO job_item (job, item, document) VALUES ($1, 0, $2)",
                         STORE_VALUES(store_integer(*job), store_integer(document)));
}

/* One item's result; of an import also which file it was (in bulk: which document) and what is wrong with it. `import`: the name's name, or NULL. */
static void write_result(struct store_rows *rows, const char *import, struct json_writer *json)
{
    size_t length;
    bool ok = store_column_integer(rows, 1) != 0;

    json_object(json);
    json_put_id(json, "id", store_column_integer(rows, 0));
    json_put_boolean(json, "ok", ok);
    json_put_string(json, "state", store_column_text(rows, 2, NULL));
    if (!ok) json_put_words(json, "message", store_column_text(rows, 3, NULL), store_column_text(rows, 4, NULL));
    if (import) {
        const char *problems = store_column_text(rows, 6, &length);
        json_put_string(json, import, store_column_text(rows, 5, NULL));
        json_put_raw(json, "problems", problems, length);
        json_put_string(json, "application_no", store_is_null(rows, 7) ? "" : store_column_text(rows, 7, NULL));
    }
    json_object_end(json);
}

static int write_results(struct store_connection *db, int64_t id, const char *import, struct json_writer *json, struct error *error)
{
    struct store_rows rows;

    if (store_query(db, &rows, error,
                    import ? "SELECT i.document, i.ok, i.state, i.zh, i.en, i.name, i.problems, d.application_no FROM job_item i "
                             "LEFT JOIN document d ON d.id = i.document WHERE i.job = $1 AND i.ok IS NOT NULL ORDER BY i.item"
                           : "SELECT document, ok, state, zh, en FROM job_item WHERE job = $1 AND ok IS NOT NULL ORDER BY item",
                    STORE_VALUES(store_integer(id))))
        return (int)error->code;
    json_name(json, "results");
    json_array(json);
    while (store_next(&rows)) write_result(&rows, import, json);
    json_array_end(json);
    return store_end(&rows);
}

/* Of an import: how many files have been read; some of them still wait for what comes after. */
static int write_read_count(struct store_connection *db, int64_t id, int64_t known, struct json_writer *json, struct error *error)
{
    struct store_rows rows;

    if (known < 0) {
        if (store_query(db, &rows, error, "SELECT count(*) FROM import_file WHERE job = $1 AND phase > 0", STORE_VALUES(store_integer(id)))) return (int)error->code;
        known = store_next(&rows) ? store_column_integer(&rows, 0) : 0;
        if (store_end(&rows)) return (int)error->code;
    }
    json_put_integer(json, "read", known);
    return 0;
}

int doc_job_write(struct store_connection *db, const struct principal *principal, int64_t id, struct json_writer *json, struct error *error)
{
    struct store_rows rows;
    int64_t done = 0, total = 0;
    bool found, finished = false;
    const char *import = NULL;

    if (store_query(db, &rows, error, "SELECT done, total, finished, kind FROM job WHERE id = $1 AND owner = $2",
                    STORE_VALUES(store_integer(id), store_integer(principal->user))))
        return (int)error->code;
    if ((found = store_next(&rows))) {
        done = store_column_integer(&rows, 0);
        total = store_column_integer(&rows, 1);
        finished = !store_is_null(&rows, 2);
        const char *kind = store_column_text(&rows, 3, NULL);
        import = !strcmp(kind, "bulk") ? "row" : !strcmp(kind, "import") ? "file" : NULL;
    }
    if (store_end(&rows)) return (int)error->code;
    if (!found) return doc_not_found(error);
    json_object(json);
    json_put_string(json, "state", finished ? "done" : done ? "running" : "waiting");
    json_put_integer(json, "done", done);
    json_put_integer(json, "total", total);
    if (import && write_read_count(db, id, finished ? total : -1, json, error)) return (int)error->code;
    if (write_results(db, id, import, json, error)) return (int)error->code;
    json_object_end(json);
    return 0;
}

/* ---- working */

struct step {
    struct doc_module *module;
    struct store_connection *reader;
    struct arena arena;
    int64_t now, lease, job;
    char kind[16];
    char *action, *opinion;
    struct principal principal;
    int64_t ids[DOC_BATCH_AT_ONCE], numbers[DOC_BATCH_AT_ONCE];
    size_t count;
    struct doc_batch batch;
    struct doc_batch_item *items;
    struct doc_import_step *import;
    struct buffer print;
    char print_name[48], print_hash[72];
    bool ready;
};

/* Takes the oldest open job that nobody holds; behind a licence only further licences. */
static int claim_one(struct store_connection *db, struct step *step, bool issue, struct error *error)
{
    struct store_rows rows;

    step->job = 0;
    if (store_query(db, &rows, error,
                    issue ? "UPDATE job SET lease = $1 WHERE id = (SELECT id FROM job WHERE finished IS NULL AND lease < $2 AND kind = 'issue' "
                            "ORDER BY id LIMIT 1 {for update} {skip locked}) RETURNING id, kind, action, opinion, principal"
                          : "UPDATE job SET lease = $1 WHERE id = (SELECT id FROM job WHERE finished IS NULL AND lease < $2 ORDER BY id LIMIT 1 "
                            "{for update} {skip locked}) RETURNING id, kind, action, opinion, principal",
                    STORE_VALUES(store_integer(step->lease), store_integer(step->lease - LEASE_MILLISECONDS))))
        return (int)error->code;
    if (store_next(&rows)) {
        size_t length;
        const char *principal;
        step->job = store_column_integer(&rows, 0);
        snprintf(step->kind, sizeof step->kind, "%s", store_column_text(&rows, 1, NULL));
        step->action = arena_text(&step->arena, store_column_text(&rows, 2, NULL));
        step->opinion = arena_text(&step->arena, store_column_text(&rows, 3, NULL));
        principal = store_column_text(&rows, 4, &length);
        read_principal(principal, length, &step->arena, &step->principal);
    }
    return store_end(&rows);
}

static bool is_issue(const struct step *step) { return !strcmp(step->kind, "issue"); }
static bool is_bulk(const char *kind) { return !strcmp(kind, "bulk"); }
static bool is_import(const struct step *step) { return !strcmp(step->kind, "import") || is_bulk(step->kind); }

struct steps { /* licences are made several at a time: one commit to take them, one to hand them over */
    struct step *step[ISSUES_AT_ONCE];
    int count;
};

static int claim_jobs(struct store_connection *db, void *argument, struct error *error)
{
    struct steps *steps = argument;

    for (steps->count = 0; steps->count < ISSUES_AT_ONCE; steps->count++) {
        struct step *step = steps->step[steps->count];
        if (claim_one(db, step, steps->count > 0, error)) return (int)error->code;
        if (!step->job) break;
        if (!is_issue(step)) {
            steps->count++;
            break;
        }
    }
    return 0;
}

static int load_items(struct step *step, struct error *error)
{
    struct store_rows rows;

    if (store_query(step->reader, &rows, error, "SELECT item, document FROM job_item WHERE job = $1 AND ok IS NULL ORDER BY item LIMIT $2",
                    STORE_VALUES(store_integer(step->job), store_integer(DOC_BATCH_AT_ONCE))))
        return (int)error->code;
    while (store_next(&rows) && step->count < DOC_BATCH_AT_ONCE) {
        step->numbers[step->count] = store_column_integer(&rows, 0);
        step->ids[step->count++] = store_column_integer(&rows, 1);
    }
    return store_end(&rows);
}

static int store_results(struct store_connection *db, struct step *step, struct error *error)
{
    for (size_t i = 0; i < step->count; i++) {
        const struct doc_batch_item *item = &step->items[i];
        if (store_execute(db, error, NULL, "UPDATE job_item SET ok = $3, state = $4, zh = $5, en = $6 WHERE job = $1 AND item = $2 AND ok IS NULL",
                          STORE_VALUES(store_integer(step->job), store_integer(step->numbers[i]), store_integer(item->ok),
                                       store_string(item->ok ? item->act.state : item->act.row.state[MACHINE_MAIN]),
                                       store_string(item->ok ? "" : item->error.zh), store_string(item->ok ? "" : item->error.en))))
            return (int)error->code;
    }
    return 0;
}

int doc_job_advance(struct store_connection *db, int64_t job, int64_t now, struct error *error)
{
    return store_execute(db, error, NULL,
        "UPDATE job SET done = (SELECT count(*) FROM job_item WHERE job = $1 AND ok IS NOT NULL), lease = 0, "
        "finished = CASE WHEN EXISTS (SELECT 1 FROM job_item WHERE job = $1 AND ok IS NULL) THEN NULL ELSE CAST($2 AS BIGINT) END WHERE id = $1",
        STORE_VALUES(store_integer(job), store_integer(now)));
}

static int store_print(struct store_connection *db, struct step *step, struct error *error)
{
    if (!step->print.length) return 0;
    return store_execute(db, error, NULL,
        "INSERT INTO issued_document (document, print, created, sha256, bytes) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (document, print) DO UPDATE SET created = $3, sha256 = $4, bytes = $5",
        STORE_VALUES(store_integer(step->ids[0]), store_string(step->print_name), store_integer(step->now), store_string(step->print_hash),
                     store_bytes(step->print.data, step->print.length)));
}

/* The lease is looked at again under the lock: a worker that was stopped for long does nothing twice. */
static int write_step(struct store_connection *db, void *argument, struct error *error)
{
    struct step *step = argument;
    struct store_rows rows;
    bool held;

    if (store_query(db, &rows, error, "SELECT lease FROM job WHERE id = $1 AND finished IS NULL {for update}", STORE_VALUES(store_integer(step->job))))
        return (int)error->code;
    held = store_next(&rows) && store_column_integer(&rows, 0) == step->lease;
    if (store_end(&rows)) return (int)error->code;
    if (!held) return 0;
    if (step->import ? doc_import_write(db, step->import, error)
                     : store_print(db, step, error) || doc_write_batch(db, &step->batch, step->items, error) || store_results(db, step, error))
        return (int)error->code;
    return doc_job_advance(db, step->job, step->now, error);
}

/* The print that the action which started this job issues. */
static const char *print_of(const struct doc_module *module, const struct doc_row *row, struct error *error)
{
    const struct form *form = doc_form_of(module, row, error);

    for (size_t i = 0; form && i < form->action_count; i++)
        for (size_t k = 0; k < form->actions[i].effect_count; k++)
            if (form->actions[i].effects[k].kind == EFFECT_ISSUE) return form->actions[i].effects[k].name;
    return NULL;
}

static int make_print(struct step *step, const struct doc_makers *makers, struct error *error)
{
    struct doc_row row;
    const char *name;

    if (strcmp(step->kind, "issue") || !step->count) return 0;
    if (doc_read(step->reader, &step->principal, step->module->name, step->ids[0], false, &step->arena, &row, error)) return (int)error->code;
    if (!(name = print_of(step->module, &row, error))) return error_internal(error, "job %lld: nothing to issue", (long long)step->job);
    snprintf(step->print_name, sizeof step->print_name, "%s", name);
    if (makers->print(step->module, step->reader, step->ids[0], name, &step->arena, &step->print, error)) return (int)error->code;
    digest_sha256(step->print.data, step->print.length, step->print_hash);
    return 0;
}

/* Everything but the writing. */
static int prepare(struct step *step, const struct doc_makers *makers, struct error *error)
{
    static const struct principal portal = {.kind = PRINCIPAL_SYSTEM, .display_name = "portal"};

    if (is_import(step)) {
        step->import = doc_import_prepare(step->module, step->reader, step->job, &step->principal, step->action, !strcmp(step->opinion, "submit"),
                                          step->now, is_bulk(step->kind) ? makers->read_body : makers->read, &step->arena, error);
        step->ready = step->import != NULL;
        return (int)error->code;
    }
    if (is_issue(step)) step->principal = portal;
    if (load_items(step, error)) return (int)error->code;
    step->items = arena_alloc(&step->arena, (step->count + 1) * sizeof *step->items);
    if (!step->items) return error_internal(error, "out of memory");
    if (make_print(step, makers, error)) return (int)error->code;
    step->batch = (struct doc_batch){.module = step->module, .principal = &step->principal, .action = step->action, .opinion = step->opinion,
                                     .now = step->now, .ids = step->ids, .count = step->count};
    doc_prepare_batch(step->reader, &step->batch, &step->arena, step->items);
    if (is_issue(step))
        for (size_t i = 0; i < step->count; i++) /* the portal's own action is in no list, so "batch" says nothing about it */
            step->items[i].ready = step->items[i].act.action && (step->items[i].ready || !strcmp(step->items[i].error.name, "not_in_batch"));
    step->ready = true;
    return 0;
}

static int write_steps(struct store_connection *db, void *argument, struct error *error)
{
    struct steps *steps = argument;

    for (int i = 0; i < steps->count; i++)
        if (steps->step[i]->ready && write_step(db, steps->step[i], error)) return (int)error->code;
    return 0;
}

/* What fails keeps its lease until that runs out, and is tried again. One that cannot be written does not keep the others back. */
static void work(struct steps *steps, const struct doc_makers *makers, struct error *error)
{
    struct store *store = steps->step[0]->module->store;
    struct error own;

    for (int i = 0; i < steps->count; i++) {
        error_clear(&own);
        if (prepare(steps->step[i], makers, &own)) *error = own;
    }
    error_clear(&own);
    if (!store_write(store, write_steps, steps, &own)) return;
    for (int i = 0; i < steps->count; i++) {
        error_clear(&own);
        if (steps->step[i]->ready && store_write(store, write_step, steps->step[i], &own)) *error = own;
    }
}

static bool steps_make(struct steps *steps, struct doc_module *module, struct store_connection *reader, struct arena *arena)
{
    for (int i = 0; i < ISSUES_AT_ONCE; i++) {
        struct step *step = arena_alloc(arena, sizeof *step);
        if (!step) return false;
        step->module = module;
        step->reader = reader;
        step->now = clock_now();
        step->lease = clock_lease() + LEASE_MILLISECONDS;
        arena_init(&step->arena, 256u << 20);
        buffer_init(&step->print, ISSUED_BYTES);
        steps->step[i] = step;
    }
    return true;
}

/* Looking costs no lock; taking does. */
static int any_waits(struct store_connection *reader, bool *waits, struct error *error)
{
    struct store_rows rows;

    *waits = false;
    if (store_query(reader, &rows, error, "SELECT 1 FROM job WHERE finished IS NULL AND lease < $1 LIMIT 1", STORE_VALUES(store_integer(clock_lease()))))
        return (int)error->code;
    *waits = store_next(&rows);
    return store_end(&rows);
}

int doc_job_step(struct doc_module *module, struct store_connection *reader, const struct doc_makers *makers, bool *worked, struct error *error)
{
    struct steps steps = {.count = 0};
    struct arena arena;
    bool waits;

    arena_init(&arena, 0);
    *worked = false;
    error_clear(error);
    if (any_waits(reader, &waits, error) || !waits) return (int)error->code;
    if (!steps_make(&steps, module, reader, &arena)) {
        error_internal(error, "out of memory");
    } else if (!store_write(module->store, claim_jobs, &steps, error) && steps.count) {
        *worked = true;
        work(&steps, makers, error);
    }
    for (int i = 0; i < steps.count; i++) {
        if (steps.step[i]->items) doc_batch_free(steps.step[i]->items, steps.step[i]->count);
        doc_import_free(steps.step[i]->import);
        buffer_free(&steps.step[i]->print);
        arena_free(&steps.step[i]->arena);
    }
    arena_free(&arena);
    return (int)error->code;
}

int doc_issued_read(struct store_connection *db, int64_t document, const char *print, struct arena *arena, const char **bytes, size_t *length,
                    struct error *error)
{
    struct store_rows rows;

    *bytes = NULL;
    if (store_query(db, &rows, error, "SELECT bytes FROM issued_document WHERE document = $1 AND print = $2",
                    STORE_VALUES(store_integer(document), store_string(print))))
        return (int)error->code;
    if (store_next(&rows)) {
        const void *found = store_column_bytes(&rows, 0, length);
        *bytes = arena_copy(arena, found, *length);
    }
    if (store_end(&rows)) return (int)error->code;
    return *bytes ? 0 : error_set(error, ERROR_CONFLICT, "not_made", "电子许可证正在生成，请稍后再试。", "The electronic licence is being made; try again shortly.");
}
