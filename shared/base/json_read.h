/* A strict pull reader for JSON (RFC 8259) over text in memory. It allocates only for strings with escapes and to remember
   the names of open objects, from the caller's arena. Refused: duplicate names within an object, bad UTF-8, lone surrogates,
   NUL (U+0000) in strings, depth over JSON_DEPTH, numbers longer than JSON_NUMBER_LENGTH, anything after the value, a byte
   order mark. */
#ifndef BASE_JSON_READ_H
#define BASE_JSON_READ_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH 32
#define JSON_NUMBER_LENGTH 32

enum json_kind { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* A piece of text that somebody else owns; not NUL-terminated. */
struct slice {
    const char *text;
    size_t length;
};

struct json_reader {
    const char *start, *at, *end;
    struct arena *arena;
    int depth;
    bool failed;
    uint32_t objects, begun;      /* a bit for each depth: it is an object; it has had a member */
    struct error *error;          /* the first error: ERROR_MALFORMED with line and column in words */
    struct json_names *names;     /* names seen, to refuse duplicates */
};

void json_reader_init(struct json_reader *reader, const char *text, size_t length, struct arena *arena, struct error *error);

/* The kind of the value at hand without consuming it. Returns false on an error (here and below: reader->error is set). */
bool json_peek(struct json_reader *reader, enum json_kind *kind);

/* Consumes a scalar. Numbers come as their text. Strings come unescaped: a slice of the input, or of the arena. */
bool json_scalar(struct json_reader *reader, enum json_kind *kind, struct slice *value);

/* Enters the array or object at hand. */
bool json_enter(struct json_reader *reader, enum json_kind expected);

/* Goes to the next member: true = a value is at hand (in objects *name is its unescaped name; pass NULL in arrays);
   false with no error set = the array or object was left. Loop: while (json_next(&r, &name)) ... ; then check json_failed. */
bool json_next(struct json_reader *reader, struct slice *name);

/* Consumes any value, checking it; *raw (may be NULL) is its text. */
bool json_skip(struct json_reader *reader, struct slice *raw);

/* Only white space may follow. */
bool json_finish(struct json_reader *reader);

bool json_failed(const struct json_reader *reader);

/* Puts an error at the current place (line and column are added to the detail). Always returns false. */
bool json_fail(struct json_reader *reader, const char *name, const char *zh, const char *en);

bool slice_is(struct slice slice, const char *text);

#endif
