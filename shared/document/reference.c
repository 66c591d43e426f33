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

static int64_t id_of(struct slice text)
{
    char digits[24], *end;
    int64_t id;

    if (!text.length || text.length > 18) return 0;
    memcpy(digits, text.text, text.length);
    digits[text.length] = '\0';
    id = strtoll(digits, &end, 10);
    return *end ? 0 : id;
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
    if (doc_read(sources->reader, sources->principal, sources->module->name, id_of(value), false, sources->arena, &row, &error)) return NULL;
    if ((field->ref_form && strcmp(row.form, field->ref_form)) || !state_fits(field, row.state[MACHINE_MAIN])) return NULL;
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
