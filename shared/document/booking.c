#include "document/booking.h"

#include <stdio.h>
#include <string.h>

int ledger_terms_read(struct store_connection *db, const struct form *form, int64_t document, struct ledger_terms *terms, struct error *error)
{
    struct arena arena;
    struct slice text;
    struct form_problems *problems;
    struct form_body *body;

    *terms = (struct ledger_terms){.uses = form->ledger.uses_one};
    if (!form->ledger.present) return 0;
    arena_init(&arena, 0);
    problems = arena_alloc(&arena, sizeof *problems);
    if (!problems) {
        error_internal(error, "out of memory");
    } else if (!doc_read_body(db, document, &arena, &text, error) && !form_read(form, text.text, text.length, true, &arena, problems, &body, error)) {
        terms->tolerance = form_tolerance(body, 0);
        if (form->ledger.one_use && !form_holds(form->ledger.one_use, body, 0)) terms->uses = form->ledger.uses_many;
    }
    arena_free(&arena);
    return (int)error->code;
}

/* Entries of before, and of an older program, know their declaration by the write-off only. */
int ledger_holding_read(struct store_connection *db, int64_t document, const char *declaration_no, int64_t at, struct ledger_holding *holding,
                        struct error *error)
{
    struct store_rows rows;

    memset(holding, 0, sizeof *holding);
    if (store_query(db, &rows, error,
                    "SELECT declared, sum(CASE WHEN credit = 'reserved' THEN quantity WHEN debit = 'reserved' THEN -quantity ELSE 0 END), "
                    "sum(CASE WHEN credit = 'used' THEN quantity WHEN debit = 'used' THEN -quantity ELSE 0 END), "
                    "sum(CASE WHEN credit = 'used' THEN 1 ELSE 0 END) FROM (SELECT coalesce(nullif(l.declaration_no, ''), w.declaration_no, '') "
                    "AS declared, l.debit AS debit, l.credit AS credit, l.quantity AS quantity FROM ledger l LEFT JOIN write_off w ON w.id = l.write_off "
                    "WHERE l.document = $1 AND l.at <= $2) AS entries WHERE declared <> '' GROUP BY declared",
                    STORE_VALUES(store_integer(document), store_integer(at))))
        return (int)error->code;
    while (store_next(&rows)) {
        decimal reserved = store_column_integer(&rows, 1), used = store_column_integer(&rows, 2);
        if (!strcmp(store_column_text(&rows, 0, NULL), declaration_no)) {
            holding->reserved = reserved;
            holding->used = used;
            holding->known = store_column_integer(&rows, 3) > 0;
        } else if (reserved || used) {
            holding->others++;
        }
    }
    return store_end(&rows);
}

int booking_refuse(struct error *error, const char *name, const char *field, const char *zh, const char *en)
{
    error_set(error, ERROR_INVALID, name, zh, en);
    error_field(error, field);
    return (int)error->code;
}

int booking_open(struct booking *booking, const struct form *form, struct error *error)
{
    if (doc_ledger_read(booking->db, booking->document, &booking->state, error) ||
        ledger_holding_read(booking->db, booking->document, booking->declaration_no, LEDGER_NOW, &booking->holding, error) ||
        ledger_terms_read(booking->db, form, booking->document, &booking->terms, error))
        return (int)error->code;
    if (strcmp(booking->unit, booking->state.unit))
        return booking_refuse(error, "wrong_unit", "unit", "计量单位与许可证不一致，请按许可证的单位填报。", "The unit is not that of the licence; use that one.");
    if (booking->state.released > 0)
        return booking_refuse(error, "not_in_force", "licence_no", "该许可证已注销，不能再使用。", "The licence was revoked and cannot be used any more.");
    return 0;
}

int booking_move(struct booking *booking, const char *kind, const char *debit, const char *credit, decimal quantity, const char *note,
                 struct error *error)
{
    if (quantity == 0) return 0;
    booking->state.sequence++;
    doc_ledger_add_up(&booking->state, kind, debit, credit, quantity);
    return store_execute(booking->db, error, NULL,
        "INSERT INTO ledger (document, sequence, at, kind, debit, credit, quantity, unit, write_off, note, declaration_no) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        STORE_VALUES(store_integer(booking->document), store_integer(booking->state.sequence), store_integer(booking->now), store_string(kind),
                     store_string(debit), store_string(credit), store_integer(quantity), store_string(booking->unit),
                     booking->write_off ? store_integer(booking->write_off) : store_null(), store_string(note),
                     store_string(booking->declaration_no)));
}

/* A declaration that holds nothing yet is one more use. */
static int check_uses(const struct booking *booking, struct error *error)
{
    bool holds_some = booking->holding.reserved || booking->holding.used;

    if (holds_some || booking->holding.others < booking->terms.uses) return 0;
    return booking_refuse(error, "no_uses_left", "declaration_no", "该许可证的使用次数已满。", "All uses of this licence are taken.");
}

/* What may still be taken: the balance, and at the last use also what is left of the tolerance. */
static int check_limit(const struct booking *booking, decimal quantity, struct error *error)
{
    const struct ledger_state *state = &booking->state;
    decimal limit = state->available, extra = 0;

    if (booking->holding.others + 1 >= booking->terms.uses && booking->terms.tolerance > 0 &&
        decimal_multiply(state->licensed, booking->terms.tolerance / 100, DECIMAL_PLACES, &extra) && extra > state->granted - state->licensed)
        limit += extra - (state->granted - state->licensed);
    if (quantity <= limit) return 0;
    return booking_refuse(error, "over_balance", "quantity", "数量超过许可证余量。", "More than what is left on the licence.");
}

/* Out of what is available, with an entry for the tolerance where that does not do. */
static int take(struct booking *booking, const char *kind, const char *credit, decimal quantity, struct error *error)
{
    decimal missing = quantity - booking->state.available;

    if (missing > 0 && booking_move(booking, "adjust", "issuer", "available", missing, "tolerance", error)) return (int)error->code;
    return booking_move(booking, kind, "available", credit, quantity, booking->note, error);
}

static int give(struct booking *booking, const char *kind, const char *debit, decimal quantity, struct error *error)
{
    decimal tolerated = booking->state.granted - booking->state.licensed;

    if (booking_move(booking, kind, debit, "available", quantity, booking->note, error)) return (int)error->code;
    if (tolerated > booking->state.available) tolerated = booking->state.available;
    return booking_move(booking, "adjust", "available", "issuer", tolerated, "tolerance", error);
}

static int check_positive(decimal quantity, bool zero, struct error *error)
{
    if (quantity > 0 || (zero && quantity == 0)) return 0;
    if (zero) return booking_refuse(error, "positive", "quantity", "数量不能小于零。", "The quantity cannot be less than zero.");
    return booking_refuse(error, "positive", "quantity", "数量必须大于零。", "The quantity must be greater than zero.");
}

int booking_reserve(struct booking *booking, decimal quantity, struct error *error)
{
    decimal more = quantity - booking->holding.reserved;

    if (check_positive(quantity, true, error)) return (int)error->code;
    if (more <= 0) return give(booking, "unreserve", "reserved", -more, error);
    if (check_uses(booking, error) || check_limit(booking, more, error)) return (int)error->code;
    return take(booking, "reserve", "reserved", more, error);
}

int booking_use(struct booking *booking, decimal quantity, struct error *error)
{
    decimal reserved = booking->holding.reserved, kept = quantity < reserved ? quantity : reserved;

    if (check_positive(quantity, false, error) || check_uses(booking, error) || check_limit(booking, quantity - kept, error) ||
        booking_move(booking, "use", "reserved", "used", kept, booking->note, error) ||
        take(booking, "use", "used", quantity - kept, error))
        return (int)error->code;
    return give(booking, "unreserve", "reserved", reserved - kept, error);
}

int booking_adjust(struct booking *booking, decimal quantity, struct error *error)
{
    decimal more = quantity - booking->holding.used;

    if (check_positive(quantity, true, error)) return (int)error->code;
    if (!booking->holding.known)
        return booking_refuse(error, "unknown_declaration", "declaration_no", "该报关单没有使用过此许可证，无可更正。",
                              "This declaration has not used the licence; there is nothing to correct.");
    if (more <= 0) return give(booking, "adjust", "used", -more, error);
    if (check_uses(booking, error) || check_limit(booking, more, error)) return (int)error->code;
    return take(booking, "adjust", "used", more, error);
}
