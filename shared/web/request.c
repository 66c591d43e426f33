#include "web/frame.h"

#include "base/random.h"
#include "base/utf8.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static int refuse(struct error *error, const char *name, const char *zh, const char *en)
{
    return error_set(error, ERROR_MALFORMED, name, zh, en);
}

/* Valid UTF-8 without control characters. */
static bool is_clean(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            return false;
    return utf8_valid(text, length);
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* In place; false on a bad escape. Line ends and tabs may stand in a query, NUL may not. */
static bool decode(char *text)
{
    char *out = text;
    for (const char *at = text; *at; at++) {
        if (*at == '+') {
            *out++ = ' ';
        } else if (*at != '%') {
            *out++ = *at;
        } else {
            int high = hex(at[1]), low = high < 0 ? -1 : hex(at[2]);
            if (low < 0 || !(high << 4 | low))
                return false;
            *out++ = (char)(high << 4 | low);
            at += 2;
        }
    }
    *out = 0;
    return utf8_valid(text, (size_t)(out - text));
}

static int query_read(struct web_frame *frame, struct error *error)
{
    char *rest = arena_text(&frame->call.arena, frame->call.query);
    if (!rest)
        return error_unavailable(error, "out of memory");
    while (rest && *rest) {
        char *name = strsep(&rest, "&");
        char *value = strchr(name, '=');
        if (value)
            *value++ = 0;
        else
            value = name + strlen(name);
        if (!*name && !*value)
            continue;
        if (frame->query_count == WEB_QUERY_PARAMETERS)
            return refuse(error, "query", "网址中的参数太多。", "The address has too many parameters.");
        if (!decode(name) || !decode(value))
            return refuse(error, "query", "网址中的参数不是正确的 UTF-8 文字。", "The address has parameters that are not UTF-8.");
        frame->query[frame->query_count].name = name;
        frame->query[frame->query_count++].value = value;
    }
    return 0;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static void id_set(struct web_frame *frame)
{
    const char *id = or_empty(web_parameter(frame, "REQUEST_ID"));
    if (strspn(id, "0123456789abcdef") >= 16) {
        memcpy(frame->call.id, id, 16);
        frame->call.id[16] = 0;
    } else {
        random_hex(8, frame->call.id);
    }
}


int web_request_read(struct web_frame *frame, struct error *error)
{
    struct web_call *call = &frame->call;
    const char *side = or_empty(web_parameter(frame, "SW_SIDE"));
    id_set(frame);
    call->side = !strcmp(side, "internal") ? WEB_INTERNAL : !strcmp(side, "partner") ? WEB_PARTNER : WEB_PUBLIC;
    call->method = or_empty(web_parameter(frame, "REQUEST_METHOD"));
    call->path = or_empty(web_parameter(frame, "SCRIPT_NAME"));
    call->query = or_empty(web_parameter(frame, "QUERY_STRING"));
    call->content_type = or_empty(web_parameter(frame, "CONTENT_TYPE"));
    call->remote_address = or_empty(web_parameter(frame, "REMOTE_ADDR"));
    call->secure = call->server->secure || *or_empty(web_parameter(frame, "HTTPS"));
    if (!is_clean(call->path, strlen(call->path)))
        return refuse(error, "path", "网址不是正确的 UTF-8 文字。", "The address is not UTF-8.");
    return query_read(frame, error);
}

/* "application/json", perhaps with parameters behind it. */
static bool is_json(const char *type)
{
    static const char json[] = "application/json";
    return !strncasecmp(type, json, sizeof json - 1) && (!type[sizeof json - 1] || strchr("; ", type[sizeof json - 1]));
}

int web_request_body(struct web_frame *frame, const struct web_route *route, struct error *error)
{
    const char *text = or_empty(web_parameter(frame, "CONTENT_LENGTH"));
    size_t digits = strspn(text, "0123456789"), length = strtoul(text, NULL, 10);
    if (text[digits] || digits > 15)
        return refuse(error, "content_length", "请求长度有误。", "The length of the request is no number.");
    if (length > route->body_maximum) {
        error_set(error, ERROR_TOO_LARGE, "too_large", "内容太大。", "What was sent is too large.");
        error_detail(error, "%zu of at most %zu bytes", length, route->body_maximum);
        return error->code;
    }
    if (length && !(route->flags & WEB_RAW_BODY) && !is_json(frame->call.content_type))
        return error_set(error, ERROR_MEDIA_TYPE, "media_type", "请用 application/json 发送。", "Please send application/json.");
    return web_read_body(frame, length, error);
}

const char *web_query(struct web_call *call, const char *name)
{
    const struct web_frame *frame = frame_of(call);
    for (int i = 0; i < frame->query_count; i++)
        if (!strcmp(frame->query[i].name, name))
            return frame->query[i].value;
    return NULL;
}

/* Digits with an optional minus sign, at most 18 of them. */
static bool integer_parse(const char *text, int64_t *value)
{
    bool negative = *text == '-';
    text += negative;
    size_t digits = strspn(text, "0123456789");
    if (!digits || digits > 18 || text[digits])
        return false;
    *value = strtoll(text, NULL, 10);
    if (negative)
        *value = -*value;
    return true;
}

int web_query_integer(struct web_call *call, const char *name, int64_t least, int64_t most, int64_t fallback, int64_t *value)
{
    const char *text = web_query(call, name);
    *value = fallback;
    if (!text || !*text)
        return 0;
    if (integer_parse(text, value) && *value >= least && *value <= most)
        return 0;
    *value = fallback;
    error_set(&call->error, ERROR_INVALID, "number", "参数应当是范围内的整数。", "The parameter must be a whole number within its range.");
    error_field(&call->error, name);
    return ERROR_INVALID;
}

const char *web_header(struct web_call *call, const char *name)
{
    char parameter[100] = "HTTP_";
    size_t length = strlen(name);
    if (length + 6 > sizeof parameter)
        return NULL;
    for (size_t i = 0; i < length; i++)
        parameter[5 + i] = name[i] == '-' ? '_' : (char)toupper((unsigned char)name[i]);
    parameter[5 + length] = 0;
    return web_parameter(frame_of(call), parameter);
}

const char *web_client_certificate(struct web_call *call)
{
    return call->route->flags & WEB_BY_CERTIFICATE ? web_parameter(frame_of(call), WEB_CERTIFICATE_PARAMETER) : NULL;
}

int web_parameter_id(struct web_call *call, int index, int64_t *id)
{
    const char *text = call->parameter[index];
    if (text && *text >= '1' && *text <= '9') {
        size_t digits = strspn(text, "0123456789");
        unsigned long long value = digits <= 19 && !text[digits] ? strtoull(text, NULL, 10) : 0;
        if (value && value <= INT64_MAX) {
            *id = (int64_t)value;
            return 0;
        }
    }
    return error_set(&call->error, ERROR_NOT_FOUND, "not_found", "没有找到。", "There is no such thing.");
}

const char *web_cookie(struct web_call *call, const char *name)
{
    const char *at = web_header(call, "cookie");
    size_t length = strlen(name);
    while (at && *at) {
        at += strspn(at, "; ");
        const char *found = at;
        bool prefixed = !strncmp(at, "__Host-", 7);
        if (prefixed)
            found += 7;
        size_t end = strcspn(at, ";");
        if (prefixed == call->secure && !strncmp(found, name, length) && found[length] == '=')
            return arena_copy(&call->arena, found + length + 1, (size_t)(at + end - found) - length - 1);
        at += end;
    }
    return NULL;
}

int web_expected_version(struct web_call *call, int64_t *version)
{
    const char *text = web_header(call, "if-match");
    char digits[20] = "";
    *version = -1;
    if (!text || !*text)
        return error_set(&call->error, ERROR_PRECONDITION, "if_match", "请重新打开后再保存：请求没有说明版本。",
                         "The request does not say which version it changes (If-Match). Please open the document again.");
    if (!strcmp(text, "*"))
        return 0;
    text += !strncmp(text, "W/", 2) ? 2 : 0; /* proxies that compress make it weak */
    size_t length = *text == '"' ? strcspn(text + 1, "\"") : 0;
    if (length && length < sizeof digits && !strcmp(text + 1 + length, "\""))
        memcpy(digits, text + 1, length);
    if (*digits >= '0' && *digits <= '9' && integer_parse(digits, version))
        return 0;
    return error_set(&call->error, ERROR_STALE, "stale_version", "内容已被别人修改，请重新打开。",
                     "Somebody has changed this in the meantime. Please open it again.");
}
