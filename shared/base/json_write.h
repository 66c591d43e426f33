/* A streaming JSON writer over a buffer: commas and escapes are its business. Errors stick in the buffer. */
#ifndef BASE_JSON_WRITE_H
#define BASE_JSON_WRITE_H

#include "base/buffer.h"
#include "base/decimal.h"

#include <stdbool.h>
#include <stdint.h>

struct json_writer {
    struct buffer *out;
    bool comma; /* a comma is due before the next member */
};

void json_writer_init(struct json_writer *writer, struct buffer *out);

void json_object(struct json_writer *writer);
void json_object_end(struct json_writer *writer);
void json_array(struct json_writer *writer);
void json_array_end(struct json_writer *writer);

/* The name of the next member; `name` must need no escaping (it is one of ours). */
void json_name(struct json_writer *writer, const char *name);

/* Valid UTF-8 of the given length, escaped. NULL text writes null. < > & and U+2028/9 are escaped too. */
void json_text(struct json_writer *writer, const char *text, size_t length);
void json_string(struct json_writer *writer, const char *text);
void json_integer(struct json_writer *writer, int64_t value);
void json_boolean(struct json_writer *writer, bool value);
void json_null(struct json_writer *writer);
void json_raw(struct json_writer *writer, const char *json, size_t length); /* already JSON */

/* Name and value in one call. A NULL string is written as null. Ids (64 bits) and decimals are written as strings. */
void json_put_string(struct json_writer *writer, const char *name, const char *text);
void json_put_text(struct json_writer *writer, const char *name, const char *text, size_t length);
void json_put_integer(struct json_writer *writer, const char *name, int64_t value);
void json_put_boolean(struct json_writer *writer, const char *name, bool value);
void json_put_id(struct json_writer *writer, const char *name, int64_t value);
void json_put_decimal(struct json_writer *writer, const char *name, decimal value, int min_places);
void json_put_raw(struct json_writer *writer, const char *name, const char *json, size_t length);
/* Milliseconds; null for 0. */
void json_put_instant(struct json_writer *writer, const char *name, int64_t instant);
/* "total": how many there are, as a string; "<limit>+" for more than `limit`, 0 = always exact. */
void json_put_total(struct json_writer *writer, int64_t count, int limit);
/* {"zh": ..., "en": ...} */
void json_put_words(struct json_writer *writer, const char *name, const char *zh, const char *en);

#endif
