#include "web/frame.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static _Thread_local bool detached; /* the call at hand went to the writer */

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            return true;
    return false;
}

void web_answer_header(struct web_call *call, const char *name, const char *value)
{
    struct web_frame *frame = frame_of(call);
    if (has_control(name) || has_control(value)) {
        frame->head.failed = true; /* seen when the answer is sent */
        return;
    }
    buffer_text(&frame->head, name);
    buffer_text(&frame->head, ": ");
    buffer_text(&frame->head, value);
    buffer_text(&frame->head, "\r\n");
}

void web_answer_cookie(struct web_call *call, const char *name, const char *value)
{
    char text[600];
    int length = snprintf(text, sizeof text, "%s%s=%s; Path=/; HttpOnly; SameSite=Strict%s%s", call->secure ? "__Host-" : "", name,
                          value ? value : "", call->secure ? "; Secure" : "", value ? "" : "; Max-Age=0");
    if (length >= (int)sizeof text || (value && strpbrk(value, "; ,\"\\")))
        frame_of(call)->head.failed = true;
    else
        web_answer_header(call, "Set-Cookie", text);
}

void web_answer_version(struct web_call *call, int64_t version)
{
    char text[32];
    snprintf(text, sizeof text, "\"%lld\"", (long long)version);
    web_answer_header(call, "ETag", text);
}

void web_answer_file(struct web_call *call, const char *type, const char *file_name, bool as_attachment)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    struct buffer text;
    buffer_init(&text, 4096);
    buffer_text(&text, as_attachment ? "attachment; filename*=UTF-8''" : "inline; filename*=UTF-8''");
    for (const unsigned char *at = (const unsigned char *)file_name; *at; at++) {
        if (strchr(plain, *at))
            buffer_char(&text, (char)*at);
        else
            buffer_printf(&text, "%%%02X", *at);
    }
    if (text.failed)
        frame_of(call)->head.failed = true;
    else
        web_answer_header(call, "Content-Disposition", buffer_string(&text));
    buffer_free(&text);
    call->answer_type = type;
}

void web_answer_empty(struct web_frame *frame)
{
    struct web_call *call = &frame->call;
    bool failed = frame->head.failed && frame->head_kept == frame->head.length;
    buffer_reset(&call->out);
    json_writer_init(&call->json, &call->out);
    call->status = 200;
    call->answer_type = "application/json";
    frame->head.length = frame->head_kept;
    frame->head.failed = failed;
    frame->problems = NULL;
    error_clear(&call->error);
}

/* ---- writing */

int web_write(struct web_call *call, int (*work)(void *connection, struct web_call *call, struct error *error), void *argument)
{
    struct web_frame *frame = frame_of(call);
    frame->head_kept = frame->head.length;
    call->work = work;
    call->argument = argument;
    call->reader = NULL;
    call->sessions = NULL;
    detached = true;
    call->server->writer.submit(call->server->writer.context, call);
    return WEB_LATER;
}

/* Whether the handler that has just run on this thread gave its call away. */
bool web_take_detached(void)
{
    bool was = detached;
    detached = false;
    return was;
}

int web_work(struct web_call *call, void *connection, struct error *error)
{
    web_answer_empty(frame_of(call));
    return call->work(connection, call, error);
}

void web_written(struct web_call *call, int code)
{
    if (call->work_done)
        call->work_done(call, code);
    web_finish(frame_of(call), code);
}

/* ---- sending */

static void log_request(struct web_frame *frame, int code)
{
    struct web_call *call = &frame->call;
    log_line(LOG_INFO, "request", "id=%s user=%lld method=%.8s route=%s status=%d ms=%lld", call->id,
             (long long)call->session.principal.user, call->method, call->route ? call->route->path : "-", call->status,
             (long long)(clock_monotonic() - frame->started));
    if (code && *call->error.detail) {
        char detail[300];
        log_line(call->status >= 500 ? LOG_ERROR : LOG_INFO, "problem", "id=%s name=%s field=%s detail=%s", call->id, call->error.name,
                 *call->error.field ? call->error.field : "-", log_quote(call->error.detail, detail, sizeof detail));
    }
}

static bool has_header(const struct buffer *head, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = buffer_string(head); at && *at; at = strstr(at, "\r\n"), at += at ? 2 : 0)
        if (!strncasecmp(at, name, length) && at[length] == ':')
            return true;
    return false;
}

static void answer_send(struct web_frame *frame)
{
    struct web_call *call = &frame->call;
    bool empty = call->status == 204 || call->status == 304;
    if (!has_header(&frame->head, "Cache-Control"))
        buffer_text(&frame->head, "Cache-Control: no-store\r\n");
    buffer_printf(&frame->head, "Status: %d %s\r\n", call->status, web_reason(call->status));
    if (!empty)
        buffer_printf(&frame->head, "Content-Type: %s\r\nContent-Length: %zu\r\n", call->answer_type, call->out.length);
    buffer_text(&frame->head, "\r\n");
    web_send(frame, &frame->head, empty || frame->head_only ? NULL : &call->out);
}

void web_finish(struct web_frame *frame, int code)
{
    struct web_call *call = &frame->call;
    if (code && !call->error.code)
        error_internal(&call->error, "code %d without words", code);
    if (!code && (call->out.failed || frame->head.failed))
        code = error_internal(&call->error, "the answer is too large or has a bad header");
    if (frame->head.failed) {
        buffer_reset(&frame->head);
        frame->head_kept = 0;
    }
    if (code)
        web_problem(frame);
    answer_send(frame);
    log_request(frame, code);
    web_recycle(frame);
}
