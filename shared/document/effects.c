/* The closed list of effects that an action may have. */
#include "document/internal.h"

#include "base/date.h"
#include "base/random.h"

#include <stdio.h>
#include <string.h>

static int is_given(struct store_connection *db, const char *licence_no, bool *given, struct error *error)
{
    struct store_rows rows;

    if (store_query(db, &rows, error, "SELECT 1 FROM document WHERE licence_no = $1 AND source = '' AND licence_no <> ''", STORE_VALUES(store_string(licence_no)))) return (int)error->code;
    *given = store_next(&rows);
    return store_end(&rows);
}

/* The next of the series. A licence's number that an authority has given by itself is passed over, or nobody would be given one any more. */
static int next_number(struct store_connection *db, struct doc_act *act, const struct form_number *number, int64_t year, char *text, size_t size, struct error *error)
{
    bool given = true;

    while (given && !error->code) {
        given = false;
        if (!doc_number(db, act->module, act->form, number, &act->row, year, act->now, text, size, error) && !strcmp(number->column, "licence_no"))
            is_given(db, text, &given, error);
    }
    return (int)error->code;
}

static int assign_number(struct store_connection *db, struct doc_act *act, const char *name, struct error *error)
{
    const struct form_number *number = form_number_find(act->form, name);
    struct doc_row *row = &act->row;
    char *target = !strcmp(number->column, "form_no") ? row->form_no : !strcmp(number->column, "licence_no") ? row->licence_no : row->application_no;
    size_t size = !strcmp(number->column, "form_no") ? sizeof row->form_no : sizeof row->licence_no;
    int year, month, day;

    if (act->licence_no && target == row->licence_no) {
        snprintf(target, size, "%s", act->licence_no);
        return 0;
    }
    if (*target && number->once) return 0; /* kept over withdrawal and resubmission */
    date_parts(date_of_instant(act->now), &year, &month, &day);
    if (!strcmp(number->column, "licence_no") && row->year) year = (int)row->year;
    return next_number(db, act, number, year, target, size, error);
}

static void set_date(struct doc_act *act, const char *column)
{
    date_format(date_of_instant(act->now), !strcmp(column, "issued") ? act->row.issued : act->row.applied);
}

/* 80 random bits in Crockford's base 32 (no I L O U): 16 characters that survive being read aloud. */
static void make_check_code(char text[24])
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    unsigned char bytes[16];

    random_bytes(bytes, sizeof bytes);
    for (int i = 0; i < 16; i++) text[i] = alphabet[bytes[i] & 31];
    text[16] = '\0';
}

static int issue(struct store_connection *db, struct doc_act *act, struct error *error)
{
    make_check_code(act->row.check_code);
    if (doc_statistics_add(db, &act->row, 1, error)) return (int)error->code;
    return doc_job_add_issue(db, act->id, act->now, &act->job, error);
}

static int ledger(struct store_connection *db, struct doc_act *act, const char *kind, struct error *error)
{
    if (!strcmp(kind, "grant")) return doc_ledger_grant(db, act, error);
    if (doc_ledger_release(db, act, error)) return (int)error->code;
    return doc_statistics_add(db, &act->row, -1, error);
}

/* The document that a reference of this one names is replaced by it: it takes its own action "superseded". */
static int void_referred(struct store_connection *db, struct doc_act *act, const char *name, struct error *error)
{
    static const struct principal portal = {.kind = PRINCIPAL_SYSTEM, .display_name = "portal"};
    const struct form_field *field = form_field_find(act->form, name);
    struct form_problems *problems;
    struct form_body *body;
    struct form_value value;
    struct slice text;
    struct arena arena;
    struct doc_act other;

    arena_init(&arena, 0);
    problems = arena_alloc(&arena, sizeof *problems);
    if (!problems) error_internal(error, "out of memory");
    else if (!doc_read_body(db, act->id, &arena, &text, error) && !form_read(act->form, text.text, text.length, true, &arena, problems, &body, error) &&
             (value = form_body_value(body, field->block, field->slot)).kind == VALUE_TEXT &&
             !doc_prepare_act(act->module, db, &portal, doc_referred_id(value.text), -1, "superseded", act->row.licence_no, act->now, &arena, problems, &other, error))
        doc_write_act(db, &other, error);
    arena_free(&arena);
    return (int)error->code;
}

static int count_print(struct store_connection *db, const struct doc_row *row, struct error *error)
{
    return store_execute(db, error, NULL, "UPDATE document SET prints = prints + 1 WHERE enterprise = $1 AND id = $2",
                         STORE_VALUES(store_integer(row->enterprise), store_integer(row->id)));
}

int doc_effects(struct store_connection *db, struct doc_act *act, struct error *error)
{
    for (size_t i = 0; i < act->action->effect_count; i++) {
        const struct form_effect *effect = &act->action->effects[i];
        int code = 0;
        switch (effect->kind) {
        case EFFECT_ASSIGN_NUMBER: code = assign_number(db, act, effect->name, error); break;
        case EFFECT_SET_DATE: set_date(act, effect->name); break;
        case EFFECT_LEDGER: code = ledger(db, act, effect->name, error); break;
        case EFFECT_ISSUE: code = issue(db, act, error); break;
        case EFFECT_OUTBOX: code = doc_outbox_add(db, act, effect->name, error); break;
        case EFFECT_SET_STATE:
            code = doc_set_state(db, act, (enum form_machine)effect->machine, effect->state, error);
            break;
        case EFFECT_VOID: code = void_referred(db, act, effect->name, error); break;
        case EFFECT_SPLIT: code = doc_split(db, act, error); break;
        case EFFECT_COUNT: code = count_print(db, &act->row, error); break;
        }
        if (code) return code;
    }
    return 0;
}

/* ---- statistics of licences issued */

int doc_statistics_add(struct store_connection *db, const struct doc_row *row, int sign, struct error *error)
{
    return store_execute(db, error, NULL,
        "INSERT INTO statistic_day (form, day, agency, country, goods, unit, count, quantity, amount_usd) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (form, day, agency, country, goods, unit) DO UPDATE SET "
        "count = statistic_day.count + $7, quantity = statistic_day.quantity + $8, amount_usd = statistic_day.amount_usd + $9",
        STORE_VALUES(store_string(row->form), store_string(row->issued), store_string(row->agency), store_string(row->country),
                     store_string(row->goods), store_string(row->unit), store_integer(sign), store_integer(sign * row->quantity),
                     store_integer(sign * row->amount_usd)));
}
