/* Mappings, compiled against a form. */
#include "exchange/internal.h"

#include <libxml/parser.h>
#include <stdio.h>
#include <stdlib.h>

struct compiling {
    struct exchange *exchange;
    const struct form *form;
    struct error *error;
};

static bool fail(struct compiling *c, const struct json *at, const char *format, const char *what)
{
    char reason[200];

    if (c->error->code) return false;
    snprintf(reason, sizeof reason, format, what);
    error_internal(c->error, "line %d: %s", at ? at->line : 1, reason);
    return false;
}

/* ---- pieces */

static const char *text_of(struct compiling *c, const struct json *json, const char *name)
{
    const char *text = json_member_text(json, name, NULL);

    return text ? arena_text(&c->exchange->arena, text) : NULL;
}

static bool texts_of(struct compiling *c, const struct json *json, const char *name, const char ***texts, size_t *count)
{
    const struct json *list = json_member(json, name);

    if (!list) return true;
    if (!(*texts = arena_alloc(&c->exchange->arena, (list->count + 1) * sizeof **texts))) return fail(c, list, "%s: out of memory", name);
    JSON_EACH(item, list) {
        if (item->kind != JSON_STRING) return fail(c, item, "%s: a text is expected", name);
        (*texts)[(*count)++] = arena_text(&c->exchange->arena, item->text.text);
    }
    return true;
}

/* "block/field": of a row block, of a nested one, or of a plain one. */
static bool target_of(struct compiling *c, const struct json *at, const char *path, struct exchange_target *target)
{
    const char *slash = path ? strchr(path, '/') : NULL;
    char block[64];

    if (!slash || (size_t)(slash - path) >= sizeof block) return fail(c, at, "%s: a field is written block/field", path ? path : "field");
    memcpy(block, path, (size_t)(slash - path));
    block[slash - path] = '\0';
    target->block = form_block_find(c->form, block);
    target->slot = target->block ? form_slot_find(target->block, slash + 1) : -1;
    return target->slot >= 0 || fail(c, at, "no field %s", path);
}

static bool targets_of(struct compiling *c, const struct json *json, struct exchange_element *element)
{
    const struct json *list = json_member(json, "also");

    if (!list) return true;
    if (!(element->also = arena_alloc(&c->exchange->arena, (list->count + 1) * sizeof *element->also))) return fail(c, list, "%s", "out of memory");
    JSON_EACH(item, list)
        if (item->kind != JSON_STRING || !target_of(c, item, item->text.text, &element->also[element->also_count++])) return fail(c, item, "%s", "a field is expected");
    return true;
}

static bool pairs_of(struct compiling *c, const struct json *list, struct exchange_element *element)
{
    if (!(element->values = arena_alloc(&c->exchange->arena, (list->count + 1) * sizeof *element->values))) return fail(c, list, "%s", "out of memory");
    JSON_EACH(item, list) {
        if (item->kind != JSON_STRING) return fail(c, item, "%s: a text is expected", item->name);
        element->values[element->value_count++] = (struct exchange_pair){arena_text(&c->exchange->arena, item->name),
                                                                         arena_text(&c->exchange->arena, item->text.text)};
    }
    return true;
}

/* ---- elements */

/* The field of a slot, whichever variant has it. */
static const struct form_field *any_field(const struct exchange_target *target)
{
    const struct form_field *field = form_field_at(target->block, NULL, target->slot);

    for (size_t i = 0; !field && i < target->block->variant_count; i++) field = form_field_at(target->block, &target->block->variants[i], target->slot);
    return field;
}

static bool compile_field(struct compiling *c, const struct json *json, struct exchange_element *element)
{
    const struct json *values = json_member(json, "values");
    const char *find = json_member_text(json, "find", NULL);
    const struct form_field *field;

    if (!target_of(c, json, json_member_text(json, "field", NULL), &element->target) || !targets_of(c, json, element)) return false;
    if (values && !pairs_of(c, values, element)) return false;
    if (find && !target_of(c, json, find, &element->find)) return false;
    element->find_column = find ? text_of(c, json, "find_column") : NULL;
    if (find && !element->find_column) return fail(c, json, "%s: find_column is missing", element->name);
    element->by = text_of(c, json, "by");
    field = any_field(&element->target);
    element->date = field->type == FORM_DATE;
    element->decimal = field->type == FORM_DECIMAL;
    if (!element->maximum && field->type == FORM_TEXT) element->maximum = field->maximum;
    if (element->by && field->type != FORM_CODE) return fail(c, json, "%s: only codes have a column", element->name);
    return texts_of(c, json, "accept", &element->accept, &element->accept_count);
}

static bool compile_elements(struct compiling *c, const struct json *list, struct exchange_element *parent, int depth);

static bool compile_element(struct compiling *c, const struct json *json, struct exchange_element *element, int depth)
{
    const struct json *elements = json_member(json, "elements"), *states = json_member(json, "states");
    const char *rows = json_member_text(json, "rows", NULL);

    if (!(element->name = text_of(c, json, "name"))) return fail(c, json, "%s", "an element has a name");
    element->maximum = (int)json_member_integer(json, "max", 0);
    element->required = json_member_true(json, "required");
    element->key = json_member_true(json, "key");
    element->write_only = json_member_true(json, "write_only");
    element->check = json_member_true(json, "check");
    if (elements) {
        element->kind = rows ? EXCHANGE_ROWS : EXCHANGE_GROUP;
        if (rows && !((element->block = form_block_find(c->form, rows)) && element->block->rows)) return fail(c, json, "no row block %s", rows);
        return compile_elements(c, elements, element, depth + 1);
    }
    element->constant = text_of(c, json, "constant");
    if (json_member(json, "field")) return compile_field(c, json, element);
    element->kind = element->constant ? EXCHANGE_CONSTANT : states ? EXCHANGE_STATE : json_member(json, "columns") ? EXCHANGE_COLUMN
                  : json_member_true(json, "number") ? EXCHANGE_NUMBER : EXCHANGE_PASS;
    if (element->kind == EXCHANGE_PASS && !json_member_true(json, "pass")) return fail(c, json, "%s: says neither what it is nor that it is passed over", element->name);
    if (states && !pairs_of(c, states, element)) return false;
    return texts_of(c, json, "columns", &element->columns, &element->column_count);
}

static bool compile_elements(struct compiling *c, const struct json *list, struct exchange_element *parent, int depth)
{
    if (depth >= EXCHANGE_DEPTH) return fail(c, list, "%s", "elements too deep within each other");
    if (!list || list->kind != JSON_ARRAY || !list->count) return fail(c, list, "%s", "\"elements\" is a list");
    if (!(parent->elements = arena_alloc(&c->exchange->arena, list->count * sizeof *parent->elements))) return fail(c, list, "%s", "out of memory");
    JSON_EACH(item, list) {
        struct exchange_element *element = &parent->elements[parent->element_count];
        element->kind = EXCHANGE_FIELD;
        element->parent = parent;
        if (!compile_element(c, item, element, depth)) return false;
        for (size_t i = 0; i < parent->element_count; i++)
            if (!strcmp(parent->elements[i].name, element->name)) return fail(c, item, "%s stands twice", element->name);
        parent->element_count++;
    }
    return true;
}

/* ---- the whole */

static bool compile_files(struct compiling *c, const struct json *json)
{
    struct exchange_files *files = &c->exchange->files;

    if (!json) return true;
    files->root = text_of(c, json, "root");
    files->key = text_of(c, json, "key");
    files->type = text_of(c, json, "type");
    files->file_name = text_of(c, json, "file_name");
    files->content = text_of(c, json, "content");
    if (!files->root || !files->key || !files->type || !files->file_name || !files->content)
        return fail(c, json, "%s", "\"files\" needs root, key, type, file_name and content");
    return texts_of(c, json, "pass", &files->pass, &files->pass_count);
}

static bool compile_tables(struct compiling *c, const struct json *list)
{
    JSON_EACH(item, list) {
        const struct form_block *block = item->kind == JSON_STRING ? form_block_find(c->form, item->text.text) : NULL;
        if (!block || !block->rows || block->parent || c->exchange->table_count == 8) return fail(c, item, "%s", "\"tables\" names row blocks at the top");
        c->exchange->tables[c->exchange->table_count++] = block;
    }
    return true;
}

static bool compile_all(struct compiling *c, const struct json *json)
{
    struct exchange *exchange = c->exchange;
    const struct json *variant = json_member(json, "variant");
    const char *file_name = json_member_text(json, "file_name", NULL);

    exchange->root = text_of(c, json, "root");
    exchange->name_space = text_of(c, json, "namespace");
    if (!exchange->name_space) exchange->name_space = "";
    exchange->top.name = exchange->root;
    exchange->top.kind = EXCHANGE_GROUP;
    if (!exchange->root) return fail(c, json, "%s", "\"root\" is missing");
    if (file_name && !target_of(c, json, file_name, &exchange->file_name)) return false;
    if (variant && !target_of(c, variant, json_member_text(variant, "field", NULL), &exchange->variant_field)) return false;
    if (variant && !(exchange->variant_column = text_of(c, variant, "column"))) return fail(c, variant, "%s", "\"column\" is missing");
    return compile_elements(c, json_member(json, "elements"), &exchange->top, 0) && compile_tables(c, json_member(json, "tables")) &&
           compile_files(c, json_member(json, "files"));
}

struct exchange *exchange_compile(const char *text, size_t length, const struct form *form, struct error *error)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    struct compiling c = {exchange, form, error};
    const struct json *json;

    error_clear(error);
    if (!exchange) {
        error_internal(error, "out of memory");
        return NULL;
    }
    arena_init(&exchange->arena, 0);
    exchange->form = form;
    if ((json = json_tree(text, length, &exchange->arena, error)) && compile_all(&c, json)) return exchange;
    exchange_free(exchange);
    return NULL;
}

void exchange_free(struct exchange *exchange)
{
    if (!exchange) return;
    arena_free(&exchange->arena);
    free(exchange);
}

const char *exchange_form_name(const char *text, size_t length, struct arena *arena, struct error *error)
{
    const struct json *json = json_tree(text, length, arena, error);
    const char *name = json_member_text(json, "form", NULL);

    if (json && !name) error_internal(error, "line 1: \"form\" is missing");
    return name;
}

void exchange_start(void) { xmlInitParser(); }

/* ---- finding one's way */

int top_index(const struct form *form, const struct form_block *block)
{
    for (size_t i = 0; i < form->top_count; i++)
        if (form->top[i] == block) return (int)i;
    return -1;
}

void element_path(const struct exchange_element *element, char path[EXCHANGE_PATH])
{
    const struct exchange_element *chain[EXCHANGE_DEPTH + 1];
    size_t depth = 0, length = 0;

    path[0] = '\0';
    for (; element && element->parent && depth < EXCHANGE_DEPTH; element = element->parent) chain[depth++] = element;
    while (depth--) {
        int written = snprintf(path + length, EXCHANGE_PATH - length, "%s%s", length ? "/" : "", chain[depth]->name);
        if (written < 0 || (size_t)written >= EXCHANGE_PATH - length) return;
        length += (size_t)written;
    }
}

const struct form_variant *variant_named(const struct form_block *block, struct slice id)
{
    for (size_t i = 0; i < block->variant_count; i++)
        if (slice_is(id, block->variants[i].id)) return &block->variants[i];
    return NULL;
}
