/* The log of deliveries: one's own, or, for administrators, everybody's; sending one again. */
#include "push.h"

#include "base/clock.h"
#include "service/input.h"
#include "service/page.h"

#include <string.h>

#define READERS (PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON | PRINCIPAL_ADMINISTRATOR)

/* 0: everybody's. */
static int64_t whose(const struct web_call *call)
{
    return caller(call)->kind == PRINCIPAL_ADMINISTRATOR ? 0 : caller(call)->user;
}

static void put_delivery(struct web_call *call, struct store_rows *rows)
{
    static const char *const texts[] = {NULL, "module", "way", "address", "number", "subject", "state", "answer"};

    json_put_id(&call->json, "id", store_column_integer(rows, 0));
    for (int i = 1; i < 8; i++) json_put_string(&call->json, texts[i], store_column_text(rows, i, NULL));
    json_put_id(&call->json, "document", store_column_integer(rows, 8));
    json_put_integer(&call->json, "attempts", store_column_integer(rows, 9));
    json_put_integer(&call->json, "created", store_column_integer(rows, 10));
    json_put_integer(&call->json, "next_at", store_column_integer(rows, 11) == COLLECT_NEXT_AT ? 0 : store_column_integer(rows, 11));
    json_put_integer(&call->json, "finished", store_column_integer(rows, 12));
}

static int deliveries_get(struct web_call *call)
{
    static const char columns[] = "id, module, way, address, number, subject, state, answer, document, attempts, created, next_at, finished";
    struct service_conditions conditions = {.count = 0};
    char modules[PUSH_MODULES_SIZE];

    push_modules(call, modules);
    if (whose(call)) service_condition(&conditions, "account = $", store_integer(whose(call)));
    if (*modules) service_condition(&conditions, "$ LIKE '%,' || module || ',%'", store_string(modules));
    /* somebody's deliveries are found by their account, everybody's by their state, which has its index on this expression */
    service_condition_query(call, &conditions, whose(call) ? "state = $" : "state || '' = $", "state");
    service_condition_query(call, &conditions, "COALESCE(module, '') = $", "module");
    service_condition_query(call, &conditions, "way = $", "way");
    return service_list(call, &(struct service_list){columns, "delivery", "id DESC", &conditions, put_delivery});
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
