/* What other systems are to be told, for the program that tells them: claimed, read part by part, acknowledged. */
#include "service/internal.h"

#include "document/outbox.h"

struct claim {
    unsigned kinds;
    int64_t count;
};

static int claim_work(void *connection, struct web_call *call, struct error *error)
{
    const struct claim *claim = call->argument;

    return outbox_claim(connection, claim->kinds, claim->count, &call->json, error);
}

/* Whoever asks in vain costs no transaction. */
static int claim_outbox(struct web_call *call)
{
    struct claim *claim = arena_alloc(&call->arena, sizeof *claim);
    const char *kinds = web_query(call, "kinds");
    bool waits;

    if (!claim) return error_internal(&call->error, "out of memory");
    if (!(claim->kinds = outbox_kinds(kinds ? kinds : "licence,revocation"))) {
        error_set(&call->error, ERROR_INVALID, "kinds", "没有这种报文。", "There is no such kind of message.");
        error_field(&call->error, "kinds");
        return (int)call->error.code;
    }
    if (web_query_integer(call, "count", 1, OUTBOX_CLAIM_MAXIMUM, 10, &claim->count) || outbox_waits(reader_of(call), claim->kinds, &waits, &call->error))
        return (int)call->error.code;
    if (waits) return web_write(call, claim_work, claim);
    json_raw(&call->json, "{\"messages\":[],\"licences\":{}}", 29);
    return 0;
}

static int get_part(struct web_call *call)
{
    int64_t id, part;

    if (web_parameter_id(call, 0, &id) || web_parameter_id(call, 1, &part)) return (int)call->error.code;
    call->answer_type = "application/xml; charset=utf-8";
    return outbox_part(reader_of(call), &service_of(call)->documents, id, part, &call->arena, &call->out, &call->error);
}

static int acknowledge_work(void *connection, struct web_call *call, struct error *error)
{
    int64_t id;

    if (web_parameter_id(call, 0, &id)) return (int)call->error.code;
    call->status = 204;
    return outbox_acknowledge(connection, id, error);
}

static int acknowledge(struct web_call *call) { return web_write(call, acknowledge_work, NULL); }

#define INTERNAL (WEB_INTERNAL_ONLY | WEB_NO_CSRF)

const struct web_route outbox_routes[] = {
    {"POST", "!/internal/outbox/claim", claim_outbox, PRINCIPAL_SYSTEM, 0, INTERNAL, LANE_FAST, 1024, {0, 0}},
    {"GET", "!/internal/outbox/:id/parts/:n", get_part, PRINCIPAL_SYSTEM, 0, INTERNAL, LANE_FAST, 0, {0, 0}},
    {"POST", "!/internal/outbox/:id/ack", acknowledge, PRINCIPAL_SYSTEM, 0, INTERNAL, LANE_FAST, 1024, {0, 0}},
    {0}};
