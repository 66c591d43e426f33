#include "document/internal.h"
#include "document/list.h"

#include "base/date.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define VALUES 40

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
                                            "enterprise_code", "customs_port", "transport", NULL};
static const char *const contains_columns[] = {"application_no", "form_no", "licence_no", "goods_name", "enterprise_name", "consignor",
                                               "contract_no", NULL};
static const char *const date_columns[] = {"applied", "issued", "valid_until", NULL};

static char *like_pattern(struct arena *arena, const char *text)
{
    size_t length = strlen(text);
    char *pattern = arena_alloc(arena, 2 * length + 3), *out = pattern;

    if (!pattern) return NULL;
    *out++ = '%';
    for (size_t i = 0; i < length; i++) {
        if (strchr("%_\\", text[i])) *out++ = '\\';
        *out++ = (char)tolower((unsigned char)text[i]);
    }
    *out++ = '%';
    *out = '\0';
    return pattern;
}

static const char *get(const struct doc_list *list, const char *name)
{
    const char *value = list->parameter ? list->parameter(list->parameter_context, name) : NULL;

    return value && *value ? value : NULL;
}

static int bad_filter(struct error *error, const char *name)
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
        if (!date_parse(value, strlen(value), &day)) return bad_filter(error, name);
        snprintf(text, sizeof text, i ? "%s <> '' AND %s <= " : "%s <> '' AND %s >= ", column, column);
        condition(builder, text, store_string(value));
        builder->filtered = true;
    }
    return 0;
}

static int filter_equal(struct builder *builder, const struct doc_list *list, const char *column, struct error *error)
{
    const char *value = get(list, column);
    char text[64];

    if (!value) return 0;
    snprintf(text, sizeof text, "%s = ", column);
    if (!strcmp(column, "year")) {
        if (strlen(value) != 4 || strspn(value, "0123456789") != 4) return bad_filter(error, column);
        condition(builder, text, store_integer((value[0] - '0') * 1000 + (value[1] - '0') * 100 + (value[2] - '0') * 10 + value[3] - '0'));
    } else {
        condition(builder, text, store_string(value));
    }
    builder->filtered = true;
    return 0;
}

static void filter_contains(struct builder *builder, const struct doc_list *list, const char *column)
{
    const char *value = get(list, column);
    char text[64];

    if (!value || strlen(value) > 200) return;
    snprintf(text, sizeof text, "lower(%s) LIKE ", column);
    condition(builder, text, store_string(like_pattern(&builder->arena, value)));
    buffer_text(&builder->where, " ESCAPE '\\'");
    builder->filtered = true;
}

/* state=A,B: any of them. `column` is the machine's. */
static void filter_states(struct builder *builder, const char *column, const char *states)
{
    const char *at = states;
    bool first = true;

    buffer_printf(&builder->where, "%s%s IN (", builder->where.length ? " AND " : "", column);
    while (*at && builder->count < VALUES - 8) {
        size_t length = strcspn(at, ",");
        add_value(builder, store_string(arena_copy(&builder->arena, at, length)));
        buffer_printf(&builder->where, "%s$%zu", first ? "" : ", ", builder->count);
        first = false;
        at += length + (at[length] == ',');
    }
    buffer_text(&builder->where, ")");
}

static int request_filters(struct builder *builder, const struct doc_list *list, struct error *error)
{
    static const char *const machines[] = {"state_withdraw", "state_customs", "state_print"};

    for (size_t i = 0; equal_columns[i]; i++)
        if (filter_equal(builder, list, equal_columns[i], error)) return (int)error->code;
    for (size_t i = 0; contains_columns[i]; i++) filter_contains(builder, list, contains_columns[i]);
    for (size_t i = 0; date_columns[i]; i++)
        if (filter_dates(builder, list, date_columns[i], error)) return (int)error->code;
    for (size_t i = 0; i < 3; i++)
        if (get(list, machines[i])) {
            filter_states(builder, machines[i], get(list, machines[i]));
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

static void scope_queue(struct builder *builder, const struct doc_list *list)
{
    const char *states = get(list, "state");
    struct buffer own;

    condition(builder, "agency = ", store_string(list->principal->agency));
    buffer_text(&builder->where, " AND state <> 'DRAFT' AND agency <> '' AND applied <> '' AND source = ''");
    buffer_init(&own, 4096);
    queue_states(list->module, list->principal, &own);
    filter_states(builder, "state", states ? states : buffer_string(&own));
    buffer_free(&own);
    if (list->claimed && !strcmp(list->claimed, "me")) condition(builder, "claimed_by = ", store_integer(list->principal->user));
    if (list->claimed && !strcmp(list->claimed, "free")) condition(builder, "claimed_by = ", store_integer(0));
    builder->filtered = true;
}

static int scope_query(struct builder *builder, const struct doc_list *list, struct error *error)
{
    const struct json *query = query_of(list);
    struct buffer states;

    if (!query) return error_set(error, ERROR_NOT_FOUND, "unknown_query", "没有这种查询。", "There is no such query.");
    buffer_init(&states, 4096);
    JSON_EACH(state, json_member(query, "states")) buffer_printf(&states, "%s%s", states.length ? "," : "", state->text.text);
    if (json_member_true(query, "imported")) buffer_text(&states, "," DOC_STATE_LOADED);
    filter_states(builder, "state", buffer_string(&states));
    buffer_free(&states);
    builder->filtered = true;
    return 0;
}

static int build(struct builder *builder, const struct doc_list *list, struct error *error)
{
    buffer_init(&builder->where, 16384);
    arena_init(&builder->arena, 1u << 20);
    if (list->queue) {
        scope_queue(builder, list);
    } else {
        condition(builder, "enterprise = ", store_integer(principal_owner(list->principal)));
        if (list->query) {
            if (scope_query(builder, list, error)) return (int)error->code;
        } else if (get(list, "state")) {
            filter_states(builder, "state", get(list, "state"));
        } else {
            buffer_text(&builder->where, " AND state <> '" DOC_STATE_LOADED "'");
        }
    }
    if (list->form) condition(builder, "form = ", store_string(list->form));
    return request_filters(builder, list, error);
}

/* ---- totals and rows */

static int capped_count(struct store_connection *db, const struct builder *builder, int64_t *count, struct error *error)
{
    struct store_rows rows;
    struct buffer sql;
    int code;

    buffer_init(&sql, 32768);
    buffer_printf(&sql, "SELECT count(*) FROM (SELECT 1 FROM document WHERE %s LIMIT %d) AS counted", buffer_string(&builder->where), DOC_COUNT_LIMIT + 1);
    code = store_query(db, &rows, error, buffer_string(&sql), builder->values, builder->count);
    if (!code) {
        if (store_next(&rows)) *count = store_column_integer(&rows, 0);
        code = store_end(&rows);
    }
    buffer_free(&sql);
    return code;
}

/* Kept totals answer the unfiltered list and the one filtered by one state. */
static int kept_count(struct store_connection *db, const struct doc_list *list, int64_t *count, struct error *error)
{
    struct store_rows rows;
    const char *state = get(list, "state");

    if (store_query(db, &rows, error,
                    state ? "SELECT coalesce(sum(count), 0) FROM document_total WHERE enterprise = $1 AND form = $2 AND state = $3"
                          : "SELECT coalesce(sum(count), 0) FROM document_total WHERE enterprise = $1 AND form = $2 AND state <> $3",
                    STORE_VALUES(store_integer(principal_owner(list->principal)), store_string(list->form),
                                 store_string(state ? state : DOC_STATE_LOADED))))
        return (int)error->code;
    if (store_next(&rows)) *count = store_column_integer(&rows, 0);
    return store_end(&rows);
}

static int write_rows(struct store_connection *db, const struct doc_list *list, struct builder *builder, struct json_writer *json,
                      struct error *error)
{
    struct store_rows rows;
    struct buffer sql;
    int code;

    buffer_init(&sql, 32768);
    add_value(builder, store_integer(list->size));
    add_value(builder, store_integer((list->page - 1) * list->size));
    buffer_printf(&sql, "SELECT %s FROM document WHERE %s ORDER BY %s LIMIT $%zu OFFSET $%zu", doc_list_columns, buffer_string(&builder->where),
                  list->queue ? "state_since, id" : "id DESC", builder->count - 1, builder->count);
    code = store_query(db, &rows, error, buffer_string(&sql), builder->values, builder->count);
    buffer_free(&sql);
    if (code) return code;
    json_name(json, "items");
    json_array(json);
    while (store_next(&rows)) doc_write_list_row(&rows, list->principal, list->now, json);
    json_array_end(json);
    return store_end(&rows);
}

static void put_total(struct json_writer *json, int64_t count, bool capped)
{
    char text[24];

    if (capped && count > DOC_COUNT_LIMIT) snprintf(text, sizeof text, "%d+", DOC_COUNT_LIMIT);
    else snprintf(text, sizeof text, "%lld", (long long)count);
    json_put_string(json, "total", text);
}

int doc_list_write(struct store_connection *db, const struct doc_list *list, struct json_writer *json, struct error *error)
{
    struct builder builder = {.count = 0};
    const char *state = get(list, "state");
    int64_t count = 0;
    int code = build(&builder, list, error);

    if (!code)
        code = builder.filtered || !list->form || (state && strchr(state, ',')) ? capped_count(db, &builder, &count, error)
                                                                               : kept_count(db, list, &count, error);
    if (!code) {
        json_object(json);
        put_total(json, count, builder.filtered);
        code = write_rows(db, list, &builder, json, error);
        json_object_end(json);
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
        json_object_end(json);
        code = store_end(&rows);
    }
    buffer_free(&builder.where);
    arena_free(&builder.arena);
    return code;
}

/* ---- write-offs */

int doc_write_offs_write(struct store_connection *db, const struct principal *principal, const char *from, const char *to, bool unknown,
                         int64_t page, int64_t size, struct json_writer *json, struct error *error)
{
    static const char *const names[] = {"declaration_no", "licence_no", "contract_no", "enterprise_name", "trade_mode", "country",
                                        "customs_port", "released", "unit", "message_id"};
    struct store_rows rows;
    int64_t total = 0;
    const struct store_value values[] = {store_integer(unknown ? 0 : principal_owner(principal)), store_string(from ? from : "0000-00-00"),
                                         store_string(to ? to : "9999-99-99"), store_integer(size), store_integer((page - 1) * size)};
    const char *count = unknown ? "SELECT count(*) FROM write_off WHERE document IS NULL AND enterprise = $1 AND released >= $2 AND released <= $3 AND closed IS NULL"
                                : "SELECT count(*) FROM (SELECT 1 FROM write_off WHERE enterprise = $1 AND document IS NOT NULL AND released >= $2 AND released <= $3 LIMIT 1001) AS counted";
    const char *list = unknown ? "SELECT declaration_no, licence_no, contract_no, enterprise_name, trade_mode, country, customs_port, released, unit, message_id, quantity, id, received FROM write_off WHERE document IS NULL AND enterprise = $1 AND released >= $2 AND released <= $3 AND closed IS NULL ORDER BY id LIMIT $4 OFFSET $5"
                               : "SELECT w.declaration_no, w.licence_no, coalesce(nullif(w.contract_no, ''), d.contract_no), coalesce(nullif(w.enterprise_name, ''), d.enterprise_name), "
                                 "coalesce(nullif(w.trade_mode, ''), d.trade_mode), coalesce(nullif(w.country, ''), d.country), coalesce(nullif(w.customs_port, ''), d.customs_port), "
                                 "w.released, w.unit, w.message_id, w.quantity, w.id, w.received FROM write_off w JOIN document d ON d.id = w.document "
                                 "WHERE w.enterprise = $1 AND w.released >= $2 AND w.released <= $3 ORDER BY w.released DESC, w.id DESC LIMIT $4 OFFSET $5";

    if (store_query(db, &rows, error, count, values, 3)) return (int)error->code;
    if (store_next(&rows)) total = store_column_integer(&rows, 0);
    if (store_end(&rows) || store_query(db, &rows, error, list, values, 5)) return (int)error->code;
    json_object(json);
    put_total(json, total, true);
    json_name(json, "items");
    json_array(json);
    while (store_next(&rows)) {
        json_object(json);
        for (int i = 0; i < 10; i++) json_put_string(json, names[i], store_column_text(&rows, i, NULL));
        json_put_decimal(json, "quantity", store_column_integer(&rows, 10), 0);
        json_put_id(json, "id", store_column_integer(&rows, 11));
        json_put_integer(json, "received", store_column_integer(&rows, 12));
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
    return store_end(&rows);
}

/* ---- statistics */

static const struct { const char *name, *documents, *days; } dimensions[] = {
    {"year", "substr(issued, 1, 4)", "substr(day, 1, 4)"}, {"month", "substr(issued, 1, 7)", "substr(day, 1, 7)"},
    {"country", "country", "country"}, {"goods", "goods", "goods"}, {"agency", "agency", "agency"}};

/* The states that count as issued, from the definition (its state codes are plain words). */
static void states_of(const struct form *form, char *out, size_t size)
{
    size_t length = 0;

    out[0] = '\0';
    JSON_EACH(state, json_member(json_member(form->json, "statistics"), "states"))
        if (form_state_find(form, MACHINE_MAIN, state->text.text) && length + 40 < size)
            length += (size_t)snprintf(out + length, size - length, "%s'%s'", length ? ", " : "", state->text.text);
    if (!length) snprintf(out, size, "''");
}

static int statistics_sql(const struct doc_statistics *statistics, char *sql, size_t size, struct error *error)
{
    bool own = statistics->principal->kind == PRINCIPAL_ENTERPRISE || statistics->principal->kind == PRINCIPAL_PERSON;
    char states[256];
    size_t i = 0;

    while (i < 5 && strcmp(dimensions[i].name, statistics->dimension)) i++;
    if (i == 5) return bad_filter(error, "dimension");
    if (own) states_of(statistics->form, states, sizeof states);
    if (own)
        snprintf(sql, size, "SELECT %s AS k, unit, count(*), coalesce(sum(quantity), 0), coalesce(sum(amount_usd), 0) FROM document "
                 "WHERE enterprise = $1 AND form = $2 AND issued <> '' AND issued >= $3 AND issued <= $4 AND source = '' "
                 "AND state IN (%s) GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 2000", dimensions[i].documents, states);
    else
        snprintf(sql, size, "SELECT %s AS k, unit, sum(count), sum(quantity), sum(amount_usd) FROM statistic_day "
                 "WHERE ($1 = '' OR agency = $1) AND form = $2 AND day >= $3 AND day <= $4 GROUP BY 1, 2 HAVING sum(count) > 0 "
                 "ORDER BY 1, 2 LIMIT 2000", dimensions[i].days);
    return 0;
}

int doc_statistics_each(struct store_connection *db, const struct doc_statistics *statistics,
                        void (*row)(void *context, const char *key, const char *unit, int64_t count, decimal quantity, decimal amount_usd),
                        void *context, struct error *error)
{
    struct store_rows rows;
    char sql[1024];
    bool own = statistics->principal->kind == PRINCIPAL_ENTERPRISE || statistics->principal->kind == PRINCIPAL_PERSON;
    struct store_value whose = own ? store_integer(principal_owner(statistics->principal))
                                   : store_string(statistics->principal->kind == PRINCIPAL_OFFICER ? statistics->principal->agency : "");

    if (statistics_sql(statistics, sql, sizeof sql, error)) return (int)error->code;
    if (store_query(db, &rows, error, sql,
                    STORE_VALUES(whose, store_string(statistics->form->name), store_string(statistics->from ? statistics->from : "0000"),
                                 store_string(statistics->to ? statistics->to : "9999"))))
        return (int)error->code;
    while (store_next(&rows)) {
        char key[64];
        snprintf(key, sizeof key, "%s", store_column_text(&rows, 0, NULL));
        row(context, key, store_column_text(&rows, 1, NULL), store_column_integer(&rows, 2), store_column_integer(&rows, 3),
            store_column_integer(&rows, 4));
    }
    return store_end(&rows);
}
