#include "base/json_write.h"

#include <stdio.h>
#include <string.h>

/* 1: escape. 2: perhaps U+2028 or U+2029, which begin with E2 80. */
static const unsigned char special[256] = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    ['"'] = 1, ['\\'] = 1, ['<'] = 1, ['>'] = 1, ['&'] = 1, [0x7F] = 1, [0xE2] = 2,
};

void json_writer_init(struct json_writer *writer, struct buffer *out)
{
    *writer = (struct json_writer){.out = out};
}

static inline void separate(struct json_writer *writer)
{
    if (writer->comma)
        buffer_char(writer->out, ',');
    writer->comma = true;
}

void json_object(struct json_writer *writer)
{
    separate(writer);
    buffer_char(writer->out, '{');
    writer->comma = false;
}

void json_object_end(struct json_writer *writer)
{
    buffer_char(writer->out, '}');
    writer->comma = true;
}

void json_array(struct json_writer *writer)
{
    separate(writer);
    buffer_char(writer->out, '[');
    writer->comma = false;
}

void json_array_end(struct json_writer *writer)
{
    buffer_char(writer->out, ']');
    writer->comma = true;
}

void json_name(struct json_writer *writer, const char *name)
{
    size_t length = strlen(name);
    char *at = buffer_reserve(writer->out, length + 4);
    if (!at)
        return;
    char *start = at;
    if (writer->comma)
        *at++ = ',';
    *at++ = '"';
    memcpy(at, name, length);
    at += length;
    *at++ = '"';
    *at++ = ':';
    *at = 0;
    writer->out->length += (size_t)(at - start);
    writer->comma = false;
}

static inline size_t plain_run(const unsigned char *at, size_t length)
{
    size_t run = 0;
    for (; run + 8 <= length; run += 8) {
        const unsigned char *p = at + run;
        if (special[p[0]] | special[p[1]] | special[p[2]] | special[p[3]] | special[p[4]] | special[p[5]] | special[p[6]] |
            special[p[7]])
            break;
    }
    while (run < length && !special[at[run]])
        run++;
    return run;
}

static size_t escape(char *out, unsigned code)
{
    static const char digit[] = "0123456789abcdef";
    const char *letters = "\"\"\\\\\nn\rr\tt\bb\ff";
    for (; *letters; letters += 2) {
        if ((unsigned char)letters[0] == code) {
            out[0] = '\\';
            out[1] = letters[1];
            return 2;
        }
    }
    out[0] = '\\';
    out[1] = 'u';
    for (int i = 0; i < 4; i++)
        out[2 + i] = digit[code >> (12 - 4 * i) & 15];
    return 6;
}

/* Writes the special byte (or three) at `at`; returns how many bytes it took. */
static size_t special_put(struct buffer *out, const unsigned char *at, size_t length)
{
    char text[6];
    if (special[*at] == 1) {
        buffer_bytes(out, text, escape(text, *at));
        return 1;
    }
    if (length >= 3 && at[1] == 0x80 && (at[2] == 0xA8 || at[2] == 0xA9)) {
        buffer_bytes(out, text, escape(text, 0x2000 + (at[2] & 0x3Fu)));
        return 3;
    }
    size_t bytes = length < 3 ? length : 3;
    buffer_bytes(out, at, bytes);
    return bytes;
}

void json_text(struct json_writer *writer, const char *text, size_t length)
{
    if (!text) {
        json_null(writer);
        return;
    }
    struct buffer *out = writer->out;
    char *at = buffer_reserve(out, length + 3);
    if (!at)
        return;
    char *start = at;
    if (writer->comma)
        *at++ = ',';
    writer->comma = true;
    *at++ = '"';
    const unsigned char *from = (const unsigned char *)text;
    size_t run = plain_run(from, length);
    memcpy(at, from, run);
    at += run;
    if (run == length) {
        *at++ = '"';
        *at = 0;
        out->length += (size_t)(at - start);
        return;
    }
    out->length += (size_t)(at - start);
    for (size_t done = run; done < length;) {
        done += special_put(out, from + done, length - done);
        run = plain_run(from + done, length - done);
        buffer_bytes(out, from + done, run);
        done += run;
    }
    buffer_char(out, '"');
}

void json_string(struct json_writer *writer, const char *text)
{
    json_text(writer, text, text ? strlen(text) : 0);
}

void json_integer(struct json_writer *writer, int64_t value)
{
    separate(writer);
    buffer_integer(writer->out, value);
}

void json_boolean(struct json_writer *writer, bool value)
{
    separate(writer);
    buffer_bytes(writer->out, value ? "true" : "false", value ? 4 : 5);
}

void json_null(struct json_writer *writer)
{
    separate(writer);
    buffer_bytes(writer->out, "null", 4);
}

void json_raw(struct json_writer *writer, const char *json, size_t length)
{
    separate(writer);
    buffer_bytes(writer->out, json, length);
}

void json_put_string(struct json_writer *writer, const char *name, const char *text)
{
    json_name(writer, name);
    json_string(writer, text);
}

void json_put_text(struct json_writer *writer, const char *name, const char *text, size_t length)
{
    json_name(writer, name);
    json_text(writer, text, length);
}

void json_put_integer(struct json_writer *writer, const char *name, int64_t value)
{
    json_name(writer, name);
    json_integer(writer, value);
}

void json_put_boolean(struct json_writer *writer, const char *name, bool value)
{
    json_name(writer, name);
    json_boolean(writer, value);
}

void json_put_id(struct json_writer *writer, const char *name, int64_t value)
{
    json_name(writer, name);
    buffer_char(writer->out, '"');
    buffer_integer(writer->out, value);
    buffer_char(writer->out, '"');
    writer->comma = true;
}

void json_put_decimal(struct json_writer *writer, const char *name, decimal value, int min_places)
{
    char text[DECIMAL_TEXT_SIZE];
    size_t length = decimal_format(value, min_places, text);
    json_put_text(writer, name, text, length);
}

void json_put_raw(struct json_writer *writer, const char *name, const char *json, size_t length)
{
    json_name(writer, name);
    json_raw(writer, json, length);
}

void json_put_instant(struct json_writer *writer, const char *name, int64_t instant)
{
    json_name(writer, name);
    if (instant) json_integer(writer, instant);
    else json_null(writer);
}

void json_put_total(struct json_writer *writer, int64_t count, int limit)
{
    char text[24];

    if (limit && count > limit) snprintf(text, sizeof text, "%d+", limit);
    else snprintf(text, sizeof text, "%lld", (long long)count);
    json_put_string(writer, "total", text);
}

void json_put_words(struct json_writer *writer, const char *name, const char *zh, const char *en)
{
    json_name(writer, name);
    json_object(writer);
    json_put_string(writer, "zh", zh);
    json_put_string(writer, "en", en);
    json_object_end(writer);
}
