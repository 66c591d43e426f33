/* JSON as a tree in an arena, for cold paths only: definitions, settings, jobs. Never for request bodies on hot paths. */
#ifndef BASE_JSON_TREE_H
#define BASE_JSON_TREE_H

#include "base/json_read.h"
#include "base/json_write.h"

struct json {
    enum json_kind kind;
    struct slice text;      /* a string's value (NUL-terminated in the arena) or a number's text */
    const char *name;       /* within an object; NUL-terminated */
    struct json *first, *next;
    size_t count;           /* members of an array or object */
    int line;               /* where it stands in its file, from 1 */
};

/* Parses a whole text; NULL and `error` on failure. Everything is in `arena`. */
const struct json *json_tree(const char *text, size_t length, struct arena *arena, struct error *error);

/* The named member of an object (NULL: absent, or `json` is NULL or no object). */
const struct json *json_member(const struct json *json, const char *name);

/* The named string member, or `fallback`. NUL-terminated. */
const char *json_member_text(const struct json *json, const char *name, const char *fallback);
bool json_member_true(const struct json *json, const char *name);
/* The named whole number, or `fallback` when absent or no whole number of at most 18 digits. */
long long json_member_integer(const struct json *json, const char *name, long long fallback);

/* The text of an object's member as it stands in `text`; false when there is none or the text is no object. */
bool json_raw_member(const char *text, size_t length, const char *name, struct arena *arena, struct slice *raw, struct error *error);

/* Writes the value; members named `without` (NULL = none) are left out, at every depth. */
void json_tree_write(const struct json *json, const char *without, struct json_writer *out);

#define JSON_EACH(item, parent) \
    for (const struct json *item = (parent) ? (parent)->first : NULL; item; item = item->next)

#endif
