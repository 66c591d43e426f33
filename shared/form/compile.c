#include "base/date.h"
#include "form/internal.h"

#include <stdio.h>
#include <string.h>

bool compile_fail(struct compiler *compiler, const struct json *at, const char *format, ...)
{
    char reason[160];
    va_list arguments;

    if (compiler->error->code) return false;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    error_set(compiler->error, ERROR_INVALID, "bad_definition", "定义文件有误。", "The definition is wrong.");
    error_detail(compiler->error, "line %d: %s", at ? at->line : 0, reason);
    return false;
}

void *compile_alloc(struct compiler *compiler, size_t size)
{
    void *memory = arena_alloc(compiler->arena, size ? size : 1);

    if (!memory) error_internal(compiler->error, "out of memory");
    return memory;
}

struct form_words compile_words(const struct json *json)
{
    return (struct form_words){json_member_text(json, "zh", ""), json_member_text(json, "en", "")};
}

/* ---- fields */

static const struct { const char *word; enum form_type type; } types[] = {
    {"text", FORM_TEXT}, {"integer", FORM_INTEGER}, {"decimal", FORM_DECIMAL}, {"rate", FORM_RATE}, {"date", FORM_DATE},
    {"bool", FORM_BOOL}, {"enum", FORM_ENUM}, {"code", FORM_CODE}, {"ref", FORM_REF}, {"file", FORM_FILE},
};

static const char *const field_words[] = {
    "name", "label", "type", "required", "readonly", "placeholder", "help", "default", "display", "compute", "when", "suggest",
    "wide", "max", "min", "characters", "multiline", "check", "least", "most", "places", "positive", "values", "list", "scheme",
    "parent", "filter", "form", "states", "owner", "pick", "recheck", "from", "lookup", "minor", "hidden",
    "kept", "match", "choose", "generate", "options", NULL};

/* A misspelt property would otherwise be silently without effect. */
static bool known_members(struct compiler *compiler, const struct json *json, const char *const words[])
{
    JSON_EACH(member, json) {
        size_t i = 0;
        while (words[i] && strcmp(words[i], member->name)) i++;
        if (!words[i]) return compile_fail(compiler, member, "no property named %s", member->name);
    }
    return true;
}

static bool good_name(const char *name)
{
    size_t length = strlen(name);

    return length && length < 48 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == length && name[0] >= 'a';
}

static bool compile_stage(struct compiler *compiler, const struct json *json, const char *word, enum form_stage *stage)
{
    if (!word) return true;
    if (!strcmp(word, "save")) *stage = FORM_SAVE;
    else if (!strcmp(word, "submit")) *stage = FORM_SUBMIT;
    else return compile_fail(compiler, json, "a stage is save or submit, not %s", word);
    return true;
}

static bool compile_limit(struct compiler *compiler, const struct json *json, const char *name, bool *has, decimal *limit)
{
    const struct json *member = json_member(json, name);

    if (!member) return true;
    *has = true;
    if (decimal_parse(member->text.text, member->text.length, DECIMAL_PLACES, limit))
        return compile_fail(compiler, member, "%s is no number", name);
    return true;
}

static bool compile_choices(struct compiler *compiler, const struct json *json, struct form_field *field)
{
    const struct json *values = json_member(json, "values");
    struct form_choice *choices;
    size_t i = 0;

    if (field->type != FORM_ENUM) return true;
    if (!values || !values->count) return compile_fail(compiler, json, "%s: an enum has values", field->name);
    if (!(choices = compile_alloc(compiler, values->count * sizeof *choices))) return false;
    JSON_EACH(value, values) {
        choices[i].value = json_member_text(value, "value", "");
        choices[i++].words = compile_words(value);
    }
    field->choices = choices;
    field->choice_count = i;
    return true;
}

static bool compile_filters(struct compiler *compiler, const struct json *json, struct form_field *field)
{
    const struct json *filter = json_member(json, "filter");
    struct form_filter *filters;
    size_t i = 0;

    if (!filter) return true;
    if (!(filters = compile_alloc(compiler, filter->count * sizeof *filters))) return false;
    JSON_EACH(member, filter) {
        filters[i].column = member->name;
        filters[i++].value = member->text.text;
    }
    field->filters = filters;
    field->filter_count = i;
    return true;
}

static bool compile_type(struct compiler *compiler, const struct json *json, struct form_field *field)
{
    const char *word = json_member_text(json, "type", "");
    size_t i = 0;

    while (i < sizeof types / sizeof *types && strcmp(types[i].word, word)) i++;
    if (i == sizeof types / sizeof *types) return compile_fail(compiler, json, "%s: no type named %s", field->name, word);
    field->type = types[i].type;
    field->maximum = (int)json_member_integer(json, "max", 0);
    field->minimum = (int)json_member_integer(json, "min", 0);
    field->places = (int)json_member_integer(json, "places", 0);
    field->display = (int)json_member_integer(json, "display", -1);
    field->characters = json_member_text(json, "characters", NULL);
    field->check = json_member_text(json, "check", NULL);
    field->list = json_member_text(json, "list", NULL);
    field->scheme = json_member_text(json, "scheme", NULL);
    field->ref_form = json_member_text(json, "form", NULL);
    field->positive = json_member_true(json, "positive");
    field->multiline = json_member_true(json, "multiline");
    field->kept = json_member_true(json, "kept");
    field->readonly = field->kept || json_member_true(json, "readonly");
    if (field->type == FORM_TEXT && (field->maximum < 1 || field->maximum > 10000))
        return compile_fail(compiler, json, "%s: a text has max (1 to 10000)", field->name);
    if (field->places < 0 || field->places > DECIMAL_PLACES) return compile_fail(compiler, json, "%s: places are 0 to 5", field->name);
    if (field->type == FORM_CODE && !field->list) return compile_fail(compiler, json, "%s: a code has a list", field->name);
    if (field->check && !check_known(field->check)) return compile_fail(compiler, json, "no check named %s", field->check);
    return compile_stage(compiler, json, json_member_text(json, "required", NULL), &field->required) &&
           compile_limit(compiler, json, "least", &field->has_least, &field->least) &&
           compile_limit(compiler, json, "most", &field->has_most, &field->most) &&
           compile_choices(compiler, json, field) && compile_filters(compiler, json, field);
}

static int slot_for(struct compiler *compiler, struct form_block *block, const char *name)
{
    int slot = form_slot_find(block, name);

    (void)compiler;
    if (slot >= 0) return slot;
    block->slots[block->slot_count] = name;
    return (int)block->slot_count++;
}

static bool compile_fields(struct compiler *compiler, const struct json *json, struct form_block *block,
                           struct form_field **fields, size_t *count)
{
    *fields = compile_alloc(compiler, (json ? json->count : 0) * sizeof **fields);
    if (!*fields) return false;
    JSON_EACH(item, json) {
        struct form_field *field = &(*fields)[*count];
        field->name = json_member_text(item, "name", "");
        if (!good_name(field->name)) return compile_fail(compiler, item, "bad field name \"%s\"", field->name);
        for (size_t i = 0; i < *count; i++)
            if (!strcmp((*fields)[i].name, field->name)) return compile_fail(compiler, item, "two fields named %s", field->name);
        if (!json_member(item, "label")) return compile_fail(compiler, item, "%s has no label", field->name);
        field->label = compile_words(json_member(item, "label"));
        field->block = block;
        field->json = item;
        field->slot = slot_for(compiler, block, field->name);
        if (!known_members(compiler, item, field_words) || !compile_type(compiler, item, field)) return false;
        (*count)++;
    }
    return true;
}

/* ---- blocks */

static size_t slots_needed(const struct json *json)
{
    const struct json *fields = json_member(json, "fields");
    size_t count = fields ? fields->count : 0;

    JSON_EACH(variant, json_member(json, "variants")) {
        fields = json_member(variant, "fields");
        count += fields ? fields->count : 0;
    }
    return count;
}

static bool compile_variants(struct compiler *compiler, const struct json *json, struct form_block *block)
{
    const struct json *variants = json_member(json, "variants");

    if (!variants) return true;
    if (!(block->variants = compile_alloc(compiler, variants->count * sizeof *block->variants))) return false;
    JSON_EACH(item, variants) {
        struct form_variant *variant = &block->variants[block->variant_count++];
        variant->id = json_member_text(item, "id", "");
        if (!good_name(variant->id)) return compile_fail(compiler, item, "bad variant id \"%s\"", variant->id);
        variant->label = compile_words(json_member(item, "label"));
        variant->maximum = (int)json_member_integer(item, "max", block->maximum);
        if (!compile_fields(compiler, json_member(item, "fields"), block, &variant->fields, &variant->field_count)) return false;
    }
    return true;
}

static bool compile_rows(struct compiler *compiler, const struct json *json, struct form_block *block)
{
    const struct json *rows = json_member(json, "rows");

    block->rows = rows != NULL;
    block->minimum = (int)json_member_integer(rows, "min", 0);
    block->maximum = (int)json_member_integer(rows, "max", FORM_ROWS);
    if (block->maximum < 1 || block->maximum > FORM_ROWS) return compile_fail(compiler, json, "rows: max is 1 to %d", FORM_ROWS);
    return true;
}

static bool compile_unique(struct compiler *compiler, const struct json *json, struct form_block *block)
{
    JSON_EACH(name, json_member(json_member(json, "rows"), "unique")) {
        int slot = form_slot_find(block, name->text.text);
        if (slot < 0 || block->unique_count == 4) return compile_fail(compiler, name, "unique: no field named %s", name->text.text);
        block->unique[block->unique_count++] = slot;
    }
    return true;
}

static const char *const block_words[] = {"name", "label", "note", "fields", "rows", "variants", "blocks", "sheet", "groups", "recall", "when", NULL};

static bool compile_block(struct compiler *compiler, const struct json *json, struct form_block *parent, struct form_block **result);

static bool compile_children(struct compiler *compiler, const struct json *json, struct form_block *block)
{
    const struct json *blocks = json_member(json, "blocks");

    if (!blocks) return true;
    if (!(block->blocks = compile_alloc(compiler, blocks->count * sizeof *block->blocks))) return false;
    JSON_EACH(item, blocks) {
        if (!compile_block(compiler, item, block, &block->blocks[block->block_count])) return false;
        if (!block->blocks[block->block_count]->rows) return compile_fail(compiler, item, "a nested block has rows");
        block->block_count++;
    }
    return true;
}

static bool compile_block(struct compiler *compiler, const struct json *json, struct form_block *parent, struct form_block **result)
{
    struct form *form = compiler->form;
    struct form_block *block = compile_alloc(compiler, sizeof *block);

    if (!block) return false;
    if (form->block_count == FORM_BLOCKS) return compile_fail(compiler, json, "more than %d blocks", FORM_BLOCKS);
    block->name = json_member_text(json, "name", "");
    if (!good_name(block->name)) return compile_fail(compiler, json, "bad block name \"%s\"", block->name);
    if (form_block_find(form, block->name)) return compile_fail(compiler, json, "two blocks named %s", block->name);
    block->label = compile_words(json_member(json, "label"));
    block->json = json;
    block->parent = parent;
    block->index = (int)form->block_count;
    block->depth = parent ? parent->depth + 1 : 1;
    if (block->depth > FORM_DEPTH) return compile_fail(compiler, json, "blocks nest to depth %d", FORM_DEPTH);
    block->sheet = json_member(json, "sheet") != NULL;
    if (!parent && json_member(json, "when")) return compile_fail(compiler, json, "only a nested block has a condition");
    if (!(block->slots = compile_alloc(compiler, slots_needed(json) * sizeof *block->slots))) return false;
    form->blocks[form->block_count++] = block;
    *result = block;
    return known_members(compiler, json, block_words) && compile_rows(compiler, json, block) &&
           compile_fields(compiler, json_member(json, "fields"), block, &block->fields, &block->field_count) &&
           compile_variants(compiler, json, block) && compile_unique(compiler, json, block) &&
           compile_children(compiler, json, block);
}

/* Names of plain blocks are looked up without the block's name, so none may stand in two of them. */
static bool check_plain_names(struct compiler *compiler)
{
    const struct form *form = compiler->form;

    for (size_t i = 0; i < form->top_count; i++)
        for (size_t k = i + 1; k < form->top_count; k++)
            for (size_t s = 0; !form->top[i]->rows && !form->top[k]->rows && s < form->top[i]->slot_count; s++)
                if (form_slot_find(form->top[k], form->top[i]->slots[s]) >= 0)
                    return compile_fail(compiler, form->top[k]->json, "%s stands in two blocks", form->top[i]->slots[s]);
    return true;
}

bool compile_blocks(struct compiler *compiler, const struct json *json)
{
    struct form *form = compiler->form;

    if (!json || !json->count) return compile_fail(compiler, json, "no blocks");
    JSON_EACH(item, json) {
        if (form->top_count == FORM_BLOCKS) return compile_fail(compiler, item, "more than %d blocks", FORM_BLOCKS);
        if (!compile_block(compiler, item, NULL, &form->top[form->top_count])) return false;
        form->top_count++;
    }
    return check_plain_names(compiler);
}

/* ---- the whole */

static const char *const form_words_known[] = {
    "form", "module", "version", "effective_from", "kind", "title", "begin", "kinds", "application_title", "control_code", "promise", "xml", "numbers", "verdict",
    "blocks", "rules", "attachments", "machines", "flow", "index", "lines", "ledger", "single", "unique", "filing", "fetch", "split", "related", "made_by_portal", "verified", "list", "queries", "catalogues", "clearances",
    "statistics", "prints", "changes",
    NULL};

static bool compile_head(struct compiler *compiler, const struct json *json)
{
    struct form *form = compiler->form;
    const char *date = json_member_text(json, "effective_from", "");

    form->json = json;
    form->name = json_member_text(json, "form", "");
    form->version = (int)json_member_integer(json, "version", 0);
    form->kind = json_member_text(json, "kind", "application");
    form->title = compile_words(json_member(json, "title"));
    form->single = json_member_true(json, "single");
    form->xml_root = json_member_text(json_member(json, "xml"), "root", "");
    if (json->kind != JSON_OBJECT || !good_name(form->name)) return compile_fail(compiler, json, "bad form name");
    if (form->version < 1) return compile_fail(compiler, json, "version is a number from 1");
    if (!date_parse(date, strlen(date), &form->effective_from)) return compile_fail(compiler, json, "effective_from is no date");
    if (!*form->xml_root) return compile_fail(compiler, json, "xml.root is missing");
    return known_members(compiler, json, form_words_known);
}

struct form *form_compile(const char *text, size_t length, struct error *error)
{
    struct form *form;
    struct arena arena;
    struct compiler compiler = {.error = error};
    const struct json *json;

    error_clear(error);
    arena_init(&arena, 16u << 20);
    json = json_tree(text, length, &arena, error);
    form = json ? arena_alloc(&arena, sizeof *form) : NULL;
    if (!form) {
        arena_free(&arena);
        return NULL;
    }
    form->arena = arena;
    compiler.form = form;
    compiler.arena = &form->arena;
    if (!compile_head(&compiler, json) || !compile_blocks(&compiler, json_member(json, "blocks")) ||
        !compile_field_expressions(&compiler) || !compile_order(&compiler) ||
        !compile_rules(&compiler, json_member(json, "rules")) || !compile_verdict(&compiler, json_member(json, "verdict")) ||
        !compile_machines(&compiler, json_member(json, "machines")) ||
        !compile_numbers(&compiler, json_member(json, "numbers")) || !compile_bindings(&compiler, json)) {
        form_free(form);
        return NULL;
    }
    return form;
}

void form_free(struct form *form)
{
    if (form) arena_free(&form->arena); /* it lies in its own arena */
}
