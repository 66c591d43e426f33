#include "document/internal.h"
#include "document/list.h"

#include "base/date.h"
#include "exchange/partners.h"

#include <stdio.h>
#include <string.h>

#define VALUES 140 /* of one list: every filter used, every machine with as many states as are allowed */
#define STATES_AT_ONCE 24

struct builder {
    struct buffer where;
    struct store_value values[VALUES];
    size_t count;
    struct arena arena;
    bool filtered;  /* by more than owner, form and state: totals are not kept for that */
};

static void add_value(struct builder *builder, struct store_value value)
{
    if (builder->count < VALUES) builder->values[builder->count++] = value;
}

static void condition(struct builder *builder, const char *text, struct store_value value)
{
    if (builder->count >= VALUES - 4) return;
    add_value(builder, value);
    buffer_printf(&builder->where, "%s%s$%zu", builder->where.length ? " AND " : "", text, builder->count);
}

/* ---- filters of a request */

static const char *const equal_columns[] = {"year", "agency", "country", "trade_mode", "goods", "goods_class", "unit", "currency",
                                            "enterprise_code", "customs_port", "transport", "batch", "kind", "registration_no", NULL};
static const char *const contains_columns[] = {"application_no", "form_no", "licence_no", "goods_name", "enterprise_name", "consignor",
                                               "contract_no", "reference_no", "name", "name_en", "person", NULL};
static const char *const date_columns[] = {"applied", "issued", "valid_until", "created", NULL};

static const char *get(const struct doc_list *list, const char *name)
{
    const char *value = list->parameter ? list->parameter(list->parameter_context, name) : NULL;

    return value && *value ? value : NULL;
}

int doc_bad_filter(struct error *error, const char *name)
{
    error_set(error, ERROR_INVALID, "bad_filter", "查询条件有误，请检查。", "A search condition is wrong; please check it.");
    error_field(error, name);
    return (int)error->code;
}

static int filter_dates(struct builder *builder, const struct doc_list *list, const char *column, struct error *error)
{
    char name[64], text[80];
    int32_t day;

    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s_%s", column, i ? "to" : "from");
        const char *value = get(list, name);
        if (!value) continue;
        if (!date_parse(value, strlen(value), &day)) return doc_bad_filter(error, name);
        if (!strcmp(column, "created")) { /* an instant: the day begins and ends in business time */
            condition(builder, i ? "created < " : "created >= ", store_integer(date_begin(day + i)));
        } else {
            snprintf(text, sizeof text, i ? "%s <> '' AND %s <= " : "%s <> '' AND %s >= ", column, column);
            condition(builder, text, store_string(value));
        }
        builder->filtered = true;
    }
    return 0;
}

/* Whether some of the listed documents have goods lines. */
static bool has_lines(const struct doc_list *list)
{
    int32_t today = date_of_instant(list->now);

    for (size_t i = 0; i < list->module->form_count; i++) {
        const struct form *form = list->module->forms[i];
        if (form->lines.block && (!list->form || (!strcmp(form->name, list->form) && doc_form(list->module, form->name, today) == form))) return true;
    }
    return false;
}

/* By any of the document's goods. Forms without lines keep the plain condition. */
static void match_any_line(struct builder *builder, const char *column, bool part, const char *value)
{
    const char *function = part ? "lower" : "", *compare = part ? " LIKE " : " = ", *end = part ? " ESCAPE '!'" : "";

    add_value(builder, store_string(value));
    for (int line = 0; line < 2; line++)
        buffer_printf(&builder->where, "%s%s(%s%s)%s$%zu%s%s",
                      line ? " OR EXISTS (SELECT 1 FROM document_line l WHERE l.document = document.id AND " : " AND (", function,
                      line ? "l." : "document.", column, compare, builder->count, end, line ? "))" : "");
}

static int filter_equal(struct builder *builder, const struct doc_list *list, const char *column, struct error *error)
{
    const char *value = get(list, column);
    char text[64];

    if (!value) return 0;
    builder->filtered = true;
    if (!strcmp(column, "goods") && has_lines(list)) {
        match_any_line(builder, column, false, value);
        return 0;
    }
    snprintf(text, sizeof text, "%s = ", column);
    if (!strcmp(column, "year")) {
        if (strlen(value) != 4 || strspn(value, "0123456789") != 4) return doc_bad_filter(error, column);
        condition(builder, text, store_integer((value[0] - '0') * 1000 + (value[1] - '0') * 100 + (value[2] - '0') * 10 + value[3] - '0'));
    } else {
        condition(builder, text, store_string(value));
    }
    return 0;
}

static int filter_contains(struct builder *builder, const struct doc_list *list, const char *column, struct error *error)
{
    const char *value = get(list, column);
    char text[64];

    if (!value) return 0;
    if (strlen(value) > 200) return doc_bad_filter(error, column);
    builder->filtered = true;
    if (!strcmp(column, "goods_name") && has_lines(list)) {
        match_any_line(builder, column, true, store_like(&builder->arena, value));
        return 0;
    }
    snprintf(text, sizeof text, "lower(%s) LIKE ", column);
    condition(builder, text, store_string(store_like(&builder->arena, value)));
    buffer_text(&builder->where, " ESCAPE '!'");
    return 0;
}

/* state=A,B: any of them. `column` is the machine's. */
static int filter_states(struct builder *builder, const char *column, const char *states, struct error *error)
{
    const char *at = states;
    bool first = true;
    size_t count = 1;

    for (const char *comma = states; (comma = strchr(comma, ',')); comma++) count++;
    if (count > STATES_AT_ONCE) return doc_bad_filter(error, column);

    buffer_printf(&builder->where, "%s%s IN (", builder->where.length ? " AND " : "", column);
    do {
        size_t length = strcspn(at, ",");
        add_value(builder, store_string(arena_copy(&builder->arena, at, length)));
        buffer_printf(&builder->where, "%s$%zu", first ? "" : ", ", builder->count);
        first = false;
        at += length + (at[length] == ',');
    } while (*at);
    buffer_text(&builder->where, ")");
    return 0;
}

static int request_filters(struct builder *builder, const struct doc_list *list, struct error *error)
{
    static const char *const machines[] = {"state_withdraw", "state_customs", "state_print"};

    for (size_t i = 0; equal_columns[i]; i++)
        if (filter_equal(builder, list, equal_columns[i], error)) return (int)error->code;
    for (size_t i = 0; contains_columns[i]; i++)
        if (filter_contains(builder, list, contains_columns[i], error)) return (int)error->code;
    for (size_t i = 0; date_columns[i]; i++)
        if (filter_dates(builder, list, date_columns[i], error)) return (int)error->code;
    for (size_t i = 0; i < 3; i++)
        if (get(list, machines[i])) {
            if (filter_states(builder, machines[i], get(list, machines[i]), error)) return (int)error->code;
            builder->filtered = true;
        }
    return 0;
}

/* ---- whose documents, and which */

static const struct json *query_of(const struct doc_list *list)
{
    int32_t today = date_of_instant(list->now);

    for (size_t i = 0; i < list->module->form_count; i++) {
        const struct form *form = list->module->forms[i];
        if (doc_form(list->module, form->name, today) != form || (list->form && strcmp(list->form, form->name))) continue;
        JSON_EACH(query, json_member(form->json, "queries"))
            if (!strcmp(json_member_text(query, "name", ""), list->query)) return query;
    }
    return NULL;
}

/* The states from which an agency's action with one of the officer's rights leads on, joined by commas. */
static void queue_states(const struct doc_module *module, const struct principal *principal, struct buffer *out)
{
    for (size_t f = 0; f < module->form_count; f++)
        for (size_t i = 0; i < module->forms[f]->action_count; i++) {
            const struct form_action *action = &module->forms[f]->actions[i];
            if (action->by != ACTOR_AGENCY || !action->claim || action->machine != MACHINE_MAIN) continue;
            if (!principal_may(principal, module->name, action->right)) continue;
            for (size_t k = 0; k < action->from_count; k++) {
                if (out->length && strstr(buffer_string(out), action->from[k])) continue;
                buffer_printf(out, "%s%s", out->length ? "," : "", action->from[k]);
            }
        }
}

static int scope_queue(struct builder *builder, const struct doc_list *list, struct error *error)
{
    const char *states = get(list, "state");
    struct buffer own;
    int code;

    condition(builder, "agency = ", store_string(list->principal->agency));
    buffer_text(&builder->where, " AND state <> 'DRAFT' AND agency <> '' AND applied <> '' AND source = ''");
    buffer_init(&own, 4096);
    queue_states(list->module, list->principal, &own);
    code = filter_states(builder, "state", states ? states : buffer_string(&own), error);
    buffer_free(&own);
    if (list->claimed && !strcmp(list->claimed, "me")) condition(builder, "claimed_by = ", store_integer(list->principal->user));
    if (list->claimed && !strcmp(list->claimed, "free")) condition(builder, "claimed_by = ", store_integer(0));
    builder->filtered = true;
    return code;
}

static int scope_query(struct builder *builder, const struct doc_list *list, struct error *error)
{
    const struct json *query = query_of(list);
    struct buffer states;
    int code;

    if (!query) return error_set(error, ERROR_NOT_FOUND, "unknown_query", "没有这种查询。", "There is no such query.");
    buffer_init(&states, 4096);
    JSON_EACH(state, json_member(query, "states")) buffer_printf(&states, "%s%s", states.length ? "," : "", state->text.text);
    if (json_member_true(query, "imported")) buffer_text(&states, "," DOC_STATE_LOADED);
    code = filter_states(builder, "state", buffer_string(&states), error);
    buffer_free(&states);
    builder->filtered = true;
    JSON_EACH(where, json_member(query, "where")) { /* a known column: doc_check_queries */
        char text[64];
        snprintf(text, sizeof text, "%s = ", where->name);
        condition(builder, text, store_string(where->text.text));
    }
    return code;
}

int doc_check_queries(const struct form *form, struct error *error)
{
    JSON_EACH(query, json_member(form->json, "queries"))
        JSON_EACH(where, json_member(query, "where")) {
            size_t i = 1; /* not by year: the others are texts */
            while (equal_columns[i] && strcmp(equal_columns[i], where->name)) i++;
            if (!equal_columns[i] || where->kind != JSON_STRING) return error_internal(error, "%s: line %d: a query is not narrowed by %s", form->name, where->line, where->name);
        }
    return 0;
}

static int build(struct builder *builder, const struct doc_list *list, struct error *error)
{
    buffer_init(&builder->where, 16384);
    arena_init(&builder->arena, 1u << 20);
    if (list->queue) {
        if (scope_queue(builder, list, error)) return (int)error->code;
    } else {
        condition(builder, "enterprise = ", store_integer(principal_owner(list->principal)));
        if (list->query) {
            if (scope_query(builder, list, error)) return (int)error->code;
        } else if (get(list, "state")) {
            if (filter_states(builder, "state", get(list, "state"), error)) return (int)error->code;
        } else {
            buffer_text(&builder->where, " AND state <> '" DOC_STATE_LOADED "'");
        }
    }
    if (list->form) condition(builder, "form = ", store_string(list->form));
    return request_filters(builder, list, error);
}

/* ---- totals and rows */

static int capped_count(struct store_connection *db, const struct builder *builder, struct store_rows *rows, struct error *error)
{
    struct buffer sql;
    int code;

    buffer_init(&sql, 32768);
    buffer_printf(&sql, "SELECT count(*) FROM (SELECT 1 FROM document WHERE %s LIMIT %d) AS counted", buffer_string(&builder->where), DOC_COUNT_LIMIT + 1);
    code = store_query(db, rows, error, buffer_string(&sql), builder->values, builder->count);
    buffer_free(&sql);
    return code;
}

/* Kept totals answer the unfiltered list and the one filtered by one state. */
static int kept_count(struct store_connection *db, const struct doc_list *list, struct store_rows *rows, struct error *error)
{
    const char *state = get(list, "state");

    return store_query(db, rows, error,
                    state ? "SELECT coalesce(sum(count), 0) FROM document_total WHERE enterprise = $1 AND form = $2 AND state = $3"
                          : "SELECT coalesce(sum(count), 0) FROM document_total WHERE enterprise = $1 AND form = $2 AND state <> $3",
                    STORE_VALUES(store_integer(principal_owner(list->principal)), store_string(list->form),
                                 store_string(state ? state : DOC_STATE_LOADED)));
}

static const struct doc_shape *shape_of(const struct doc_list *list)
{
    const struct form *form = list->form ? doc_form(list->module, list->form, date_of_instant(list->now)) : NULL;
    const struct json *json = list->whole ? NULL : list->query ? query_of(list) : form ? json_member(form->json, "list") : NULL;

    return doc_shape_of(list->module, json, list->queue);
}

/* What is left of each licence and what was used: only queries that ask for it pay for it. */
static const char ledger_sums[] =
    ", (SELECT sum(CASE WHEN g.credit = 'available' THEN g.quantity WHEN g.debit = 'available' THEN -g.quantity ELSE 0 END) FROM ledger g "
    "WHERE g.document = document.id), (SELECT sum(CASE WHEN g.credit = 'used' THEN g.quantity WHEN g.debit = 'used' THEN -g.quantity ELSE 0 END) "
    "FROM ledger g WHERE g.document = document.id), (SELECT sum(CASE WHEN g.credit = 'reserved' THEN g.quantity WHEN g.debit = 'reserved' THEN -g.quantity ELSE 0 END) "
    "FROM ledger g WHERE g.document = document.id)";

static int write_rows(struct store_connection *db, const struct doc_list *list, struct builder *builder, struct json_writer *json,
                      struct error *error)
{
    struct doc_shape shape = *shape_of(list);
    struct store_rows rows;
    struct buffer sql;
    int code;

    buffer_init(&sql, 32768);
    shape.balance = list->query && json_member_true(query_of(list), "balance");
    add_value(builder, store_integer(list->size));
    add_value(builder, store_integer((list->page - 1) * list->size));
    buffer_printf(&sql, "SELECT %s%s FROM document WHERE %s ORDER BY %s LIMIT $%zu OFFSET $%zu", shape.select, shape.balance ? ledger_sums : "", buffer_string(&builder->where),
                  list->queue ? "state_since, id" : "id DESC", builder->count - 1, builder->count);
    code = store_query(db, &rows, error, buffer_string(&sql), builder->values, builder->count);
    buffer_free(&sql);
    if (code) return code;
    json_name(json, "items");
    json_array(json);
    while (store_next(&rows)) doc_write_list_row(&rows, &shape, list->principal, list->now, json);
    json_array_end(json);
    return store_end(&rows);
}

int doc_list_write(struct store_connection *db, const struct doc_list *list, struct json_writer *json, struct error *error)
{
    struct builder builder = {.count = 0};
    const char *state = get(list, "state");
    struct store_rows total;
    int code = build(&builder, list, error);

    if (!code)
        code = builder.filtered || !list->form || (state && strchr(state, ',')) ? capped_count(db, &builder, &total, error)
                                                                               : kept_count(db, list, &total, error);
    if (!code) {
        json_object(json);
        if (store_next(&total)) json_put_total(json, store_column_integer(&total, 0), builder.filtered ? DOC_COUNT_LIMIT : 0);
        code = write_rows(db, list, &builder, json, error); /* before the total's end: SQLite shows both of one moment, and locks once */
        json_object_end(json);
        if (store_end(&total)) code = (int)error->code;
    }
    buffer_free(&builder.where);
    arena_free(&builder.arena);
    return code;
}

int doc_queue_summary(struct store_connection *db, struct doc_module *module, const struct principal *principal, int64_t now,
                      struct json_writer *json, struct error *error)
{
    struct builder builder = {.count = 0};
    struct doc_list list = {.module = module, .principal = principal, .queue = true, .now = now};
    const struct partner *reviewer = partners_reviewing(module->partners, module->name, principal->agency);
    struct store_rows rows;
    struct buffer sql;
    int code = build(&builder, &list, error);

    buffer_init(&sql, 32768);
    buffer_printf(&sql, "SELECT form, state, count(*), min(state_since) FROM document WHERE %s GROUP BY form, state ORDER BY form, state",
                  buffer_string(&builder.where));
    if (!code) code = store_query(db, &rows, error, buffer_string(&sql), builder.values, builder.count);
    buffer_free(&sql);
    if (!code) {
        json_object(json);
        json_name(json, "states");
        json_array(json);
        while (store_next(&rows)) {
            const struct form *form = doc_form(module, store_column_text(&rows, 0, NULL), date_of_instant(now));
            const char *state_code = store_column_text(&rows, 1, NULL);
            const struct form_state *state = form ? form_state_find(form, MACHINE_MAIN, state_code) : NULL;
            json_object(json);
            json_put_string(json, "form", store_column_text(&rows, 0, NULL));
            json_put_string(json, "state", state_code);
            json_put_words(json, "label", state ? state->words.zh : state_code, state ? state->words.en : state_code);
            json_put_integer(json, "count", store_column_integer(&rows, 2));
            json_put_integer(json, "oldest_days", (now - store_column_integer(&rows, 3)) / 86400000);
            json_object_end(json);
        }
        json_array_end(json);
        if (reviewer) json_put_words(json, "reviewer", reviewer->title_zh, reviewer->title_en);
        json_object_end(json);
        code = store_end(&rows);
    }
    buffer_free(&builder.where);
    arena_free(&builder.arena);
    return code;
}
