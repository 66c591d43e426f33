#include "service/openapi.h"

#include "base/file.h"
#include "base/json_tree.h"

#include <stdio.h>
#include <string.h>

#define FILE_MAXIMUM ((size_t)1 << 20)

struct part {
    const struct web_server *server;
    const char *program;
    const struct web_route *routes;
    const struct json *operations;
    struct json_writer *out;
    struct error *error;
};

/* ---- routes */

static bool is_described(const struct part *part, const struct web_route *route) { return web_route_by_key(part->server, route); }

/* "/documents/:id" of "/api/<program>/documents/:id". */
static const char *own_path(const struct part *part, const struct web_route *route) { return route->path + strlen("/api/") + strlen(part->program); }

static const struct json *operation_of(const struct part *part, const struct web_route *route)
{
    char wanted[200];

    snprintf(wanted, sizeof wanted, "%s %s", route->method, own_path(part, route));
    JSON_EACH(operation, part->operations)
        if (!strcmp(json_member_text(operation, "operation", ""), wanted)) return operation;
    error_internal(part->error, "schema/api/routes.json does not describe %s", wanted);
    return NULL;
}

static bool has_route(const struct part *part, const char *name)
{
    char own[200];

    for (const struct web_route *route = part->routes; route->method; route++) {
        if (!is_described(part, route)) continue;
        snprintf(own, sizeof own, "%s %s", route->method, own_path(part, route));
        if (!strcmp(own, name)) return true;
    }
    return false;
}

/* "/api/<program>/documents/{id}" */
static void path_write(const char *path, char out[200])
{
    size_t used = 0;

    while (*path && used < 190) {
        size_t name = *path == ':' ? strspn(path + 1, "abcdefghijklmnopqrstuvwxyz_") : 0;
        if (name) {
            used += (size_t)snprintf(out + used, 200 - used, "{%.*s}", (int)name, path + 1);
            path += 1 + name;
        } else {
            out[used++] = *path++;
        }
    }
    out[used] = '\0';
}

/* ---- one operation */

/* A value of the file, with {module} filled in. */
static void put_filled(const struct part *part, const char *name, const struct json *value)
{
    static const char word[] = "{module}";
    struct buffer raw, filled;
    struct json_writer json;

    buffer_init(&raw, 0);
    buffer_init(&filled, 0);
    json_writer_init(&json, &raw);
    json_tree_write(value, NULL, &json);
    const char *at = buffer_string(&raw);
    for (const char *open; (open = strstr(at, word)); at = open + sizeof word - 1) {
        buffer_bytes(&filled, at, (size_t)(open - at));
        buffer_text(&filled, part->program);
    }
    buffer_text(&filled, at);
    json_put_raw(part->out, name, buffer_string(&filled), filled.length);
    buffer_free(&raw);
    buffer_free(&filled);
}

static void put_ref(struct json_writer *out, const char *where, const char *name)
{
    char text[120];

    snprintf(text, sizeof text, "#/components/%s/%s", where, name);
    json_put_string(out, "$ref", text);
}

static void common_parameter(struct json_writer *out, const char *name)
{
    json_object(out);
    put_ref(out, "parameters", name);
    json_object_end(out);
}

static void path_parameters(const struct part *part, const char *path)
{
    struct json_writer *out = part->out;
    char name[40], schema[80];

    for (const char *at = strchr(path, ':'); at; at = strchr(at + 1, ':')) {
        snprintf(name, sizeof name, "%.*s", (int)strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_"), at + 1);
        json_object(out);
        json_put_string(out, "name", name);
        json_put_string(out, "in", "path");
        json_put_boolean(out, "required", true);
        json_name(out, "schema");
        json_object(out);
        snprintf(schema, sizeof schema, "%s_Form", part->program);
        if (!strcmp(name, "id")) put_ref(out, "schemas", "Id");
        else if (!strcmp(name, "form")) put_ref(out, "schemas", schema);
        else json_put_string(out, "type", !strcmp(name, "n") ? "integer" : "string");
        json_object_end(out);
        json_object_end(out);
    }
}

static void parameters(const struct part *part, const struct web_route *route, const struct json *operation)
{
    struct json_writer *out = part->out;

    json_name(out, "parameters");
    json_array(out);
    path_parameters(part, own_path(part, route));
    JSON_EACH(query, json_member(operation, "query")) {
        json_object(out);
        json_put_string(out, "name", query->name);
        json_put_string(out, "in", "query");
        if (json_member_true(query, "required")) json_put_boolean(out, "required", true);
        if (json_member_true(query, "explode")) json_put_boolean(out, "explode", true);
        json_put_string(out, "description", json_member_text(query, "en", ""));
        json_put_string(out, "x-description-zh", json_member_text(query, "zh", ""));
        put_filled(part, "schema", json_member(query, "schema"));
        json_object_end(out);
    }
    if (json_member_true(operation, "version")) common_parameter(out, "IfMatch");
    if (json_member_true(operation, "idempotent")) common_parameter(out, "IdempotencyKey");
    json_array_end(out);
}

static void medium(const struct part *part, const char *type, const struct json *schema, const struct json *example)
{
    struct json_writer *out = part->out;

    json_name(out, type);
    json_object(out);
    if (schema) put_filled(part, "schema", schema);
    else json_put_raw(out, "schema", "{}", 2); /* bytes: OpenAPI 3.1 says so by saying nothing */
    if (example) put_filled(part, "example", example);
    json_object_end(out);
}

/* `also`: further types, as bytes; NULL = none. */
static void content(const struct part *part, const char *type, const struct json *schema, const struct json *example, const struct json *also)
{
    json_name(part->out, "content");
    json_object(part->out);
    medium(part, type, schema, example);
    JSON_EACH(other, also) medium(part, other->text.text, NULL, NULL);
    json_object_end(part->out);
}

static void request_body(const struct part *part, const struct web_route *route, const struct json *operation)
{
    const struct json *schema = json_member(operation, "body");
    const char *bytes = json_member_text(operation, "bytes", NULL);
    struct json_writer *out = part->out;

    if (!schema && !bytes) return;
    json_name(out, "requestBody");
    json_object(out);
    json_put_boolean(out, "required", true);
    json_put_integer(out, "x-maximum-bytes", (int64_t)route->body_maximum);
    content(part, bytes ? bytes : "application/json", schema, json_member(operation, "example"), json_member(operation, "also"));
    json_object_end(out);
}

static void answer(const struct part *part, int status, const struct json *operation, const struct json *schema)
{
    struct json_writer *out = part->out;
    char name[8];

    snprintf(name, sizeof name, "%d", status);
    json_name(out, name);
    json_object(out);
    json_put_string(out, "description", status == 201 ? "made" : status == 202 ? "begun: a job" : status == 204 ? "done" : "the answer");
    if (json_member_true(operation, "etag") || json_member_true(operation, "version"))
        json_put_raw(out, "headers", "{\"ETag\":{\"$ref\":\"#/components/headers/ETag\"}}", strlen("{\"ETag\":{\"$ref\":\"#/components/headers/ETag\"}}"));
    if (status != 204) content(part, schema ? "application/json" : json_member_text(operation, "media", "application/octet-stream"), schema, NULL, NULL);
    json_object_end(out);
}

static void responses(const struct part *part, const struct json *operation)
{
    struct json_writer *out = part->out;

    json_name(out, "responses");
    json_object(out);
    answer(part, (int)json_member_integer(operation, "status", 200), operation, json_member(operation, "answer"));
    JSON_EACH(other, json_member(operation, "other")) answer(part, 202, operation, other);
    json_name(out, "default");
    json_object(out);
    put_ref(out, "responses", "Problem");
    json_object_end(out);
    json_object_end(out);
}

static int operation_write(const struct part *part, const struct web_route *route)
{
    const struct json *operation = operation_of(part, route), *words = json_member(operation, "summary");
    struct json_writer *out = part->out;
    char text[100], method[8] = "";

    if (!operation) return (int)part->error->code;
    for (size_t i = 0; i + 1 < sizeof method && route->method[i]; i++) method[i] = (char)(route->method[i] | 0x20);
    json_name(out, method);
    json_object(out);
    snprintf(text, sizeof text, "%s_%s", part->program, json_member_text(operation, "id", ""));
    json_put_string(out, "operationId", text);
    json_name(out, "tags");
    json_array(out);
    json_string(out, part->program);
    json_array_end(out);
    json_put_string(out, "summary", json_member_text(words, "en", ""));
    json_put_words(out, "x-summary", json_member_text(words, "zh", ""), json_member_text(words, "en", ""));
    json_put_string(out, "x-group", json_member_text(operation, "group", ""));
    json_put_string(out, "x-right", route->rights & RIGHT_SUBMIT ? "submit" : route->rights & RIGHT_EDIT ? "edit" : route->flags & WEB_ANONYMOUS ? "" : "view");
    if (route->flags & WEB_ANONYMOUS) json_put_raw(out, "security", "[]", 2);
    parameters(part, route, operation);
    request_body(part, route, operation);
    responses(part, operation);
    json_object_end(out);
    return 0;
}

/* Methods of one path stand together. */
static int paths(const struct part *part)
{
    const struct web_route *routes = part->routes;
    struct json_writer *out = part->out;
    char path[200];

    json_name(out, "paths");
    json_object(out);
    for (const struct web_route *route = routes; route->method; route++) {
        bool before = false;
        for (const struct web_route *earlier = routes; earlier < route; earlier++) before = before || (is_described(part, earlier) && !strcmp(earlier->path, route->path));
        if (before || !is_described(part, route)) continue;
        path_write(route->path, path);
        json_name(out, path);
        json_object(out);
        for (const struct web_route *same = route; same->method; same++)
            if (is_described(part, same) && !strcmp(same->path, route->path) && operation_write(part, same)) return (int)part->error->code;
        json_object_end(out);
    }
    json_object_end(out);
    return 0;
}

/* ---- the part */

static int operations_read(struct part *part, const char *schema, const char *list, struct arena *arena)
{
    char path[1100];
    struct buffer text;

    snprintf(path, sizeof path, "%s/api/routes.json", schema);
    buffer_init(&text, FILE_MAXIMUM);
    if (!file_read(path, &text, part->error)) {
        const char *copy = arena_copy(arena, buffer_string(&text), text.length);
        const struct json *file = copy ? json_tree(copy, text.length, arena, part->error) : NULL;
        part->operations = json_member(json_member(file, "operations"), list);
        if (!part->operations && !part->error->code) error_internal(part->error, "%s: no operations of %s", path, list);
    }
    buffer_free(&text);
    JSON_EACH(operation, part->operations)
        if (!part->error->code && !has_route(part, json_member_text(operation, "operation", "")))
            error_internal(part->error, "%s: there is no route %s", path, json_member_text(operation, "operation", ""));
    return (int)part->error->code;
}

int openapi_paths(struct web_call *call, const char *schema, const char *program, const char *list, const struct web_route *routes)
{
    struct part part = {.server = call->server, .program = program, .routes = routes, .out = &call->json, .error = &call->error};

    return operations_read(&part, schema, list, &call->arena) ? (int)call->error.code : paths(&part);
}
