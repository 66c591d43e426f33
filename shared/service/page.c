#include "service/page.h"

#include "service/input.h"

#include <stdio.h>
#include <string.h>

void service_condition(struct service_conditions *conditions, const char *sql, struct store_value value)
{
    size_t used = strlen(conditions->sql), size = sizeof conditions->sql;

    conditions->values[conditions->count++] = value;
    used += (size_t)snprintf(conditions->sql + used, size - used, "%s", used ? " AND " : "");
    for (const char *at = sql; *at && used + 4 < size; at++) {
        if (*at == '$') used += (size_t)snprintf(conditions->sql + used, size - used, "$%zu", conditions->count);
        else conditions->sql[used++] = *at;
        conditions->sql[used] = '\0';
    }
}

void service_condition_query(struct web_call *call, struct service_conditions *conditions, const char *sql, const char *name)
{
    const char *text = web_query(call, name);

    if (text && *text) service_condition(conditions, sql, store_string(text));
}

/* FROM and WHERE, in the arena. */
static const char *source_of(struct web_call *call, const struct service_list *list)
{
    const char *conditions = list->conditions ? list->conditions->sql : "";

    return arena_printf(&call->arena, "%s%s%s", list->from, *conditions ? " WHERE " : "", conditions);
}

static int put_total(struct web_call *call, const char *source, const struct store_value *values, size_t count)
{
    const char *sql = arena_printf(&call->arena, "SELECT COUNT(*) FROM (SELECT 1 FROM %s LIMIT %d) AS counted", source, SERVICE_COUNT_LIMIT + 1);
    struct store_rows rows;
    int64_t total = 0;

    if (!sql) return error_internal(&call->error, "out of memory");
    if (store_query(reader_of(call), &rows, &call->error, sql, values, count)) return (int)call->error.code;
    if (store_next(&rows)) total = store_column_integer(&rows, 0);
    if (store_end(&rows)) return (int)call->error.code;
    json_put_total(&call->json, total, SERVICE_COUNT_LIMIT);
    return 0;
}

static int put_items(struct web_call *call, const struct service_list *list, const char *source, const struct store_value *values, size_t count)
{
    const char *sql = arena_printf(&call->arena, "SELECT %s FROM %s ORDER BY %s LIMIT $%zu OFFSET $%zu", list->columns, source, list->order, count - 1, count);
    struct store_rows rows;

    if (!sql) return error_internal(&call->error, "out of memory");
    if (store_query(reader_of(call), &rows, &call->error, sql, values, count)) return (int)call->error.code;
    json_name(&call->json, "items");
    json_array(&call->json);
    while (store_next(&rows)) {
        json_object(&call->json);
        list->write(call, &rows);
        json_object_end(&call->json);
    }
    json_array_end(&call->json);
    return store_end(&rows);
}

int service_list(struct web_call *call, const struct service_list *list)
{
    struct store_value values[SERVICE_CONDITIONS + 2];
    size_t count = list->conditions ? list->conditions->count : 0;
    const char *source = source_of(call, list);
    int64_t page, size;

    if (web_query_integer(call, "page", 1, 100000, 1, &page) || web_query_integer(call, "size", 1, 100, 20, &size)) return (int)call->error.code;
    if (count) memcpy(values, list->conditions->values, count * sizeof *values);
    values[count] = store_integer(size);
    values[count + 1] = store_integer((page - 1) * size);
    json_object(&call->json);
    if (put_total(call, source, values, count) || put_items(call, list, source, values, count + 2)) return (int)call->error.code;
    json_object_end(&call->json);
    return 0;
}
