#include "document/booking.h"

#include <stdio.h>
#include <string.h>

void doc_ledger_add_up(struct ledger_state *state, const char *kind, const char *debit, const char *credit, decimal quantity)
{
    const struct { const char *name; decimal *sum; } accounts[] = {
        {"available", &state->available}, {"reserved", &state->reserved}, {"used", &state->used}, {"released", &state->released}};

    if (!strcmp(kind, "grant")) state->licensed += quantity;
    if (!strcmp(debit, "issuer")) state->granted += quantity;
    if (!strcmp(credit, "issuer")) state->granted -= quantity;
    for (size_t i = 0; i < sizeof accounts / sizeof *accounts; i++) {
        if (!strcmp(debit, accounts[i].name)) *accounts[i].sum -= quantity;
        if (!strcmp(credit, accounts[i].name)) *accounts[i].sum += quantity;
    }
}

int doc_ledger_read(struct store_connection *db, int64_t document, struct ledger_state *state, struct error *error)
{
    struct store_rows rows;

    memset(state, 0, sizeof *state);
    if (store_query(db, &rows, error, "SELECT sequence, kind, debit, credit, quantity, unit FROM ledger WHERE document = $1 ORDER BY sequence",
                    STORE_VALUES(store_integer(document))))
        return (int)error->code;
    while (store_next(&rows)) {
        state->sequence = store_column_integer(&rows, 0);
        doc_ledger_add_up(state, store_column_text(&rows, 1, NULL), store_column_text(&rows, 2, NULL), store_column_text(&rows, 3, NULL),
                          store_column_integer(&rows, 4));
        snprintf(state->unit, sizeof state->unit, "%s", store_column_text(&rows, 5, NULL));
    }
    return store_end(&rows);
}

/* ---- effects of actions; the document's row is locked */

int doc_ledger_grant(struct store_connection *db, const struct doc_act *act, struct error *error)
{
    struct booking booking = {.db = db, .document = act->id, .now = act->now, .declaration_no = "", .unit = act->row.unit};

    if (!act->form->ledger.present || !act->row.has_quantity) return 0;
    return booking_move(&booking, "grant", "issuer", "available", act->row.quantity, "", error);
}

/* Only what is unused can be taken back: a licence that was used at all is not revoked but run down (digest: 注销). */
int doc_ledger_release(struct store_connection *db, const struct doc_act *act, struct error *error)
{
    struct booking booking = {.db = db, .document = act->id, .now = act->now, .declaration_no = "", .unit = act->row.unit};

    if (!act->form->ledger.present) return 0;
    if (doc_ledger_read(db, act->id, &booking.state, error)) return (int)error->code;
    if (booking.state.used > 0)
        return error_set(error, ERROR_CONFLICT, "licence_used", "该许可证已被使用，不能注销。", "This licence has been used and cannot be revoked.");
    if (booking.state.reserved > 0)
        return error_set(error, ERROR_CONFLICT, "licence_reserved", "该许可证有报关单正在使用，请待放行或撤单后再注销。",
                         "A declaration has reserved some of this licence; revoke it once that was cleared or given back.");
    return booking_move(&booking, "release", "available", "released", booking.state.available, act->opinion, error);
}

/* ---- the statement */

static void write_entry(struct store_rows *rows, decimal balance, struct json_writer *json)
{
    const char *declaration_no = store_column_text(rows, 6, NULL);

    json_object(json);
    json_put_integer(json, "at", store_column_integer(rows, 0));
    json_put_string(json, "kind", store_column_text(rows, 1, NULL));
    json_put_decimal(json, "quantity", store_column_integer(rows, 4), 0);
    json_put_decimal(json, "balance", balance, 0);
    json_put_string(json, "note", store_column_text(rows, 5, NULL));
    if (*declaration_no) json_put_string(json, "declaration_no", declaration_no);
    json_object_end(json);
}

static int write_entries(struct store_connection *db, int64_t document, int64_t at, struct ledger_state *state, struct json_writer *json,
                         struct error *error)
{
    struct store_rows rows;

    memset(state, 0, sizeof *state);
    if (store_query(db, &rows, error,
                    "SELECT l.at, l.kind, l.debit, l.credit, l.quantity, l.note, coalesce(nullif(l.declaration_no, ''), w.declaration_no, '') "
                    "FROM ledger l LEFT JOIN write_off w ON w.id = l.write_off WHERE l.document = $1 AND l.at <= $2 ORDER BY l.sequence",
                    STORE_VALUES(store_integer(document), store_integer(at))))
        return (int)error->code;
    json_name(json, "entries");
    json_array(json);
    while (store_next(&rows)) {
        doc_ledger_add_up(state, store_column_text(&rows, 1, NULL), store_column_text(&rows, 2, NULL), store_column_text(&rows, 3, NULL),
                          store_column_integer(&rows, 4));
        write_entry(&rows, state->available, json);
    }
    json_array_end(json);
    return store_end(&rows);
}

int doc_ledger_write(struct store_connection *db, const struct doc_module *module, const struct doc_row *row, int64_t at,
                     struct json_writer *json, struct error *error)
{
    struct ledger_state state;
    struct ledger_holding holding;
    struct ledger_terms terms;
    const struct form *form = doc_form_of(module, row, error);

    if (!form) return (int)error->code;
    error_clear(error);
    if (ledger_terms_read(db, form, row->id, &terms, error) || ledger_holding_read(db, row->id, "", at, &holding, error)) return (int)error->code;
    json_object(json);
    if (write_entries(db, row->id, at, &state, json, error)) return (int)error->code;
    json_put_string(json, "unit", row->unit);
    json_put_decimal(json, "granted", state.granted, 0);
    json_put_decimal(json, "reserved", state.reserved, 0);
    json_put_decimal(json, "used", state.used, 0);
    json_put_decimal(json, "released", state.released, 0);
    json_put_decimal(json, "balance", state.available, 0);
    json_put_integer(json, "uses", holding.others);
    json_put_integer(json, "uses_left", terms.uses > holding.others ? terms.uses - holding.others : 0);
    json_object_end(json);
    return 0;
}
