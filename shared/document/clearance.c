/* What customs reported: write-offs and the goods of each. */
#include "document/internal.h"
#include "document/list.h"

#include <stdio.h>
#include <string.h>

/* Members of a row, in the order of the columns; what customs did not say comes from the licence. */
static const char *const names[] = {"declaration_no", "licence_no", "contract_no", "enterprise_name", "trade_mode", "country", "customs_port",
                                    "released", "unit", "message_id", "owner_name", "bill_no", "destination"};
enum { NAMES = sizeof names / sizeof *names, QUANTITY = NAMES, ID, RECEIVED, PACKAGES };

static const char unknown_columns[] =
    "w.declaration_no, w.licence_no, w.contract_no, w.enterprise_name, w.trade_mode, w.country, w.customs_port, w.released, w.unit, w.message_id, "
    "w.owner_name, w.bill_no, w.destination, w.quantity, w.id, w.received, w.packages FROM write_off w";
static const char known_columns[] =
    "w.declaration_no, w.licence_no, coalesce(nullif(w.contract_no, ''), d.contract_no), coalesce(nullif(w.enterprise_name, ''), d.enterprise_name), "
    "coalesce(nullif(w.trade_mode, ''), d.trade_mode), coalesce(nullif(w.country, ''), d.country), coalesce(nullif(w.customs_port, ''), d.customs_port), "
    "w.released, w.unit, w.message_id, w.owner_name, w.bill_no, w.destination, w.quantity, w.id, w.received, w.packages FROM write_off w "
    "JOIN document d ON d.id = w.document";

static void write_row(struct store_rows *rows, struct json_writer *json)
{
    json_object(json);
    for (int i = 0; i < NAMES; i++) json_put_string(json, names[i], store_column_text(rows, i, NULL));
    json_put_decimal(json, "quantity", store_column_integer(rows, QUANTITY), 0);
    json_put_id(json, "id", store_column_integer(rows, ID));
    json_put_integer(json, "received", store_column_integer(rows, RECEIVED));
    if (!store_is_null(rows, PACKAGES)) json_put_integer(json, "packages", store_column_integer(rows, PACKAGES));
    json_object_end(json);
}

static int write_all(struct store_connection *db, const char *count, const char *list, const struct store_value *values, size_t filters,
                     bool capped, struct json_writer *json, struct error *error)
{
    struct store_rows rows;
    int64_t total = 0;

    if (store_query(db, &rows, error, count, values, filters)) return (int)error->code;
    if (store_next(&rows)) total = store_column_integer(&rows, 0);
    if (store_end(&rows) || store_query(db, &rows, error, list, values, filters + 2)) return (int)error->code;
    json_object(json);
    json_put_total(json, total, capped ? DOC_COUNT_LIMIT : 0);
    json_name(json, "items");
    json_array(json);
    while (store_next(&rows)) write_row(&rows, json);
    json_array_end(json);
    json_object_end(json);
    return store_end(&rows);
}

int doc_write_offs_write(struct store_connection *db, const struct doc_write_offs *q, struct json_writer *json, struct error *error)
{
    bool by_licence = q->licence_no && *q->licence_no;
    const char *which = q->unknown ? "w.document IS NULL AND w.closed IS NULL" : "w.document IS NOT NULL";
    char where[300], count[500], list[1400];
    struct store_value values[6];
    size_t filters = 0;
    struct arena arena;
    int code;

    if (by_licence && strlen(q->licence_no) > 64) return doc_bad_filter(error, "licence_no");
    arena_init(&arena, 0);
    values[filters++] = store_integer(q->unknown ? 0 : principal_owner(q->principal));
    values[filters++] = store_string(q->from ? q->from : "0000-00-00");
    values[filters++] = store_string(q->to ? q->to : "9999-99-99");
    if (by_licence) values[filters++] = store_string(store_like(&arena, q->licence_no));
    values[filters] = store_integer(q->size);
    values[filters + 1] = store_integer((q->page - 1) * q->size);
    snprintf(where, sizeof where, "WHERE w.enterprise = $1 AND w.released >= $2 AND w.released <= $3 AND %s%s", which,
             by_licence ? " AND lower(w.licence_no) LIKE $4 ESCAPE '!'" : "");
    snprintf(count, sizeof count, "SELECT count(*) FROM (SELECT 1 FROM write_off w %s LIMIT %d) AS counted", where, q->unknown ? 1000000 : DOC_COUNT_LIMIT + 1);
    snprintf(list, sizeof list, "SELECT %s %s ORDER BY %s LIMIT $%zu OFFSET $%zu", q->unknown ? unknown_columns : known_columns, where,
             q->unknown ? "w.id" : "w.released DESC, w.id DESC", filters + 1, filters + 2);
    code = write_all(db, count, list, values, filters, !q->unknown, json, error);
    arena_free(&arena);
    return code;
}

/* ---- goods of one */

static int find_clearance(struct store_connection *db, const struct principal *principal, int64_t id, char licence_no[24], struct error *error)
{
    struct store_rows rows;
    bool found;

    if (store_query(db, &rows, error, "SELECT licence_no FROM write_off WHERE id = $1 AND enterprise = $2 AND document IS NOT NULL",
                    STORE_VALUES(store_integer(id), store_integer(principal_owner(principal)))))
        return (int)error->code;
    if ((found = store_next(&rows))) snprintf(licence_no, 24, "%s", store_column_text(&rows, 0, NULL));
    if (store_end(&rows)) return (int)error->code;
    return found ? 0 : error_set(error, ERROR_NOT_FOUND, "not_found", "没有找到该核注记录。", "There is no such clearance.");
}

int doc_write_off_goods_write(struct store_connection *db, const struct principal *principal, int64_t id, struct json_writer *json, struct error *error)
{
    static const char *const texts[] = {"goods", "goods_name", "spec", "unit", "currency"};
    struct store_rows rows;
    char licence_no[24];

    if (find_clearance(db, principal, id, licence_no, error)) return (int)error->code;
    if (store_query(db, &rows, error,
                    "SELECT line, goods, goods_name, spec, unit, currency, quantity, price FROM write_off_goods WHERE write_off = $1 ORDER BY line",
                    STORE_VALUES(store_integer(id))))
        return (int)error->code;
    json_object(json);
    json_name(json, "items");
    json_array(json);
    while (store_next(&rows)) {
        json_object(json);
        json_put_integer(json, "line", store_column_integer(&rows, 0));
        json_put_string(json, "licence_no", licence_no);
        for (int i = 0; i < 5; i++) json_put_string(json, texts[i], store_column_text(&rows, i + 1, NULL));
        if (!store_is_null(&rows, 6)) json_put_decimal(json, "quantity", store_column_integer(&rows, 6), 0);
        if (!store_is_null(&rows, 7)) json_put_decimal(json, "price", store_column_integer(&rows, 7), 0);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
    return store_end(&rows);
}
