/* Errors as application/problem+json (RFC 9457). */
#include "web/frame.h"

#include <stdio.h>
#include <string.h>

const char *web_reason(int status)
{
    switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    }
    return "Status";
}

void web_answer_problems(struct web_call *call, const char *json, size_t length)
{
    struct web_frame *frame = frame_of(call);
    frame->problems = arena_copy(&call->arena, json, length);
    frame->problems_length = frame->problems ? length : 0;
}

/* Of the headers that a handler set before it failed, only these belong to a problem. */
static void headers_filter(struct buffer *head)
{
    static const char *const kept[] = {"Set-Cookie:", "Allow:"};
    const char *at = buffer_string(head), *end = at + head->length;
    size_t length = 0;
    while (at < end) {
        size_t line = (size_t)(strstr(at, "\r\n") + 2 - at);
        if (!strncmp(at, kept[0], strlen(kept[0])) || !strncmp(at, kept[1], strlen(kept[1]))) {
            memmove(head->data + length, at, line);
            length += line;
        }
        at += line;
    }
    head->length = length;
}

void web_problem(struct web_frame *frame)
{
    struct web_call *call = &frame->call;
    const struct error *error = &call->error;
    char type[80], number[16];
    int status = error_http_status(error->code);
    headers_filter(&frame->head);
    buffer_reset(&call->out);
    json_writer_init(&call->json, &call->out);
    snprintf(type, sizeof type, "/problems/%s", error->name);
    json_object(&call->json);
    json_put_string(&call->json, "type", type);
    json_put_string(&call->json, "title", web_reason(status));
    json_put_integer(&call->json, "status", status);
    json_put_string(&call->json, "detail", error->en);
    json_put_words(&call->json, "message", error->zh, error->en);
    if (*error->field)
        json_put_string(&call->json, "field", error->field);
    if (frame->problems)
        json_put_raw(&call->json, "errors", frame->problems, frame->problems_length);
    json_put_string(&call->json, "id", call->id);
    json_object_end(&call->json);
    call->status = status;
    call->answer_type = "application/problem+json";
    if (error->retry_after) {
        snprintf(number, sizeof number, "%d", error->retry_after);
        web_answer_header(call, "Retry-After", number);
    }
}
