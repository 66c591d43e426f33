/* The officers' desk: queue, claims. Reviewing itself is an action like any other. */
#include "service/internal.h"

#include "base/clock.h"
#include "base/date.h"
#include "document/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *parameter(void *context, const char *name) { return web_query(context, name); }

static int queue(struct web_call *call)
{
    struct doc_list list = {.module = &service_of(call)->documents, .principal = caller(call), .queue = true, .now = clock_now(),
                            .form = web_query(call, "form"), .claimed = web_query(call, "claimed"), .parameter = parameter,
                            .parameter_context = call};

    if (web_query_integer(call, "page", 1, 100000, 1, &list.page) || web_query_integer(call, "size", 1, DOC_PAGE_MAXIMUM, 20, &list.size))
        return (int)call->error.code;
    return doc_list_write(reader_of(call), &list, &call->json, &call->error);
}

static int summary(struct web_call *call)
{
    return doc_queue_summary(reader_of(call), &service_of(call)->documents, caller(call), clock_now(), &call->json, &call->error);
}

struct claim {
    int64_t document, user;
    const char *user_name;
};

static int claim_work(void *connection, struct web_call *call, struct error *error)
{
    const struct claim *claim = call->argument;

    if (doc_write_claim(connection, &service_of(call)->documents, caller(call), claim->document, claim->user, claim->user_name, error))
        return (int)error->code;
    return answer_document(call, connection, claim->document);
}

static int set_claim(struct web_call *call, int64_t user, const char *user_name)
{
    struct claim *claim = arena_alloc(&call->arena, sizeof *claim);

    if (!claim) return error_internal(&call->error, "out of memory");
    if (web_parameter_id(call, 0, &claim->document)) return (int)call->error.code;
    claim->user = user;
    claim->user_name = user_name;
    return service_write(call, claim_work, claim);
}

static int claim(struct web_call *call) { return set_claim(call, caller(call)->user, caller(call)->display_name); }
static int release(struct web_call *call) { return set_claim(call, 0, ""); }

/* Another officer's name comes from the accounts program; it also says whether that officer is of this agency. */
static int reassign(struct web_call *call)
{
    struct service_input input;
    const char *user, *agency;
    char path[96], *end;
    struct buffer answer;
    const struct json *officer;
    int64_t id;

    if (service_input(call, &input) || service_text(call, &input, "user", 20, &user)) return (int)call->error.code;
    id = user ? strtoll(user, &end, 10) : 0;
    if (id <= 0 || *end) return error_set(&call->error, ERROR_INVALID, "unknown_officer", "请选择经办人员。", "Choose an officer.");
    snprintf(path, sizeof path, "/internal/account/users/%lld", (long long)id);
    buffer_init(&answer, 65536);
    if (web_internal_request(call->server, "GET", path, NULL, 2000, &answer, &call->error)) {
        buffer_free(&answer);
        return (int)call->error.code;
    }
    officer = json_tree(buffer_string(&answer), answer.length, &call->arena, &call->error);
    buffer_free(&answer);
    if (!officer) return (int)call->error.code;
    agency = json_member_text(officer, "agency", "");
    if (strcmp(agency, caller(call)->agency))
        return error_set(&call->error, ERROR_INVALID, "unknown_officer", "该人员不属于本机构。", "This officer is not of your agency.");
    return set_claim(call, id, json_member_text(officer, "display_name", ""));
}

const struct web_route desk_routes[] = {
    {"GET", "/queue", queue, PRINCIPAL_OFFICER, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/queue/summary", summary, PRINCIPAL_OFFICER, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"POST", "/documents/:id/claim", claim, PRINCIPAL_OFFICER, RIGHT_VIEW, 0, LANE_FAST, 1024, {0, 0}},
    {"POST", "/documents/:id/release", release, PRINCIPAL_OFFICER, RIGHT_VIEW, 0, LANE_FAST, 1024, {0, 0}},
    {"POST", "/documents/:id/reassign", reassign, PRINCIPAL_OFFICER, RIGHT_MANAGE, 0, LANE_SLOW, 1024, {0, 0}},
    {0}};
