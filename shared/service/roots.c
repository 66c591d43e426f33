/* The daily roots (document/root.h), for everybody: who keeps a copy can tell later whether anything before was rewritten. */
#include "service/internal.h"

#include "base/file.h"

#include <stdio.h>
#include <unistd.h>

#define ROOTS_MAXIMUM (8u << 20) /* decades of days */

/* A file of the folder of roots; what is not there yet is empty. */
static int answer_file(struct web_call *call, const char *name, const char *type)
{
    const struct doc_module *module = &service_of(call)->documents;
    char path[1200];

    if (!module->roots || (size_t)snprintf(path, sizeof path, "%s/%s", module->roots, name) >= sizeof path)
        return error_set(&call->error, ERROR_NOT_FOUND, "not_found", "没有找到。", "There is no such thing.");
    call->answer_type = type;
    call->out.maximum = ROOTS_MAXIMUM;
    return access(path, R_OK) ? 0 : file_read(path, &call->out, &call->error);
}

static int roots_get(struct web_call *call)
{
    return answer_file(call, arena_printf(&call->arena, "%s.log", service_of(call)->module), "text/plain; charset=utf-8");
}

static int key_get(struct web_call *call) { return answer_file(call, "public-key.pem", "application/x-pem-file"); }

const struct web_route root_routes[] = {
    {"GET", "/roots", roots_get, 0, 0, WEB_ANONYMOUS, LANE_SLOW, 0, {60, 60}},
    {"GET", "/roots/public-key.pem", key_get, 0, 0, WEB_ANONYMOUS, LANE_FAST, 0, {60, 60}},
    {0}};
