/* Who is calling, and whether this caller may: session, epoch, API key, kinds and rights, origin, CSRF token. */
#include "web/frame.h"

#include "base/digest.h"
#include "base/random.h"

#include <stdio.h>
#include <string.h>

#define GUEST_COOKIE "sw_guest"

static int forbidden(struct error *error)
{
    return error_set(error, ERROR_FORBIDDEN, "forbidden", "您没有这项权限。", "You do not have the right to do this.");
}

static int unauthenticated(struct error *error)
{
    return error_set(error, ERROR_UNAUTHENTICATED, "unauthenticated", "请先登录。", "Please sign in first.");
}

/* ---- CSRF */

static bool is_token(const char *text)
{
    return text && strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* The first 128 bits of an HMAC over the guest's token. */
static void guest_csrf(const struct web_server *server, const char *guest, char out[WEB_CSRF_SIZE])
{
    char hex[DIGEST_SIZE];
    digest_hmac(server->secret, guest, strlen(guest), hex);
    snprintf(out, WEB_CSRF_SIZE, "%.32s", hex);
}

void web_csrf(struct web_call *call, char out[WEB_CSRF_SIZE])
{
    if (call->signed_in) {
        snprintf(out, WEB_CSRF_SIZE, "%s", call->session.csrf);
        return;
    }
    const char *guest = web_cookie(call, GUEST_COOKIE);
    char token[65];
    if (!is_token(guest)) {
        random_hex(32, token);
        web_answer_cookie(call, GUEST_COOKIE, token);
        guest = token;
    }
    guest_csrf(call->server, guest, out);
}

static int csrf_check(struct web_call *call, struct error *error)
{
    char wanted[WEB_CSRF_SIZE] = "";
    const char *given = web_header(call, "x-csrf-token");
    const char *guest = call->signed_in ? NULL : web_cookie(call, GUEST_COOKIE);
    if (call->signed_in)
        snprintf(wanted, sizeof wanted, "%s", call->session.csrf);
    else if (is_token(guest))
        guest_csrf(call->server, guest, wanted);
    if (*wanted && given && digest_same(given, wanted))
        return 0;
    return error_set(error, ERROR_FORBIDDEN, "csrf", "页面已过期，请刷新后重试。", "This page is too old. Please reload it and try again.");
}

/* A browser says from which site a request comes; other programs say nothing. */
static int origin_check(struct web_call *call, struct error *error)
{
    const char *origin = web_header(call, "Origin"), *host = web_header(call, "host");
    if (!origin || (call->server->public_origin && !strcmp(origin, call->server->public_origin)))
        return 0;
    const char *at = strstr(origin, "://");
    if (at && host && !strcasecmp(at + 3, host))
        return 0;
    error_set(error, ERROR_FORBIDDEN, "foreign_origin", "请求来自别的网站，已拒绝。", "This request came from another site and was refused.");
    return error->code;
}

/* ---- who */

#define BEARER "Bearer "
#define ENTERPRISE_KEY BEARER "sw_" /* other words of Authorization may be another program's on the way */

static int key_load(struct web_call *call, enum principal_kind kind, struct error *error)
{
    const char *given = web_header(call, "authorization");
    const size_t start = sizeof BEARER - 1;
    if (!given || strncasecmp(given, BEARER, start) || strlen(given) < start + 32 || strlen(given) > 200)
        return unauthenticated(error);
    if (web_key_check(call->server, call->remote_address, given + start, &call->session.principal, error))
        return error->code;
    if (call->session.principal.kind != kind) {
        memset(&call->session, 0, sizeof call->session);
        return unauthenticated(error);
    }
    call->signed_in = true;
    return 0;
}

static bool takes_keys(const struct web_server *server, const struct web_route *route)
{
    return server->takes_keys || route->flags & WEB_BY_KEY;
}

bool web_route_by_key(const struct web_server *server, const struct web_route *route)
{
    if (!takes_keys(server, route) || route->flags & (WEB_INTERNAL_ONLY | WEB_PARTNER_ONLY))
        return false;
    return route->flags & WEB_ANONYMOUS || !route->kinds || route->kinds & PRINCIPAL_ENTERPRISE;
}

/* A key speaks for itself: a cookie beside it counts for nothing. */
static bool has_enterprise_key(struct web_call *call)
{
    const char *given = takes_keys(call->server, call->route) ? web_header(call, "authorization") : NULL;
    return given && !strncasecmp(given, ENTERPRISE_KEY, sizeof ENTERPRISE_KEY - 1);
}

/* No session is no error here; Redis away is one. */
static int session_find(struct web_call *call, struct error *error)
{
    const char *token = web_cookie(call, WEB_SESSION_COOKIE);
    if (!token)
        return 0;
    int code = session_load(call->sessions, token, !(call->route->flags & WEB_NO_USE), &call->session, error);
    if (!code && call->session.principal.user)
        code = web_epoch_check(call->server, &call->session.principal, error);
    call->signed_in = !code;
    if (code)
        memset(&call->session, 0, sizeof call->session);
    if (code != ERROR_UNAUTHENTICATED)
        return code;
    error_clear(error); /* handlers return call->error.code */
    return 0;
}

static int caller_load(struct web_call *call, struct error *error)
{
    if (call->route->flags & WEB_BY_CERTIFICATE)
        return 0; /* the handler asks whose it is */
    if (call->side == WEB_PARTNER)
        return key_load(call, PRINCIPAL_PARTNER, error);
    if (call->side == WEB_PUBLIC)
        return has_enterprise_key(call) ? key_load(call, PRINCIPAL_ENTERPRISE, error) : session_find(call, error);
    call->session.principal.kind = PRINCIPAL_SYSTEM;
    call->signed_in = true;
    return 0;
}

static int rights_check(const struct web_call *call, struct error *error)
{
    const struct web_route *route = call->route;
    const struct principal *principal = &call->session.principal;
    if (!call->signed_in)
        return route->flags & WEB_ANONYMOUS ? 0 : unauthenticated(error);
    if (call->side == WEB_INTERNAL)
        return 0;
    if (route->kinds && !(route->kinds & (unsigned)principal->kind))
        return forbidden(error);
    if (principal->api_key && !(route->flags & (WEB_ANONYMOUS | WEB_BY_KEY)) && !principal_may(principal, call->server->module, RIGHT_VIEW))
        return forbidden(error);
    if (route->rights && !principal_may(principal, call->server->module, route->rights))
        return forbidden(error);
    return 0;
}

/* ---- how often */

static int limits_check(struct web_call *call, struct error *error)
{
    char who[64], address[48];
    if (call->side == WEB_INTERNAL)
        return 0;
    if (call->session.principal.api_key) {
        snprintf(who, sizeof who, "key %lld", (long long)call->session.principal.api_key);
        if (web_limit_own(call->server->limits, who, call->session.principal.api_per_minute, error) || !call->route->limit.count)
            return error->code;
    } else if (call->signed_in) {
        snprintf(who, sizeof who, "user %lld", (long long)call->session.principal.user);
    } else {
        snprintf(who, sizeof who, "%s", web_limit_address(call->remote_address, address, sizeof address));
    }
    return web_limit(call->server->limits, who, call->route->limit.count ? call->route : NULL, error);
}

int web_guard(struct web_frame *frame, struct error *error)
{
    struct web_call *call = &frame->call;
    bool changes = strcmp(call->method, "GET") && strcmp(call->method, "HEAD");
    if (call->side == WEB_PUBLIC && changes && origin_check(call, error))
        return error->code;
    if (caller_load(call, error) || limits_check(call, error) || rights_check(call, error))
        return error->code;
    if (call->side == WEB_PUBLIC && changes && !(call->route->flags & WEB_NO_CSRF) && !call->session.principal.api_key)
        return csrf_check(call, error);
    return 0;
}
