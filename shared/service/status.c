/* Changes of state, for the exchange program: what there is is claimed, told to people, and acknowledged. */
#include "service/internal.h"

#include "document/status.h"

struct claim { int64_t count; };

static int claim_work(void *connection, struct web_call *call, struct error *error)
{
    const struct claim *claim = call->argument;
    return status_claim(connection, &service_of(call)->documents, claim->count, &call->json, error);
}

/* Whoever asks in vain costs no transaction. */
static int claim_events(struct web_call *call)
{
    struct claim *claim = arena_alloc(&call->arena, sizeof *claim);
    bool waits;

    if (!claim) return error_internal(&call->error, "out of memory");
    if (web_query_integer(call, "count", 1, STATUS_CLAIM_MAXIMUM, 100, &claim->count) || status_waits(reader_of(call), &waits, &call->error))
        return (int)call->error.code;
    if (waits) return web_write(call, claim_work, claim);
    json_object(&call->json);
    json_name(&call->json, "events");
    json_array(&call->json);
    json_array_end(&call->json);
    json_object_end(&call->json);
    return 0;
}

struct taken {
    int64_t *ids;
    size_t count;
};

static int acknowledge_work(void *connection, struct web_call *call, struct error *error)
{
    const struct taken *taken = call->argument;
    call->status = 204;
    return status_acknowledge(connection, taken->ids, taken->count, error);
}

static int acknowledge_events(struct web_call *call)
{
    struct service_input input;
    struct taken *taken = arena_alloc(&call->arena, sizeof *taken);

    if (!taken) return error_internal(&call->error, "out of memory");
    if (service_input(call, &input) || service_ids(call, &input, STATUS_CLAIM_MAXIMUM, &taken->ids, &taken->count)) return (int)call->error.code;
    return web_write(call, acknowledge_work, taken);
}

#define INTERNAL (WEB_INTERNAL_ONLY | WEB_NO_CSRF)

const struct web_route status_routes[] = {
    {"POST", "!/internal/events/claim", claim_events, PRINCIPAL_SYSTEM, 0, INTERNAL, LANE_FAST, 1024, {0, 0}},
    {"POST", "!/internal/events/ack", acknowledge_events, PRINCIPAL_SYSTEM, 0, INTERNAL, LANE_FAST, 32768, {0, 0}},
    {0}};
