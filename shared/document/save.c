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

static int prepare(struct doc_save *save, struct store_connection *reader, const char *text, size_t length, struct arena *arena,
                   struct form_problems *problems, struct error *error)
{
    struct doc_sources sources;
    struct form_context context;
    struct form_body *body;
    int code;

    if (length > DOC_BODY_MAXIMUM) return error_set(error, ERROR_TOO_LARGE, "too_large", "单据内容太大。", "The document is too large.");
    if (form_read(save->form, text, length, false, arena, problems, &body, error)) return (int)error->code;
    pthread_rwlock_rdlock(&save->module->lock);
    doc_context(&sources, save->module, save->principal, save->form, reader, arena, date_of_instant(save->now), &context);
    doc_resolve_references(&sources, body, problems);
    code = save->create ? doc_need_filing(save->form, &context, error) : 0;
    if (!code) code = evaluate_and_write(save, body, &context, arena, problems, error);
    pthread_rwlock_unlock(&save->module->lock);
    if (code) buffer_free(&save->body);
    return code;
}

int doc_prepare_create(struct doc_module *module, struct store_connection *reader, const struct principal *principal,
                       const char *form_name, const char *body,
                       size_t length, int64_t now, struct arena *arena, struct form_problems *problems, struct doc_save *save,
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
    if (doc_may(edit, &save->before, principal, module->name, error)) return (int)error->code;
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
    doc_context(&sources, module, principal, save->form, NULL, arena, date_of_instant(now), &context);
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

static int insert_document(struct store_connection *db, struct doc_save *save, const char *state, struct error *error)
{
    const struct doc_columns *c = &save->columns;
    const struct principal *who = save->principal;
    const struct doc_row *row = &save->before;

    return store_execute(db, error, NULL,
        "INSERT INTO document (enterprise, id, form, form_version, version, creator, state, state_customs, state_withdraw, state_print, "
        "state_since, application_no, year, agency, trade_mode, country, goods, goods_name, goods_class, quantity, unit, amount, currency, "
        "amount_usd, valid_until, customs_port, consignor, contract_no, transport, enterprise_code, enterprise_name, created, updated, "
        "source, row_high, event_sequence, event_hash, licence_no, issued, batch) VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, "
        "$18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $10, $10, $31, $32, $33, $34, $35, $36, $37)",
        STORE_VALUES(store_integer(principal_owner(who)), store_integer(save->id), store_string(save->form->name),
                     store_integer(save->form->version), store_integer(who->user), store_string(state),
                     store_string(save->form->machines[MACHINE_CUSTOMS].present ? save->form->machines[MACHINE_CUSTOMS].initial : ""),
                     store_string(save->form->machines[MACHINE_WITHDRAW].present ? save->form->machines[MACHINE_WITHDRAW].initial : ""),
                     store_string(save->form->machines[MACHINE_PRINT].present ? save->form->machines[MACHINE_PRINT].initial : ""),
                     store_integer(save->now), store_string(save->application_no), doc_column(c, COLUMN_YEAR),
                     doc_column(c, COLUMN_AGENCY), doc_column(c, COLUMN_TRADE_MODE), doc_column(c, COLUMN_COUNTRY),
                     doc_column(c, COLUMN_GOODS), doc_column(c, COLUMN_GOODS_NAME), doc_column(c, COLUMN_GOODS_CLASS),
                     doc_column(c, COLUMN_QUANTITY), doc_column(c, COLUMN_UNIT), doc_column(c, COLUMN_AMOUNT),
                     doc_column(c, COLUMN_CURRENCY), doc_column(c, COLUMN_AMOUNT_USD), doc_column(c, COLUMN_VALID_UNTIL),
                     doc_column(c, COLUMN_CUSTOMS_PORT), doc_column(c, COLUMN_CONSIGNOR), doc_column(c, COLUMN_CONTRACT_NO),
                     doc_column(c, COLUMN_TRANSPORT), store_string(who->enterprise_code),
                     store_string(*who->enterprise_name ? who->enterprise_name : who->display_name), store_string(save->source),
                     store_integer(save->row_high), store_integer(row->event_sequence), store_string(row->event_hash), store_string(save->licence_no),
                     store_string(save->issued), doc_column(c, COLUMN_BATCH)));
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
        doc_total_add(db, row->enterprise, row->form, state, 1, error) || check_single(db, save, error) || (!*save->source && assign_application_no(db, save, error)) ||
        insert_document(db, save, state, error) || doc_write_lines(db, save->id, &save->columns, false, error))
        return (int)error->code;
    row->version = 1;
    return store_execute(db, error, NULL, "INSERT INTO document_body (document, body) VALUES ($1, $2)",
                         STORE_VALUES(store_integer(save->id), store_text(save->body.data, save->body.length)));
}

int doc_update_columns(struct store_connection *db, const struct doc_row *row, const struct doc_columns *c, struct error *error)
{
    if (doc_write_lines(db, row->id, c, true, error)) return (int)error->code;
    return store_execute(db, error, NULL,
        "UPDATE document SET year = $2, agency = $3, trade_mode = $4, country = $5, goods = $6, goods_name = $7, goods_class = $8, "
        "quantity = $9, unit = $10, amount = $11, currency = $12, amount_usd = $13, valid_until = $14, customs_port = $15, "
        "consignor = $16, contract_no = $17, transport = $18, updated = $19, version = $20, row_high = $21, event_sequence = $22, "
        "event_hash = $23, attachments = $24, form_version = $26, batch = $27 WHERE enterprise = $25 AND id = $1",
        STORE_VALUES(store_integer(row->id), doc_column(c, COLUMN_YEAR), doc_column(c, COLUMN_AGENCY), doc_column(c, COLUMN_TRADE_MODE),
                     doc_column(c, COLUMN_COUNTRY), doc_column(c, COLUMN_GOODS), doc_column(c, COLUMN_GOODS_NAME),
                     doc_column(c, COLUMN_GOODS_CLASS), doc_column(c, COLUMN_QUANTITY), doc_column(c, COLUMN_UNIT),
                     doc_column(c, COLUMN_AMOUNT), doc_column(c, COLUMN_CURRENCY), doc_column(c, COLUMN_AMOUNT_USD),
                     doc_column(c, COLUMN_VALID_UNTIL), doc_column(c, COLUMN_CUSTOMS_PORT), doc_column(c, COLUMN_CONSIGNOR),
                     doc_column(c, COLUMN_CONTRACT_NO), doc_column(c, COLUMN_TRANSPORT), store_integer(row->updated),
                     store_integer(row->version), store_integer(row->row_high), store_integer(row->event_sequence),
                     store_string(row->event_hash), store_integer(row->attachments), store_integer(row->enterprise),
                     store_integer(row->form_version), doc_column(c, COLUMN_BATCH)));
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
    if (doc_may(edit, &row, save->principal, save->module->name, error)) return (int)error->code;
    /* where rows stand was not looked at for a document without files: a first one that came meanwhile would be taken for an orphan */
    if (row.version != save->before.version || (row.attachments && !save->before.attachments)) return stale(error);
    event.from = event.to = row.state[MACHINE_MAIN];
    row.version++;
    row.form_version = save->form->version;
    row.updated = save->now;
    row.row_high = save->row_high;
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

int doc_prepare_copy(struct doc_module *module, struct store_connection *reader, const struct principal *principal, int64_t id,
                     int count, int64_t now, struct arena *arena, struct doc_copy *copy, struct error *error)
{
    struct doc_row row;
    struct slice body;
    struct buffer filled;
    struct form_problems *problems = arena_alloc(arena, sizeof *problems);
    int code;

    if (!problems) return error_internal(error, "out of memory");
    if (count < 1 || count > DOC_COPIES_MAXIMUM) {
        error_set(error, ERROR_INVALID, "copies", "复制数量为1至100。", "Copy 1 to 100 at once.");
        error_field(error, "count");
        return (int)error->code;
    }
    if (doc_read(reader, principal, module->name, id, false, arena, &row, error) || doc_read_body(reader, id, arena, &body, error))
        return (int)error->code;
    copy->count = count;
    for (int i = 0; i < count; i++) copy->ids[i] = random_id(now);
    buffer_init(&filled, DOC_BODY_MAXIMUM); /* an old or loaded document may lack what a new one starts with */
    code = doc_new_body(module, reader, principal, row.form, body.text, body.length, now, arena, &filled, error);
    if (!code) body = (struct slice){arena_copy(arena, buffer_string(&filled), filled.length), filled.length};
    buffer_free(&filled);
    return code ? code : doc_prepare_create(module, reader, principal, row.form, body.text, body.length, now, arena, problems, &copy->save, error);
}

int doc_write_copy(struct store_connection *db, struct doc_copy *copy, struct error *error)
{
    for (int i = 0; i < copy->count; i++) {
        copy->save.id = copy->ids[i];
        if (doc_write_save(db, &copy->save, error)) return (int)error->code;
    }
    return 0;
}
