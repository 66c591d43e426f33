/* Two programs in one. Without arguments: routes, limits, decoding and sessions, as far as they need no nginx. As
   `web_test serve <settings>`: the FastCGI program that tests/api/web.t runs behind nginx. */
#include "tap.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "service/writer.h"
#include "web/frame.h"

#include <stdatomic.h>
#include <unistd.h>

/* ---- the program: handlers */

static _Atomic int64_t epoch = 1;

static int epoch_source(void *context, int64_t user, int64_t *current, bool *alive, struct error *error)
{
    (void)context;
    (void)error;
    *current = epoch;
    *alive = user != 666;
    return 0;
}

static int empty(struct web_call *call)
{
    static char text[300];
    memset(text, 'x', sizeof text);
    json_object(&call->json);
    json_put_text(&call->json, "text", text, 280);
    json_object_end(&call->json);
    return 0;
}

static int body(struct web_call *call)
{
    char hash[65];
    digest_sha256(call->body, call->body_length, hash);
    json_object(&call->json);
    json_put_integer(&call->json, "length", (int64_t)call->body_length);
    json_put_string(&call->json, "sha256", hash);
    json_object_end(&call->json);
    return 0;
}

static int echo(struct web_call *call)
{
    int64_t number;
    if (web_query_integer(call, "n", 1, 10, 5, &number))
        return (int)call->error.code;
    json_object(&call->json);
    json_put_string(&call->json, "path", call->parameter[0]);
    json_put_string(&call->json, "x", web_query(call, "x"));
    json_put_integer(&call->json, "n", number);
    json_put_string(&call->json, "agent", web_header(call, "User-Agent"));
    json_put_integer(&call->json, "side", call->side);
    json_object_end(&call->json);
    return 0;
}

static int csrf(struct web_call *call)
{
    char token[WEB_CSRF_SIZE];
    web_csrf(call, token);
    json_object(&call->json);
    json_put_string(&call->json, "csrf", token);
    json_put_boolean(&call->json, "signed_in", call->signed_in);
    json_object_end(&call->json);
    return 0;
}

static int sign_in(struct web_call *call)
{
    struct principal principal = {.kind = PRINCIPAL_ENTERPRISE, .user = 7, .epoch = epoch, .enterprise = 5, .grant_count = 1,
                                  .user_name = "li", .enterprise_name = "示范\x1F企业", .grants = {{"echo", RIGHT_VIEW | RIGHT_EDIT}}};
    struct session session;
    char token[SESSION_TOKEN_SIZE];
    if (session_create(call->sessions, &principal, &session, token, &call->error))
        return (int)call->error.code;
    web_answer_cookie(call, "sw_session", token);
    json_object(&call->json);
    json_put_string(&call->json, "csrf", session.csrf);
    json_object_end(&call->json);
    return 0;
}

static int sign_out(struct web_call *call)
{
    if (session_delete(call->sessions, &call->session, &call->error))
        return (int)call->error.code;
    web_answer_cookie(call, "sw_session", NULL);
    call->status = 204;
    return 0;
}

static int me(struct web_call *call)
{
    json_object(&call->json);
    json_put_string(&call->json, "name", call->session.principal.user_name);
    json_put_string(&call->json, "enterprise", call->session.principal.enterprise_name);
    json_put_id(&call->json, "user", call->session.principal.user);
    json_object_end(&call->json);
    return 0;
}

static int raise_epoch(struct web_call *call)
{
    epoch++;
    call->status = 204;
    return 0;
}

static int write_work(void *connection, struct web_call *call, struct error *error)
{
    if (call->reader || call->sessions)
        return error_internal(error, "a worker's connections were left to the writer");
    if (store_execute(connection, error, NULL, "INSERT INTO word (word) VALUES ($1)", STORE_VALUES(store_text(call->body, call->body_length))))
        return (int)error->code;
    call->status = 201;
    web_answer_header(call, "Location", "/api/echo/written");
    return body(call);
}

static int write_word(struct web_call *call)
{
    web_answer_header(call, "X-Before", "stays");
    return web_write(call, write_work, NULL);
}

static int written(struct web_call *call)
{
    struct store_rows rows;
    int64_t count = 0;
    if (store_query(call->reader, &rows, &call->error, "SELECT COUNT(*) FROM word", STORE_NO_VALUES))
        return (int)call->error.code;
    if (store_next(&rows))
        count = store_column_integer(&rows, 0);
    if (store_end(&rows))
        return (int)call->error.code;
    json_object(&call->json);
    json_put_integer(&call->json, "count", count);
    json_object_end(&call->json);
    return 0;
}

static int slow(struct web_call *call)
{
    usleep(100000);
    return empty(call);
}

static int over_there(struct web_call *call)
{
    struct buffer answer;
    buffer_init(&answer, 10000);
    int code = web_internal_request(call->server, "GET", "/internal/echo/whoami", NULL, 1000, &answer, &call->error);
    if (!code)
        json_raw(&call->json, answer.data, answer.length);
    buffer_free(&answer);
    return code;
}

static int whoami(struct web_call *call)
{
    json_object(&call->json);
    json_put_boolean(&call->json, "system", call->session.principal.kind == PRINCIPAL_SYSTEM);
    json_object_end(&call->json);
    return 0;
}

static int problems(struct web_call *call)
{
    static const char list[] = "[{\"field\":\"a/b\"}]";
    web_answer_header(call, "ETag", "\"1\"");
    web_answer_problems(call, list, sizeof list - 1);
    error_set(&call->error, ERROR_INVALID, "invalid", "有错误", "There are mistakes");
    error_field(&call->error, "a/b");
    return ERROR_INVALID;
}

static int file(struct web_call *call)
{
    web_answer_file(call, "text/csv; charset=utf-8", "许可证 \"1\".csv", true);
    buffer_text(&call->out, "a,b\r\n");
    return 0;
}

static int injected(struct web_call *call)
{
    web_answer_header(call, "X-Bad", "a\r\nSet-Cookie: x=y");
    return 0;
}

static int version(struct web_call *call)
{
    int64_t expected;
    if (web_expected_version(call, &expected))
        return (int)call->error.code;
    web_answer_version(call, expected + 1);
    return 0;
}

static int cached(struct web_call *call)
{
    web_answer_header(call, "Cache-Control", "max-age=60");
    return empty(call);
}

#define OPEN WEB_ANONYMOUS
static const struct web_route routes[] = {
    {"GET", "/api/echo/empty", empty, 0, 0, OPEN, LANE_FAST, 0, {0}},
    {"POST", "/api/echo/body", body, 0, 0, OPEN | WEB_RAW_BODY | WEB_NO_CSRF, LANE_FAST, 1 << 20, {0}},
    {"POST", "/api/echo/json", body, 0, 0, OPEN | WEB_NO_CSRF, LANE_FAST, 1000, {0}},
    {"GET", "/api/echo/path/:text", echo, 0, 0, OPEN, LANE_FAST, 0, {0}},
    {"GET", "/api/echo/csrf", csrf, 0, 0, OPEN, LANE_FAST, 0, {0}},
    {"POST", "/api/echo/guarded", body, 0, 0, OPEN, LANE_FAST, 1000, {0}},
    {"POST", "/api/echo/sign-in", sign_in, 0, 0, OPEN, LANE_SLOW, 1000, {0}},
    {"POST", "/api/echo/sign-out", sign_out, 0, 0, 0, LANE_FAST, 0, {0}},
    {"GET", "/api/echo/me", me, PRINCIPAL_ENTERPRISE, RIGHT_VIEW, 0, LANE_FAST, 0, {0}},
    {"GET", "/api/echo/officers", me, PRINCIPAL_OFFICER, 0, 0, LANE_FAST, 0, {0}},
    {"GET", "/api/echo/manage", me, 0, RIGHT_MANAGE, 0, LANE_FAST, 0, {0}},
    {"POST", "/api/echo/epoch", raise_epoch, 0, 0, OPEN | WEB_NO_CSRF, LANE_FAST, 0, {0}},
    {"POST", "/api/echo/words", write_word, 0, 0, OPEN | WEB_RAW_BODY | WEB_NO_CSRF, LANE_FAST, 4000, {0}},
    {"GET", "/api/echo/words", written, 0, 0, OPEN, LANE_FAST, 0, {0}},
    {"GET", "/api/echo/slow", slow, 0, 0, OPEN, LANE_SLOW, 0, {0}},
    {"GET", "/api/echo/limited", empty, 0, 0, OPEN, LANE_FAST, 0, {3, 60}},
    {"GET", "/api/echo/over-there", over_there, 0, 0, OPEN, LANE_FAST, 0, {0}},
    {"GET", "/internal/echo/whoami", whoami, 0, 0, WEB_INTERNAL_ONLY, LANE_FAST, 0, {0}},
    {"GET", "/partner/echo/me", me, PRINCIPAL_PARTNER, 0, WEB_PARTNER_ONLY, LANE_FAST, 0, {0}},
    {"GET", "/api/echo/problems", problems, 0, 0, OPEN, LANE_FAST, 0, {0}},
    {"GET", "/api/echo/file", file, 0, 0, OPEN, LANE_FAST, 0, {0}},
    {"GET", "/api/echo/injected", injected, 0, 0, OPEN, LANE_FAST, 0, {0}},
    {"PUT", "/api/echo/version", version, 0, 0, OPEN | WEB_NO_CSRF, LANE_FAST, 0, {0}},
    {"GET", "/api/echo/cached", cached, 0, 0, OPEN, LANE_FAST, 0, {0}},
    {0},
};

static int table(struct store_connection *db, void *argument, struct error *error)
{
    (void)argument;
    return store_execute(db, error, NULL, "CREATE TABLE IF NOT EXISTS word (word TEXT PRIMARY KEY)", STORE_NO_VALUES);
}

static int serve(const char *settings)
{
    struct config *config;
    struct web_server *server;
    struct store *store;
    struct error error = {0};
    if (config_read(settings, &config, &error) || web_open("echo", config, &server, &error) ||
        store_open(config_text(config, "database", ""), "echo", NULL, &store, &error) || store_write(store, table, NULL, &error)) {
        fprintf(stderr, "%s: %s\n", error.en, error.detail);
        return 1;
    }
    web_epoch_source(server, epoch_source, NULL);
    struct web_writer writer = service_writer(store);
    int code = web_run(server, routes, &writer, NULL);
    web_close(server);
    store_close(store);
    config_free(config);
    return code;
}

/* ---- the test */

static int nothing(struct web_call *call)
{
    (void)call;
    return 0;
}

static struct web_frame *frame_made(void)
{
    struct web_frame *frame = calloc(1, sizeof *frame);
    buffer_init(&frame->head, 0);
    buffer_init(&frame->call.out, 0);
    arena_init(&frame->call.arena, 0);
    frame->call.method = "GET";
    return frame;
}

static void frame_over(struct web_frame *frame)
{
    buffer_free(&frame->head);
    buffer_free(&frame->call.out);
    arena_free(&frame->call.arena);
    free(frame);
}

static const char *found(struct web_router *router, struct web_frame *frame, const char *method, const char *path)
{
    static char text[200];
    struct error error = {0};
    memset(frame->call.parameter, 0, sizeof frame->call.parameter);
    frame->call.method = method;
    frame->call.path = path;
    frame->call.route = NULL;
    int code = web_router_find(router, frame, &error);
    if (code)
        snprintf(text, sizeof text, "%d", error_http_status((enum error_code)code));
    else
        snprintf(text, sizeof text, "%s %s,%s", frame->call.route->path, frame->call.parameter[0] ? frame->call.parameter[0] : "",
                 frame->call.parameter[1] ? frame->call.parameter[1] : "");
    return text;
}

static void router_cases(void)
{
    static const struct web_route some[] = {
        {"GET", "/a/:list", nothing, 0, 0, 0, LANE_FAST, 0, {0}},        {"GET", "/a/:list.csv", nothing, 0, 0, 0, LANE_FAST, 0, {0}},
        {"GET", "/a/fixed", nothing, 0, 0, 0, LANE_FAST, 0, {0}},        {"POST", "/a/:other", nothing, 0, 0, 0, LANE_FAST, 0, {0}},
        {"GET", "/a/fixed/x/:id", nothing, 0, 0, 0, LANE_FAST, 0, {0}},  {"DELETE", "/a/:one/y/:two", nothing, 0, 0, 0, LANE_FAST, 0, {0}},
        {"GET", "/internal/z", nothing, 0, 0, WEB_INTERNAL_ONLY, LANE_FAST, 0, {0}}, {0},
    };
    struct web_router *router = web_router_make(some);
    struct web_frame *frame = frame_made();
    ok(router, "a table of routes");
    is_text(found(router, frame, "GET", "/a/goods"), "/a/:list goods,", "a parameter");
    is_text(found(router, frame, "HEAD", "/a/goods"), "/a/:list goods,", "HEAD as GET");
    is_text(found(router, frame, "GET", "/a/goods.csv"), "/a/:list.csv goods,", "a parameter with a suffix");
    is_text(found(router, frame, "GET", "/a/.csv"), "/a/:list .csv,", "a suffix alone is none");
    is_text(found(router, frame, "GET", "/a/fixed"), "/a/fixed ,", "a word goes before a parameter");
    is_text(found(router, frame, "POST", "/a/goods"), "/a/:other goods,", "another method, another handler");
    is_text(found(router, frame, "DELETE", "/a/fixed/y/2"), "/a/:one/y/:two fixed,2", "back from a word that leads nowhere");
    is_text(found(router, frame, "GET", "/a/fixed/x/许"), "/a/fixed/x/:id 许,", "any character");
    is_text(found(router, frame, "GET", "/a/"), "404", "an empty parameter");
    is_text(found(router, frame, "GET", "/a"), "404", "too short");
    is_text(found(router, frame, "GET", "/a/b/c"), "404", "too long");
    is_text(found(router, frame, "GET", ""), "404", "nothing");
    is_text(found(router, frame, "GET", "/internal/z"), "404", "internal routes are not there for the public");
    buffer_reset(&frame->head);
    is_text(found(router, frame, "PUT", "/a/goods"), "405", "a method that is not there");
    is_text(buffer_string(&frame->head), "Allow: GET, HEAD, POST\r\n", "and which are");
    web_router_free(router);
    frame_over(frame);
    log_open("web_test", (enum log_level)(LOG_ERROR + 1));
    ok(!web_router_make((struct web_route[]){{"GET", "/a/:x", nothing, 0, 0, 0, LANE_FAST, 0, {0}}, {"GET", "/a/:y", nothing, 0, 0, 0, LANE_FAST, 0, {0}}, {0}}),
       "a route written twice");
    ok(!web_router_make((struct web_route[]){{"GOT", "/a", nothing, 0, 0, 0, LANE_FAST, 0, {0}}, {0}}), "an unknown method");
    ok(!web_router_make((struct web_route[]){{"GET", "a", nothing, 0, 0, 0, LANE_FAST, 0, {0}}, {0}}), "a path without a slash");
    ok(!web_router_make((struct web_route[]){{"GET", "/a", NULL, 0, 0, 0, LANE_FAST, 0, {0}}, {0}}), "no handler");
}

static void limit_cases(void)
{
    struct web_limits *limits = web_limits_make(5);
    const struct web_route route = {.limit = {2, 1000}}, quick = {.limit = {10, 1}};
    struct error error = {0};
    char address[48];
    ok(!web_limit(limits, "a", &route, &error) && !web_limit(limits, "a", &route, &error), "two are free");
    is_int(web_limit(limits, "a", &route, &error), ERROR_LIMITED, "the third is not");
    ok(error.retry_after > 490 && error.retry_after < 510, "it says when: %d s", error.retry_after);
    ok(!web_limit(limits, "b", &route, &error) && !web_limit(limits, "a", &quick, &error), "others, and other routes, have their own");
    for (int i = 0; i < 4; i++)
        web_limit(limits, "a", NULL, &error);
    ok(!web_limit(limits, "a", NULL, &error) && web_limit(limits, "a", NULL, &error), "the default");
    while (!web_limit(limits, "c", &quick, &error))
        continue;
    usleep(250000);
    ok(!web_limit(limits, "c", &quick, &error), "tokens come back with time");
    for (int i = 0; i < 100000; i++) {
        char who[20];
        snprintf(who, sizeof who, "flood%d", i);
        web_limit(limits, who, &route, &error);
    }
    pass("a flood of addresses");
    web_limits_free(limits);
    limits = web_limits_make(0);
    bool free_all = true;
    for (int i = 0; i < 100; i++)
        free_all = free_all && !web_limit(limits, "a", NULL, &error);
    ok(free_all, "0 is no limit");
    web_limits_free(limits);
    is_text(web_limit_address("192.0.2.1", address, sizeof address), "192.0.2.1", "an IPv4 address counts whole");
    is_text(web_limit_address("2001:db8:1:2:3:4:5:6", address, sizeof address), "2001:0db8:0001:0002::", "an IPv6 network counts as one");
}

static void same_cases(void)
{
    char hash[65];
    digest_sha256("abc", 3, hash);
    is_text(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "SHA-256");
    ok(digest_same("abc", "abc") && !digest_same("abc", "abd") && !digest_same("abc", "ab") && digest_same("", ""), "comparing");
    struct session_store *store;
    struct error error = {0};
    static const char *const bad[] = {"", "redis://x", "sentinel:host", "sentinel:host:1", "sentinel:/m", "sentinel:a:1,b/m"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ok(session_store_open(bad[i], &store, &error) && !store, "redis at \"%s\" is refused", bad[i]);
    ok(!session_store_open("sentinel:a:26379,b:26379/main", &store, &error), "Sentinels");
    session_store_close(store);
    ok(!session_store_open("unix:/nowhere", &store, &error), "opening does not connect");
    struct session session;
    char token[65];
    memset(token, 'a', 64);
    token[64] = 0;
    is_int(session_load(store, token, true, &session, &error), ERROR_UNAVAILABLE, "Redis away");
    is_int(session_load(store, "short", true, &session, &error), ERROR_UNAUTHENTICATED, "what is no token is not asked for");
    session_store_close(store);
}

int main(int count, char **arguments)
{
    if (count == 3 && !strcmp(arguments[1], "serve"))
        return serve(arguments[2]);
    router_cases();
    limit_cases();
    same_cases();
    return done_testing();
}
