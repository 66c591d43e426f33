/* 状态推送: who wants to be told of what, and how. */
#include "push.h"

#include "base/clock.h"
#include "base/random.h"
#include "service/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APPLICANTS (PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON)
#define MOST 100 /* active ones of one person */
#define CONFIRM_MILLISECONDS 5000
#define MATCHES 500
#define BODY_MAXIMUM 32768 /* what a reviewer says may be 2,000 bytes, each six when it is escaped */

/* ---- what an event makes */

struct match {
    const struct event *event;
    int64_t subscription, account;
    const char *way, *address, *language;
};

struct keeping {
    struct program *program;
    struct match *matches;
    size_t count;
};

static bool concerns(const struct event *event, const char *scope, int64_t account, const char *number, const char *forms)
{
    char form[64];

    snprintf(form, sizeof form, ",%s,", event->form);
    if (*forms && !strstr(forms, form)) return false;
    if (!strcmp(scope, "user")) return event->creator == account;
    return strcmp(scope, "document") || (*number && (!strcmp(number, event->application_no) || !strcmp(number, event->licence_no)));
}

static int find(struct store_connection *reader, const struct event *event, struct arena *arena, struct keeping *keeping, struct error *error)
{
    struct store_rows rows;

    if (store_query(reader, &rows, error,
                    "SELECT id, account, way, address, language, scope, document_no, forms FROM subscription WHERE owner = $1 AND module = $2 AND "
                    "state = 'active' ORDER BY id", STORE_VALUES(store_integer(event->owner), store_string(event->module))))
        return (int)error->code;
    while (store_next(&rows) && keeping->count < MATCHES) {
        int64_t account = store_column_integer(&rows, 1);
        if (!concerns(event, store_column_text(&rows, 5, NULL), account, store_column_text(&rows, 6, NULL), store_column_text(&rows, 7, NULL))) continue;
        struct match *match = &keeping->matches[keeping->count++];
        *match = (struct match){.event = event, .subscription = store_column_integer(&rows, 0), .account = account,
                                .way = arena_text(arena, store_column_text(&rows, 2, NULL)), .address = arena_text(arena, store_column_text(&rows, 3, NULL)),
                                .language = arena_text(arena, store_column_text(&rows, 4, NULL))};
        if (!match->way || !match->address || !match->language) error_internal(error, "out of memory");
    }
    store_end(&rows);
    return (int)error->code;
}

static int keep_one(struct store_connection *db, const struct keeping *keeping, const struct match *match, struct error *error)
{
    const struct event *event = match->event;
    struct buffer subject, body;
    int64_t now = clock_now(), next = strcmp(match->way, "collect") ? now : COLLECT_NEXT_AT;

    buffer_init(&subject, 1024);
    buffer_init(&body, BODY_MAXIMUM);
    message_write(event, match->way, match->language, config_text(keeping->program->config, "portal_zh", "中国国际贸易单一窗口"), &subject, &body);
    if (subject.failed || body.failed) error_internal(error, "a message is too long");
    else store_execute(db, error, NULL,
        "INSERT INTO delivery (id, subscription, account, module, event, way, address, document, number, subject, body, created, begun, next_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13) ON CONFLICT (module, event, subscription) DO NOTHING",
        STORE_VALUES(store_integer(random_id(now)), store_integer(match->subscription), store_integer(match->account), store_string(event->module),
                     store_integer(event->id), store_string(match->way), store_string(match->address), store_integer(event->document),
                     store_string(*event->application_no ? event->application_no : event->licence_no), store_string(buffer_string(&subject)),
                     store_string(buffer_string(&body)), store_integer(now), store_integer(next)));
    buffer_free(&subject);
    buffer_free(&body);
    return (int)error->code;
}

static int keep_work(struct store_connection *db, void *argument, struct error *error)
{
    const struct keeping *keeping = argument;

    for (size_t i = 0; i < keeping->count; i++)
        if (keep_one(db, keeping, &keeping->matches[i], error)) return (int)error->code;
    return 0;
}

int push_keep(struct program *program, struct store_connection *reader, const struct event *events, size_t count, struct error *error)
{
    struct arena arena;
    struct keeping keeping = {.program = program};
    bool any = false;

    for (size_t i = 0; i < count && !error->code; i++) {
        arena_init(&arena, 0);
        keeping.count = 0;
        if (!(keeping.matches = arena_alloc(&arena, MATCHES * sizeof *keeping.matches))) error_internal(error, "out of memory");
        else if (!find(reader, &events[i], &arena, &keeping, error) && keeping.count) {
            store_write(program->store, keep_work, &keeping, error);
            any = true;
        }
        arena_free(&arena);
    }
    if (any) deliver_wake(program);
    return (int)error->code;
}

/* ---- subscribing */

struct wish {
    const char *module, *way, *address, *scope, *number, *forms, *language;
    char secret[SECRET_SIZE];
    int64_t id;
};

static int wrong(struct web_call *call, const char *field, const char *name, const char *zh, const char *en)
{
    error_set(&call->error, ERROR_INVALID, name, zh, en);
    error_field(&call->error, field);
    return ERROR_INVALID;
}

static bool one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (!strcmp(text, *words)) return true;
    return false;
}

/* What another program has refused, in its own words. */
static int pass_on(struct web_call *call, const struct buffer *answer)
{
    const struct json *problem, *words;
    struct error ignored;

    error_clear(&ignored);
    problem = json_tree(buffer_string(answer), answer->length, &call->arena, &ignored);
    words = json_member(problem, "message");
    if (!words) return (int)call->error.code;
    bool limited = json_member_integer(problem, "status", 0) == 429;
    error_clear(&call->error);
    error_set(&call->error, limited ? ERROR_LIMITED : ERROR_INVALID, limited ? "limited" : "address", json_member_text(words, "zh", ""), json_member_text(words, "en", ""));
    if (limited) call->error.retry_after = 60;
    else error_field(&call->error, json_member_text(problem, "field", "address"));
    return (int)call->error.code;
}

/* A mail address or number that is this person's: of the profile, or confirmed by the code that was sent there. */
static int confirm(struct web_call *call, struct wish *wish, const char *code)
{
    struct buffer request, answer;
    struct json_writer json;

    buffer_init(&request, 4096);
    buffer_init(&answer, 8192);
    json_writer_init(&json, &request);
    json_object(&json);
    json_put_id(&json, "user", caller(call)->user);
    json_put_string(&json, "way", wish->way);
    json_put_string(&json, "address", wish->address ? wish->address : "");
    json_put_string(&json, "code", code ? code : "");
    json_object_end(&json);
    if (web_internal_request(call->server, "POST", "/internal/account/contacts", buffer_string(&request), CONFIRM_MILLISECONDS, &answer, &call->error))
        pass_on(call, &answer);
    else
        wish->address = json_member_text(json_tree(buffer_string(&answer), answer.length, &call->arena, &call->error), "address", "");
    buffer_free(&request);
    buffer_free(&answer);
    return (int)call->error.code;
}

static int bound_wechat(struct web_call *call, struct wish *wish)
{
    struct store_rows rows;

    if (!gateway_has(&program_of(call)->gateway, GATEWAY_WECHAT)) return wrong(call, "way", "way", "尚未开通微信推送。", "There is no WeChat gateway.");
    wish->address = "";
    if (store_query(reader_of(call), &rows, &call->error, "SELECT address FROM wechat_binding WHERE account = $1", STORE_VALUES(store_integer(caller(call)->user))))
        return (int)call->error.code;
    if (store_next(&rows)) wish->address = arena_text(&call->arena, store_column_text(&rows, 0, NULL));
    if (store_end(&rows)) return (int)call->error.code;
    return wish->address && *wish->address ? 0 : wrong(call, "address", "unbound", "请先绑定微信。", "Bind your WeChat first.");
}

static int take_address(struct web_call *call, struct wish *wish, const char *code)
{
    if (!strcmp(wish->way, "wechat")) return bound_wechat(call, wish);
    if (!strcmp(wish->way, "collect")) return collect_name(wish->address, "address", &call->error);
    if (strcmp(wish->way, "webhook")) return confirm(call, wish, code);
    webhook_secret(wish->secret);
    return webhook_address(program_of(call), wish->address ? wish->address : "", &call->error);
}

/* ",a,b,"; names of forms are letters, digits and _. */
static int take_forms(struct web_call *call, const struct service_input *input, struct wish *wish)
{
    const struct json *list = json_member(input->json, "forms");
    struct buffer text;

    wish->forms = "";
    if (!list || !list->count) return 0;
    buffer_init(&text, 1024);
    JSON_EACH(item, list) {
        if (item->kind != JSON_STRING || !item->text.length || item->text.text[strspn(item->text.text, "abcdefghijklmnopqrstuvwxyz0123456789_")]) text.failed = true;
        else buffer_printf(&text, "%s%s,", text.length ? "" : ",", item->text.text);
    }
    if (text.failed || list->kind != JSON_ARRAY) wrong(call, "forms", "forms", "单证种类有误。", "The kinds of documents are wrong.");
    else wish->forms = arena_text(&call->arena, buffer_string(&text));
    buffer_free(&text);
    return (int)call->error.code;
}

void push_modules(const struct web_call *call, char modules[PUSH_MODULES_SIZE])
{
    const struct program *program = call->application;
    size_t used = caller(call)->api_key ? 1 : 0;

    snprintf(modules, PUSH_MODULES_SIZE, "%s", used ? "," : "");
    for (int i = 0; used && i < program->module_count; i++)
        if (principal_may(caller(call), program->modules[i], RIGHT_VIEW))
            used += (size_t)snprintf(modules + used, PUSH_MODULES_SIZE - used, "%s,", program->modules[i]);
}

static bool has_module(const struct web_call *call, const char *module)
{
    const struct program *program = call->application;

    for (int i = 0; i < program->module_count; i++)
        if (!strcmp(program->modules[i], module)) return principal_may(caller(call), module, RIGHT_VIEW);
    return false;
}

static int take_wish(struct web_call *call, struct wish *wish)
{
    static const char *const ways[] = {"mail", "sms", "wechat", "webhook", "collect", NULL}, *const scopes[] = {"document", "enterprise", "user", NULL};
    struct service_input input;
    const char *code;

    if (service_input(call, &input) || service_text(call, &input, "module", 15, &wish->module) || service_text(call, &input, "way", 11, &wish->way) ||
        service_text(call, &input, "address", 500, &wish->address) || service_text(call, &input, "code", 8, &code) ||
        service_text(call, &input, "scope", 15, &wish->scope) || service_text(call, &input, "document_no", 40, &wish->number) ||
        service_text(call, &input, "language", 2, &wish->language) || take_forms(call, &input, wish))
        return (int)call->error.code;
    if (!wish->module || !has_module(call, wish->module)) return wrong(call, "module", "module", "没有此业务的权限。", "You have no right in this module.");
    if (!wish->way || !one_of(wish->way, ways)) return wrong(call, "way", "way", "请选择推送方式。", "Choose a way.");
    if (!wish->scope || !one_of(wish->scope, scopes)) return wrong(call, "scope", "scope", "请选择订阅范围。", "Choose what to subscribe to.");
    if (!strcmp(wish->scope, "document") && (!wish->number || !*wish->number))
        return wrong(call, "document_no", "required", "请填写申请表号或许可证号。", "Give the application or licence number.");
    if (strcmp(wish->scope, "document")) wish->number = "";
    wish->language = wish->language && !strcmp(wish->language, "en") ? "en" : "zh";
    return take_address(call, wish, code);
}

static int count_active(struct store_connection *db, struct web_call *call, int64_t *count, struct error *error)
{
    struct store_rows rows;

    if (store_query(db, &rows, error, "SELECT COUNT(id) FROM subscription WHERE account = $1 AND state = 'active'", STORE_VALUES(store_integer(caller(call)->user))))
        return (int)error->code;
    *count = store_next(&rows) ? store_column_integer(&rows, 0) : 0;
    return store_end(&rows);
}

static int subscribe_work(void *connection, struct web_call *call, struct error *error)
{
    struct wish *wish = call->argument;
    const struct principal *who = caller(call);
    int64_t now = clock_now(), count = 0;

    if (count_active(connection, call, &count, error)) return (int)error->code;
    if (count >= MOST) return error_set(error, ERROR_CONFLICT, "too_many", "有效订阅已达100个，请先取消不需要的。", "There are 100 subscriptions; cancel some first.");
    wish->id = random_id(now);
    if (store_execute(connection, error, NULL,
        "INSERT INTO subscription (id, account, owner, user_name, way, address, scope, module, document_no, forms, language, state, secret, created) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'active', $12, $13)",
        STORE_VALUES(store_integer(wish->id), store_integer(who->user), store_integer(principal_owner(who)), store_string(who->user_name),
                     store_string(wish->way), store_string(wish->address), store_string(wish->scope), store_string(wish->module),
                     store_string(wish->number), store_string(wish->forms), store_string(wish->language), store_string(wish->secret), store_integer(now))))
        return (int)error->code;
    call->status = 201;
    json_object(&call->json);
    json_put_id(&call->json, "id", wish->id);
    if (*wish->secret) json_put_string(&call->json, "secret", wish->secret); /* told once */
    json_object_end(&call->json);
    return 0;
}

static int subscribe(struct web_call *call)
{
    struct wish *wish = arena_alloc(&call->arena, sizeof *wish);

    if (!wish) return error_internal(&call->error, "out of memory");
    memset(wish, 0, sizeof *wish);
    return take_wish(call, wish) ? (int)call->error.code : service_write(call, subscribe_work, wish);
}

static int cancel_work(void *connection, struct web_call *call, struct error *error)
{
    int64_t id, changed, now = clock_now();
    char modules[PUSH_MODULES_SIZE];

    if (web_parameter_id(call, 0, &id)) return (int)(*error = call->error).code;
    push_modules(call, modules);
    call->status = 204;
    if (store_execute(connection, error, &changed, "UPDATE subscription SET state = 'cancelled', cancelled = $3 WHERE id = $1 AND account = $2 AND state = 'active' AND " PUSH_SEEN(4),
                      STORE_VALUES(store_integer(id), store_integer(caller(call)->user), store_integer(now), store_string(modules))))
        return (int)error->code;
    if (!changed) return error_set(error, ERROR_NOT_FOUND, "not_found", "没有这个订阅，或已取消。", "There is no such subscription, or it is cancelled.");
    return store_execute(connection, error, NULL, "UPDATE delivery SET state = 'dropped', answer = 'cancelled', finished = $2 WHERE subscription = $1 AND state = 'waiting'",
                         STORE_VALUES(store_integer(id), store_integer(now)));
}

static int cancel(struct web_call *call) { return web_write(call, cancel_work, NULL); }

/* ---- looking */

static int put_wechat(struct web_call *call)
{
    struct store_rows rows;

    json_put_boolean(&call->json, "wechat", gateway_has(&program_of(call)->gateway, GATEWAY_WECHAT));
    if (store_query(reader_of(call), &rows, &call->error, "SELECT account FROM wechat_binding WHERE account = $1", STORE_VALUES(store_integer(caller(call)->user))))
        return (int)call->error.code;
    json_put_boolean(&call->json, "wechat_bound", store_next(&rows));
    return store_end(&rows);
}

static int subscriptions_get(struct web_call *call)
{
    const char *module = web_query(call, "module");
    char modules[PUSH_MODULES_SIZE];
    struct store_rows rows;

    push_modules(call, modules);
    json_object(&call->json);
    if (put_wechat(call)) return (int)call->error.code;
    if (store_query(reader_of(call), &rows, &call->error,
                    "SELECT id, module, way, address, scope, document_no, forms, language, state, created, cancelled FROM subscription "
                    "WHERE account = $1 AND (module = $2 OR $2 = '') AND " PUSH_SEEN(3) " ORDER BY id DESC LIMIT 200",
                    STORE_VALUES(store_integer(caller(call)->user), store_string(module ? module : ""), store_string(modules))))
        return (int)call->error.code;
    json_name(&call->json, "items");
    json_array(&call->json);
    while (store_next(&rows)) {
        static const char *const texts[] = {NULL, "module", "way", "address", "scope", "document_no", "forms", "language", "state"};
        json_object(&call->json);
        json_put_id(&call->json, "id", store_column_integer(&rows, 0));
        for (int i = 1; i < 9; i++) json_put_string(&call->json, texts[i], store_column_text(&rows, i, NULL));
        json_put_integer(&call->json, "created", store_column_integer(&rows, 9));
        json_put_integer(&call->json, "cancelled", store_column_integer(&rows, 10));
        json_object_end(&call->json);
    }
    json_array_end(&call->json);
    json_object_end(&call->json);
    return store_end(&rows);
}

const struct web_route subscription_routes[] = {
    {"GET", "/api/exchange/subscriptions", subscriptions_get, APPLICANTS, 0, WEB_BY_KEY, LANE_FAST, 0, {0, 0}},
    {"POST", "/api/exchange/subscriptions", subscribe, APPLICANTS, 0, WEB_BY_KEY, LANE_SLOW, 4096, {30, 60}},
    {"DELETE", "/api/exchange/subscriptions/:id", cancel, APPLICANTS, 0, WEB_BY_KEY, LANE_FAST, 0, {0, 0}},
    {0}};
