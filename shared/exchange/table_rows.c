/* From cells to rows of a block. */
#include "exchange/internal.h"
#include "exchange/table.h"

#include <stdio.h>
#include <strings.h>

void table_letters(size_t column, char letters[8])
{
    size_t length = 0;
    char reversed[8];

    for (column++; column && length < 7; column = (column - 1) / 26) reversed[length++] = (char)('A' + (column - 1) % 26);
    for (size_t i = 0; i < length; i++) letters[i] = reversed[length - 1 - i];
    letters[length] = '\0';
}

static bool entered(const struct form_field *field)
{
    return !field->readonly && !field->compute && !field->kept && field->from != FROM_COLUMN && field->type != FORM_FILE && !json_member_true(field->json, "hidden");
}

size_t table_fields(const struct form_block *block, const struct form_variant *variant, const struct form_field **fields)
{
    size_t count = 0;

    for (size_t i = 0; i < block->field_count && count < TABLE_COLUMNS; i++)
        if (entered(&block->fields[i])) fields[count++] = &block->fields[i];
    for (size_t i = 0; variant && i < variant->field_count && count < TABLE_COLUMNS; i++)
        if (entered(&variant->fields[i])) fields[count++] = &variant->fields[i];
    return count;
}

static struct slice trimmed(struct slice text)
{
    while (text.length && strchr(" \t\r\n", text.text[0])) text.text++, text.length--;
    while (text.length && strchr(" \t\r\n", text.text[text.length - 1])) text.length--;
    return text;
}

/* ---- heads */

struct heads { const struct form_field *fields[TABLE_COLUMNS]; size_t count; };

static bool is_called(struct slice head, const char *name) { return head.length == strlen(name) && !strncasecmp(head.text, name, head.length); }

/* A star behind a label says that it is needed; of two fields with one label the first that is still free. */
static const struct form_field *field_called(struct slice head, const struct form_field *const *fields, size_t count, const struct heads *heads)
{
    if (head.length && head.text[head.length - 1] == '*') head = trimmed((struct slice){head.text, head.length - 1});
    for (size_t i = 0; i < count; i++) {
        bool taken = false;
        for (size_t k = 0; k < heads->count; k++) taken |= heads->fields[k] == fields[i];
        if (!taken && (is_called(head, fields[i]->name) || is_called(head, fields[i]->label.zh) || is_called(head, fields[i]->label.en))) return fields[i];
    }
    return NULL;
}

static void read_heads(const struct table_row *row, const struct form_field *const *fields, size_t count, struct heads *heads,
                       struct exchange_problems *problems)
{
    char letters[8];

    for (size_t i = 0; i < row->count; i++) {
        struct slice head = trimmed(row->cells[i].text);
        const struct form_field *field = head.length ? field_called(head, fields, count, heads) : NULL;
        heads->fields[heads->count++] = field;
        if (!head.length || field) continue;
        table_letters(i, letters);
        exchange_problem_add(problems, row->number, letters, "", "unknown_column", "没有这一列，请用模板中的表头。", "There is no such column; use the heads of the template.");
    }
}

/* "block/field": the column, for what is missing in a row. */
static void place_heads(const struct form_block *block, const struct heads *heads, struct exchange_places *places)
{
    for (size_t i = 0; i < heads->count; i++) {
        char letters[8], path[96];
        if (!heads->fields[i]) continue;
        table_letters(i, letters);
        snprintf(path, sizeof path, "%s/%s", block->name, heads->fields[i]->name);
        place_add(places, path, letters, 0, (struct slice){NULL, 0});
    }
}

/* ---- rows */

static bool explains(const struct table_row *row)
{
    for (size_t i = 0; i < row->count; i++) {
        struct slice text = trimmed(row->cells[i].text);
        if (text.length) return text.length >= strlen(TABLE_MARK) && !memcmp(text.text, TABLE_MARK, strlen(TABLE_MARK));
    }
    return true; /* nothing at all */
}

/* The element whose mapping says how a reference is found; NULL where none does. */
static const struct exchange_element *finder_of(const struct exchange_element *parent, const struct form_field *field)
{
    const struct exchange_element *found = NULL;

    for (size_t i = 0; i < parent->element_count && !found; i++) {
        const struct exchange_element *element = &parent->elements[i];
        bool finds = element->find.block == field->block && element->find.slot == field->slot;
        found = finds ? element : finder_of(element, field);
    }
    return found;
}

/* False when nothing of the row says anything. */
static bool take_row(const struct exchange *exchange, struct taking *taking, const struct form_block *block, const struct heads *heads,
                     const struct table_row *from, struct taken_row *row)
{
    bool some = false;

    for (size_t i = 0; i < from->count && i < heads->count; i++) {
        const struct form_field *field = heads->fields[i];
        struct slice text = trimmed(from->cells[i].text);
        char letters[8], path[96];
        table_letters(i, letters);
        if (!field || (!text.length && !from->cells[i].wrong)) continue;
        some = true;
        snprintf(path, sizeof path, "%s/%zu/%s", block->name, taking->top[top_index(taking->form, block)].count - 1, field->name);
        if (from->cells[i].wrong)
            exchange_problem_add(taking->problems, from->number, letters, path, "formula", "单元格的公式没有结果或出错，请改为数值。", "This cell's formula has no result or an error; put the value there.");
        else
            row->cells[field->slot] = (struct cell){text, field->type == FORM_REF ? finder_of(&exchange->top, field) : NULL, from->number,
                                                    arena_text(taking->arena, letters)};
    }
    return some;
}

static void take_known(struct taking *taking, const struct exchange_filter *known, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct form_field *field = form_field_find(taking->form, known[i].column);
        int top = field && !field->block->rows ? top_index(taking->form, field->block) : -1;
        if (top < 0 || (!taking->top[top].count && !taken_add(&taking->top[top], field->block, taking->arena))) continue;
        taking->top[top].rows[0].cells[field->slot] = (struct cell){known[i].text, NULL, 0, ""};
    }
}

void table_body(const struct exchange *exchange, const struct exchange_context *context, const struct form_block *block,
                const struct form_variant *variant, const struct table *table, const struct exchange_filter *known, size_t known_count,
                struct exchange_places *places, struct exchange_problems *problems, struct buffer *out)
{
    const struct form_field *fields[TABLE_COLUMNS];
    size_t count = table_fields(block, variant, fields);
    struct taking taking = {.form = exchange->form, .context = context, .places = places, .problems = problems, .arena = problems->arena};
    struct heads heads = {.count = 0};
    struct json_writer json;
    int top = top_index(exchange->form, block);

    if (!(taking.top = arena_alloc(taking.arena, exchange->form->top_count * sizeof *taking.top)) || !table->count) return;
    take_known(&taking, known, known_count);
    read_heads(&table->rows[0], fields, count, &heads, problems);
    place_heads(block, &heads, places);
    for (size_t i = 1; i < table->count; i++) {
        struct taken_row *row;
        char path[96];
        if (explains(&table->rows[i]) || !(row = taken_add(&taking.top[top], block, taking.arena))) continue;
        if (!take_row(exchange, &taking, block, &heads, &table->rows[i], row)) {
            taking.top[top].count--; /* an empty row would not be there: the numbers of those behind it would be others */
            continue;
        }
        snprintf(path, sizeof path, "%s/%zu", block->name, taking.top[top].count - 1);
        place_add(places, path, "", table->rows[i].number, (struct slice){NULL, 0});
    }
    json_writer_init(&json, out);
    taken_write(&taking, variant ? variant->id : NULL, &json);
}
