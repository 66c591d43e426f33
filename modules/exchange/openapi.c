/* This program's part of the OpenAPI document. */
#include "program.h"

#include "service/openapi.h"

#include <stdio.h>

static int openapi(struct web_call *call)
{
    const struct program *program = program_of(call);
    char schema[1100];

    snprintf(schema, sizeof schema, "%s/schema", config_text(program->config, "root", "."));
    json_object(&call->json);
    if (openapi_paths(call, schema, "exchange", "exchange", program->routes)) return (int)call->error.code;
    json_object_end(&call->json);
    return 0;
}

const struct web_route openapi_routes_of_exchange[] = {
    {"GET", "/internal/exchange/openapi", openapi, PRINCIPAL_SYSTEM, 0, WEB_INTERNAL_ONLY | WEB_NO_CSRF, LANE_FAST, 0, {0, 0}},
    {0}};
