/* The log of deliveries: one's own, or, for administrators, everybody's; sending one again. */
#include "push.h"

#include "base/clock.h"
#include "service/input.h"

#include <string.h>

#define READERS (PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON | PRINCIPAL_ADMINISTRATOR)
#define CHOSEN "(account = $1 OR $1 = 0) AND (module = $2 OR $2 = '') AND (state = $3 OR $3 = '') AND (way = $4 OR $4 = '') AND " PUSH_SEEN(5)

/* 0: everybody's. */
static int64_t whose(const struct web_call *call)
{
    return caller(call)->kind == PRINCIPAL_ADMINISTRATOR ? 0 : caller(call)->user;
}

static void put_delivery(struct web_call *call, struct store_rows *rows)
{
    static const char *const texts[] = {NULL, "module", "way", "address", "number", "subject", "state", "answer"};

    json_object(&call->json);
    json_put_id(&call->json, "id", store_column_integer(rows, 0));
    for (int i = 1; i < 8; i++) json_put_string(&call->json, texts[i], store_column_text(rows, i, NULL));
    json_put_id(&call->json, "document", store_column_integer(rows, 8));
    json_put_integer(&call->json, "attempts", store_column_integer(rows, 9));
    json_put_integer(&call->json, "created", store_column_integer(rows, 10));
    json_put_integer(&call->json, "next_at", store_column_integer(rows, 11) == COLLECT_NEXT_AT ? 0 : store_column_integer(rows, 11));
    json_put_integer(&call->json, "finished", store_column_integer(rows, 12));
    json_object_end(&call->json);
}

static const char *text_query(struct web_call *call, const char *name)
{
    const char *text = web_query(call, name);
    return text ? text : "";
}

static int deliveries_get(struct web_call *call)
{
    char modules[PUSH_MODULES_SIZE];
    struct store_value all[7] = {store_integer(whose(call)), store_string(text_query(call, "module")), store_string(text_query(call, "state")),
                                 store_string(text_query(call, "way"))};
    struct store_rows rows;
    int64_t page, size, total = 0;

    push_modules(call, modules);
    all[4] = store_string(modules);
    if (web_query_integer(call, "page", 1, 100000, 1, &page) || web_query_integer(call, "size", 1, 100, 20, &size) ||
        store_query(reader_of(call), &rows, &call->error, "SELECT COUNT(id) FROM delivery WHERE " CHOSEN, all, 5))
        return (int)call->error.code;
    if (store_next(&rows)) total = store_column_integer(&rows, 0);
    if (store_end(&rows)) return (int)call->error.code;
    all[5] = store_integer(size);
    all[6] = store_integer((page - 1) * size);
    if (store_query(reader_of(call), &rows, &call->error,
                    "SELECT id, module, way, address, number, subject, state, answer, document, attempts, created, next_at, finished FROM delivery WHERE " CHOSEN
                    " ORDER BY id DESC LIMIT $6 OFFSET $7", all, 7))
        return (int)call->error.code;
    json_object(&call->json);
    json_put_id(&call->json, "total", total);
    json_name(&call->json, "items");
    json_array(&call->json);
    while (store_next(&rows)) put_delivery(call, &rows);
    json_array_end(&call->json);
    json_object_end(&call->json);
    return store_end(&rows);
}

/* Sent again at once, under the id it had, or back in its place in the queue. What is being sent now is left alone. */
static int retry_work(void *connection, struct web_call *call, struct error *error)
{
    int64_t id, changed;
    char modules[PUSH_MODULES_SIZE];

    if (web_parameter_id(call, 0, &id)) return (int)(*error = call->error).code;
    push_modules(call, modules);
    call->status = 204;
    if (store_execute(connection, error, &changed,
                      "UPDATE delivery SET state = 'waiting', attempts = 0, next_at = CASE WHEN way = 'collect' THEN CAST($5 AS BIGINT) ELSE $3 END, begun = $3, "
                      "finished = 0 WHERE id = $1 AND (account = $2 OR $2 = 0) AND lease < $4 AND " PUSH_SEEN(6),
                      STORE_VALUES(store_integer(id), store_integer(whose(call)), store_integer(clock_now()), store_integer(clock_lease()),
                                   store_integer(COLLECT_NEXT_AT), store_string(modules))))
        return (int)error->code;
    return changed ? 0 : error_set(error, ERROR_NOT_FOUND, "not_found", "没有这条推送记录，或正在发送。", "There is no such delivery, or it is being sent now.");
}

static void retried(struct web_call *call, int code)
{
    if (!code) deliver_wake(program_of(call));
}

static int retry(struct web_call *call)
{
    call->work_done = retried;
    return web_write(call, retry_work, NULL);
}

/* ---- forgetting */

#define DAY_MILLISECONDS (24 * 3600 * INT64_C(1000))
#define HOUR_MILLISECONDS (3600 * INT64_C(1000))
#define FORGET 500 /* of one transaction */

struct forgetting { int64_t before, finished, uncollected; };

static int forget_work(struct store_connection *db, void *argument, struct error *error)
{
    struct forgetting *f = argument;
    const struct store_value values[] = {store_integer(f->before), store_integer(FORGET)};

    if (store_execute(db, error, &f->finished, "DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE finished > 0 AND finished < $1 ORDER BY finished LIMIT $2)", values, 2))
        return (int)error->code;
    return store_execute(db, error, &f->uncollected,
                         "DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE way = 'collect' AND state = 'waiting' AND created < $1 ORDER BY created LIMIT $2)", values, 2);
}

int push_forget(struct program *program, struct error *error)
{
    static int64_t looked; /* of the one thread that calls this */
    int64_t now = clock_now();
    struct forgetting f = {.before = now - program->delivery_keep_days * DAY_MILLISECONDS, .finished = FORGET};

    if (looked && now - looked < HOUR_MILLISECONDS) return 0;
    looked = now;
    while ((f.finished == FORGET || f.uncollected == FORGET) && !web_stopping(program->server, 0))
        if (store_write(program->store, forget_work, &f, error)) return (int)error->code;
    return 0;
}

const struct web_route delivery_routes[] = {
    {"GET", "/api/exchange/deliveries", deliveries_get, READERS, 0, WEB_BY_KEY, LANE_FAST, 0, {0, 0}},
    {"POST", "/api/exchange/deliveries/:id/retry", retry, READERS, 0, WEB_BY_KEY, LANE_FAST, 1024, {0, 0}},
    {0}};
