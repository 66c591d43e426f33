/* Binding WeChat: the page shows a link with a one-time code; the gateway's own program, which learns there who has followed it, tells us. */
#include "push.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/random.h"
#include "service/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE_SECONDS 600

static void key_of(const char *code, char key[96])
{
    char hash[DIGEST_SIZE];

    digest_sha256(code, strlen(code), hash);
    snprintf(key, 96, "wechat:%s", hash);
}

static int link_post(struct web_call *call)
{
    const struct gateway *gateway = &program_of(call)->gateway;
    char code[33], key[96], user[24];

    if (!gateway_has(gateway, GATEWAY_WECHAT) || !gateway->wechat_link)
        return error_set(&call->error, ERROR_NOT_FOUND, "not_found", "尚未开通微信推送。", "There is no WeChat gateway.");
    random_hex(16, code);
    key_of(code, key);
    snprintf(user, sizeof user, "%lld", (long long)caller(call)->user);
    if (session_put(call->sessions, key, user, CODE_SECONDS, &call->error)) return (int)call->error.code;
    json_object(&call->json);
    json_put_string(&call->json, "link", arena_printf(&call->arena, "%s%s", gateway->wechat_link, code));
    json_put_integer(&call->json, "seconds", CODE_SECONDS);
    json_object_end(&call->json);
    return 0;
}

struct binding {
    int64_t account;
    const char *address;
};

static int bind_work(void *connection, struct web_call *call, struct error *error)
{
    const struct binding *binding = call->argument;

    call->status = 204;
    return store_execute(connection, error, NULL,
                         "INSERT INTO wechat_binding (account, address, bound) VALUES ($1, $2, $3) "
                         "ON CONFLICT (account) DO UPDATE SET address = excluded.address, bound = excluded.bound",
                         STORE_VALUES(store_integer(binding->account), store_string(binding->address), store_integer(clock_now())));
}

static int bind_post(struct web_call *call)
{
    struct service_input input;
    struct binding *binding = arena_alloc(&call->arena, sizeof *binding);
    const char *code;
    char key[96], user[24];
    bool found;

    if (!binding) return error_internal(&call->error, "out of memory");
    if (service_input(call, &input) || service_text(call, &input, "code", 64, &code) || service_text(call, &input, "address", 128, &binding->address))
        return (int)call->error.code;
    if (!code || !binding->address || !*binding->address)
        return error_set(&call->error, ERROR_INVALID, "required", "缺少绑定码或微信用户标识。", "The code or the address is missing.");
    key_of(code, key);
    if (session_take(call->sessions, key, user, sizeof user, &found, &call->error)) return (int)call->error.code;
    if (!found) return error_set(&call->error, ERROR_INVALID, "code", "绑定码不正确或已过期。", "The code is wrong or too old.");
    binding->account = strtoll(user, NULL, 10);
    return web_write(call, bind_work, binding);
}

/* What was subscribed by WeChat ends with the binding. */
static int unbind_work(void *connection, struct web_call *call, struct error *error)
{
    const struct store_value who = store_integer(caller(call)->user), now = store_integer(clock_now());
    int64_t changed;

    call->status = 204;
    if (store_execute(connection, error, &changed, "DELETE FROM wechat_binding WHERE account = $1", STORE_VALUES(who))) return (int)error->code;
    if (!changed) return error_set(error, ERROR_NOT_FOUND, "not_found", "还没有绑定微信。", "No WeChat is bound.");
    if (store_execute(connection, error, NULL,
                      "UPDATE delivery SET state = 'dropped', answer = 'cancelled', finished = $2 WHERE state = 'waiting' AND way = 'wechat' AND account = $1",
                      STORE_VALUES(who, now)))
        return (int)error->code;
    return store_execute(connection, error, NULL, "UPDATE subscription SET state = 'cancelled', cancelled = $2 WHERE account = $1 AND way = 'wechat' AND state = 'active'",
                         STORE_VALUES(who, now));
}

static int unbind(struct web_call *call) { return web_write(call, unbind_work, NULL); }

const struct web_route wechat_routes[] = {
    {"POST", "/api/exchange/wechat", link_post, PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON, 0, 0, LANE_FAST, 1024, {10, 60}},
    {"DELETE", "/api/exchange/wechat", unbind, PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON, 0, 0, LANE_FAST, 0, {0, 0}},
    {"POST", "/partner/exchange/wechat", bind_post, PRINCIPAL_PARTNER, 0, WEB_PARTNER_ONLY | WEB_NO_CSRF, LANE_FAST, 4096, {60, 60}},
    {0}};
