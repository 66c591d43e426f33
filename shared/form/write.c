/* Bodies: written in definition order, and asked for single values. */
#include "base/date.h"
#include "base/utf8.h"
#include "form/internal.h"

#include <stdio.h>
#include <string.h>

size_t form_value_text(struct form_value value, char *text, size_t size)
{
    char buffer[64];
    size_t length = 0;

    switch (value.kind) {
    case VALUE_TEXT: length = utf8_cut(value.text.text, value.text.length, size); memcpy(text, value.text.text, length); return length;
    case VALUE_NUMBER: length = decimal_format(value.number, 0, buffer); break;
    case VALUE_RATE:
        length = (size_t)snprintf(buffer, sizeof buffer, "%lld.%08lld", (long long)(value.number / 100000000),
                                  (long long)(value.number % 100000000));
        while (buffer[length - 1] == '0') length--;
        if (buffer[length - 1] == '.') length--;
        break;
    case VALUE_DATE: date_format((int32_t)value.number, buffer); length = 10; break;
    case VALUE_BOOL: length = value.number ? 4 : 5; memcpy(buffer, value.number ? "true" : "false", length); break;
    default: break;
    }
    if (length > size) length = size;
    memcpy(text, buffer, length);
    return length;
}

static void write_value(const struct form_field *field, struct form_value value, struct json_writer *json)
{
    char text[64];
    size_t length;

    if (value.kind == VALUE_TEXT) {
        json_text(json, value.text.text, value.text.length);
    } else if (value.kind == VALUE_BOOL) {
        json_boolean(json, value.number != 0);
    } else {
        length = form_value_text(value, text, sizeof text);
        if (field->type == FORM_INTEGER) json_raw(json, text, length);
        else json_text(json, text, length);
    }
}

void form_write_field(const struct form_body *body, const struct form_field *field, struct json_writer *json)
{
    struct form_value value = form_body_value(body, field->block, field->slot);

    if (value.kind == VALUE_ABSENT) return;
    json_name(json, field->name);
    write_value(field, value, json);
}

static void write_rows(const struct form_block *block, const struct form_rows *rows, struct json_writer *json);

static void write_fields(const struct form_field *fields, size_t count, const struct form_row *row, struct json_writer *json)
{
    for (size_t i = 0; i < count; i++) {
        if (row->values[fields[i].slot].kind == VALUE_ABSENT) continue;
        json_name(json, fields[i].name);
        write_value(&fields[i], row->values[fields[i].slot], json);
    }
}

static void write_row_members(const struct form_block *block, const struct form_variant *variant, const struct form_row *row,
                              struct json_writer *json)
{
    if (block->rows) json_put_integer(json, "row_id", row->row_id);
    write_fields(block->fields, block->field_count, row, json);
    if (variant) write_fields(variant->fields, variant->field_count, row, json);
    for (size_t i = 0; i < block->block_count; i++) {
        if (!row->children[i].count) continue;
        json_name(json, block->blocks[i]->name);
        write_rows(block->blocks[i], &row->children[i], json);
    }
}

static void write_rows(const struct form_block *block, const struct form_rows *rows, struct json_writer *json)
{
    if (block->variant_count) {
        json_object(json);
        if (rows->variant) json_put_string(json, "variant", rows->variant->id);
        if (block->rows) json_name(json, "rows");
    }
    if (block->rows) json_array(json);
    for (size_t i = 0; i < rows->count; i++) {
        bool own_object = block->rows || !block->variant_count;
        if (own_object) json_object(json);
        write_row_members(block, rows->variant, &rows->rows[i], json);
        if (own_object) json_object_end(json);
    }
    if (block->rows) json_array_end(json);
    if (block->variant_count) json_object_end(json);
}

static bool worth_writing(const struct form_block *block, const struct form_rows *rows)
{
    return block->rows ? rows->count > 0 : rows->count && !row_is_empty(block, rows->rows);
}

void form_write(const struct form_body *body, struct json_writer *json, const struct form_codes *names, int32_t day)
{
    json_object(json);
    for (size_t i = 0; i < body->form->top_count; i++) {
        const struct form_block *block = body->form->top[i];
        if (!worth_writing(block, &body->top[i])) continue;
        json_name(json, block->name);
        write_rows(block, &body->top[i], json);
    }
    if (names) write_code_names(body, names, day, json);
    json_object_end(json);
}

/* ---- asking */

bool row_is_empty(const struct form_block *block, const struct form_row *row)
{
    for (size_t i = 0; i < block->slot_count; i++)
        if (row->values[i].kind != VALUE_ABSENT) return false;
    for (size_t i = 0; i < block->block_count; i++)
        if (row->children[i].count) return false;
    return true;
}

struct form_value form_body_value(const struct form_body *body, const struct form_block *block, int slot)
{
    if (block && slot >= 0)
        for (size_t i = 0; i < body->form->top_count; i++)
            if (body->form->top[i] == block && body->top[i].count) return body->top[i].rows[0].values[slot];
    return (struct form_value){.kind = VALUE_ABSENT};
}

const struct form_rows *form_lines(const struct form_body *body)
{
    for (size_t i = 0; body->form->lines.block && i < body->form->top_count; i++)
        if (body->form->top[i] == body->form->lines.block) return &body->top[i];
    return NULL;
}

struct form_value form_line_value(const struct form_body *body, const struct form_row *line, enum form_column column)
{
    int slot = body->form->lines.slot[column];

    return slot >= 0 ? line->values[slot] : (struct form_value){.kind = VALUE_ABSENT};
}

struct form_value form_column_value(const struct form_body *body, enum form_column column)
{
    const struct form_rows *lines = body->form->columns[column].block ? NULL : form_lines(body);

    if (lines && lines->count) return form_line_value(body, lines->rows, column);
    return form_body_value(body, body->form->columns[column].block, body->form->columns[column].slot);
}

decimal form_tolerance(const struct form_body *body, int32_t today)
{
    struct form_value value = {.kind = VALUE_ABSENT};

    if (body->form->ledger.tolerance) value = form_value_of(body->form->ledger.tolerance, body, today);
    return value.kind == VALUE_NUMBER ? value.number : 0;
}
