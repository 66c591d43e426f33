#include "base/error.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

static void copy_cut(char *target, size_t size, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    if (length >= size)
        length = utf8_cut(text, length, size - 1);
    if (length)
        memcpy(target, text, length);
    target[length] = 0;
}

int error_set(struct error *error, enum error_code code, const char *name, const char *zh, const char *en)
{
    error_clear(error);
    error->code = code;
    copy_cut(error->name, sizeof error->name, name);
    copy_cut(error->zh, sizeof error->zh, zh);
    copy_cut(error->en, sizeof error->en, en);
    return code;
}

static void detail_append(struct error *error, const char *format, va_list arguments)
{
    size_t used = strlen(error->detail);
    if (used && used + 3 < sizeof error->detail) {
        memcpy(error->detail + used, "; ", 3);
        used += 2;
    }
    int written = vsnprintf(error->detail + used, sizeof error->detail - used, format, arguments);
    if (written > 0 && used + (size_t)written >= sizeof error->detail) {
        size_t length = strlen(error->detail);
        error->detail[utf8_cut(error->detail, length, length)] = 0;
    }
    for (char *at = error->detail + used; *at; at++) /* messages of libraries have several lines */
        if ((unsigned char)*at < 0x20)
            *at = ' ';
}

void error_detail(struct error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    detail_append(error, format, arguments);
    va_end(arguments);
}

void error_field(struct error *error, const char *field)
{
    copy_cut(error->field, sizeof error->field, field);
}

int error_internal(struct error *error, const char *format, ...)
{
    error_set(error, ERROR_INTERNAL, "internal", "系统内部错误，请稍后再试；如仍出现，请把编号告诉管理员。",
              "Something went wrong on our side. Please try again later, or give the number to the administrator.");
    va_list arguments;
    va_start(arguments, format);
    detail_append(error, format, arguments);
    va_end(arguments);
    return ERROR_INTERNAL;
}

int error_unavailable(struct error *error, const char *format, ...)
{
    error_set(error, ERROR_UNAVAILABLE, "unavailable", "系统暂时繁忙，没有保存任何内容，请稍后再试。",
              "The service is busy just now. Nothing was stored; please try again in a moment.");
    error->retry_after = 2;
    va_list arguments;
    va_start(arguments, format);
    detail_append(error, format, arguments);
    va_end(arguments);
    return ERROR_UNAVAILABLE;
}

int error_http_status(enum error_code code)
{
    switch (code) {
    case ERROR_NONE: return 200;
    case ERROR_MALFORMED: return 400;
    case ERROR_UNAUTHENTICATED: return 401;
    case ERROR_FORBIDDEN: return 403;
    case ERROR_NOT_FOUND: return 404;
    case ERROR_METHOD: return 405;
    case ERROR_CONFLICT: return 409;
    case ERROR_STALE: return 412;
    case ERROR_TOO_LARGE: return 413;
    case ERROR_MEDIA_TYPE: return 415;
    case ERROR_INVALID: return 422;
    case ERROR_LIMITED: return 429;
    case ERROR_INTERNAL: return 500;
    case ERROR_UNAVAILABLE: return 503;
    case ERROR_PRECONDITION: return 428;
    case ERROR_UNDONE: break;
    }
    return 500;
}

/* Only the first bytes: a struct error is 900 bytes and this runs on hot paths. */
void error_clear(struct error *error)
{
    error->code = ERROR_NONE;
    error->retry_after = 0;
    error->name[0] = error->field[0] = error->zh[0] = error->en[0] = error->detail[0] = 0;
}
