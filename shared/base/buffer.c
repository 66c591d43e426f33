#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_MAXIMUM ((size_t)64 << 20)
#define SMALLEST 256

void buffer_init(struct buffer *buffer, size_t maximum)
{
    *buffer = (struct buffer){.maximum = maximum};
}

/* Capacity counts the final NUL, the maximum does not. */
static char *grow(struct buffer *buffer, size_t length)
{
    size_t maximum = buffer->maximum ? buffer->maximum : DEFAULT_MAXIMUM;
    if (buffer->failed || length > maximum - buffer->length) {
        buffer->failed = true;
        return NULL;
    }
    size_t need = buffer->length + length + 1;
    size_t capacity = buffer->capacity ? buffer->capacity * 2 : SMALLEST;
    if (capacity > maximum + 1)
        capacity = maximum + 1;
    if (capacity < need)
        capacity = need;
    char *data = realloc(buffer->data, capacity);
    if (!data) {
        buffer->failed = true;
        return NULL;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return data + buffer->length;
}

char *buffer_reserve(struct buffer *buffer, size_t length)
{
    if (!buffer->failed && length < buffer->capacity - buffer->length)
        return buffer->data + buffer->length;
    return grow(buffer, length);
}

void buffer_bytes(struct buffer *buffer, const void *bytes, size_t length)
{
    char *room = buffer_reserve(buffer, length);
    if (!room)
        return;
    if (length)
        memcpy(room, bytes, length);
    room[length] = 0;
    buffer->length += length;
}

void buffer_text(struct buffer *buffer, const char *text)
{
    buffer_bytes(buffer, text, strlen(text));
}

void buffer_char(struct buffer *buffer, char c)
{
    buffer_bytes(buffer, &c, 1);
}

void buffer_integer(struct buffer *buffer, long long value)
{
    char digits[24];
    char *at = digits + sizeof digits;
    unsigned long long rest = value < 0 ? 0 - (unsigned long long)value : (unsigned long long)value;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        *--at = '-';
    buffer_bytes(buffer, at, (size_t)(digits + sizeof digits - at));
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    /* mostly there is room: then once is enough */
    size_t left = buffer->failed ? 0 : buffer->capacity - buffer->length;
    int length = vsnprintf(left ? buffer->data + buffer->length : NULL, left, format, arguments);
    va_end(arguments);
    char *room = length >= 0 ? buffer_reserve(buffer, (size_t)length) : NULL;
    if (room) {
        if ((size_t)length >= left)
            vsnprintf(room, (size_t)length + 1, format, again);
        buffer->length += (size_t)length;
    } else {
        buffer->failed = true;
    }
    va_end(again);
}

void buffer_reset(struct buffer *buffer)
{
    buffer->length = 0;
    buffer->failed = false;
    if (buffer->data)
        buffer->data[0] = 0;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){.maximum = buffer->maximum};
}

/* The NUL is set again here because buffer_reserve lets callers write past the last one. */
const char *buffer_string(const struct buffer *buffer)
{
    if (!buffer->data)
        return "";
    buffer->data[buffer->length] = 0;
    return buffer->data;
}
