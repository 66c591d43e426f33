#include "document/internal.h"

#include <stdio.h>
#include <string.h>

static const char row_columns[] =
    "enterprise, id, form, form_version, version, creator, state, state_withdraw, state_customs, state_print, state_since, "
    "application_no, form_no, licence_no, year, agency, enterprise_code, enterprise_name, quantity, unit, country, goods, "
    "amount_usd, valid_until, applied, issued, claimed_by, check_code, source, row_high, attachments, event_sequence, event_hash";

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
    return found && may_see(principal, module, row) ? 0 : doc_not_found(error);
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

const char doc_list_columns[] =
    "id, version, form, state, state_withdraw, state_customs, state_print, application_no, form_no, licence_no, year, goods, "
    "goods_name, quantity, unit, amount, currency, amount_usd, country, trade_mode, agency, enterprise_code, enterprise_name, "
    "consignor, contract_no, customs_port, applied, issued, valid_until, created, updated, source, claimed_by, claimed_name, "
    "state_since, creator";

static const char *const list_names[] = {
    "id", "version", "form", "state", "state_withdraw", "state_customs", "state_print", "application_no", "form_no", "licence_no",
    "year", "goods", "goods_name", "quantity", "unit", "amount", "currency", "amount_usd", "country", "trade_mode", "agency",
    "enterprise_code", "enterprise_name", "consignor", "contract_no", "customs_port", "applied", "issued", "valid_until", "created",
    "updated", "source"};
enum { LIST_NAMES = sizeof list_names / sizeof *list_names };

static bool is_decimal_column(int i) { return i == 13 || i == 15 || i == 17; }
static bool is_number_column(int i) { return i == 1 || i == 10 || i == 29 || i == 30; }

void doc_write_list_row(struct store_rows *rows, const struct principal *principal, int64_t now, struct json_writer *json)
{
    json_object(json);
    json_put_id(json, "id", store_column_integer(rows, 0));
    for (int i = 1; i < LIST_NAMES; i++) {
        size_t length;
        const char *text;
        if (is_decimal_column(i)) {
            if (!store_is_null(rows, i)) json_put_decimal(json, list_names[i], store_column_integer(rows, i), 0);
        } else if (is_number_column(i)) {
            json_put_integer(json, list_names[i], store_column_integer(rows, i));
        } else {
            text = store_column_slice(rows, i, &length);
            if (length) json_put_text(json, list_names[i], text, length);
        }
    }
    if (principal->kind == PRINCIPAL_OFFICER) {
        int64_t claimed = store_column_integer(rows, 32);
        json_put_integer(json, "age_days", (now - store_column_integer(rows, 34)) / 86400000);
        if (claimed) json_put_string(json, "claimed_by", store_column_text(rows, 33, NULL));
        json_put_boolean(json, "claimed_by_me", claimed == principal->user);
    }
    json_object_end(json);
}
