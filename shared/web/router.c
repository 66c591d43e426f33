/* Paths as a tree of segments; at each node fixed words are tried first, then parameters with a suffix, then plain ones. */
#include "web/frame.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define DEEPEST 12

static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "PATCH"};
#define METHODS (sizeof methods / sizeof *methods)

struct node {
    const char *text;   /* a fixed word, or a parameter's suffix */
    size_t length;
    bool parameter;
    struct node *children, *next;
    const struct web_route *routes[METHODS];
};

struct web_router {
    struct node root;
};

static struct node *child_get(struct node *parent, const char *text, size_t length)
{
    bool parameter = length && *text == ':';
    if (parameter) {
        size_t name = 1 + strspn(text + 1, "abcdefghijklmnopqrstuvwxyz_");
        name = name < length ? name : length;
        text += name;
        length -= name;
    }
    struct node **at = &parent->children;
    for (; *at; at = &(*at)->next)
        if ((*at)->parameter == parameter && (*at)->length == length && !memcmp((*at)->text, text, length))
            return *at;
    /* kept in the order in which they are tried: words, parameters with suffix, plain ones */
    int rank = parameter ? length ? 1 : 2 : 0;
    at = &parent->children;
    while (*at && ((*at)->parameter ? (*at)->length ? 1 : 2 : 0) <= rank)
        at = &(*at)->next;
    struct node *node = calloc(1, sizeof *node);
    if (!node)
        return NULL;
    *node = (struct node){.text = text, .length = length, .parameter = parameter, .next = *at};
    *at = node;
    return node;
}

static const char *route_add(struct web_router *router, const struct web_route *route)
{
    struct node *node = &router->root;
    const char *at = route->path;
    int parameters = 0, depth = 0;
    if (!at || *at != '/')
        return "a path begins with /";
    if (!route->handler)
        return "no handler";
    while (*at) {
        size_t length = strcspn(++at, "/");
        parameters += *at == ':';
        if (++depth > DEEPEST || parameters > WEB_PATH_PARAMETERS)
            return "the path is too long";
        node = child_get(node, at, length);
        if (!node)
            return "out of memory";
        at += length;
    }
    for (size_t i = 0; i < METHODS; i++) {
        if (strcmp(methods[i], route->method))
            continue;
        if (node->routes[i])
            return "a route written twice";
        node->routes[i] = route;
        return NULL;
    }
    return "an unknown method";
}

struct web_router *web_router_make(const struct web_route *routes)
{
    struct web_router *router = calloc(1, sizeof *router);
    for (; router && routes->method; routes++) {
        const char *wrong = route_add(router, routes);
        if (!wrong)
            continue;
        log_line(LOG_ERROR, "bad_route", "method=%s path=%s reason=\"%s\"", routes->method, routes->path ? routes->path : "", wrong);
        web_router_free(router);
        return NULL;
    }
    return router;
}

static void children_free(struct node *node)
{
    while (node) {
        struct node *next = node->next;
        children_free(node->children);
        free(node);
        node = next;
    }
}

void web_router_free(struct web_router *router)
{
    if (router)
        children_free(router->root.children);
    free(router);
}

/* Fills parameters from `count` on. */
static const struct node *match(const struct node *node, const char *path, struct web_call *call, int count)
{
    if (!*path) {
        for (size_t i = 0; i < METHODS; i++)
            if (node->routes[i])
                return node;
        return NULL;
    }
    const char *segment = path + 1;
    size_t length = strcspn(segment, "/");
    for (const struct node *child = node->children; child; child = child->next) {
        if (!child->parameter) {
            if (child->length != length || memcmp(child->text, segment, length))
                continue;
            const struct node *found = match(child, segment + length, call, count);
            if (found)
                return found;
            continue;
        }
        if (length <= child->length || memcmp(segment + length - child->length, child->text, child->length))
            continue;
        const struct node *found = match(child, segment + length, call, count + 1);
        if (found) {
            call->parameter[count] = arena_copy(&call->arena, segment, length - child->length);
            return call->parameter[count] ? found : NULL;
        }
    }
    return NULL;
}

static int refuse_method(const struct node *node, struct web_frame *frame, struct error *error)
{
    struct buffer allow;
    buffer_init(&allow, 64);
    for (size_t i = 0; i < METHODS; i++)
        if (node->routes[i])
            buffer_printf(&allow, "%s%s%s", allow.length ? ", " : "", methods[i], i == 0 ? ", HEAD" : "");
    web_answer_header(&frame->call, "Allow", buffer_string(&allow));
    buffer_free(&allow);
    return error_set(error, ERROR_METHOD, "method", "此地址不接受这种请求方式。", "This address does not take that method.");
}

/* A route that the request's side must not see is as good as absent. */
static bool is_visible(const struct web_route *route, struct web_frame *frame)
{
    enum web_side side = frame->call.side;
    if (side == WEB_PARTNER && !(route->flags & WEB_BY_CERTIFICATE) != !web_parameter(frame, WEB_CERTIFICATE_PARAMETER))
        return false;
    if (route->flags & WEB_INTERNAL_ONLY)
        return side == WEB_INTERNAL;
    if (route->flags & WEB_PARTNER_ONLY)
        return side == WEB_PARTNER;
    return side == WEB_PUBLIC;
}

int web_router_find(struct web_router *router, struct web_frame *frame, struct error *error)
{
    struct web_call *call = &frame->call;
    frame->head_only = !strcmp(call->method, "HEAD");
    const char *method = frame->head_only ? "GET" : call->method;
    const struct node *node = *call->path == '/' ? match(&router->root, call->path, call, 0) : NULL;
    for (size_t i = 0; node && i < METHODS; i++) {
        if (node->routes[i] && !is_visible(node->routes[i], frame)) {
            node = NULL;
        } else if (node->routes[i] && !strcmp(methods[i], method)) {
            call->route = node->routes[i];
            return 0;
        }
    }
    if (node)
        return refuse_method(node, frame, error);
    return error_set(error, ERROR_NOT_FOUND, "not_found", "没有这个地址。", "There is nothing at this address.");
}
