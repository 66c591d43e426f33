/* A document module's part of the OpenAPI document: its routes, and the shapes of its documents from the definitions in force. */
#include "service/internal.h"
#include "service/openapi.h"

#include "base/clock.h"
#include "base/date.h"

#include <stdio.h>
#include <string.h>

struct part {
    const struct doc_module *module;
    const struct form *forms[DOC_FORMS]; /* in force today */
    size_t form_count;
    struct json_writer *out;
};

/* {"$ref":"#/components/schemas/<name>"} */
static void put_shape(struct json_writer *out, const char *name)
{
    char text[120];

    snprintf(text, sizeof text, "#/components/schemas/%s", name);
    json_object(out);
    json_put_string(out, "$ref", text);
    json_object_end(out);
}

static void named(const struct part *part, const char *name)
{
    char text[80];

    snprintf(text, sizeof text, "%s_%s", part->module->name, name);
    json_name(part->out, text);
}

/* The published schema without its "$schema", which only a document of its own has. */
static void form_schema(const struct part *part, const struct form *form)
{
    struct buffer schema;

    buffer_init(&schema, 0);
    form_write_json_schema(form, &schema);
    const char *text = buffer_string(&schema), *rest = strchr(text, ',');
    if (rest && !strncmp(text, "{\"$schema\"", 10)) {
        schema.data[rest - text] = '{';
        json_put_raw(part->out, form->name, rest, schema.length - (size_t)(rest - text));
    } else {
        json_put_raw(part->out, form->name, text, schema.length);
    }
    buffer_free(&schema);
}

static void new_document(const struct part *part)
{
    struct json_writer *out = part->out;

    named(part, "New");
    json_object(out);
    json_name(out, "oneOf");
    json_array(out);
    for (size_t i = 0; i < part->form_count; i++) {
        if (json_member_true(part->forms[i]->json, "made_by_portal")) continue;
        json_object(out);
        json_put_string(out, "type", "object");
        json_put_raw(out, "required", "[\"form\",\"body\"]", 15);
        json_name(out, "properties");
        json_object(out);
        json_name(out, "form");
        json_object(out);
        json_put_string(out, "const", part->forms[i]->name);
        json_object_end(out);
        json_name(out, "body");
        put_shape(out, part->forms[i]->name);
        json_object_end(out);
        json_object_end(out);
    }
    json_array_end(out);
    json_object_end(out);
}

static void bodies(const struct part *part)
{
    struct json_writer *out = part->out;

    named(part, "Form");
    json_object(out);
    json_put_string(out, "type", "string");
    json_name(out, "enum");
    json_array(out);
    for (size_t i = 0; i < part->form_count; i++) json_string(out, part->forms[i]->name);
    json_array_end(out);
    json_object_end(out);
    named(part, "Body");
    json_object(out);
    json_name(out, "anyOf");
    json_array(out);
    for (size_t i = 0; i < part->form_count; i++) put_shape(out, part->forms[i]->name);
    json_array_end(out);
    json_object_end(out);
}

static void document(const struct part *part)
{
    static const char *const before = "{\"type\":\"object\",\"required\":[\"document\",\"form_version\",\"body\",\"attachments\",\"actions\"],\"properties\":{"
        "\"document\":{\"$ref\":\"#/components/schemas/Row\"},\"form_version\":{\"type\":\"integer\"},\"moved_from\":{\"type\":\"integer\"},\"reviewer\":{\"$ref\":\"#/components/schemas/Words\"},"
        "\"attachments\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Attachment\"}},"
        "\"actions\":{\"type\":\"object\",\"additionalProperties\":{\"$ref\":\"#/components/schemas/Action\"}},"
        "\"body\":{\"$ref\":\"#/components/schemas/";
    struct buffer text;

    buffer_init(&text, 0);
    buffer_printf(&text, "%s%s_Body\"}}}", before, part->module->name);
    named(part, "Document");
    json_raw(part->out, buffer_string(&text), text.length);
    buffer_free(&text);
}

static void schemas(const struct part *part)
{
    json_name(part->out, "schemas");
    json_object(part->out);
    bodies(part);
    new_document(part);
    document(part);
    for (size_t i = 0; i < part->form_count; i++) form_schema(part, part->forms[i]);
    json_object_end(part->out);
}

static int openapi(struct web_call *call)
{
    const struct service *service = service_of(call);
    const struct doc_module *module = &service->documents;
    struct part *part = arena_alloc(&call->arena, sizeof *part);
    int32_t today = date_of_instant(clock_now());

    if (!part) return error_internal(&call->error, "out of memory");
    *part = (struct part){.module = module, .out = &call->json};
    for (size_t i = 0; i < module->form_count; i++)
        if (doc_form(module, module->forms[i]->name, today) == module->forms[i]) part->forms[part->form_count++] = module->forms[i];
    json_object(&call->json);
    if (openapi_paths(call, module->schema, module->name, "documents", service->routes)) return (int)call->error.code;
    schemas(part);
    json_object_end(&call->json);
    return 0;
}

const struct web_route openapi_routes[] = {
    {"GET", "!/internal/openapi", openapi, PRINCIPAL_SYSTEM, 0, WEB_INTERNAL_ONLY | WEB_NO_CSRF, LANE_FAST, 0, {0, 0}},
    {0}};
