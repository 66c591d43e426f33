/* Templates: "{field}", "{field.code}", "{field.en}", "{field?text}", "{field!text}", "{@value}", "{seq}". */
#include "print/layout.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAXIMUM 200 /* between the braces */

/* A code that has run out still has its name. */
static const void *any_row(const struct form_codes *codes, const char *list, struct slice code)
{
    const void *row = NULL;

    while ((row = codes->next(codes->context, list, row))) {
        struct slice other = codes->column(codes->context, list, row, "code");
        if (other.length == code.length && !memcmp(other.text, code.text, code.length)) break;
    }
    return row;
}

/* A frozen body keeps the names in Chinese; the English ones stand in the table only. */
static struct slice code_name(const struct print_source *source, const struct form_field *field, struct slice code, bool english)
{
    const struct json *list = english ? NULL : json_member(source->names, field->list);
    const void *row = NULL;

    JSON_EACH(name, list)
        if (slice_is(code, name->name)) return name->text;
    if (source->codes) row = source->codes->find(source->codes->context, field->list, field->scheme, code, 0);
    if (source->codes && !row) row = any_row(source->codes, field->list, code);
    return row ? source->codes->column(source->codes->context, field->list, row, english ? "name_en" : "name") : code;
}

enum as { AS_NAME, AS_CODE, AS_ENGLISH };

static void put_value(const struct filling *filling, const struct form_field *field, struct form_value value, enum as as, struct buffer *out)
{
    char text[64];

    if (value.kind == VALUE_ABSENT) return;
    if (field->type == FORM_CODE && as != AS_CODE) {
        struct slice name = code_name(filling->source, field, value.text, as == AS_ENGLISH);
        buffer_bytes(out, name.text, name.length);
    } else if (field->type == FORM_ENUM && as != AS_CODE) {
        for (size_t i = 0; i < field->choice_count; i++)
            if (slice_is(value.text, field->choices[i].value)) buffer_text(out, as == AS_ENGLISH ? field->choices[i].words.en : field->choices[i].words.zh);
    } else if (field->type == FORM_BOOL) {
        buffer_text(out, value.number ? "是" : "否");
    } else if (value.kind == VALUE_NUMBER) {
        if (field->display >= 0) value.number = decimal_round(value.number, field->display);
        buffer_bytes(out, text, decimal_format(value.number, 0, text));
    } else if (value.kind == VALUE_TEXT) {
        buffer_bytes(out, value.text.text, value.text.length);
    } else {
        buffer_bytes(out, text, form_value_text(value, text, sizeof text));
    }
}

static const struct form_field *field_of_place(const struct place *place, const char *name, struct form_value *value)
{
    for (size_t s = 0; s < place->block->slot_count; s++) {
        const struct form_field *field = strcmp(place->block->slots[s], name) ? NULL : form_field_at(place->block, place->rows->variant, (int)s);
        if (!field) continue;
        *value = place->rows->rows[place->row].values[s];
        return field;
    }
    return NULL;
}

/* A field of the row, then of the row it belongs to, then of the document; NULL when there is none. */
static const struct form_field *look_up(const struct filling *filling, const char *name, struct form_value *value)
{
    const struct form_field *field = NULL;

    for (const struct place *place = filling->place; place && !field; place = place->parent) field = field_of_place(place, name, value);
    if (field) return field;
    field = form_field_find(filling->source->body->form, name);
    if (!field || field->block->rows) return NULL;
    *value = form_body_value(filling->source->body, field->block, field->slot);
    return field;
}

static void put_outside(const struct filling *filling, const char *name, struct buffer *out)
{
    if (!strcmp(name, "page") || !strcmp(name, "pages")) buffer_printf(out, "{@%s}", name); /* known when it is drawn */
    if (!strcmp(name, "title")) buffer_text(out, print_layout_title(filling->layout));
    for (const struct print_value *value = filling->source->values; value && value->name; value++)
        if (!strcmp(value->name, name)) buffer_text(out, value->text ? value->text : "");
}

static void append(const struct filling *filling, const char *template, struct buffer *out);

static void put_field(const struct filling *filling, char *name, struct buffer *out)
{
    char *when = strpbrk(name, "?!"), *dot = when ? NULL : strchr(name, '.'), mark = when ? *when : '\0';
    struct form_value value = {.kind = VALUE_ABSENT};
    const struct form_field *field;
    bool has;

    if (when) *when++ = '\0';
    if (dot) *dot++ = '\0';
    if (!filling->source->body) { /* a sample shows where words may stand */
        if (mark == '?') append(filling, when, out);
        else if (!when) buffer_text(out, name);
        return;
    }
    field = look_up(filling, name, &value);
    has = field && value.kind != VALUE_ABSENT && (field->type != FORM_BOOL || value.number);
    if (when && has == (mark == '?')) append(filling, when, out);
    if (!when && field) put_value(filling, field, value, !dot ? AS_NAME : !strcmp(dot, "code") ? AS_CODE : !strcmp(dot, "en") ? AS_ENGLISH : AS_NAME, out);
}

/* The brace that closes the one at `at`; NULL when none does within NAME_MAXIMUM. */
static const char *closing(const char *at)
{
    const char *first = at;
    int depth = 0;

    for (; *at && at - first < NAME_MAXIMUM; at++) {
        if (*at == '{') depth++;
        else if (*at == '}' && --depth == 0) return at;
    }
    return NULL;
}

/* Words under a condition are templates themselves: as deep as fits between two braces. */
static void append(const struct filling *filling, const char *template, struct buffer *out)
{
    char name[NAME_MAXIMUM];

    for (const char *at = template; *at; at++) {
        const char *end = *at == '{' ? closing(at) : NULL;
        if (!end) {
            buffer_char(out, *at);
            continue;
        }
        snprintf(name, sizeof name, "%.*s", (int)(end - at - 1), at + 1);
        if (*name == '@') put_outside(filling, name + 1, out);
        else if (!strcmp(name, "seq") && filling->seq) buffer_printf(out, "%zu", filling->seq);
        else put_field(filling, name, out);
        at = end;
    }
}

void fill(const struct filling *filling, const char *template, struct buffer *out)
{
    buffer_reset(out);
    append(filling, template, out);
}

bool has_numbers(const char *template) { return strstr(template, "{@page"); }
