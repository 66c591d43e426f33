/* What portal administrators look at: the local mailbox, enterprises, the audit list. */
#include "account.h"

#include "base/date.h"
#include "service/sheet.h"

#include <string.h>
#include <time.h>

/* ---- mailbox */

static void write_message(struct web_call *call, struct store_rows *rows)
{
    json_put_id(&call->json, "id", store_column_integer(rows, 0));
    json_put_instant(&call->json, "at", store_column_integer(rows, 1));
    json_put_string(&call->json, "way", store_column_text(rows, 2, NULL));
    json_put_string(&call->json, "to", store_column_text(rows, 3, NULL));
    json_put_string(&call->json, "subject", store_column_text(rows, 4, NULL));
    json_put_string(&call->json, "text", store_column_text(rows, 5, NULL));
}

static int mailbox_get(struct web_call *call)
{
    return service_list(call, &(struct service_list){"id, at, way, address, subject, body", "mailbox", "id DESC", NULL, write_message});
}

/* ---- enterprises */

static void write_enterprise(struct web_call *call, struct store_rows *rows)
{
    static const char *const names[] = {"code", "name", "uscc", "organisation_code", "address", "contact", "phone", "region"};
    json_put_id(&call->json, "id", store_column_integer(rows, 0));
    for (int i = 0; i < 8; i++)
        json_put_string(&call->json, names[i], store_column_text(rows, i + 1, NULL));
    json_put_instant(&call->json, "registered", store_column_integer(rows, 9));
}

static int enterprises_get(struct web_call *call)
{
    struct service_conditions conditions = {.count = 0};
    service_condition(&conditions, "(LOWER(name) LIKE $ ESCAPE '!' OR LOWER(code) LIKE $ ESCAPE '!' OR LOWER(uscc) LIKE $ ESCAPE '!')",
                      store_string(store_like(&call->arena, web_query(call, "q"))));
    return service_list(call, &(struct service_list){"id, code, name, uscc, organisation_code, address, contact, phone, region, created", "enterprise",
                                                     "id DESC", &conditions, write_enterprise});
}

/* ---- audit */

static void write_event(struct web_call *call, struct store_rows *rows)
{
    const char *action = store_column_text(rows, 3, NULL);
    json_put_id(&call->json, "id", store_column_integer(rows, 0));
    json_put_instant(&call->json, "at", store_column_integer(rows, 1));
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

static void match(struct web_call *call, struct service_conditions *conditions, const char *sql, const char *name)
{
    const char *text = web_query(call, name);
    if (text && *text)
        service_condition(conditions, sql, store_string(store_like(&call->arena, text)));
}

static int take_chosen(struct web_call *call, struct service_conditions *conditions)
{
    int64_t from, to;
    if (take_day(call, "from", 0, 0, &from) || take_day(call, "to", 1, INT64_MAX, &to))
        return (int)call->error.code;
    service_condition(conditions, "at >= $", store_integer(from));
    service_condition(conditions, "at < $", store_integer(to));
    service_condition_query(call, conditions, "action = $", "action");
    match(call, conditions, "LOWER(actor_name) LIKE $ ESCAPE '!'", "user");
    match(call, conditions, "LOWER(subject) LIKE $ ESCAPE '!'", "object");
    return 0;
}

static int audit_get(struct web_call *call)
{
    struct service_conditions conditions = {.count = 0};
    if (take_chosen(call, &conditions))
        return (int)call->error.code;
    return service_list(call, &(struct service_list){"id, at, actor_name, action, subject, address, detail", "audit_event", "at DESC, id DESC", &conditions, write_event});
}

/* ---- the same as a file */

#define FILE_ROWS 50000
#define FILE_MAXIMUM (64u << 20)

static void put_cell(struct sheet *sheet, const char *text) { sheet_text(sheet, text, strlen(text)); }

static void put_time(struct sheet *sheet, int64_t at)
{
    time_t local = (time_t)(at / 1000 + 8 * 3600); /* Asia/Shanghai has no summer time */
    char text[32];
    struct tm tm;
    gmtime_r(&local, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    put_cell(sheet, text);
}

static int write_file(struct web_call *call, struct store_rows *rows, bool xlsx)
{
    static const char *const heads[] = {"时间 Time", "用户 User", "操作 Action", "对象 Object", "地址 Address", "说明 Detail"};
    struct sheet sheet;
    sheet_open(&sheet, xlsx);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        put_cell(&sheet, heads[i]);
    sheet_row_end(&sheet);
    while (store_next(rows)) {
        put_time(&sheet, store_column_integer(rows, 0));
        for (int i = 1; i < 6; i++)
            put_cell(&sheet, store_column_text(rows, i, NULL));
        sheet_row_end(&sheet);
    }
    store_end(rows);
    call->out.maximum = FILE_MAXIMUM;
    sheet_close(&sheet, &call->out, &call->error);
    return (int)call->error.code;
}

static int audit_file(struct web_call *call)
{
    const char *format = web_query(call, "format");
    struct service_conditions conditions = {.count = 0};
    struct store_rows rows;
    const char *sql;
    bool xlsx = format && !strcmp(format, "xlsx");
    if (!xlsx && (!format || strcmp(format, "csv")))
        return refuse(&call->error, "format", "format", "格式应为csv或xlsx。", "The format is csv or xlsx.");
    if (take_chosen(call, &conditions))
        return (int)call->error.code;
    sql = arena_printf(&call->arena, "SELECT at, actor_name, action, subject, address, detail FROM audit_event WHERE %s ORDER BY at DESC, id DESC LIMIT %d",
                       conditions.sql, FILE_ROWS);
    if (store_query(reader_of(call), &rows, &call->error, sql, conditions.values, conditions.count) || write_file(call, &rows, xlsx))
        return (int)call->error.code;
    web_answer_file(call, xlsx ? "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" : "text/csv; charset=utf-8", xlsx ? "audit.xlsx" : "audit.csv", true);
    return 0;
}

#define ADMINISTRATOR PRINCIPAL_ADMINISTRATOR

const struct web_route admin_routes[] = {
    {"GET", "/api/account/mailbox", mailbox_get, ADMINISTRATOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/api/account/enterprises", enterprises_get, ADMINISTRATOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/api/account/audit", audit_get, ADMINISTRATOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/api/account/audit/file", audit_file, ADMINISTRATOR, 0, 0, LANE_SLOW, 0, {10, 60}},
    {0}};
