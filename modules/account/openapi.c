/* GET /api/openapi.json: what an enterprise's own systems may call, OpenAPI 3.1. Each document module tells its paths and bodies, and the
   exchange program its paths (shared/service/openapi.h); what they have in common stands in schema/api/routes.json. */
#include "account.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

#define FILE_MAXIMUM ((size_t)1 << 20)
#define PART_MAXIMUM ((size_t)4 << 20)
#define ASK_MILLISECONDS 2000

#define EXCHANGE "exchange"

/* The members of an object, to stand among others in one. */
static void add_members(struct buffer *out, struct slice object)
{
    if (object.length <= 2)
        return;
    if (out->length)
        buffer_char(out, ',');
    buffer_bytes(out, object.text + 1, object.length - 2);
}

static int part_read(struct web_call *call, const char *program, struct buffer *paths, struct buffer *schemas)
{
    char path[64];
    struct buffer part;
    struct arena arena;
    struct slice members;
    buffer_init(&part, PART_MAXIMUM);
    arena_init(&arena, 0);
    snprintf(path, sizeof path, "/internal/%s/openapi", program);
    int code = web_internal_request(call->server, "GET", path, NULL, ASK_MILLISECONDS, &part, &call->error);
    if (!code && json_raw_member(buffer_string(&part), part.length, "paths", &arena, &members, &call->error)) {
        add_members(paths, members);
        if (json_raw_member(buffer_string(&part), part.length, "schemas", &arena, &members, &call->error))
            add_members(schemas, members);
    }
    code = (int)call->error.code;
    arena_free(&arena);
    buffer_free(&part);
    return code;
}

static void put_components(struct web_call *call, const struct json *components, const struct buffer *schemas)
{
    struct buffer common;
    struct json_writer json;
    buffer_init(&common, FILE_MAXIMUM);
    json_writer_init(&json, &common);
    json_tree_write(json_member(components, "schemas"), NULL, &json);
    json_name(&call->json, "components");
    json_object(&call->json);
    JSON_EACH(component, components) {
        if (!strcmp(component->name, "schemas"))
            continue;
        json_name(&call->json, component->name);
        json_tree_write(component, NULL, &call->json);
    }
    if (common.length)
        common.length--; /* its closing brace comes behind the others */
    buffer_char(&common, ',');
    buffer_bytes(&common, buffer_string(schemas), schemas->length);
    buffer_char(&common, '}');
    json_put_raw(&call->json, "schemas", buffer_string(&common), common.length);
    json_object_end(&call->json);
    buffer_free(&common);
}

static void put_tag(struct web_call *call, const char *program)
{
    json_object(&call->json);
    json_put_string(&call->json, "name", program);
    json_object_end(&call->json);
}

static void write_all(struct web_call *call, const struct json *file, const struct buffer *paths, const struct buffer *schemas)
{
    static const char servers[] = "[{\"url\":\"/\"}]", security[] = "[{\"apiKey\":[]},{\"session\":[]}]";
    json_object(&call->json);
    json_put_string(&call->json, "openapi", "3.1.0");
    json_name(&call->json, "info");
    json_tree_write(json_member(file, "info"), NULL, &call->json);
    json_put_raw(&call->json, "servers", servers, sizeof servers - 1);
    json_put_raw(&call->json, "security", security, sizeof security - 1);
    json_name(&call->json, "tags");
    json_array(&call->json);
    for (int i = 0; i < account_of(call)->module_count; i++)
        put_tag(call, account_of(call)->modules[i]);
    put_tag(call, EXCHANGE);
    json_array_end(&call->json);
    json_name(&call->json, "paths");
    json_raw(&call->json, "{", 1);
    buffer_bytes(&call->out, buffer_string(paths), paths->length);
    buffer_char(&call->out, '}');
    put_components(call, json_member(file, "components"), schemas);
    json_object_end(&call->json);
}

static const struct json *file_tree(struct web_call *call)
{
    char path[1200];
    struct buffer text;
    const struct json *tree = NULL;
    snprintf(path, sizeof path, "%s/schema/api/routes.json", config_text(account_of(call)->config, "root", "."));
    buffer_init(&text, FILE_MAXIMUM);
    if (!file_read(path, &text, &call->error)) {
        const char *copy = arena_copy(&call->arena, buffer_string(&text), text.length);
        tree = copy ? json_tree(copy, text.length, &call->arena, &call->error) : NULL;
    }
    buffer_free(&text);
    return tree;
}

static int openapi_get(struct web_call *call)
{
    struct account *account = account_of(call);
    const struct json *file = file_tree(call);
    struct buffer paths, schemas;
    int code = file ? 0 : (int)call->error.code;
    buffer_init(&paths, 0);
    buffer_init(&schemas, 0);
    for (int i = 0; !code && i < account->module_count; i++)
        code = part_read(call, account->modules[i], &paths, &schemas);
    if (!code)
        code = part_read(call, EXCHANGE, &paths, &schemas);
    if (!code)
        write_all(call, file, &paths, &schemas);
    buffer_free(&paths);
    buffer_free(&schemas);
    return code;
}

const struct web_route openapi_routes_of_account[] = {
    {"GET", "/api/openapi.json", openapi_get, 0, 0, WEB_ANONYMOUS, LANE_SLOW, 0, {60, 60}},
    {0}};
