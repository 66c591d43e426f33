/* Fields that refer to another document of the module: it must be the owner's, of the right form and in one of the named states;
   what `pick` names is copied from it. */
#include "document/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct resolving {
    struct doc_sources *sources;
    struct form_problems *problems;
    struct form_body *body;
};

static bool state_fits(const struct form_field *field, const char *state)
{
    const struct json *states = json_member(field->json, "states");

    JSON_EACH(item, states)
        if (!strcmp(item->text.text, state)) return true;
    return !states;
}

int64_t doc_referred_id(struct slice text)
{
    char digits[24], *end;
    int64_t id;

    if (!text.length || text.length > 18) return 0;
    memcpy(digits, text.text, text.length);
    digits[text.length] = '\0';
    id = strtoll(digits, &end, 10);
    return *end ? 0 : id;
}

/* `match`: the other document's column must hold the value of a field of this one. Only its kind is a column that is matched. */
static bool matches(const struct form_body *body, const struct form_field *field, const struct doc_row *row)
{
    JSON_EACH(match, json_member(field->json, "match")) {
        const struct form_field *own = form_field_find(body->form, match->text.text);
        struct form_value value = form_body_value(body, own->block, own->slot);
        if (value.kind != VALUE_TEXT || strlen(row->kind) != value.text.length || memcmp(row->kind, value.text.text, value.text.length)) return false;
    }
    return true;
}

/* The body that a reference means; NULL when it may not be referred to. */
static const struct form_body *referred(struct resolving *resolving, const struct form_field *field, struct slice value)
{
    struct doc_sources *sources = resolving->sources;
    struct doc_row row;
    struct error error;
    struct slice text;
    struct form_body *body = NULL;
    struct form_problems *ignored = arena_alloc(sources->arena, sizeof *ignored);
    const struct form *form;

    if (!ignored || !sources->reader) return NULL;
    if (doc_read(sources->reader, sources->principal, sources->module->name, doc_referred_id(value), false, sources->arena, &row, &error)) return NULL;
    if ((field->ref_form && strcmp(row.form, field->ref_form)) || !state_fits(field, row.state[MACHINE_MAIN]) ||
        !matches(resolving->body, field, &row))
        return NULL;
    if (!(form = doc_form_version(sources->module, row.form, (int)row.form_version))) return NULL;
    if (doc_read_body(sources->reader, row.id, sources->arena, &text, &error)) return NULL;
    return form_read(form, text.text, text.length, true, sources->arena, ignored, &body, &error) ? NULL : body;
}

/* Where a picked value goes: the reference's own row, or a plain block. */
static struct form_value *target_of(struct resolving *resolving, const struct form_block *block, struct form_row *row, const char *name)
{
    for (size_t s = 0; s < block->slot_count; s++)
        if (!strcmp(block->slots[s], name)) return &row->values[s];
    for (size_t i = 0; i < resolving->body->form->top_count; i++) {
        const struct form_block *top = resolving->body->form->top[i];
        for (size_t s = 0; !top->rows && s < top->slot_count; s++)
            if (!strcmp(top->slots[s], name)) return &resolving->body->top[i].rows[0].values[s];
    }
    return NULL;
}

static void resolve(struct resolving *resolving, const struct form_field *field, struct form_row *row, const char *path)
{
    struct form_value value = row->values[field->slot];
    const struct form_body *source;

    if (value.kind != VALUE_TEXT) return;
    if (!(source = referred(resolving, field, value.text))) {
        form_problem_add(resolving->problems, path, "reference", false, "引用的单据不存在或状态不符，请重新选择。",
                         "The document referred to is not there or not in the right state; choose again.");
        return;
    }
    JSON_EACH(pick, json_member(field->json, "pick")) {
        const struct form_field *from = form_field_find(source->form, pick->text.text);
        struct form_value *target = target_of(resolving, field->block, row, pick->name);
        if (from && target) *target = form_body_value(source, from->block, from->slot);
    }
}

static void resolve_rows(struct resolving *resolving, const struct form_block *block, struct form_rows *rows, const char *path)
{
    char row_path[96], field_path[160];

    for (size_t r = 0; r < rows->count; r++) {
        snprintf(row_path, sizeof row_path, block->rows ? "%s/%zu" : "%s", path, r);
        for (size_t s = 0; s < block->slot_count; s++) {
            const struct form_field *field = form_field_at(block, rows->variant, (int)s);
            if (!field || field->type != FORM_REF) continue;
            snprintf(field_path, sizeof field_path, "%s/%s", row_path, field->name);
            resolve(resolving, field, &rows->rows[r], field_path);
        }
        for (size_t b = 0; b < block->block_count; b++) {
            snprintf(field_path, sizeof field_path, "%s/%s", row_path, block->blocks[b]->name);
            resolve_rows(resolving, block->blocks[b], &rows->rows[r].children[b], field_path);
        }
    }
}

void doc_resolve_references(struct doc_sources *sources, struct form_body *body, struct form_problems *problems)
{
    struct resolving resolving = {sources, problems, body};

    for (size_t i = 0; i < body->form->top_count; i++) resolve_rows(&resolving, body->form->top[i], &body->top[i], body->form->top[i]->name);
}

/* ---- choices that the owner's filing gives */

static bool filed_choice(const struct form_body *filing, const struct json *options, struct slice value)
{
    const struct form_block *block = form_block_find(filing->form, json_member_text(options, "filing", ""));
    int name, excluded;

    if (!block || !block->rows || block->parent) return false;
    name = form_slot_find(block, json_member_text(options, "field", ""));
    excluded = form_slot_find(block, json_member_text(options, "not", ""));
    for (size_t t = 0; t < filing->form->top_count; t++)
        for (size_t r = 0; filing->form->top[t] == block && r < filing->top[t].count; r++) {
            const struct form_value *values = filing->top[t].rows[r].values;
            bool out = excluded >= 0 && values[excluded].kind == VALUE_BOOL && values[excluded].number;
            if (!out && name >= 0 && values[name].kind == VALUE_TEXT && values[name].text.length == value.length &&
                !memcmp(values[name].text.text, value.text, value.length))
                return true;
        }
    return false;
}

void doc_check_options(const struct doc_sources *sources, const struct form_body *body, struct form_problems *problems)
{
    char path[96];

    for (size_t t = 0; t < body->form->top_count; t++) {
        const struct form_block *block = body->form->top[t];
        for (size_t f = 0; !block->rows && f < block->field_count; f++) {
            const struct json *options = json_member(block->fields[f].json, "options"), *message = json_member(options, "message");
            struct form_value value = body->top[t].rows[0].values[block->fields[f].slot];
            if (!options || value.kind != VALUE_TEXT || (sources->filing && filed_choice(sources->filing, options, value.text))) continue;
            snprintf(path, sizeof path, "%s/%s", block->name, block->fields[f].name);
            form_problem_add(problems, path, json_member_text(options, "id", "options"), false, json_member_text(message, "zh", ""), json_member_text(message, "en", ""));
        }
    }
}
