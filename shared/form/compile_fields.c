/* Expressions and fills of fields, and the order in which derived fields depend on each other. */
#include "base/date.h"
#include "form/internal.h"

#include <string.h>

/* Calls `each` for every field of every block and variant. */
static bool every_field(struct form *form, bool (*each)(void *context, struct form_field *field), void *context)
{
    for (size_t b = 0; b < form->block_count; b++) {
        struct form_block *block = form->blocks[b];
        for (size_t i = 0; i < block->field_count; i++)
            if (!each(context, &block->fields[i])) return false;
        for (size_t v = 0; v < block->variant_count; v++)
            for (size_t i = 0; i < block->variants[v].field_count; i++)
                if (!each(context, &block->variants[v].fields[i])) return false;
    }
    return true;
}

static bool compile_default(struct compiler *compiler, const struct json *json, struct form_field *field)
{
    int32_t day;

    if (!json) return true;
    if (json->kind == JSON_ARRAY || (json->kind == JSON_STRING && json->text.text[0] == '$'))
        return compile_expression(compiler, json, (struct scope){NULL}, &field->fallback_expression);
    switch (field->type) {
    case FORM_BOOL: field->fallback = (struct form_value){.kind = VALUE_BOOL, .number = json->kind == JSON_TRUE}; return true;
    case FORM_INTEGER: case FORM_DECIMAL:
        field->fallback.kind = VALUE_NUMBER;
        if (decimal_parse(json->text.text, json->text.length, DECIMAL_PLACES, &field->fallback.number))
            return compile_fail(compiler, json, "%s: the default is no number", field->name);
        return true;
    case FORM_DATE:
        if (!date_parse(json->text.text, json->text.length, &day)) return compile_fail(compiler, json, "%s: no date", field->name);
        field->fallback = (struct form_value){.kind = VALUE_DATE, .number = day};
        return true;
    default: field->fallback = (struct form_value){.kind = VALUE_TEXT, .text = json->text}; return true;
    }
}

static bool compile_from(struct compiler *compiler, const struct json *json, struct form_field *field, struct scope scope)
{
    static const struct { const char *word; enum form_from from; } sources[] = {
        {"session", FROM_SESSION}, {"profile", FROM_PROFILE}, {"last_approved", FROM_LAST_APPROVED},
        {"last_used", FROM_LAST_USED}, {"filing", FROM_FILING}, {"column", FROM_COLUMN}, {"field", FROM_FIELD}};
    const struct json *list = json_member(json, "list");

    if (!json) return true;
    if (list) {
        field->from = FROM_CODE_ROW;
        field->from_list = list->text.text;
        field->from_column = json_member_text(json, "column", "name");
        return compile_reference(compiler, json, json_member_text(json, "key", ""), scope, &field->from_field);
    }
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        const struct json *member = json_member(json, sources[i].word);
        if (!member) continue;
        field->from = sources[i].from;
        field->from_key = member->kind == JSON_STRING ? member->text.text : field->name;
        return field->from != FROM_FIELD || compile_reference(compiler, json, field->from_key, scope, &field->from_field);
    }
    return compile_fail(compiler, json, "%s: no such source", field->name);
}

/* Names of other fields that only the document layer and the page read: a misspelt one is found here. */
static bool compile_companions(struct compiler *compiler, const struct json *json, const struct form_field *field)
{
    const struct json *generate = json_member(json, "generate");
    const struct form_expression *reference;

    if (field->kept && field->block->rows) return compile_fail(compiler, json, "%s: only plain fields are kept", field->name);
    if (generate && !compile_reference(compiler, generate, generate->text.text, (struct scope){NULL}, &reference)) return false;
    JSON_EACH(match, json_member(json, "match")) {
        if (strcmp(match->name, "kind")) return compile_fail(compiler, match, "a reference is matched by kind");
        if (!compile_reference(compiler, match, match->text.text, (struct scope){NULL}, &reference)) return false;
    }
    return true;
}

static bool compile_field(void *context, struct form_field *field)
{
    struct compiler *compiler = context;
    const struct json *json = field->json, *suggest = json_member(json, "suggest"), *parent = json_member(json, "parent");
    struct scope scope = {field->block->rows ? field->block : NULL};

    if (suggest) {
        field->suggest_list = json_member_text(suggest, "list", "");
        field->suggest_column = json_member_text(suggest, "column", "name");
        field->suggest_only = json_member_true(suggest, "only");
        if (!compile_expression(compiler, json_member(suggest, "when"), scope, &field->suggest_when)) return false;
    }
    if (parent && !compile_reference(compiler, parent, parent->text.text, scope, &field->parent)) return false;
    return compile_expression(compiler, json_member(json, "compute"), scope, &field->compute) &&
           compile_expression(compiler, json_member(json, "when"), scope, &field->when) &&
           compile_default(compiler, json_member(json, "default"), field) &&
           compile_from(compiler, json_member(json, "from"), field, scope) && compile_companions(compiler, json, field);
}

bool compile_field_expressions(struct compiler *compiler)
{
    struct form *form = compiler->form;

    for (size_t b = 0; b < form->block_count; b++) {
        struct form_block *block = form->blocks[b];
        struct scope outside = {block->parent};
        const struct json *required = json_member(json_member(block->json, "sheet"), "required");
        if (required && !compile_expression(compiler, required, outside, &block->sheet_required)) return false;
        if (!compile_expression(compiler, json_member(block->json, "when"), outside, &block->when)) return false;
        for (size_t v = 0; v < block->variant_count; v++) {
            const struct json *variant = json_member(block->json, "variants")->first;
            for (size_t i = 0; i < v; i++) variant = variant->next;
            if (!compile_expression(compiler, json_member(variant, "when"), outside, &block->variants[v].when)) return false;
        }
    }
    return every_field(form, compile_field, compiler);
}

/* ---- order: a depth-first walk over what each derived field reads */

struct order {
    struct compiler *compiler;
    struct form_field **fields; /* all derived ones */
    char *colour;               /* 0 unseen, 1 on the way, 2 done */
    size_t count;
    bool cycle;
    const struct form_field *in_cycle;
};

static bool is_derived(const struct form_field *field)
{
    return field->compute || field->when || (field->from == FROM_CODE_ROW && field->readonly) || field->from == FROM_FIELD;
}

static void visit_slot(void *context, const struct form_block *block, int slot);

static void visit_field(struct order *order, size_t i)
{
    struct form_field *field = order->fields[i];

    if (order->colour[i] == 2) return;
    if (order->colour[i] == 1) {
        order->cycle = true;
        order->in_cycle = field;
        return;
    }
    order->colour[i] = 1;
    expression_references(field->compute, visit_slot, order);
    expression_references(field->when, visit_slot, order);
    if (field->from != FROM_NOWHERE) expression_references(field->from_field, visit_slot, order);
    order->colour[i] = 2;
    order->compiler->form->derived[order->compiler->form->derived_count++] = field;
}

static void visit_slot(void *context, const struct form_block *block, int slot)
{
    struct order *order = context;

    for (size_t i = 0; i < order->count; i++)
        if (order->fields[i]->block == block && (order->fields[i]->slot == slot || slot < 0)) {
            if (slot < 0 && order->colour[i] == 1) continue; /* counting rows reads no value of theirs */
            if (slot >= 0) visit_field(order, i);
        }
}

static bool collect_derived(void *context, struct form_field *field)
{
    struct order *order = context;

    if (is_derived(field) && order->fields) order->fields[order->count] = field;
    if (is_derived(field)) order->count++;
    return true;
}

bool compile_order(struct compiler *compiler)
{
    struct order order = {.compiler = compiler};
    size_t count;

    every_field(compiler->form, collect_derived, &order);
    count = order.count;
    order.count = 0;
    order.fields = compile_alloc(compiler, count * sizeof *order.fields);
    order.colour = compile_alloc(compiler, count);
    compiler->form->derived = compile_alloc(compiler, count * sizeof *compiler->form->derived);
    if (!order.fields || !order.colour || !compiler->form->derived) return false;
    every_field(compiler->form, collect_derived, &order);
    for (size_t i = 0; i < count; i++) visit_field(&order, i);
    if (order.cycle) return compile_fail(compiler, order.in_cycle->json, "%s depends on itself", order.in_cycle->name);
    return true;
}
