/* What was read, row by row, and its body as JSON. */
#include "exchange/internal.h"

#include <stdio.h>

#define PATH 96 /* as a problem's field holds it */

struct taken_row *taken_add(struct taken_rows *rows, const struct form_block *block, struct arena *arena)
{
    struct taken_row *larger, *row;

    if (rows->count == rows->room) {
        rows->room = rows->room ? rows->room * 2 : 4;
        if (!(larger = arena_alloc(arena, rows->room * sizeof *larger))) return NULL;
        if (rows->count) memcpy(larger, rows->rows, rows->count * sizeof *larger);
        rows->rows = larger;
    }
    row = &rows->rows[rows->count];
    row->cells = arena_alloc(arena, (block->slot_count + 1) * sizeof *row->cells);
    row->children = arena_alloc(arena, (block->block_count + 1) * sizeof *row->children);
    if (!row->cells || !row->children) return NULL;
    rows->count++;
    return row;
}

/* ---- values */

static void wrong_cell(struct taking *taking, const struct cell *cell, const char *path, const struct wrong *wrong)
{
    exchange_problem_add(taking->problems, cell->line, cell->at, path, wrong->rule, wrong->zh, wrong->en);
}

/* What the row, or else a plain block at the top, says for a field of that name, as ours. */
static struct slice said(const struct taking *taking, const struct form_block *block, const struct taken_row *row, const char *name)
{
    int slot = name ? form_slot_find(block, name) : -1;
    const struct form_field *field;
    struct slice ours = {NULL, 0};

    for (size_t i = 0; name && slot < 0 && i < taking->form->top_count; i++) {
        block = taking->form->top[i];
        slot = block->rows || !taking->top[i].count ? -1 : form_slot_find(block, name);
        if (slot >= 0) row = &taking->top[i].rows[0];
    }
    field = slot >= 0 && row->cells[slot].text.text ? form_field_at(block, NULL, slot) : NULL;
    if (field && to_ours(row->cells[slot].element, field, taking->context, row->cells[slot].text, ours, &ours)) ours.text = NULL;
    return ours;
}

static void put_value(const struct form_field *field, struct slice ours, struct json_writer *json)
{
    json_name(json, field->name);
    if (field->type == FORM_BOOL || field->type == FORM_INTEGER) json_raw(json, ours.text, ours.length);
    else json_text(json, ours.text, ours.length);
}

static void write_cell(struct taking *taking, const struct form_block *block, const struct taken_row *row, const struct form_field *field,
                       const struct cell *cell, const char *row_path, struct json_writer *json)
{
    struct slice parent = said(taking, block, row, field->parent ? json_member_text(field->json, "parent", NULL) : NULL), ours;
    const struct wrong *wrong;
    char path[PATH];

    snprintf(path, sizeof path, "%s/%s", row_path, field->name);
    place_add(taking->places, path, cell->at, cell->line, cell->text);
    if (!(wrong = to_ours(cell->element, field, taking->context, cell->text, parent, &ours))) put_value(field, ours, json);
    else wrong_cell(taking, cell, path, wrong);
}

/* ---- references */

#define FILTERS 8

/* The document that a row refers to is found by the value of another of its fields. */
static void write_found(struct taking *taking, const struct form_block *block, const struct taken_row *row, const struct cell *cell,
                        const struct form_field *reference, const char *column, const char *row_path, struct json_writer *json)
{
    static const struct wrong nothing = {"not_found", "没有找到可以引用的单据，请先备案并审核通过。", "There is no approved document to refer to; file it first."};
    struct exchange_filter filters[FILTERS] = {{column, cell->text}};
    size_t count = 1;
    char id[24], path[PATH];

    JSON_EACH(match, json_member(reference->json, "match"))
        if (count < FILTERS) filters[count++] = (struct exchange_filter){match->name, said(taking, block, row, match->text.text)};
    snprintf(path, sizeof path, "%s/%s", row_path, reference->name);
    place_add(taking->places, path, cell->at, cell->line, cell->text);
    if (taking->context->find && taking->context->find(taking->context->find_context, reference, filters, count, id)) {
        json_name(json, reference->name);
        json_string(json, id);
    } else {
        wrong_cell(taking, cell, path, &nothing);
    }
}

static const struct form_field *reference_of(const struct cell *cell, const struct form_variant *variant)
{
    const struct exchange_target *find = cell->element ? &cell->element->find : NULL;
    const struct form_field *field = find && find->block ? form_field_at(find->block, variant, find->slot) : NULL;

    return field && field->type == FORM_REF ? field : NULL;
}

/* ---- rows */

static bool is_ours(const struct form_field *field) { return field->readonly || field->compute || field->from == FROM_COLUMN; }

/* What the portal fills is not taken; what it says must be something that may be said. */
static void note_cell(struct taking *taking, const struct form_field *field, const struct cell *cell, const char *path)
{
    const struct slice nothing = {NULL, 0};
    const struct wrong *wrong = NULL;
    struct slice ours;

    place_add(taking->places, path, cell->at, cell->line, cell->text);
    if (cell->element && cell->element->value_count) wrong = to_ours(cell->element, field, taking->context, cell->text, nothing, &ours);
    if (wrong) wrong_cell(taking, cell, path, wrong);
}

static void write_cells(struct taking *taking, const struct form_block *block, const struct form_variant *variant, const struct taken_row *row,
                        const char *path, struct json_writer *json)
{
    static const struct wrong elsewhere = {"not_here", "这种单据没有这一项，请删除该项。", "This kind of document has no such value; leave it out."};

    for (size_t s = 0; s < block->slot_count; s++) {
        const struct cell *cell = &row->cells[s];
        const struct form_field *field = form_field_at(block, variant, (int)s), *reference;
        char name[PATH];
        if (!cell->text.text) continue;
        snprintf(name, sizeof name, "%s/%s", path, block->slots[s]);
        reference = reference_of(cell, variant);
        if (!field) wrong_cell(taking, cell, name, &elsewhere);
        else if (is_ours(field)) note_cell(taking, field, cell, name);
        else if (field != reference) write_cell(taking, block, row, field, cell, path, json);
        if (reference) write_found(taking, block, row, cell, reference, cell->element->find_column, path, json);
    }
}

static void write_row(struct taking *taking, const struct form_block *block, const struct form_variant *variant, const struct taken_row *row,
                      const char *path, struct json_writer *json)
{
    char child[PATH];

    write_cells(taking, block, variant, row, path, json);
    for (size_t i = 0; i < block->block_count; i++) {
        if (!row->children[i].count) continue;
        snprintf(child, sizeof child, "%s/%s", path, block->blocks[i]->name);
        json_name(json, block->blocks[i]->name);
        taken_write_rows(taking, block->blocks[i], NULL, &row->children[i], child, json);
    }
}

void taken_write_rows(struct taking *taking, const struct form_block *block, const struct form_variant *variant, const struct taken_rows *rows,
                      const char *path, struct json_writer *json)
{
    char row_path[PATH];

    json_array(json);
    for (size_t i = 0; i < rows->count; i++) {
        snprintf(row_path, sizeof row_path, "%s/%zu", path, i);
        json_object(json);
        write_row(taking, block, variant, &rows->rows[i], row_path, json);
        json_object_end(json);
    }
    json_array_end(json);
}

void taken_write(struct taking *taking, const char *variant, struct json_writer *json)
{
    json_object(json);
    for (size_t i = 0; i < taking->form->top_count; i++) {
        const struct form_block *block = taking->form->top[i];
        const struct form_variant *chosen = variant ? variant_named(block, (struct slice){variant, strlen(variant)}) : NULL;
        if (!taking->top[i].count || (block->variant_count && !chosen)) continue; /* whose variant is unknown cannot be read */
        json_name(json, block->name);
        if (block->variant_count || !block->rows) json_object(json);
        if (chosen) json_put_string(json, "variant", chosen->id);
        if (block->variant_count && block->rows) json_name(json, "rows");
        if (block->rows) taken_write_rows(taking, block, chosen, &taking->top[i], block->name, json);
        else write_row(taking, block, chosen, &taking->top[i].rows[0], block->name, json);
        if (block->variant_count || !block->rows) json_object_end(json);
    }
    json_object_end(json);
}
