/* Messages that an administrator tries again or gives up. */
#include "gateway.h"

#include "base/clock.h"
#include "service/input.h"

#include <stdio.h>
#include <string.h>

struct handling {
    bool drop, skip;
    const char *reason, *who;
    /* of the transaction: the row */
    int64_t id, number, sequence, renew, ready;
    bool in;
    char partner[PARTNER_NAME_MAXIMUM + 1], module[16], document_no[160], state[12];
};

static int wrong_state(struct error *error)
{
    return error_set(error, ERROR_CONFLICT, "state", "这份报文的状态已改变，不能这样处理。", "The message is in another state by now; this cannot be done.");
}

/* The partner's row is locked first, as everywhere, so the message is looked at twice. */
static int find(struct store_connection *db, struct handling *h, const char *sql, bool *found, struct error *error)
{
    struct store_rows rows;

    if (store_query(db, &rows, error, sql, STORE_VALUES(store_integer(h->id)))) return (int)error->code;
    *found = store_next(&rows);
    if (*found) {
        snprintf(h->partner, sizeof h->partner, "%s", store_column_text(&rows, 0, NULL));
        snprintf(h->module, sizeof h->module, "%s", store_column_text(&rows, 1, NULL));
        snprintf(h->document_no, sizeof h->document_no, "%s", store_column_text(&rows, 2, NULL));
        snprintf(h->state, sizeof h->state, "%s", store_column_text(&rows, 3, NULL));
        h->number = store_column_integer(&rows, 4);
        h->sequence = store_column_integer(&rows, 5);
        h->renew = store_column_integer(&rows, 6);
        h->ready = store_column_integer(&rows, 7);
    }
    return store_end(&rows);
}

static int find_any(struct store_connection *db, struct handling *h, struct error *error)
{
    bool found = false;

    if (find(db, h, "SELECT partner, module, document_no, state, number, sequence, CAST(0 AS BIGINT), ready FROM message_in WHERE id = $1", &found, error)) return (int)error->code;
    h->in = found;
    if (!found && find(db, h, "SELECT partner, module, document_no, state, number, sequence, renew, CAST(0 AS BIGINT) FROM message_out WHERE id = $1", &found, error))
        return (int)error->code;
    return found ? 0 : error_set(error, ERROR_NOT_FOUND, "not_found", "没有这份报文。", "There is no such message.");
}

static int lock_and_find(struct store_connection *db, struct handling *h, struct error *error)
{
    if (find_any(db, h, error) ||
        store_execute(db, error, NULL, "UPDATE partner_state SET failures = failures WHERE partner = $1", STORE_VALUES(store_string(h->partner))))
        return (int)error->code;
    return find_any(db, h, error);
}

static bool is(const struct handling *h, const char *state) { return !strcmp(h->state, state); }

static int note_who(struct store_connection *db, const struct handling *h, struct error *error)
{
    return store_execute(db, error, NULL,
                         h->in ? "UPDATE message_in SET handled_by = $2, reason = $3 WHERE id = $1" : "UPDATE message_out SET handled_by = $2, reason = $3 WHERE id = $1",
                         STORE_VALUES(store_integer(h->id), store_string(h->who), store_string(h->reason)));
}

/* ---- what came in */

/* Read once more, or given to the module at once; or, when asked for, without what is missing before it. */
static int retry_in(struct store_connection *db, const struct handling *h, struct error *error)
{
    if (is(h, "dead"))
        return store_execute(db, error, NULL, "UPDATE message_in SET state = 'received', ready = 0, next_at = 0 WHERE id = $1", STORE_VALUES(store_integer(h->id)));
    if (!is(h, "waiting")) return wrong_state(error);
    if (h->ready) return store_execute(db, error, NULL, "UPDATE message_in SET next_at = 0 WHERE id = $1", STORE_VALUES(store_integer(h->id)));
    if (!h->skip)
        return error_set(error, ERROR_CONFLICT, "waits_for_earlier", "该报文在等待同一单据的前一份报文；如确定不会再来，请选择跳过。",
                         "It waits for an earlier message of the same document. If that will never come, choose to skip it.");
    return gate_in_advance(db, h->partner, h->module, h->document_no, h->sequence - 1, error);
}

/* The next one of the document may go on only when it was this one's turn. */
static int drop_in(struct store_connection *db, const struct handling *h, struct error *error)
{
    struct store_rows rows;
    int64_t last = -1;

    if (!is(h, "dead") && !is(h, "waiting") && !is(h, "received")) return wrong_state(error);
    if (store_execute(db, error, NULL, "UPDATE message_in SET state = 'dropped', ready = 0, finished = $2 WHERE id = $1",
                      STORE_VALUES(store_integer(h->id), store_integer(clock_now()))) ||
        !h->sequence ||
        store_query(db, &rows, error, "SELECT last_in FROM partner_document WHERE partner = $1 AND module = $2 AND document_no = $3",
                    STORE_VALUES(store_string(h->partner), store_string(h->module), store_string(h->document_no))))
        return (int)error->code;
    if (store_next(&rows)) last = store_column_integer(&rows, 0);
    if (store_end(&rows)) return (int)error->code;
    return last + 1 == h->sequence ? gate_in_advance(db, h->partner, h->module, h->document_no, h->sequence, error) : 0;
}

/* ---- what goes out */

static int retry_out(struct store_connection *db, const struct handling *h, struct error *error)
{
    if (!is(h, "failed") && !is(h, "waiting")) return wrong_state(error);
    if (store_execute(db, error, NULL, "UPDATE partner_state SET paused_until = 0 WHERE partner = $1", STORE_VALUES(store_string(h->partner)))) return (int)error->code;
    if (!h->renew) /* what is being sent, or lies in an OutBox, is on its way */
        return store_execute(db, error, NULL, "UPDATE message_out SET state = 'waiting', next_at = 0, attempts = 0, finished = 0 WHERE id = $1", STORE_VALUES(store_integer(h->id)));
    if (store_execute(db, error, NULL, "UPDATE message_out SET state = 'sent', renew = 0 WHERE id = $1", STORE_VALUES(store_integer(h->id)))) return (int)error->code;
    return gate_renew(db, h->id, 0, error);
}

static int on_its_way(struct error *error)
{
    return error_set(error, ERROR_CONFLICT, "on_its_way", "该报文正在发送，或已放在对方的 OutBox 中：请稍后再试，或先将文件移到 FailBox。",
                     "It is being sent, or lies in the partner's OutBox: try again in a moment, or move the file to the FailBox first.");
}

/* *done: nobody may have it meanwhile. Of who is no partner with a folder any more nothing lies anywhere. */
static int mark_dropped(struct store_connection *db, const struct gate *gate, const struct handling *h, bool *done, struct error *error)
{
    const struct gate_sender *sender = gate_sender_named(gate, h->partner);
    int64_t changed = 0;

    store_execute(db, error, &changed,
                  "UPDATE message_out SET state = 'dropped', lease = 0, finished = $2 WHERE id = $1 AND state IN ('waiting', 'failed') "
                  "AND (placed = 0 OR CAST($4 AS BIGINT) = 0) AND " GATE_OVER("lease", "$3"),
                  STORE_VALUES(store_integer(h->id), store_integer(clock_now()), store_integer(clock_lease()), store_integer(sender && sender->partner->folder)));
    *done = changed > 0;
    return (int)error->code;
}

/* The place of a dropped message in the order goes to the next, so that the partner waits for nothing that never comes; unless a later one has been
   signed already. */
static int drop_out(struct store_connection *db, const struct gate *gate, const struct handling *h, struct error *error)
{
    const struct store_value place[] = {store_string(h->partner), store_string(h->module), store_string(h->document_no), store_integer(h->sequence)};
    struct store_rows rows;
    int64_t later = 0;
    bool done;

    if (!is(h, "failed") && !is(h, "waiting")) return wrong_state(error);
    if (mark_dropped(db, gate, h, &done, error)) return (int)error->code;
    if (!done) return on_its_way(error);
    if (!h->sequence || h->renew ||
        store_query(db, &rows, error, "SELECT COUNT(id) FROM message_out WHERE partner = $1 AND module = $2 AND document_no = $3 AND sequence > $4 AND (text <> '' OR state <> 'waiting')",
                    place, 4))
        return (int)error->code;
    if (store_next(&rows)) later = store_column_integer(&rows, 0);
    if (store_end(&rows) || later) return (int)error->code;
    if (store_execute(db, error, NULL, "UPDATE message_out SET sequence = sequence - 1 WHERE partner = $1 AND module = $2 AND document_no = $3 AND sequence > $4", place, 4))
        return (int)error->code;
    return store_execute(db, error, NULL, "UPDATE partner_document SET last_out = last_out - 1 WHERE partner = $1 AND module = $2 AND document_no = $3", place, 3);
}

/* ---- the routes */

static int handle_work(void *connection, struct web_call *call, struct error *error)
{
    struct handling *h = call->argument;
    int code;

    call->status = 204;
    if (lock_and_find(connection, h, error)) return (int)error->code;
    if (h->in) code = h->drop ? drop_in(connection, h, error) : retry_in(connection, h, error);
    else code = h->drop ? drop_out(connection, program_of(call)->gate, h, error) : retry_out(connection, h, error);
    return code ? code : note_who(connection, h, error);
}

static void handled(struct web_call *call, int code)
{
    struct gate *gate = program_of(call)->gate;

    if (code) return;
    gate_wake(gate, GATE_OUT);
    gate_wake(gate, GATE_IN);
}

static int handle(struct web_call *call, bool drop)
{
    struct handling *h = arena_alloc(&call->arena, sizeof *h);
    struct service_input input;

    if (!h) return error_internal(&call->error, "out of memory");
    h->drop = drop;
    h->who = caller(call)->user_name;
    if (web_parameter_id(call, 0, &h->id)) return (int)call->error.code;
    if (call->body_length) {
        if (service_input(call, &input) || service_text(call, &input, "reason", 500, &h->reason)) return (int)call->error.code;
        h->skip = json_member_true(input.json, "skip");
    }
    if (!h->reason) h->reason = "";
    if (drop && !*h->reason) {
        error_set(&call->error, ERROR_INVALID, "required", "请填写放弃的理由。", "Say why it is dropped.");
        error_field(&call->error, "reason");
        return (int)call->error.code;
    }
    call->work_done = handled;
    return service_write(call, handle_work, h);
}

static int retry(struct web_call *call) { return handle(call, false); }
static int drop(struct web_call *call) { return handle(call, true); }

const struct web_route gate_handle_routes[] = {
    {"POST", "/api/exchange/messages/:id/retry", retry, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_FAST, 4096, {0, 0}},
    {"POST", "/api/exchange/messages/:id/drop", drop, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_FAST, 4096, {0, 0}},
    {0}};
