#include "body.h"

#include <string.h>

static bool text_read(struct json_reader *reader, struct slice *text)
{
    enum json_kind kind;
    return json_scalar(reader, &kind, text) && kind == JSON_STRING;
}

/* The raw text between the quotes; null is as good as absent. */
static bool pin_read(struct json_reader *reader, struct slice *pin)
{
    struct slice raw;
    if (!json_skip(reader, &raw))
        return false;
    if (slice_is(raw, "null"))
        return true;
    *pin = (struct slice){raw.text + 1, raw.length - 2};
    return raw.text[0] == '"' && !memchr(pin->text, '\\', pin->length);
}

static bool documents_read(struct json_reader *reader, struct body *body)
{
    body->count = 0;
    if (!json_enter(reader, JSON_ARRAY))
        return false;
    while (json_next(reader, NULL))
        if (body->count == BATCH_DOCUMENTS || !text_read(reader, &body->documents[body->count++]))
            return false;
    return !json_failed(reader);
}

static bool member_read(struct json_reader *reader, struct slice name, struct body *body)
{
    struct {
        const char *name;
        struct slice *text;
        bool pin;
    } const members[] = {{"key", &body->key, false},           {"use", &body->use, false},           {"challenge", &body->challenge, false},
                         {"signed_info", &body->signed_info, false}, {"document", &body->document, false}, {"pin", &body->pin, true},
                         {"old", &body->old, true},            {"new", &body->new, true}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (slice_is(name, members[i].name))
            return members[i].pin ? pin_read(reader, members[i].text) : text_read(reader, members[i].text);
    if (slice_is(name, "documents"))
        return documents_read(reader, body);
    if (!slice_is(name, "last_try"))
        return json_skip(reader, NULL);
    enum json_kind kind;
    struct slice value;
    if (!json_scalar(reader, &kind, &value) || (kind != JSON_TRUE && kind != JSON_FALSE && kind != JSON_NULL))
        return false;
    body->last_try = kind == JSON_TRUE;
    return true;
}

enum refusal body_read(const char *text, size_t length, struct arena *arena, struct body *body)
{
    struct json_reader reader;
    struct error error;
    struct slice name;
    *body = (struct body){.count = -1};
    json_reader_init(&reader, text, length, arena, &error);
    if (!json_enter(&reader, JSON_OBJECT))
        return BAD_JSON;
    while (json_next(&reader, &name))
        if (!member_read(&reader, name, body))
            return BAD_JSON;
    return json_failed(&reader) || !json_finish(&reader) ? BAD_JSON : DONE;
}
