#include "document/internal.h"
#include "document/ledger.h"

#include "base/date.h"
#include "base/random.h"

#include <stdio.h>
#include <string.h>

/* ---- entries */

struct entry {
    const char *kind, *debit, *credit, *unit, *note;
    decimal quantity;
    int64_t write_off; /* 0 = none */
};

static int add_entry(struct store_connection *db, int64_t document, int64_t sequence, int64_t now, const struct entry *entry, struct error *error)
{
    return store_execute(db, error, NULL,
        "INSERT INTO ledger (document, sequence, at, kind, debit, credit, quantity, unit, write_off, note) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        STORE_VALUES(store_integer(document), store_integer(sequence), store_integer(now), store_string(entry->kind),
                     store_string(entry->debit), store_string(entry->credit), store_integer(entry->quantity), store_string(entry->unit),
                     entry->write_off ? store_integer(entry->write_off) : store_null(), store_string(entry->note)));
}

static void add_up(struct ledger_state *state, const char *debit, const char *credit, decimal quantity)
{
    if (!strcmp(debit, "issuer")) state->granted += quantity;
    if (!strcmp(debit, "available")) state->available -= quantity;
    if (!strcmp(credit, "available")) state->available += quantity;
    if (!strcmp(credit, "used")) state->used += quantity;
    if (!strcmp(debit, "used")) state->used -= quantity;
    if (!strcmp(credit, "released")) state->released += quantity;
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
        add_up(state, store_column_text(&rows, 2, NULL), store_column_text(&rows, 3, NULL), store_column_integer(&rows, 4));
        if (!strcmp(store_column_text(&rows, 1, NULL), "use")) state->uses++;
        snprintf(state->unit, sizeof state->unit, "%s", store_column_text(&rows, 5, NULL));
    }
    return store_end(&rows);
}

int doc_ledger_grant(struct store_connection *db, const struct doc_act *act, struct error *error)
{
    struct entry entry = {"grant", "issuer", "available", act->row.unit, "", act->row.quantity, 0};

    if (!act->form->ledger.present || !act->row.has_quantity) return 0;
    return add_entry(db, act->id, 1, act->now, &entry, error);
}

/* Only what is unused can be taken back: a licence that was used at all is not revoked but run down (digest: 注销). */
int doc_ledger_release(struct store_connection *db, const struct doc_act *act, struct error *error)
{
    struct ledger_state state;
    struct entry entry = {"release", "available", "released", act->row.unit, act->opinion, 0, 0};

    if (!act->form->ledger.present) return 0;
    if (doc_ledger_read(db, act->id, &state, error)) return (int)error->code;
    if (state.used > 0)
        return error_set(error, ERROR_CONFLICT, "licence_used", "该许可证已被使用，不能注销。", "This licence has been used and cannot be revoked.");
    entry.quantity = state.available;
    return state.available > 0 ? add_entry(db, act->id, state.sequence + 1, act->now, &entry, error) : 0;
}

static int uses_allowed(const struct form *form, bool one_batch) { return one_batch ? form->ledger.uses_one : form->ledger.uses_many; }

/* Whether the licence is for one batch: said by the body, which the definition points to. */
static int read_one_batch(struct store_connection *db, const struct form *form, int64_t document, bool *one_batch, struct error *error)
{
    struct arena arena;
    struct slice text;
    struct form_problems *problems;
    struct form_body *body;

    arena_init(&arena, 0);
    *one_batch = true;
    problems = arena_alloc(&arena, sizeof *problems);
    if (!problems) error_internal(error, "out of memory");
    else if (!doc_read_body(db, document, &arena, &text, error) && !form_read(form, text.text, text.length, true, &arena, problems, &body, error))
        *one_batch = form_holds(form->ledger.one_use, body, 0);
    arena_free(&arena);
    return (int)error->code;
}

int doc_ledger_write(struct store_connection *db, const struct doc_module *module, const struct doc_row *row, struct json_writer *json,
                     struct error *error)
{
    struct store_rows rows;
    struct ledger_state state = {.granted = 0};
    const struct form *form = doc_form_of(module, row, error);
    bool one_batch = true;

    if (!form) return (int)error->code;
    error_clear(error);
    if (form->ledger.present && read_one_batch(db, form, row->id, &one_batch, error)) return (int)error->code;
    if (store_query(db, &rows, error,
                    "SELECT l.at, l.kind, l.debit, l.credit, l.quantity, l.unit, l.note, w.declaration_no FROM ledger l "
                    "LEFT JOIN write_off w ON w.id = l.write_off WHERE l.document = $1 ORDER BY l.sequence", STORE_VALUES(store_integer(row->id))))
        return (int)error->code;
    json_object(json);
    json_name(json, "entries");
    json_array(json);
    while (store_next(&rows)) {
        add_up(&state, store_column_text(&rows, 2, NULL), store_column_text(&rows, 3, NULL), store_column_integer(&rows, 4));
        if (!strcmp(store_column_text(&rows, 1, NULL), "use")) state.uses++;
        json_object(json);
        json_put_integer(json, "at", store_column_integer(&rows, 0));
        json_put_string(json, "kind", store_column_text(&rows, 1, NULL));
        json_put_decimal(json, "quantity", store_column_integer(&rows, 4), 0);
        json_put_decimal(json, "balance", state.available, 0);
        json_put_string(json, "note", store_column_text(&rows, 6, NULL));
        if (!store_is_null(&rows, 7)) json_put_string(json, "declaration_no", store_column_text(&rows, 7, NULL));
        json_object_end(json);
    }
    json_array_end(json);
    json_put_string(json, "unit", row->unit);
    json_put_decimal(json, "granted", state.granted, 0);
    json_put_decimal(json, "used", state.used, 0);
    json_put_decimal(json, "released", state.released, 0);
    json_put_decimal(json, "balance", state.available, 0);
    json_put_integer(json, "uses", state.uses);
    json_put_integer(json, "uses_left", uses_allowed(form, one_batch) > state.uses ? uses_allowed(form, one_batch) - state.uses : 0);
    json_object_end(json);
    return store_end(&rows);
}

/* ---- messages */

/* Remembers a message id; *repeated when it was there with the same content. */
static int enter_inbox(struct store_connection *db, int64_t partner, const char *message_id, const char *request_hash, int64_t now,
                       bool *repeated, struct error *error)
{
    struct store_rows rows;
    int64_t changed;

    if (store_execute(db, error, &changed,
                      "INSERT INTO inbox (partner, message_id, received, request_hash, answer) VALUES ($1, $2, $3, $4, '') "
                      "ON CONFLICT (partner, message_id) DO NOTHING",
                      STORE_VALUES(store_integer(partner), store_string(message_id), store_integer(now), store_string(request_hash))))
        return (int)error->code;
    *repeated = changed == 0;
    if (changed) return 0;
    if (store_query(db, &rows, error, "SELECT request_hash FROM inbox WHERE partner = $1 AND message_id = $2",
                    STORE_VALUES(store_integer(partner), store_string(message_id))))
        return (int)error->code;
    if (store_next(&rows) && strcmp(store_column_text(&rows, 0, NULL), request_hash)) {
        error_set(error, ERROR_INVALID, "message_id_reused", "同一报文编号的内容不同。", "Another content was sent under this message id.");
        error_field(error, "message_id");
        store_end(&rows);
        return (int)error->code;
    }
    return store_end(&rows);
}

static int find_licence(struct store_connection *db, const char *licence_no, int64_t *document, struct error *error)
{
    struct store_rows rows;

    *document = 0;
    if (store_query(db, &rows, error, "SELECT id FROM document WHERE licence_no = $1 AND source = '' AND licence_no <> ''",
                    STORE_VALUES(store_string(licence_no))))
        return (int)error->code;
    if (store_next(&rows)) *document = store_column_integer(&rows, 0);
    return store_end(&rows);
}

static int add_write_off(struct store_connection *db, const struct doc_write_off *m, int64_t id, int64_t document, int64_t enterprise,
                         int64_t partner, int64_t now, struct error *error)
{
    return store_execute(db, error, NULL,
        "INSERT INTO write_off (id, document, enterprise, partner, message_id, licence_no, declaration_no, contract_no, enterprise_name, "
        "trade_mode, country, customs_port, released, quantity, unit, received) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        STORE_VALUES(store_integer(id), document ? store_integer(document) : store_null(), store_integer(enterprise), store_integer(partner),
                     store_string(m->message_id), store_string(m->licence_no), store_string(m->declaration_no), store_string(m->contract_no),
                     store_string(m->enterprise_name), store_string(m->trade_mode), store_string(m->country), store_string(m->customs_port),
                     store_string(m->released), store_integer(m->quantity), store_string(m->unit), store_integer(now)));
}

static int refuse(struct error *error, const char *name, const char *field, const char *zh, const char *en)
{
    error_set(error, ERROR_INVALID, name, zh, en);
    error_field(error, field);
    return (int)error->code;
}

/* What may still be used: the balance, and at the last use also the tolerance of what was granted. */
static int check_use(const struct form *form, const struct doc_row *row, const struct ledger_state *state, bool one_batch,
                     const struct doc_write_off *message, struct error *error)
{
    int allowed = uses_allowed(form, one_batch);
    decimal limit = state->available, extra = 0;

    if (strcmp(message->unit, state->unit)) return refuse(error, "wrong_unit", "unit", "计量单位与许可证不一致。", "The unit is not that of the licence.");
    if (strcmp(message->released, row->issued) < 0 || (*row->valid_until && strcmp(message->released, row->valid_until) > 0))
        return refuse(error, "not_in_force", "released", "放行日期不在许可证有效期内。", "The licence was not in force on that day.");
    if (state->uses >= allowed) return refuse(error, "no_uses_left", "declaration_no", "该许可证的使用次数已满。", "All uses of this licence are taken.");
    if (state->uses + 1 == allowed && form->ledger.tolerance_percent &&
        decimal_multiply(state->granted, form->ledger.tolerance_percent / 100, DECIMAL_PLACES, &extra))
        limit += extra;
    if (message->quantity <= 0) return refuse(error, "positive", "quantity", "数量必须大于零。", "The quantity must be greater than zero.");
    if (message->quantity > limit) return refuse(error, "over_balance", "quantity", "数量超过许可证余量。", "More than what is left on the licence.");
    return 0;
}

static int book(struct store_connection *db, struct doc_module *module, const struct principal *partner, int64_t document,
                const struct doc_write_off *message, int64_t now, struct error *error)
{
    struct doc_act act = {.form = NULL};
    struct arena arena;
    struct ledger_state state;
    struct form_problems *problems;
    struct entry entry = {"use", "available", "used", message->unit, "", message->quantity, random_id(now)};
    bool one_batch = true;
    int code;

    arena_init(&arena, 0);
    problems = arena_alloc(&arena, sizeof *problems);
    code = problems ? doc_prepare_act(module, db, partner, document, -1, "customs_written_off", "", now, &arena, problems, &act, error)
                    : error_internal(error, "out of memory");
    arena_free(&arena);
    act.row.enterprise_name = NULL;
    if (code || !act.form) return code;
    if (doc_ledger_read(db, document, &state, error) || read_one_batch(db, act.form, document, &one_batch, error) ||
        check_use(act.form, &act.row, &state, one_batch, message, error) ||
        add_write_off(db, message, entry.write_off, document, act.row.enterprise, partner->user, now, error))
        return (int)error->code;
    if (message->quantity > state.available) { /* the tolerance is granted with an entry of its own: nothing goes below zero */
        struct entry more = {"adjust", "issuer", "available", message->unit, "tolerance", message->quantity - state.available, entry.write_off};
        if (add_entry(db, document, ++state.sequence, now, &more, error)) return (int)error->code;
    }
    if (add_entry(db, document, state.sequence + 1, now, &entry, error)) return (int)error->code;
    act.opinion = message->declaration_no;
    return doc_write_act(db, &act, error);
}

static void hash_of_message(const struct doc_write_off *m, char hash[72])
{
    char text[1024];
    int length = snprintf(text, sizeof text, "%s|%s|%s|%lld|%s", m->licence_no, m->declaration_no, m->released, (long long)m->quantity, m->unit);

    doc_hash(text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1, hash);
}

int doc_write_off(struct store_connection *db, struct doc_module *module, const struct principal *partner,
                  const struct doc_write_off *message, int64_t now, enum doc_message_result *result, struct error *error)
{
    char hash[72];
    bool repeated = false;
    int64_t document = 0;

    hash_of_message(message, hash);
    if (enter_inbox(db, partner->user, message->message_id, hash, now, &repeated, error)) return (int)error->code;
    *result = MESSAGE_REPEATED;
    if (repeated) return 0;
    if (find_licence(db, message->licence_no, &document, error)) return (int)error->code;
    *result = document ? MESSAGE_BOOKED : MESSAGE_UNKNOWN;
    if (!document) return add_write_off(db, message, random_id(now), 0, 0, partner->user, now, error);
    return book(db, module, partner, document, message, now, error);
}

/* The action of the customs machine that leads to a status. */
static const struct form_action *customs_action(const struct form *form, const char *status)
{
    for (size_t i = 0; i < form->action_count; i++) {
        const struct form_action *action = &form->actions[i];
        if (action->machine == MACHINE_CUSTOMS && action->by == ACTOR_PARTNER && action->to && !strcmp(action->to, status)) return action;
    }
    return NULL;
}

int doc_customs_status(struct store_connection *db, struct doc_module *module, const struct principal *partner, const char *message_id,
                       const char *licence_no, const char *status, const char *note, int64_t now, enum doc_message_result *result,
                       struct error *error)
{
    char hash[72], text[256];
    bool repeated = false;
    int64_t document = 0;
    struct arena arena;
    struct doc_row row;
    struct doc_act act = {.form = NULL};
    const struct form *form;
    const struct form_action *action = NULL;
    struct form_problems *problems;
    int code;

    snprintf(text, sizeof text, "%s|%s", licence_no, status);
    doc_hash(text, strlen(text), hash);
    if (enter_inbox(db, partner->user, message_id, hash, now, &repeated, error)) return (int)error->code;
    *result = MESSAGE_REPEATED;
    if (repeated) return 0;
    *result = MESSAGE_UNKNOWN;
    if (find_licence(db, licence_no, &document, error)) return (int)error->code;
    if (!document) return refuse(error, "unknown_licence", "licence_no", "没有这个许可证号。", "There is no licence with this number.");
    *result = MESSAGE_BOOKED;
    arena_init(&arena, 0);
    problems = arena_alloc(&arena, sizeof *problems);
    code = problems ? doc_read(db, partner, module->name, document, true, &arena, &row, error) : error_internal(error, "out of memory");
    form = code ? NULL : doc_form_of(module, &row, error);
    if (form && !(action = customs_action(form, status)))
        code = refuse(error, "unknown_status", "status", "没有这种海关状态。", "There is no such customs status.");
    if (action) code = doc_prepare_act(module, db, partner, document, -1, action->name, note, now, &arena, problems, &act, error);
    arena_free(&arena);
    if (code || !action) return (int)error->code;
    act.opinion = note;
    return doc_write_act(db, &act, error);
}
