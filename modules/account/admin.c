/* What portal administrators look at: the local mailbox, enterprises, the audit list. */
#include "account.h"

#include "base/date.h"

#include <string.h>

/* ---- mailbox */

static void write_message(struct web_call *call, struct store_rows *rows)
{
    json_put_id(&call->json, "id", store_column_integer(rows, 0));
    put_instant(&call->json, "at", store_column_integer(rows, 1));
    json_put_string(&call->json, "way", store_column_text(rows, 2, NULL));
    json_put_string(&call->json, "to", store_column_text(rows, 3, NULL));
    json_put_string(&call->json, "subject", store_column_text(rows, 4, NULL));
    json_put_string(&call->json, "text", store_column_text(rows, 5, NULL));
}

static int mailbox_get(struct web_call *call)
{
    struct page page;
    if (take_page(call, &page))
        return (int)call->error.code;
    return write_list(call, &page, "SELECT COUNT(id) FROM mailbox",
                      "SELECT id, at, way, address, subject, body FROM mailbox ORDER BY id DESC LIMIT $1 OFFSET $2", NULL, 0, write_message);
}

/* ---- enterprises */

static void write_enterprise(struct web_call *call, struct store_rows *rows)
{
    static const char *const names[] = {"code", "name", "uscc", "organisation_code", "address", "contact", "phone", "region"};
    json_put_id(&call->json, "id", store_column_integer(rows, 0));
    for (int i = 0; i < 8; i++)
        json_put_string(&call->json, names[i], store_column_text(rows, i + 1, NULL));
    put_instant(&call->json, "registered", store_column_integer(rows, 9));
}

#define FOUND "(LOWER(name) LIKE $1 ESCAPE '!' OR LOWER(code) LIKE $1 ESCAPE '!' OR LOWER(uscc) LIKE $1 ESCAPE '!')"

static int enterprises_get(struct web_call *call)
{
    struct page page;
    if (take_page(call, &page))
        return (int)call->error.code;
    return write_list(call, &page, "SELECT COUNT(id) FROM enterprise WHERE " FOUND,
                      "SELECT id, code, name, uscc, organisation_code, address, contact, phone, region, created FROM enterprise WHERE " FOUND
                      " ORDER BY id DESC LIMIT $2 OFFSET $3",
                      STORE_VALUES(store_string(like_pattern(call, web_query(call, "q")))), write_enterprise);
}

/* ---- audit */

static void write_event(struct web_call *call, struct store_rows *rows)
{
    const char *action = store_column_text(rows, 3, NULL);
    json_put_id(&call->json, "id", store_column_integer(rows, 0));
    put_instant(&call->json, "at", store_column_integer(rows, 1));
    json_put_string(&call->json, "user", store_column_text(rows, 2, NULL));
    json_put_string(&call->json, "action", action);
    json_put_string(&call->json, "object", store_column_text(rows, 4, NULL));
    json_put_string(&call->json, "result", strstr(action, "_failed") ? "failed" : "ok");
    json_put_string(&call->json, "address", store_column_text(rows, 5, NULL));
    json_put_string(&call->json, "detail", store_column_text(rows, 6, NULL));
}

/* A date of the query as the instant at which it begins, `days` later. */
static int take_day(struct web_call *call, const char *name, int days, int64_t fallback, int64_t *instant)
{
    const char *text = web_query(call, name);
    int32_t day;
    *instant = fallback;
    if (!text || !*text)
        return 0;
    if (!date_parse(text, strlen(text), &day))
        return refuse(&call->error, name, "date", "日期格式应为YYYY-MM-DD。", "A date is YYYY-MM-DD.");
    *instant = date_begin(day + days);
    return 0;
}

#define CHOSEN "actor_name LIKE $1 ESCAPE '!' AND action LIKE $2 ESCAPE '!' AND at >= $3 AND at < $4"

static int audit_get(struct web_call *call)
{
    struct page page;
    int64_t from, to;
    if (take_page(call, &page) || take_day(call, "from", 0, 0, &from) || take_day(call, "to", 1, INT64_MAX, &to))
        return (int)call->error.code;
    return write_list(call, &page, "SELECT COUNT(id) FROM audit_event WHERE " CHOSEN,
                      "SELECT id, at, actor_name, action, subject, address, detail FROM audit_event WHERE " CHOSEN " ORDER BY id DESC LIMIT $5 OFFSET $6",
                      STORE_VALUES(store_string(like_pattern(call, web_query(call, "user"))), store_string(like_pattern(call, web_query(call, "action"))),
                                   store_integer(from), store_integer(to)), write_event);
}

#define ADMINISTRATOR PRINCIPAL_ADMINISTRATOR

const struct web_route admin_routes[] = {
    {"GET", "/api/account/mailbox", mailbox_get, ADMINISTRATOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/api/account/enterprises", enterprises_get, ADMINISTRATOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/api/account/audit", audit_get, ADMINISTRATOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {0}};
