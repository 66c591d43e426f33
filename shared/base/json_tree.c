#include "base/json_tree.h"

#include <string.h>

struct builder {
    struct json_reader reader;
    const char *counted; /* lines are counted up to here */
    int line;
};

static int line_at(struct builder *builder, const char *at)
{
    for (; builder->counted < at; builder->counted++)
        builder->line += *builder->counted == '\n';
    return builder->line;
}

static struct json *no_memory(struct builder *builder)
{
    json_fail(&builder->reader, "json", "内容太大。", "The text is too large.");
    return NULL;
}

static struct json *value(struct builder *builder);

static bool members(struct builder *builder, struct json *parent)
{
    struct json_reader *reader = &builder->reader;
    struct json **end = &parent->first;
    struct slice name;
    if (!json_enter(reader, parent->kind))
        return false;
    while (json_next(reader, &name)) {
        struct json *member = value(builder);
        if (!member)
            return false;
        if (parent->kind == JSON_OBJECT && !(member->name = arena_copy(reader->arena, name.text, name.length)))
            return no_memory(builder);
        *end = member;
        end = &member->next;
        parent->count++;
    }
    return !json_failed(reader);
}

/* Recursion is bounded by JSON_DEPTH. */
static struct json *value(struct builder *builder)
{
    struct json_reader *reader = &builder->reader;
    enum json_kind kind;
    if (!json_peek(reader, &kind))
        return NULL;
    struct json *json = arena_alloc(reader->arena, sizeof *json);
    if (!json)
        return no_memory(builder);
    json->kind = kind;
    json->line = line_at(builder, reader->at);
    if (kind >= JSON_ARRAY)
        return members(builder, json) ? json : NULL;
    struct slice text;
    if (!json_scalar(reader, &kind, &text))
        return NULL;
    json->text = (struct slice){arena_copy(reader->arena, text.text, text.length), text.length};
    return json->text.text ? json : no_memory(builder);
}

const struct json *json_tree(const char *text, size_t length, struct arena *arena, struct error *error)
{
    struct builder builder = {.counted = text, .line = 1};
    json_reader_init(&builder.reader, text, length, arena, error);
    struct json *root = value(&builder);
    return root && json_finish(&builder.reader) ? root : NULL;
}

const struct json *json_member(const struct json *json, const char *name)
{
    if (!json || json->kind != JSON_OBJECT)
        return NULL;
    JSON_EACH(member, json)
        if (!strcmp(member->name, name))
            return member;
    return NULL;
}

const char *json_member_text(const struct json *json, const char *name, const char *fallback)
{
    const struct json *member = json_member(json, name);
    return member && member->kind == JSON_STRING ? member->text.text : fallback;
}

bool json_member_true(const struct json *json, const char *name)
{
    const struct json *member = json_member(json, name);
    return member && member->kind == JSON_TRUE;
}

long long json_member_integer(const struct json *json, const char *name, long long fallback)
{
    const struct json *member = json_member(json, name);
    if (!member || member->kind != JSON_NUMBER)
        return fallback;
    const char *at = member->text.text;
    bool negative = *at == '-';
    at += negative;
    long long result = 0;
    int digits = 0;
    for (; *at >= '0' && *at <= '9'; at++, digits++) {
        if (digits == 18)
            return fallback;
        result = result * 10 + (*at - '0');
    }
    return *at ? fallback : negative ? -result : result;
}

bool json_raw_member(const char *text, size_t length, const char *name, struct arena *arena, struct slice *raw, struct error *error)
{
    struct json_reader reader;
    struct slice here, value;
    bool found = false;

    json_reader_init(&reader, text, length, arena, error);
    if (!json_enter(&reader, JSON_OBJECT)) return false;
    while (json_next(&reader, &here) && json_skip(&reader, &value))
        if (slice_is(here, name)) {
            *raw = value;
            found = true;
        }
    return found && !json_failed(&reader);
}

void json_tree_write(const struct json *json, const char *without, struct json_writer *out)
{
    bool array = json->kind == JSON_ARRAY;

    switch (json->kind) {
    case JSON_STRING: json_text(out, json->text.text, json->text.length); return;
    case JSON_NUMBER: json_raw(out, json->text.text, json->text.length); return;
    case JSON_TRUE: case JSON_FALSE: json_boolean(out, json->kind == JSON_TRUE); return;
    case JSON_OBJECT: case JSON_ARRAY: break;
    default: json_null(out); return;
    }
    if (array) json_array(out);
    else json_object(out);
    JSON_EACH(member, json) {
        if (!array && without && !strcmp(member->name, without)) continue;
        if (!array) json_name(out, member->name);
        json_tree_write(member, without, out);
    }
    if (array) json_array_end(out);
    else json_object_end(out);
}
