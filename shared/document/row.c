#include "document/internal.h"

#include <stdio.h>
#include <string.h>

static const char row_columns[] =
    "enterprise, id, form, form_version, version, creator, state, state_withdraw, state_customs, state_print, state_since, "
    "application_no, form_no, licence_no, year, agency, enterprise_code, enterprise_name, quantity, unit, country, goods, "
    "amount_usd, valid_until, applied, issued, claimed_by, check_code, source, row_high, attachments, event_sequence, event_hash, kind, "
    "registration_no";

#define COPY(target, column) snprintf(target, sizeof target, "%s", store_column_text(rows, column, NULL))

static void read_row(struct store_rows *rows, struct arena *arena, struct doc_row *row)
{
    memset(row, 0, sizeof *row);
    row->enterprise = store_column_integer(rows, 0);
    row->id = store_column_integer(rows, 1);
    COPY(row->form, 2);
    row->form_version = store_column_integer(rows, 3);
    row->version = store_column_integer(rows, 4);
    row->creator = store_column_integer(rows, 5);
    for (int i = 0; i < MACHINE_COUNT; i++) COPY(row->state[i], 6 + i);
    row->state_since = store_column_integer(rows, 10);
    COPY(row->application_no, 11);
    COPY(row->form_no, 12);
    COPY(row->licence_no, 13);
    row->year = store_column_integer(rows, 14);
    COPY(row->agency, 15);
    COPY(row->enterprise_code, 16);
    row->enterprise_name = arena_text(arena, store_column_text(rows, 17, NULL));
    row->has_quantity = !store_is_null(rows, 18);
    row->quantity = store_column_integer(rows, 18);
    COPY(row->unit, 19);
    COPY(row->country, 20);
    COPY(row->goods, 21);
    row->has_amount_usd = !store_is_null(rows, 22);
    row->amount_usd = store_column_integer(rows, 22);
    COPY(row->valid_until, 23);
    COPY(row->applied, 24);
    COPY(row->issued, 25);
    row->claimed_by = store_column_integer(rows, 26);
    COPY(row->check_code, 27);
    COPY(row->source, 28);
    row->row_high = store_column_integer(rows, 29);
    row->attachments = store_column_integer(rows, 30);
    row->event_sequence = store_column_integer(rows, 31);
    COPY(row->event_hash, 32);
    COPY(row->kind, 33);
    COPY(row->registration_no, 34);
}

/* An officer sees what was ever submitted to the own agency; owners see what is theirs; the portal sees all. */
static bool may_see(const struct principal *principal, const char *module, const struct doc_row *row)
{
    switch (principal->kind) {
    case PRINCIPAL_SYSTEM: case PRINCIPAL_PARTNER: return true;
    case PRINCIPAL_ENTERPRISE: case PRINCIPAL_PERSON:
        return row->enterprise == principal_owner(principal) && principal_may(principal, module, RIGHT_VIEW);
    case PRINCIPAL_OFFICER:
        return !strcmp(row->agency, principal->agency) && row->applied[0] && principal_may(principal, module, RIGHT_VIEW);
    default: return false;
    }
}

int doc_not_found(struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "not_found", "没有找到该单据，可能已被删除。", "There is no such document; it may have been deleted.");
}

int doc_read(struct store_connection *db, const struct principal *principal, const char *module, int64_t id, bool lock,
             struct arena *arena, struct doc_row *row, struct error *error)
{
    static char plain[1024], locking[1024]; /* the same text at every call: made once, below */
    struct store_rows rows;
    bool found;

    if (!locking[0]) {
        snprintf(plain, sizeof plain, "SELECT %s FROM document WHERE id = $1", row_columns);
        snprintf(locking, sizeof locking, "SELECT %s FROM document WHERE id = $1 {for update}", row_columns);
    }
    if (store_query(db, &rows, error, lock ? locking : plain, STORE_VALUES(store_integer(id)))) return (int)error->code;
    if ((found = store_next(&rows))) read_row(&rows, arena, row);
    if (store_end(&rows)) return (int)error->code;
    if (found && may_see(principal, module, row)) return 0;
    memset(row, 0, sizeof *row); /* batches tell the state of what they could not do: never that of somebody else's */
    return doc_not_found(error);
}

int doc_read_body(struct store_connection *db, int64_t id, struct arena *arena, struct slice *body, struct error *error)
{
    struct store_rows rows;
    const char *text;
    size_t length = 0;

    *body = (struct slice){NULL, 0};
    if (store_query(db, &rows, error, "SELECT body FROM document_body WHERE document = $1", STORE_VALUES(store_integer(id))))
        return (int)error->code;
    if (store_next(&rows)) {
        text = store_column_text(&rows, 0, &length);
        body->text = arena_copy(arena, text, length);
        body->length = length;
    }
    if (store_end(&rows)) return (int)error->code;
    return body->text ? 0 : doc_not_found(error);
}

/* ---- lists */

enum column_kind { KIND_TEXT, KIND_NUMBER, KIND_DECIMAL, KIND_JSON };

/* What a row can hold. The first ones are in every row: what it takes to open and to act on a document. */
static const struct { const char *name; enum column_kind kind; } list_columns[DOC_LIST_COLUMNS] = {
    {"version", KIND_NUMBER}, {"form", KIND_TEXT}, {"state", KIND_TEXT}, {"state_withdraw", KIND_TEXT}, {"state_customs", KIND_TEXT},
    {"state_print", KIND_TEXT}, {"application_no", KIND_TEXT}, {"licence_no", KIND_TEXT}, {"source", KIND_TEXT},
    {"form_no", KIND_TEXT}, {"year", KIND_NUMBER}, {"goods", KIND_TEXT}, {"goods_name", KIND_TEXT}, {"quantity", KIND_DECIMAL},
    {"unit", KIND_TEXT}, {"amount", KIND_DECIMAL}, {"currency", KIND_TEXT}, {"amount_usd", KIND_DECIMAL}, {"country", KIND_TEXT},
    {"trade_mode", KIND_TEXT}, {"agency", KIND_TEXT}, {"enterprise_code", KIND_TEXT}, {"enterprise_name", KIND_TEXT},
    {"consignor", KIND_TEXT}, {"contract_no", KIND_TEXT}, {"customs_port", KIND_TEXT}, {"applied", KIND_TEXT}, {"issued", KIND_TEXT},
    {"valid_until", KIND_TEXT}, {"created", KIND_NUMBER}, {"updated", KIND_NUMBER}, {"batch", KIND_TEXT}, {"kind", KIND_TEXT},
    {"reference_no", KIND_TEXT}, {"name", KIND_TEXT}, {"name_en", KIND_TEXT}, {"person", KIND_TEXT}, {"registration_no", KIND_TEXT}, {"prints", KIND_NUMBER},
    {"shown", KIND_JSON}};
enum { ALWAYS = 9 };

static bool is_named(const struct json *columns, const char *name)
{
    JSON_EACH(column, columns)
        if (!strcmp(json_member_text(column, "column", ""), name) || (!strcmp(name, "shown") && json_member_true(column, "shown"))) return true;
    return false;
}

void doc_shape_make(const struct json *columns, bool officer, struct doc_shape *shape)
{
    size_t length;

    *shape = (struct doc_shape){.officer = officer};
    for (int i = 0; i < DOC_LIST_COLUMNS; i++)
        if (i < ALWAYS || !columns || is_named(columns, list_columns[i].name)) shape->column[shape->count++] = (unsigned char)i;
    length = (size_t)snprintf(shape->select, sizeof shape->select, "id");
    for (int i = 0; i < shape->count; i++)
        length += (size_t)snprintf(shape->select + length, sizeof shape->select - length, ", %s", list_columns[shape->column[i]].name);
    if (officer) snprintf(shape->select + length, sizeof shape->select - length, ", state_since, claimed_by, claimed_name");
}

static void write_column(struct store_rows *rows, int at, int column, struct json_writer *json)
{
    const char *name = list_columns[column].name, *text;
    size_t length;

    if (list_columns[column].kind == KIND_DECIMAL) {
        if (!store_is_null(rows, at)) json_put_decimal(json, name, store_column_integer(rows, at), 0);
    } else if (list_columns[column].kind == KIND_NUMBER) {
        json_put_integer(json, name, store_column_integer(rows, at));
    } else {
        text = store_column_slice(rows, at, &length);
        if (!length) return;
        if (list_columns[column].kind == KIND_JSON) json_put_raw(json, name, text, length); /* as it was written when the document was saved */
        else json_put_text(json, name, text, length);
    }
}

void doc_write_list_row(struct store_rows *rows, const struct doc_shape *shape, const struct principal *principal, int64_t now,
                        struct json_writer *json)
{
    int after = shape->count + 1;

    json_object(json);
    json_put_id(json, "id", store_column_integer(rows, 0));
    for (int i = 0; i < shape->count; i++) write_column(rows, i + 1, shape->column[i], json);
    if (shape->officer) {
        int64_t claimed = store_column_integer(rows, after + 1);
        json_put_integer(json, "age_days", (now - store_column_integer(rows, after)) / 86400000);
        if (claimed) json_put_string(json, "claimed_by", store_column_text(rows, after + 2, NULL));
        json_put_boolean(json, "claimed_by_me", claimed == principal->user);
        after += 3;
    }
    if (shape->balance) {
        if (!store_is_null(rows, after)) json_put_decimal(json, "balance", store_column_integer(rows, after), 0);
        if (store_column_integer(rows, after + 1)) json_put_decimal(json, "used", store_column_integer(rows, after + 1), 0);
        if (store_column_integer(rows, after + 2)) json_put_decimal(json, "reserved", store_column_integer(rows, after + 2), 0);
    }
    json_object_end(json);
}
