/* Looking things up in a compiled form. Tables are short: a few dozen entries. */
#include "form/internal.h"

#include <string.h>

const char *const form_column_names[COLUMN_COUNT] = {
    "year", "agency", "trade_mode", "country", "goods", "goods_name", "goods_class", "quantity", "unit",
    "amount", "currency", "amount_usd", "valid_until", "customs_port", "consignor", "contract_no", "transport", "batch",
    "kind", "reference_no", "name", "name_en", "person", "registration_no"};

const char *const form_machine_names[MACHINE_COUNT] = {"main", "withdraw", "customs", "print"};

int form_slot_find(const struct form_block *block, const char *name)
{
    for (size_t i = 0; i < block->slot_count; i++)
        if (!strcmp(block->slots[i], name)) return (int)i;
    return -1;
}

const struct form_block *form_block_find(const struct form *form, const char *name)
{
    for (size_t i = 0; i < form->block_count; i++)
        if (!strcmp(form->blocks[i]->name, name)) return form->blocks[i];
    return NULL;
}

const struct form_field *form_field_at(const struct form_block *block, const struct form_variant *variant, int slot)
{
    for (size_t i = 0; i < block->field_count; i++)
        if (block->fields[i].slot == slot) return &block->fields[i];
    for (size_t i = 0; variant && i < variant->field_count; i++)
        if (variant->fields[i].slot == slot) return &variant->fields[i];
    return NULL;
}

const struct form_field *form_field_find(const struct form *form, const char *name)
{
    for (size_t i = 0; i < form->top_count; i++) {
        const struct form_block *block = form->top[i];
        const struct form_field *field;
        int slot = form_slot_find(block, name);
        if (slot < 0) continue;
        field = form_field_at(block, NULL, slot);
        for (size_t k = 0; !field && k < block->variant_count; k++) field = form_field_at(block, &block->variants[k], slot);
        return field;
    }
    return NULL;
}

const struct form_action *form_action_find(const struct form *form, const char *name)
{
    for (size_t i = 0; i < form->action_count; i++)
        if (!strcmp(form->actions[i].name, name)) return &form->actions[i];
    return NULL;
}

const struct form_state *form_state_find(const struct form *form, enum form_machine machine, const char *code)
{
    const struct form_machine_table *table = &form->machines[machine];

    for (size_t i = 0; i < table->state_count; i++)
        if (!strcmp(table->states[i].code, code)) return &table->states[i];
    return NULL;
}

bool form_action_allowed_from(const struct form_action *action, const char *state)
{
    if (action->from_any) return true;
    for (size_t i = 0; i < action->from_count; i++)
        if (!strcmp(action->from[i], state)) return true;
    return false;
}

const struct form_number *form_number_find(const struct form *form, const char *name)
{
    for (size_t i = 0; i < form->number_count; i++)
        if (!strcmp(form->numbers[i].name, name)) return &form->numbers[i];
    return NULL;
}

const struct form_field *form_path_find(const struct form *form, const char *path)
{
    const char *dot = strchr(path, '.');

    if (!dot) return form_field_find(form, path);
    for (size_t i = 0; i < form->top_count; i++) {
        const struct form_block *block = form->top[i];
        if (!block->rows || strlen(block->name) != (size_t)(dot - path) || strncmp(block->name, path, (size_t)(dot - path))) continue;
        for (size_t k = 0; k < block->field_count; k++)
            if (!strcmp(block->fields[k].name, dot + 1)) return &block->fields[k];
    }
    return NULL;
}
