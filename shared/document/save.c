/* Creating, saving, copying. The first half reads and evaluates; the second writes in one transaction. */
#include "document/internal.h"

#include "base/date.h"
#include "base/random.h"

#include <stdio.h>
#include <string.h>

/* ---- preparing */

static int unknown_form(struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "unknown_form", "没有这种单据。", "There is no such kind of document.");
}

static int need_right(const struct principal *principal, const char *module, unsigned right, struct error *error)
{
    if ((principal->kind == PRINCIPAL_ENTERPRISE || principal->kind == PRINCIPAL_PERSON) && principal_may(principal, module, right)) return 0;
    return error_set(error, ERROR_FORBIDDEN, "forbidden", "您没有办理此业务的权限，请与企业管理员联系。",
                     "You have no right to do this; ask your enterprise's administrator.");
}

static void collect_places(const struct form_block *block, const struct form_rows *rows, struct doc_save *save, struct arena *arena)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (block->rows && rows->rows[i].row_id > save->row_high) save->row_high = rows->rows[i].row_id;
        for (size_t b = 0; b < block->block_count; b++) collect_places(block->blocks[b], &rows->rows[i].children[b], save, arena);
        if (!block->rows || !save->before.attachments) continue;
        if (!save->places) save->places = arena_alloc(arena, FORM_ROWS * sizeof *save->places);
        if (save->places && save->place_count < FORM_ROWS)
            save->places[save->place_count++] = (struct doc_place){block->name, rows->rows[i].row_id};
    }
}

/* Rows that were there keep their ids; new ones get ids that no row of this document ever had. An id that the document never gave out
   is a sender's invention: such a row is new. */
static void forget_invented_ids(struct form_rows *rows, const struct form_block *block, int64_t high)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->rows[i].row_id > high) rows->rows[i].row_id = 0;
        for (size_t b = 0; b < block->block_count; b++) forget_invented_ids(&rows->rows[i].children[b], block->blocks[b], high);
    }
}

static void number_new_rows(struct form_rows *rows, const struct form_block *block, int64_t *high)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (block->rows && (rows->rows[i].row_id <= 0)) rows->rows[i].row_id = ++*high;
        for (size_t b = 0; b < block->block_count; b++) number_new_rows(&rows->rows[i].children[b], block->blocks[b], high);
    }
}

static int evaluate_and_write(struct doc_save *save, struct form_body *body, struct form_context *context, struct arena *arena,
                              struct form_problems *problems, struct error *error)
{
    struct json_writer json;
    const struct form *form = save->form;

    form_evaluate(body, context, FORM_SAVE, problems);
    if (doc_problems_error(problems, error)) return (int)error->code;
    save->row_high = save->before.row_high;
    for (size_t i = 0; i < form->top_count; i++) forget_invented_ids(&body->top[i], form->top[i], save->row_high);
    for (size_t i = 0; i < form->top_count; i++) collect_places(form->top[i], &body->top[i], save, arena);
    for (size_t i = 0; i < form->top_count; i++) number_new_rows(&body->top[i], form->top[i], &save->row_high);
    buffer_init(&save->body, DOC_BODY_MAXIMUM);
    json_writer_init(&json, &save->body);
    form_write(body, &json, NULL, context->today);
    if (save->body.failed) return error_set(error, ERROR_TOO_LARGE, "too_large", "单据内容太大，请减少行数。", "The document is too large; use fewer rows.");
    digest_sha256(save->body.data, save->body.length, save->body_hash);
    doc_columns_of(body, arena, &save->columns);
    return 0;
}

/* ---- what the portal sets once */

static struct form_value set_value(const struct doc_save *save, const struct form_field *field)
{
    for (size_t i = 0; i < sizeof save->set / sizeof *save->set && save->set[i].field; i++)
        if (!strcmp(save->set[i].field, field->name)) return (struct form_value){.kind = VALUE_TEXT, .text = {save->set[i].text, strlen(save->set[i].text)}};
    return field->fallback;
}

/* Fields that are kept: in a new document what a copying action sets, or the default; afterwards what is stored. */
static int keep(struct doc_save *save, struct store_connection *reader, struct form_body *body, struct arena *arena, struct error *error)
{
    struct form_problems *ignored;
    struct form_body *stored = NULL;
    const struct form *form;
    struct slice text;

    for (size_t i = 0; i < save->form->top_count; i++) {
        const struct form_block *block = save->form->top[i];
        for (size_t f = 0; f < block->field_count; f++) {
            const struct form_field *field = &block->fields[f], *before;
            if (!field->kept) continue;
            if (!save->create && !stored) {
                if (!(ignored = arena_alloc(arena, sizeof *ignored))) return error_internal(error, "out of memory");
                if (!(form = doc_form_of(save->module, &save->before, error)) || doc_read_body(reader, save->id, arena, &text, error) ||
                    form_read(form, text.text, text.length, true, arena, ignored, &stored, error))
                    return (int)error->code;
            }
            before = stored ? form_field_find(stored->form, field->name) : NULL;
            body->top[i].rows[0].values[field->slot] = before ? form_body_value(stored, before->block, before->slot) : set_value(save, field);
        }
    }
    return 0;
}

static int prepare(struct doc_save *save, struct store_connection *reader, const char *text, size_t length, struct arena *arena,
                   struct form_problems *problems, struct error *error)
{
    struct doc_sources sources;
    struct form_context context;
    struct form_body *body;
    int code;

    if (length > DOC_BODY_MAXIMUM) return error_set(error, ERROR_TOO_LARGE, "too_large", "单据内容太大。", "The document is too large.");
    if (form_read(save->form, text, length, false, arena, problems, &body, error) || keep(save, reader, body, arena, error)) return (int)error->code;
    pthread_rwlock_rdlock(&save->module->lock);
    doc_context(&sources, save->module, save->principal, save->create ? principal_owner(save->principal) : save->before.enterprise, save->form, reader, arena, date_of_instant(save->now), &context);
    doc_resolve_references(&sources, body, problems);
    code = save->create ? doc_need_filing(save->form, &context, error) : 0;
    if (!code) code = evaluate_and_write(save, body, &context, arena, problems, error);
    pthread_rwlock_unlock(&save->module->lock);
    if (code) buffer_free(&save->body);
    return code;
}

static int begin_create(struct doc_save *save, struct doc_module *module, const struct principal *principal, const char *form_name, int64_t now,
                        struct error *error)
{
    memset(save, 0, sizeof *save);
    save->module = module;
    save->principal = principal;
    save->now = now;
    save->create = true;
    save->source = save->licence_no = save->issued = "";
    if (need_right(principal, module->name, RIGHT_EDIT, error)) return (int)error->code;
    if (!(save->form = doc_form(module, form_name, date_of_instant(now)))) return unknown_form(error);
    save->id = random_id(now);
    return 0;
}

int doc_prepare_create(struct doc_module *module, struct store_connection *reader, const struct principal *principal,
                       const char *form_name, const char *body,
                       size_t length, int64_t now, struct arena *arena, struct form_problems *problems, struct doc_save *save,
                       struct error *error)
{
    if (begin_create(save, module, principal, form_name, now, error)) return (int)error->code;
    return prepare(save, reader, body, length, arena, problems, error);
}

static int stale(struct error *error)
{
    return error_set(error, ERROR_STALE, "stale_version", "该单据已被修改，请刷新后再试。您的输入仍保留在页面上。",
                     "The document has changed meanwhile; reload it. What you typed is still on your page.");
}

int doc_prepare_save(struct doc_module *module, struct store_connection *reader, const struct principal *principal, int64_t id,
                     int64_t expected, const char *body, size_t length, int64_t now, struct arena *arena,
                     struct form_problems *problems, struct doc_save *save, struct error *error)
{
    const struct form_action *edit;

    memset(save, 0, sizeof *save);
    save->module = module;
    save->principal = principal;
    save->now = now;
    save->id = id;
    save->expected = expected;
    if (doc_read(reader, principal, module->name, id, false, arena, &save->before, error)) return (int)error->code;
    if (!(save->form = doc_form_of(module, &save->before, error))) return (int)error->code;
    if (!(edit = form_action_find(save->form, "edit"))) return unknown_form(error);
    if (doc_may(edit, &save->before, principal, module, error)) return (int)error->code;
    if (expected >= 0 && expected != save->before.version) return stale(error);
    save->form = doc_newest(module, save->form, date_of_instant(now));
    return prepare(save, reader, body, length, arena, problems, error);
}

int doc_prepare_loaded(struct doc_module *module, const struct principal *principal, const char *form_name,
                       const struct slice columns[COLUMN_COUNT], const char *licence_no, const char *issued, const char *source,
                       int64_t now, struct arena *arena, struct doc_save *save, struct error *error)
{
    struct doc_sources sources;
    struct form_context context;
    struct form_body *body;
    struct json_writer json;

    memset(save, 0, sizeof *save);
    *save = (struct doc_save){.module = module, .principal = principal, .now = now, .create = true, .source = source,
                              .licence_no = licence_no, .issued = issued, .id = random_id(now)};
    if (need_right(principal, module->name, RIGHT_EDIT, error)) return (int)error->code;
    if (!(save->form = doc_form(module, form_name, date_of_instant(now)))) return unknown_form(error);
    if (!(body = form_body_new(save->form, arena))) return error_internal(error, "out of memory");
    for (int i = 0; i < COLUMN_COUNT; i++)
        if (!form_set_column(body, (enum form_column)i, columns[i])) {
            error_set(error, ERROR_INVALID, "bad_value", "值的格式不对。", "A value is not of the right form.");
            error_field(error, form_column_names[i]);
            return (int)error->code;
        }
    form_number_rows(body);
    pthread_rwlock_rdlock(&module->lock);
    doc_context(&sources, module, principal, principal_owner(principal), save->form, NULL, arena, date_of_instant(now), &context);
    doc_columns_of(body, arena, &save->columns);
    form_evaluate(body, &context, FORM_NEVER, NULL);
    buffer_init(&save->body, DOC_BODY_MAXIMUM);
    json_writer_init(&json, &save->body);
    form_write(body, &json, NULL, context.today);
    pthread_rwlock_unlock(&module->lock);
    digest_sha256(save->body.data, save->body.length, save->body_hash);
    return 0;
}

/* ---- writing */

/* The bound columns stand in both statements in the order of form_column_names, and after them what lists show. Written once. */
static char insert_sql[1400], update_sql[1200];
enum { INSERT_FIXED = 20, UPDATE_FIXED = 9 };

static void write_statements(void)
{
    size_t insert = (size_t)snprintf(insert_sql, sizeof insert_sql,
        "INSERT INTO document (enterprise, id, form, form_version, creator, state, state_customs, state_withdraw, state_print, state_since, "
        "application_no, enterprise_code, enterprise_name, created, updated, source, row_high, event_sequence, event_hash, licence_no, issued, version");
    size_t update = (size_t)snprintf(update_sql, sizeof update_sql,
        "UPDATE document SET updated = $3, version = $4, row_high = $5, event_sequence = $6, event_hash = $7, attachments = $8, form_version = $9");

    for (int i = 0; i <= COLUMN_COUNT; i++) {
        const char *name = i < COLUMN_COUNT ? form_column_names[i] : "shown";
        insert += (size_t)snprintf(insert_sql + insert, sizeof insert_sql - insert, ", %s", name);
        update += (size_t)snprintf(update_sql + update, sizeof update_sql - update, ", %s = $%d", name, UPDATE_FIXED + 1 + i);
    }
    insert += (size_t)snprintf(insert_sql + insert, sizeof insert_sql - insert,
                               ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $15, $16, $17, $18, $19, $20, 1");
    for (int i = 0; i <= COLUMN_COUNT; i++) insert += (size_t)snprintf(insert_sql + insert, sizeof insert_sql - insert, ", $%d", INSERT_FIXED + 1 + i);
    snprintf(insert_sql + insert, sizeof insert_sql - insert, ")");
    snprintf(update_sql + update, sizeof update_sql - update, " WHERE enterprise = $1 AND id = $2");
}

static void bound_values(const struct doc_columns *columns, struct store_value *values)
{
    for (int i = 0; i < COLUMN_COUNT; i++) values[i] = doc_column(columns, (enum form_column)i);
    values[COLUMN_COUNT] = store_text(columns->shown.text ? columns->shown.text : "", columns->shown.length);
}

static pthread_once_t statements_written = PTHREAD_ONCE_INIT;

static const char *initial_state(const struct form *form, enum form_machine machine)
{
    return form->machines[machine].present ? form->machines[machine].initial : "";
}

static int insert_document(struct store_connection *db, struct doc_save *save, const char *state, struct error *error)
{
    const struct principal *who = save->principal;
    const struct doc_row *row = &save->before;
    struct store_value values[INSERT_FIXED + COLUMN_COUNT + 1] = {
        store_integer(principal_owner(who)), store_integer(save->id), store_string(save->form->name), store_integer(save->form->version),
        store_integer(who->user), store_string(state), store_string(initial_state(save->form, MACHINE_CUSTOMS)),
        store_string(initial_state(save->form, MACHINE_WITHDRAW)), store_string(initial_state(save->form, MACHINE_PRINT)),
        store_integer(save->now), store_string(save->application_no), store_string(who->enterprise_code),
        store_string(*who->enterprise_name ? who->enterprise_name : who->display_name), store_integer(save->now), store_string(save->source),
        store_integer(save->row_high), store_integer(row->event_sequence), store_string(row->event_hash), store_string(save->licence_no),
        store_string(save->issued)};

    pthread_once(&statements_written, write_statements);
    bound_values(&save->columns, values + INSERT_FIXED);
    return store_execute(db, error, NULL, insert_sql, values, sizeof values / sizeof *values);
}

static int assign_application_no(struct store_connection *db, struct doc_save *save, struct error *error)
{
    int year, month, day;

    date_parts(date_of_instant(save->now), &year, &month, &day);
    for (size_t i = 0; i < save->form->number_count; i++)
        if (!strcmp(save->form->numbers[i].column, "application_no"))
            return doc_number(db, save->module, save->form, &save->form->numbers[i], &save->before, year, save->now, save->application_no,
                              sizeof save->application_no, error);
    return 0;
}

/* A form of which an owner has one only. The owner's total, which creating changes first, is what two at once wait for. */
static int check_single(struct store_connection *db, const struct doc_save *save, struct error *error)
{
    struct store_rows rows;
    bool there;

    if (!save->form->single) return 0;
    if (store_query(db, &rows, error, "SELECT 1 FROM document WHERE enterprise = $1 AND form = $2 LIMIT 1",
                    STORE_VALUES(store_integer(principal_owner(save->principal)), store_string(save->form->name))))
        return (int)error->code;
    there = store_next(&rows);
    if (store_end(&rows)) return (int)error->code;
    return there ? error_set(error, ERROR_CONFLICT, "single", "已有该备案，请打开原备案修改。", "This is filed already; open what is there and change it.") : 0;
}

/* A column whose value no two documents of an owner share. Like a single form, the owner's total is what two at once wait for. */
static int check_unique(struct store_connection *db, const struct doc_save *save, struct error *error)
{
    const struct form *form = save->form;
    struct store_rows rows;
    const struct form_block *block = form->unique.column >= 0 ? form->columns[form->unique.column].block : NULL;
    char sql[160], field[96];
    bool there;

    if (!block || save->columns.value[form->unique.column].kind == VALUE_ABSENT) return 0;
    snprintf(sql, sizeof sql, "SELECT 1 FROM document WHERE enterprise = $1 AND form = $2 AND %s = $3 AND id <> $4 LIMIT 1", form_column_names[form->unique.column]);
    if (store_query(db, &rows, error, sql, STORE_VALUES(store_integer(principal_owner(save->principal)), store_string(form->name),
                                                        doc_column(&save->columns, (enum form_column)form->unique.column), store_integer(save->id))))
        return (int)error->code;
    there = store_next(&rows);
    if (store_end(&rows)) return (int)error->code;
    if (!there) return 0;
    error_set(error, ERROR_CONFLICT, form->unique.id, form->unique.message.zh, form->unique.message.en);
    snprintf(field, sizeof field, "%s/%s", block->name, block->slots[form->columns[form->unique.column].slot]);
    error_field(error, field);
    return (int)error->code;
}

static int write_create(struct store_connection *db, struct doc_save *save, struct error *error)
{
    const char *state = *save->source ? DOC_STATE_LOADED : save->form->machines[MACHINE_MAIN].initial;
    struct doc_event event = {"create", "", state, "", save->body_hash};
    struct doc_row *row = &save->before;

    memset(row, 0, sizeof *row); /* the work may run again */
    row->id = save->id;
    row->enterprise = principal_owner(save->principal);
    snprintf(row->form, sizeof row->form, "%s", save->form->name);
    snprintf(row->enterprise_code, sizeof row->enterprise_code, "%s", save->principal->enterprise_code);
    if (doc_event_append(db, row, save->principal, save->now, &event, error) ||
        doc_total_add(db, row->enterprise, row->form, state, 1, error) || check_single(db, save, error) || check_unique(db, save, error) ||
        (!*save->source && assign_application_no(db, save, error)) ||
        insert_document(db, save, state, error) || doc_write_lines(db, save->id, &save->columns, false, error))
        return (int)error->code;
    row->version = 1;
    return store_execute(db, error, NULL, "INSERT INTO document_body (document, body) VALUES ($1, $2)",
                         STORE_VALUES(store_integer(save->id), store_text(save->body.data, save->body.length)));
}

int doc_update_columns(struct store_connection *db, const struct doc_row *row, const struct doc_columns *c, struct error *error)
{
    struct store_value values[UPDATE_FIXED + COLUMN_COUNT + 1] = {
        store_integer(row->enterprise), store_integer(row->id), store_integer(row->updated), store_integer(row->version),
        store_integer(row->row_high), store_integer(row->event_sequence), store_string(row->event_hash), store_integer(row->attachments),
        store_integer(row->form_version)};

    if (doc_write_lines(db, row->id, c, true, error)) return (int)error->code;
    pthread_once(&statements_written, write_statements);
    bound_values(c, values + UPDATE_FIXED);
    return store_execute(db, error, NULL, update_sql, values, sizeof values / sizeof *values);
}

static bool has_place(const struct doc_save *save, const char *block, int64_t row_id)
{
    if (!*block) return true;
    for (size_t i = 0; i < save->place_count; i++)
        if (save->places[i].row_id == row_id && !strcmp(save->places[i].block, block)) return true;
    return false;
}

/* Attachments of rows that are gone go with them. */
static int drop_orphans(struct store_connection *db, struct doc_save *save, struct doc_row *row, struct error *error)
{
    struct store_rows rows;
    int64_t orphans[DOC_ATTACHMENTS];
    size_t count = 0;

    if (!row->attachments) return 0;
    if (store_query(db, &rows, error, "SELECT id, block, row_id FROM attachment WHERE document = $1", STORE_VALUES(store_integer(row->id))))
        return (int)error->code;
    while (store_next(&rows))
        if (count < DOC_ATTACHMENTS && !has_place(save, store_column_text(&rows, 1, NULL), store_column_integer(&rows, 2)))
            orphans[count++] = store_column_integer(&rows, 0);
    if (store_end(&rows)) return (int)error->code;
    for (size_t i = 0; i < count; i++)
        if (store_execute(db, error, NULL, "DELETE FROM attachment WHERE id = $1", STORE_VALUES(store_integer(orphans[i])))) return (int)error->code;
    row->attachments -= (int64_t)count;
    return 0;
}

static int write_again(struct store_connection *db, struct doc_save *save, struct error *error)
{
    struct doc_event event = {"edit", "", "", "", save->body_hash};
    const struct form_action *edit = form_action_find(save->form, "edit");
    struct doc_row row;
    struct arena arena;
    int code;

    arena_init(&arena, 0);
    code = doc_read(db, save->principal, save->module->name, save->id, true, &arena, &row, error);
    arena_free(&arena);
    if (code) return code;
    row.enterprise_name = NULL;
    if (doc_may(edit, &row, save->principal, save->module, error)) return (int)error->code;
    /* where rows stand was not looked at for a document without files: a first one that came meanwhile would be taken for an orphan */
    if (row.version != save->before.version || (row.attachments && !save->before.attachments)) return stale(error);
    event.from = event.to = row.state[MACHINE_MAIN];
    row.version++;
    row.form_version = save->form->version;
    row.updated = save->now;
    row.row_high = save->row_high;
    if (save->form->unique.column >= 0 && doc_total_add(db, row.enterprise, row.form, row.state[MACHINE_MAIN], 0, error)) return (int)error->code;
    if (check_unique(db, save, error)) return (int)error->code;
    if (drop_orphans(db, save, &row, error) || doc_event_append(db, &row, save->principal, save->now, &event, error) ||
        doc_update_columns(db, &row, &save->columns, error))
        return (int)error->code;
    return store_execute(db, error, NULL, "UPDATE document_body SET body = $2 WHERE document = $1",
                         STORE_VALUES(store_integer(save->id), store_text(save->body.data, save->body.length)));
}

int doc_write_save(struct store_connection *db, struct doc_save *save, struct error *error)
{
    return save->create ? write_create(db, save, error) : write_again(db, save, error);
}

/* ---- copying */

/* What the action sets in the copy: {"field": {"text": ...} or {"column": "id" | "licence_no"}}. */
static void take_set(struct doc_save *save, const struct form_action *action, const struct doc_row *row, struct arena *arena)
{
    const struct json *set = json_member(action->json, "set");
    size_t count = 0;

    JSON_EACH(member, set) {
        const char *column = json_member_text(member, "column", NULL);
        const char *text = !column ? json_member_text(member, "text", "") : !strcmp(column, "id") ? arena_printf(arena, "%lld", (long long)row->id)
                                                                                                  : arena_text(arena, row->licence_no);
        if (text && count < sizeof save->set / sizeof *save->set) save->set[count++] = (struct doc_set){member->name, text};
    }
}

/* The body that the copies start with: an old or loaded document may lack what a new one starts with. */
static int copied_body(struct doc_module *module, struct store_connection *reader, const struct principal *principal, const struct doc_row *row, int64_t now,
                       struct arena *arena, struct slice *body, struct error *error)
{
    struct buffer filled;
    int code;

    if (doc_read_body(reader, row->id, arena, body, error)) return (int)error->code;
    buffer_init(&filled, DOC_BODY_MAXIMUM);
    code = doc_new_body(module, reader, principal, row->form, body->text, body->length, now, arena, &filled, error);
    if (!code) *body = (struct slice){arena_copy(arena, buffer_string(&filled), filled.length), filled.length};
    buffer_free(&filled);
    return code;
}

int doc_prepare_copy(struct doc_module *module, struct store_connection *reader, const struct principal *principal, int64_t id,
                     const char *action_name, int count, int64_t now, struct arena *arena, struct doc_copy *copy, struct error *error)
{
    struct form_problems *problems = arena_alloc(arena, sizeof *problems);
    const struct form_action *action;
    const struct form *form;
    struct doc_row row;
    struct slice body;

    if (!problems) return error_internal(error, "out of memory");
    if (count < 1 || count > DOC_COPIES_MAXIMUM) {
        error_set(error, ERROR_INVALID, "copies", "复制数量为1至100。", "Copy 1 to 100 at once.");
        error_field(error, "count");
        return (int)error->code;
    }
    if (doc_read(reader, principal, module->name, id, false, arena, &row, error) || !(form = doc_form_of(module, &row, error))) return (int)error->code;
    action = form_action_find(form, action_name);
    if (!action || action->kind != ACTION_COPY) return error_set(error, ERROR_NOT_FOUND, "unknown_action", "没有这种操作。", "There is no such action.");
    if (!*row.source && doc_may(action, &row, principal, module, error)) return (int)error->code;
    if (copied_body(module, reader, principal, &row, now, arena, &body, error) || begin_create(&copy->save, module, principal, row.form, now, error))
        return (int)error->code;
    copy->count = count;
    for (int i = 0; i < count; i++) copy->ids[i] = random_id(now);
    take_set(&copy->save, action, &row, arena);
    return prepare(&copy->save, reader, body.text, body.length, arena, problems, error);
}

int doc_write_copy(struct store_connection *db, struct doc_copy *copy, struct error *error)
{
    for (int i = 0; i < copy->count; i++) {
        copy->save.id = copy->ids[i];
        if (doc_write_save(db, &copy->save, error)) return (int)error->code;
    }
    return 0;
}
