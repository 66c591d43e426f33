/* Statistics of licences issued, from the documents or from what was kept by day. */
#include "document/internal.h"
#include "document/list.h"

#include "base/date.h"

#include <stdio.h>
#include <string.h>

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
    if (i == 5) return doc_bad_filter(error, "dimension");
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

/* ---- a month and the year up to it */

/* Where a key stands when a form has goods lines: l the line, d the document. */
static const struct { const char *name; bool of_line; } monthly_columns[] = {
    {"goods", true}, {"goods_class", true}, {"country", false}, {"agency", false}, {"trade_mode", false}};
enum { MONTHLY_COLUMNS = sizeof monthly_columns / sizeof *monthly_columns };

static int monthly_column(const char *name)
{
    for (int i = 0; i < MONTHLY_COLUMNS; i++)
        if (!strcmp(monthly_columns[i].name, name)) return i;
    return -1;
}

const struct json *doc_monthly_by(const struct form *form, const char *column)
{
    JSON_EACH(by, json_member(json_member(json_member(form->json, "statistics"), "monthly"), "by"))
        if (!column || !strcmp(json_member_text(by, "column", ""), column)) return by;
    return NULL;
}

int doc_check_monthly(const struct form *form, struct error *error)
{
    JSON_EACH(by, json_member(json_member(json_member(form->json, "statistics"), "monthly"), "by"))
        if (monthly_column(json_member_text(by, "column", "")) < 0)
            return error_internal(error, "%s: line %d: no monthly statistics by this column", form->name, by->line);
    return 0;
}

static bool good_month(const char *month)
{
    char first[16];
    int32_t day;

    return strlen(month) == 7 && snprintf(first, sizeof first, "%s-01", month) == 10 && date_parse(first, 10, &day);
}

static void monthly_sql(const struct doc_monthly *monthly, int column, char *sql, size_t size)
{
    bool lines = monthly->form->lines.block != NULL;
    enum principal_kind kind = monthly->principal->kind;
    const char *goods = lines ? "l" : "d", *key = monthly_columns[column].of_line ? goods : "d";
    char states[256];

    states_of(monthly->form, states, sizeof states);
    snprintf(sql, size,
             "SELECT %s.%s AS k, %s.unit AS u, coalesce(sum(CASE WHEN d.issued >= $3 THEN %s.quantity END), 0), "
             "coalesce(sum(CASE WHEN d.issued >= $3 THEN %s.amount_usd END), 0), count(DISTINCT CASE WHEN d.issued >= $3 THEN d.id END), "
             "coalesce(sum(%s.quantity), 0), coalesce(sum(%s.amount_usd), 0), count(DISTINCT d.id) FROM document d %s"
             "WHERE d.form = $1 AND d.issued <> '' AND d.issued >= $2 AND d.issued <= $4 AND d.source = '' AND d.state IN (%s) AND %s "
             "AND ($6 = '' OR d.agency = $6) AND ($7 = '' OR d.trade_mode = $7) AND ($8 = '' OR d.country = $8) "
             "GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 2000",
             key, monthly_columns[column].name, goods, goods, goods, goods, goods, lines ? "JOIN document_line l ON l.document = d.id " : "", states,
             kind == PRINCIPAL_OFFICER ? "d.agency = $5" : kind == PRINCIPAL_ADMINISTRATOR ? "$5 = ''" : "d.enterprise = $5");
}

int doc_monthly_each(struct store_connection *db, const struct doc_monthly *monthly,
                     void (*row)(void *context, const char *key, const char *unit, const struct doc_month *month, const struct doc_month *year),
                     void *context, struct error *error)
{
    const struct principal *who = monthly->principal;
    int column = doc_monthly_by(monthly->form, monthly->by) ? monthly_column(monthly->by) : -1;
    struct store_rows rows;
    char sql[1600], from[16], year[16], to[16];

    if (column < 0) return doc_bad_filter(error, "by");
    if (!good_month(monthly->month)) return doc_bad_filter(error, "month");
    snprintf(year, sizeof year, "%.4s-01-01", monthly->month);
    snprintf(from, sizeof from, "%s-01", monthly->month);
    snprintf(to, sizeof to, "%s-31", monthly->month);
    monthly_sql(monthly, column, sql, sizeof sql);
    if (store_query(db, &rows, error, sql,
                    STORE_VALUES(store_string(monthly->form->name), store_string(year), store_string(from), store_string(to),
                                 who->kind == PRINCIPAL_OFFICER ? store_string(who->agency)
                                 : who->kind == PRINCIPAL_ADMINISTRATOR ? store_string("") : store_integer(principal_owner(who)),
                                 store_string(monthly->agency), store_string(monthly->trade_mode), store_string(monthly->country))))
        return (int)error->code;
    while (store_next(&rows)) {
        const struct doc_month sums[2] = {{store_column_integer(&rows, 2), store_column_integer(&rows, 3), store_column_integer(&rows, 4)},
                                          {store_column_integer(&rows, 5), store_column_integer(&rows, 6), store_column_integer(&rows, 7)}};
        char key[128];
        snprintf(key, sizeof key, "%s", store_column_text(&rows, 0, NULL));
        row(context, key, store_column_text(&rows, 1, NULL), &sums[0], &sums[1]);
    }
    return store_end(&rows);
}
