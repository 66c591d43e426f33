/* A request as nginx passes it on: lines "NAME=value" are parameters. Path, query, cookies, versions and ids are read; nothing decoded is
   longer than what came, has a NUL byte or is no UTF-8. */
#include "base/utf8.h"
#include "web/frame.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void read_pairs(struct web_frame *frame, char *text)
{
    frame->pairs = arena_alloc(&frame->call.arena, 64 * sizeof *frame->pairs);
    for (char *line; frame->pair_count < 64 && (line = strsep(&text, "\n"));) {
        char *value = strchr(line, '=');
        if (!value) continue;
        *value++ = '\0';
        frame->pairs[frame->pair_count++] = (struct web_pair){line, value, strlen(line)};
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static struct web_server server;
    struct web_frame *frame = calloc(1, sizeof *frame);
    struct web_call *call = &frame->call;
    struct error error;
    int64_t number;
    char address[80];
    static const struct web_route none = {.body_maximum = 0};

    call->server = &server;
    arena_init(&call->arena, 4 << 20);
    read_pairs(frame, arena_copy(&call->arena, (const char *)bytes, length));
    if (!web_request_read(frame, &error)) {
        for (int i = 0; i < frame->query_count; i++)
            if (!utf8_valid(frame->query[i].value, strlen(frame->query[i].value))) abort();
        web_query_integer(call, "page", 1, 1000000, 1, &number);
        if (number < 1 || number > 1000000) abort();
        for (int secure = 0; secure < 2; secure++) {
            call->secure = secure;
            const char *cookie = web_cookie(call, WEB_SESSION_COOKIE);
            if (cookie && strlen(cookie) > length) abort();
        }
        if (!web_expected_version(call, &number) && number < -1) abort();
        call->parameter[0] = web_query(call, "id");
        if (!web_parameter_id(call, 0, &number) && number < 1) abort();
        web_limit_address(call->remote_address, address, sizeof address);
        if (strcmp(call->id, "") && strlen(call->id) != 16) abort();
        const char *said = web_parameter(frame, "CONTENT_LENGTH");
        if (said && strtoul(said, NULL, 10)) web_request_body(frame, &none, &error);
    }
    arena_free(&call->arena);
    free(frame);
    return 0;
}
