/* Values: as a message says them and as a body holds them. */
#include "exchange/internal.h"

#include "base/utf8.h"

#include <stdio.h>
#include <strings.h>

static const struct wrong unknown_value = {"unknown_value", "没有这个值，请按报文说明填写。", "There is no such value; see the description of the message."};
static const struct wrong unknown_code = {"unknown_code", "参数表中没有这个代码或名称，请查对参数表。", "The code table has no such code or name; look it up in the code table."};
static const struct wrong not_yes_no = {"unknown_value", "请填写是或否（1或0）。", "Say yes or no (1 or 0)."};
static const struct wrong not_whole = {"number", "请输入整数。", "Enter a whole number."};
static const struct wrong too_long = {"too_long", "内容超过该项的最大长度，请缩短。", "Longer than this element may be; shorten it."};
static const struct wrong not_accepted = {"not_accepted", "这个值不能导入，请在系统中办理。", "This value cannot be imported; do it on the portal."};

static bool same(struct slice a, struct slice b) { return a.length == b.length && !strncasecmp(a.text, b.text, a.length); }

/* ---- codes */

static struct slice column(const struct form_codes *codes, const char *list, const void *row, const char *name)
{
    return codes->column(codes->context, list, row, name);
}

static bool row_fits(const struct form_field *field, const struct form_codes *codes, const void *row, struct slice parent)
{
    if (field->scheme && !slice_is(column(codes, field->list, row, "scheme"), field->scheme)) return false;
    if (field->parent && parent.text && !same(column(codes, field->list, row, "parent"), parent)) return false;
    for (size_t i = 0; i < field->filter_count; i++)
        if (!slice_is(column(codes, field->list, row, field->filters[i].column), field->filters[i].value)) return false;
    return true;
}

/* The first code whose row says this text in the column. */
static const void *row_saying(const struct form_field *field, const struct exchange_context *context, const char *name, struct slice text, struct slice parent)
{
    const struct form_codes *codes = context->codes;
    const void *row = NULL;

    if (!text.length) return NULL;
    while ((row = codes->next(codes->context, field->list, row))) {
        struct slice code = column(codes, field->list, row, "code");
        if (same(column(codes, field->list, row, name), text) && row_fits(field, codes, row, parent) &&
            codes->find(codes->context, field->list, field->scheme, code, context->today) == row)
            return row;
    }
    return NULL;
}

/* The code itself, what stands for it, or its name. */
static const void *row_of(const struct exchange_element *element, const struct form_field *field, const struct exchange_context *context,
                          struct slice text, struct slice parent)
{
    const struct form_codes *codes = context->codes;
    const void *row = codes->find(codes->context, field->list, field->scheme, text, context->today);

    if (row && row_fits(field, codes, row, parent)) return row;
    row = element && element->by ? row_saying(field, context, element->by, text, parent) : NULL;
    if (element && !element->by) return row;
    if (!row) row = row_saying(field, context, "name", text, parent);
    return row ? row : row_saying(field, context, "name_en", text, parent);
}

static const struct wrong *code_to_ours(const struct exchange_element *element, const struct form_field *field, const struct exchange_context *context,
                                        struct slice text, struct slice parent, struct slice *ours)
{
    const void *row = row_of(element, field, context, text, parent);
    const char *space = memchr(text.text, ' ', text.length);

    if (!row && !element && space) row = row_of(NULL, field, context, (struct slice){text.text, (size_t)(space - text.text)}, parent); /* "USD 美元" of a drop-down list */
    if (!row) return &unknown_code;
    *ours = column(context->codes, field->list, row, "code");
    return NULL;
}

static struct slice code_to_theirs(const struct exchange_element *element, const struct form_field *field, const struct exchange_context *context,
                                   struct slice code, struct slice parent)
{
    const struct form_codes *codes = context->codes;
    const void *row = element->by ? codes->find(codes->context, field->list, field->scheme, code, context->today) : NULL;
    struct slice said = row ? column(codes, field->list, row, element->by) : code;

    if (!row || !said.length) return code;
    if (element->write_only) return said;
    row = row_of(element, field, context, said, parent); /* two rows may say the same: then the code itself */
    return row && same(column(codes, field->list, row, "code"), code) ? said : code;
}

/* ---- other kinds */

static struct slice slice_text(const char *text) { return (struct slice){text, strlen(text)}; }

static const struct wrong *pair_to_ours(const struct exchange_element *element, struct slice text, struct slice *ours)
{
    bool accepted = !element->accept_count;

    for (size_t i = 0; i < element->accept_count; i++) accepted |= slice_is(text, element->accept[i]);
    for (size_t i = 0; i < element->value_count; i++)
        if (slice_is(text, element->values[i].theirs)) {
            *ours = slice_text(element->values[i].ours);
            return accepted ? NULL : &not_accepted;
        }
    return &unknown_value;
}

/* A value, its words, or "value words" of a drop-down list. */
static const struct wrong *enum_to_ours(const struct form_field *field, struct slice text, struct slice *ours)
{
    const char *space = memchr(text.text, ' ', text.length);
    struct slice first = {text.text, space ? (size_t)(space - text.text) : text.length};

    for (size_t i = 0; i < field->choice_count; i++) {
        const struct form_choice *choice = &field->choices[i];
        if (!slice_is(first, choice->value) && !same(text, slice_text(choice->words.zh)) && !same(text, slice_text(choice->words.en))) continue;
        *ours = slice_text(choice->value);
        return NULL;
    }
    return &unknown_value;
}

static const struct wrong *bool_to_ours(struct slice text, struct slice *ours)
{
    static const char *const yes[] = {"1", "Y", "true", "yes", "是"}, *const no[] = {"0", "N", "false", "no", "否"};

    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (same(text, slice_text(yes[i]))) return *ours = slice_text("true"), NULL;
        if (same(text, slice_text(no[i]))) return *ours = slice_text("false"), NULL;
    }
    return &not_yes_no;
}

/* Places that say nothing: 12.50000 is 12.5. */
static struct slice without_zeros(struct slice text)
{
    if (!memchr(text.text, '.', text.length)) return text;
    while (text.length && text.text[text.length - 1] == '0') text.length--;
    if (text.length && text.text[text.length - 1] == '.') text.length--;
    return text;
}

static bool is_whole(struct slice text)
{
    size_t from = text.length && text.text[0] == '-';

    for (size_t i = from; i < text.length; i++)
        if (text.text[i] < '0' || text.text[i] > '9') return false;
    return text.length > from && text.length - from <= 13 && (text.text[from] != '0' || text.length - from == 1);
}

const struct wrong *to_ours(const struct exchange_element *element, const struct form_field *field, const struct exchange_context *context,
                            struct slice text, struct slice parent, struct slice *ours)
{
    *ours = text;
    if (element && element->maximum && utf8_count(text.text, text.length) > (size_t)element->maximum) return &too_long;
    if (element && element->value_count) return pair_to_ours(element, text, ours);
    switch (field->type) {
    case FORM_CODE: return code_to_ours(element, field, context, text, parent, ours);
    case FORM_ENUM: return enum_to_ours(field, text, ours);
    case FORM_BOOL: return bool_to_ours(text, ours);
    case FORM_DECIMAL: *ours = without_zeros(text); return NULL;
    case FORM_INTEGER: *ours = without_zeros(text); return is_whole(*ours) ? NULL : &not_whole;
    default: return NULL;
    }
}

struct slice to_theirs(const struct exchange_element *element, const struct form_field *field, const struct exchange_context *context,
                       struct form_value value, struct slice parent, struct arena *arena)
{
    char text[64];
    struct slice ours = value.text;

    if (value.kind != VALUE_TEXT) {
        ours.length = form_value_text(value, text, sizeof text);
        ours.text = arena_copy(arena, text, ours.length);
    }
    for (size_t i = 0; i < element->value_count; i++)
        if (slice_is(ours, element->values[i].ours)) return slice_text(element->values[i].theirs);
    return field->type == FORM_CODE ? code_to_theirs(element, field, context, ours, parent) : ours;
}
