/* Collect queues: systems that nobody can call fetch what happened, and acknowledge it when they have it. Until then they are given it again. */
#include "push.h"

#include "base/clock.h"
#include "service/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APPLICANTS (PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON)
#define NAME_MAXIMUM 32
#define AT_ONCE 100

int collect_name(const char *name, const char *field, struct error *error)
{
    size_t length = name ? strlen(name) : 0;

    if (length && length <= NAME_MAXIMUM && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length) return 0;
    error_set(error, ERROR_INVALID, "queue", "队列名称为1至32个小写字母、数字或连字符。", "A queue is called by 1 to 32 of a-z, 0-9 and -.");
    error_field(error, field);
    return ERROR_INVALID;
}

/* ---- fetching */

/* Of each module that the caller may view its oldest, of these the oldest: what waits from another module costs nothing. */
static size_t write_query(const struct web_call *call, struct buffer *sql, struct store_value *values, size_t count)
{
    const struct program *program = call->application;
    size_t first = count;

    for (int i = 0; i < program->module_count; i++) {
        if (!principal_may(caller(call), program->modules[i], RIGHT_VIEW)) continue;
        values[count++] = store_string(program->modules[i]);
        buffer_printf(sql, "%sSELECT id, event, body FROM (SELECT id, event, body FROM delivery WHERE account = $1 AND address = $2 AND module = $%zu AND "
                           "way = 'collect' AND state = 'waiting' ORDER BY event, id LIMIT $3) AS of_%zu",
                      count > first + 1 ? " UNION ALL " : "", count, count);
    }
    buffer_text(sql, " ORDER BY event, id LIMIT $3");
    return count;
}

/* What a webhook would be sent, with the id as its first member. */
static void put_items(struct web_call *call, struct store_rows *rows)
{
    while (store_next(rows)) {
        const char *item = arena_printf(&call->arena, "{\"id\":\"%lld\",%s", (long long)store_column_integer(rows, 0), store_column_text(rows, 2, NULL) + 1);
        if (item) json_raw(&call->json, item, strlen(item));
        else error_internal(&call->error, "out of memory");
    }
}

static int queue_get(struct web_call *call)
{
    struct store_value values[3 + PRINCIPAL_GRANTS];
    struct store_rows rows;
    struct buffer sql;
    int64_t most;
    size_t count;

    if (web_query_integer(call, "count", 1, AT_ONCE, 50, &most) || collect_name(call->parameter[0], "queue", &call->error)) return (int)call->error.code;
    values[0] = store_integer(caller(call)->user);
    values[1] = store_string(call->parameter[0]);
    values[2] = store_integer(most);
    buffer_init(&sql, 0);
    count = write_query(call, &sql, values, 3);
    json_object(&call->json);
    json_name(&call->json, "items");
    json_array(&call->json);
    if (count > 3 && !store_query(reader_of(call), &rows, &call->error, buffer_string(&sql), values, count)) {
        put_items(call, &rows);
        store_end(&rows);
    }
    json_array_end(&call->json);
    json_object_end(&call->json);
    buffer_free(&sql);
    return (int)call->error.code;
}

/* ---- acknowledging */

struct taken {
    int64_t ids[AT_ONCE];
    size_t count;
    char modules[PUSH_MODULES_SIZE];
};

static int acknowledge_work(void *connection, struct web_call *call, struct error *error)
{
    const struct taken *taken = call->argument;

    call->status = 204;
    for (size_t i = 0; i < taken->count; i++)
        if (store_execute(connection, error, NULL,
                          "UPDATE delivery SET state = 'sent', finished = $4 WHERE id = $1 AND account = $2 AND address = $3 AND way = 'collect' AND "
                          "state = 'waiting' AND " PUSH_SEEN(5),
                          STORE_VALUES(store_integer(taken->ids[i]), store_integer(caller(call)->user), store_string(call->parameter[0]),
                                       store_integer(clock_now()), store_string(taken->modules))))
            return (int)error->code;
    return 0;
}

/* An id twice, or of what is gone, changes nothing; only what cannot be one is refused. */
static int take_ids(struct web_call *call, struct taken *taken)
{
    struct service_input input;
    const struct json *list;

    if (service_input(call, &input)) return (int)call->error.code;
    list = json_member(input.json, "ids");
    bool wrong = !list || list->kind != JSON_ARRAY || !list->count || list->count > AT_ONCE;
    JSON_EACH(item, wrong ? NULL : list) {
        char *end = "";
        int64_t id = item->kind == JSON_STRING && item->text.length < 20 ? strtoll(item->text.text, &end, 10) : 0;
        wrong |= id <= 0 || *end;
        taken->ids[taken->count++] = id;
    }
    if (!wrong) return 0;
    error_set(&call->error, ERROR_INVALID, "ids", "ids应为1至100个取回的编号。", "\"ids\" are 1 to 100 of the ids that were fetched.");
    error_field(&call->error, "ids");
    return ERROR_INVALID;
}

static int acknowledge(struct web_call *call)
{
    struct taken *taken = arena_alloc(&call->arena, sizeof *taken);

    if (!taken) return error_internal(&call->error, "out of memory");
    taken->count = 0;
    push_modules(call, taken->modules);
    if (collect_name(call->parameter[0], "queue", &call->error) || take_ids(call, taken)) return (int)call->error.code;
    return web_write(call, acknowledge_work, taken);
}

const struct web_route collect_routes[] = {
    {"GET", "/api/exchange/queues/:queue", queue_get, APPLICANTS, 0, WEB_BY_KEY, LANE_FAST, 0, {0, 0}},
    {"POST", "/api/exchange/queues/:queue/ack", acknowledge, APPLICANTS, 0, WEB_BY_KEY, LANE_FAST, 4096, {0, 0}},
    {0}};
