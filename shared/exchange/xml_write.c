/* Stored documents as messages, and what messages say of computed values. */
#include "exchange/internal.h"

#include "base/decimal.h"
#include "base/utf8.h"
#include "base/xml_text.h"

#include <stdio.h>

struct writing {
    const struct exchange *exchange;
    const struct exchange_source *source;
    struct exchange_context context;
    struct buffer *out;
    struct exchange_problems *problems;
    struct arena *arena;
};

struct at { const struct form_block *block; const struct form_rows *rows; const struct form_row *row; size_t number; }; /* the row that fields belong to */

static void problem(struct writing *w, const struct exchange_element *element, const char *rule, const char *zh, const char *en)
{
    const struct exchange_target *target = &element->target;
    char path[EXCHANGE_PATH], field[96] = "";

    element_path(element, path);
    if (target->block) snprintf(field, sizeof field, "%s/%s", target->block->name, target->block->slots[target->slot]);
    exchange_problem_add(w->problems, 0, path, field, rule, zh, en);
}

/* ---- values */

static const struct form_rows *top_rows(const struct form_body *body, const struct form_block *block)
{
    int top = top_index(body->form, block);

    return top < 0 ? NULL : &body->top[top];
}

static struct slice parent_of(const struct writing *w, const struct form_field *field)
{
    const char *name = field->parent ? json_member_text(field->json, "parent", NULL) : NULL;
    const struct form_field *parent = name ? form_field_find(w->exchange->form, name) : NULL;
    struct form_value value = {.kind = VALUE_ABSENT};

    if (parent) value = form_body_value(w->source->body, parent->block, parent->slot);
    return value.kind == VALUE_TEXT ? value.text : (struct slice){NULL, 0};
}

static struct slice value_text(struct writing *w, const struct exchange_element *element, const struct form_rows *rows, const struct form_row *row)
{
    const struct exchange_target *target = &element->target;
    const struct form_field *field = form_field_at(target->block, rows->variant, target->slot);
    struct form_value value = row->values[target->slot];

    if (!field || value.kind == VALUE_ABSENT) return (struct slice){NULL, 0};
    return to_theirs(element, field, &w->context, value, parent_of(w, field), w->arena);
}

/* What every row says, each text once: an element of the head that stands for a field of the rows. */
static struct slice joined(struct writing *w, const struct exchange_element *element, const struct form_rows *rows)
{
    struct slice all = {NULL, 0};

    for (size_t i = 0; i < rows->count; i++) {
        struct slice text = value_text(w, element, rows, &rows->rows[i]);
        bool there = !text.length;
        for (size_t k = 0; k < i && !there; k++) {
            struct slice before = value_text(w, element, rows, &rows->rows[k]);
            there = before.length == text.length && !memcmp(before.text, text.text, text.length);
        }
        if (there) continue;
        char *larger = arena_alloc(w->arena, all.length + text.length + 2);
        if (!larger) return all;
        if (all.length) memcpy(larger, all.text, all.length), larger[all.length++] = '\n';
        memcpy(larger + all.length, text.text, text.length);
        all = (struct slice){larger, all.length + text.length};
    }
    return all;
}

static struct slice field_text(struct writing *w, const struct exchange_element *element, const struct at *at)
{
    const struct form_rows *rows = at->block == element->target.block ? at->rows : top_rows(w->source->body, element->target.block);

    if (!rows || !rows->count) return (struct slice){NULL, 0};
    if (at->block == element->target.block) return value_text(w, element, rows, at->row);
    return element->target.block->rows ? joined(w, element, rows) : value_text(w, element, rows, &rows->rows[0]);
}

static struct slice state_text(const struct writing *w, const struct exchange_element *element)
{
    for (size_t i = 0; i < element->value_count; i++)
        if (!strcmp(element->values[i].ours, w->source->state) || !strcmp(element->values[i].ours, "*"))
            return (struct slice){element->values[i].theirs, strlen(element->values[i].theirs)};
    return (struct slice){NULL, 0};
}

static struct slice text_of(struct writing *w, const struct exchange_element *element, const struct at *at)
{
    const char *text = NULL;

    switch (element->kind) {
    case EXCHANGE_FIELD: return field_text(w, element, at);
    case EXCHANGE_STATE: return state_text(w, element);
    case EXCHANGE_CONSTANT: text = element->constant; break;
    case EXCHANGE_NUMBER: text = arena_printf(w->arena, "%zu", at->number); break;
    case EXCHANGE_COLUMN:
        for (size_t i = 0; i < element->column_count && (!text || !*text); i++) text = w->source->column(w->source->column_context, element->columns[i]);
        break;
    default: break;
    }
    return text && *text ? (struct slice){text, strlen(text)} : (struct slice){NULL, 0};
}

/* ---- elements */

static void write_elements(struct writing *w, const struct exchange_element *parent, const struct at *at);

static void write_value(struct writing *w, const struct exchange_element *element, const struct at *at)
{
    struct slice text = text_of(w, element, at);

    if (!text.length) {
        if (element->required) problem(w, element, "required", "尚未填写，不能导出。", "This is not filled in yet; it cannot be exported.");
        return;
    }
    if (element->maximum && utf8_count(text.text, text.length) > (size_t)element->maximum)
        problem(w, element, "too_long", "内容超过报文规定的最大长度，不能导出，请缩短。", "Longer than the message allows; shorten it before it can be exported.");
    buffer_printf(w->out, "<%s>", element->name);
    xml_text(w->out, text.text, text.length);
    buffer_printf(w->out, "</%s>\n", element->name);
}

/* A group without anything is left out, unless it must be there. */
static void write_group(struct writing *w, const struct exchange_element *element, const struct at *at)
{
    size_t start = w->out->length, inside;

    buffer_printf(w->out, "<%s>\n", element->name);
    inside = w->out->length;
    write_elements(w, element, at);
    if (w->out->length == inside && !element->required && !w->out->failed) {
        w->out->length = start;
        return;
    }
    buffer_printf(w->out, "</%s>\n", element->name);
}

static const struct form_rows *rows_of(const struct writing *w, const struct exchange_element *element, const struct at *at)
{
    for (size_t i = 0; at->block && i < at->block->block_count; i++)
        if (at->block->blocks[i] == element->block) return &at->row->children[i];
    return top_rows(w->source->body, element->block);
}

static void write_elements(struct writing *w, const struct exchange_element *parent, const struct at *at)
{
    for (size_t i = 0; i < parent->element_count; i++) {
        const struct exchange_element *element = &parent->elements[i];
        if (element->kind == EXCHANGE_ROWS) {
            const struct form_rows *rows = rows_of(w, element, at);
            for (size_t k = 0; rows && k < rows->count; k++) {
                struct at row = {element->block, rows, &rows->rows[k], k + 1};
                write_group(w, element, &row);
            }
        } else if (element->kind == EXCHANGE_GROUP) {
            write_group(w, element, at);
        } else if (element->kind != EXCHANGE_PASS) {
            write_value(w, element, at);
        }
    }
}

void exchange_write(const struct exchange *exchange, const struct exchange_source *source, struct buffer *out, struct exchange_problems *problems)
{
    struct writing w = {exchange, source, {.codes = source->codes, .today = source->today}, out, problems, problems->arena};
    const struct at nowhere = {0};

    buffer_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s", exchange->root);
    if (*exchange->name_space) {
        buffer_text(out, " xmlns=\"");
        xml_text(out, exchange->name_space, strlen(exchange->name_space));
        buffer_char(out, '"');
    }
    buffer_text(out, ">\n");
    write_elements(&w, &exchange->top, &nowhere);
    buffer_printf(out, "</%s>\n", exchange->root);
}

/* ---- what a message says of computed values */

static bool same_number(struct slice a, struct slice b)
{
    decimal x, y;

    if (a.length == b.length && !memcmp(a.text, b.text, a.length)) return true;
    return !decimal_parse(a.text, a.length, DECIMAL_PLACES, &x) && !decimal_parse(b.text, b.length, DECIMAL_PLACES, &y) && x == y;
}

static void check_value(struct writing *w, const struct exchange_element *element, const struct form_rows *rows, size_t row,
                        const struct exchange_message *message)
{
    const struct form_block *block = element->target.block;
    struct slice ours = value_text(w, element, rows, &rows->rows[row]);
    const struct exchange_place *place;
    char path[96], zh[200], en[200];

    if (block->rows) snprintf(path, sizeof path, "%s/%zu/%s", block->name, row, block->slots[element->target.slot]);
    else snprintf(path, sizeof path, "%s/%s", block->name, block->slots[element->target.slot]);
    if (!ours.length || !(place = exchange_place_find(&message->places, path)) || !place->said.text || same_number(place->said, ours)) return;
    snprintf(zh, sizeof zh, "与系统计算的 %.*s 不一致，请核对数量、单价。", (int)ours.length, ours.text);
    snprintf(en, sizeof en, "This is computed as %.*s; check what it is computed from.", (int)ours.length, ours.text);
    exchange_problem_add(w->problems, place->line, place->element, path, "computed", zh, en);
}

static void check_elements(struct writing *w, const struct exchange_element *parent, const struct exchange_message *message)
{
    for (size_t i = 0; i < parent->element_count; i++) {
        const struct exchange_element *element = &parent->elements[i];
        const struct form_rows *rows = element->check ? top_rows(w->source->body, element->target.block) : NULL;
        for (size_t k = 0; rows && k < rows->count; k++) check_value(w, element, rows, k, message);
        check_elements(w, element, message);
    }
}

void exchange_check_computed(const struct exchange *exchange, const struct form_body *body, const struct exchange_message *message,
                             struct exchange_problems *problems)
{
    const struct exchange_source source = {.body = body};
    struct writing w = {exchange, &source, {0}, NULL, problems, problems->arena};

    check_elements(&w, &exchange->top, message);
}

/* ---- XML Schema */

static void xsd_type(const struct exchange_element *element, struct buffer *out)
{
    if (element->date) {
        buffer_text(out, "<xs:restriction base=\"xs:date\"/>");
    } else if (element->decimal) {
        buffer_text(out, "<xs:restriction base=\"xs:decimal\"><xs:totalDigits value=\"19\"/><xs:fractionDigits value=\"5\"/></xs:restriction>");
    } else if (element->kind == EXCHANGE_NUMBER) {
        buffer_text(out, "<xs:restriction base=\"xs:positiveInteger\"/>");
    } else if (element->value_count || element->constant) {
        buffer_text(out, "<xs:restriction base=\"xs:string\">");
        for (size_t i = 0; i < element->value_count; i++) {
            bool before = false;
            for (size_t k = 0; k < i; k++) before |= !strcmp(element->values[k].theirs, element->values[i].theirs);
            if (!before) buffer_printf(out, "<xs:enumeration value=\"%s\"/>", element->values[i].theirs);
        }
        if (element->constant) buffer_printf(out, "<xs:enumeration value=\"%s\"/>", element->constant);
        buffer_text(out, "</xs:restriction>");
    } else {
        buffer_text(out, "<xs:restriction base=\"xs:string\"><xs:minLength value=\"1\"/>");
        if (element->maximum) buffer_printf(out, "<xs:maxLength value=\"%d\"/>", element->maximum);
        buffer_text(out, "</xs:restriction>");
    }
}

static void xsd_elements(const struct exchange_element *parent, struct buffer *out)
{
    buffer_text(out, "<xs:complexType><xs:sequence>\n");
    for (size_t i = 0; i < parent->element_count; i++) {
        const struct exchange_element *element = &parent->elements[i];
        buffer_printf(out, "<xs:element name=\"%s\" minOccurs=\"%d\"", element->name, element->required);
        if (element->kind == EXCHANGE_ROWS) buffer_printf(out, " maxOccurs=\"%d\"", element->block->maximum);
        if (element->kind == EXCHANGE_PASS && !element->maximum) {
            buffer_text(out, "/>\n");
            continue;
        }
        buffer_char(out, '>');
        if (element->element_count) {
            xsd_elements(element, out);
        } else {
            buffer_text(out, "<xs:simpleType>");
            xsd_type(element, out);
            buffer_text(out, "</xs:simpleType>");
        }
        buffer_text(out, "</xs:element>\n");
    }
    buffer_text(out, "</xs:sequence></xs:complexType>");
}

void exchange_write_xsd(const struct exchange *exchange, struct buffer *out)
{
    buffer_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" elementFormDefault=\"qualified\"");
    if (*exchange->name_space) {
        buffer_text(out, " targetNamespace=\"");
        xml_text(out, exchange->name_space, strlen(exchange->name_space));
        buffer_char(out, '"');
    }
    buffer_printf(out, ">\n<xs:element name=\"%s\">", exchange->root);
    xsd_elements(&exchange->top, out);
    buffer_text(out, "</xs:element>\n</xs:schema>\n");
}
