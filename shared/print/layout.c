/* Layouts filled with a document: what stands where on which page. Nothing is measured here: that needs fonts, and is draw.c's. */
#include "print/pages.h"
#include "print/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGES_MAXIMUM 50
#define ROWS_MAXIMUM 50 /* of one table on one page */

struct print_layout {
    const struct json *json;
    struct arena arena;
};

/* ---- layouts */

struct print_layout *print_layout_read(const char *text, size_t length, struct error *error)
{
    struct arena arena;
    struct print_layout *layout;

    arena_init(&arena, 4u << 20);
    layout = arena_alloc(&arena, sizeof *layout);
    if (!layout || !(layout->json = json_tree(text, length, &arena, error)) || !json_member(layout->json, "elements")) {
        if (!error->code) error_internal(error, "a layout has elements");
        arena_free(&arena);
        return NULL;
    }
    layout->arena = arena;
    return layout;
}

void print_layout_free(struct print_layout *layout)
{
    if (layout) arena_free(&layout->arena); /* it lies in its own arena */
}

/* ---- templates: "{field}", "{field.code}", "{@value}", "{seq}" */

struct place { /* a row, and the row it belongs to */
    const struct form_block *block;
    const struct form_rows *rows;
    size_t row;
    const struct place *parent;
};

struct filling {
    const struct print_source *source;
    const struct place *place; /* of the current row, or NULL */
    size_t seq;                /* its number in the table, from 1 */
};

/* A code that has run out still has its name. */
static const void *any_row(const struct form_codes *codes, const char *list, struct slice code)
{
    const void *row = NULL;

    while ((row = codes->next(codes->context, list, row))) {
        struct slice other = codes->column(codes->context, list, row, "code");
        if (other.length == code.length && !memcmp(other.text, code.text, code.length)) break;
    }
    return row;
}

static struct slice code_name(const struct print_source *source, const struct form_field *field, struct slice code)
{
    const struct json *list = json_member(source->names, field->list);
    const void *row = NULL;

    JSON_EACH(name, list)
        if (slice_is(code, name->name)) return name->text;
    if (source->codes) row = source->codes->find(source->codes->context, field->list, field->scheme, code, 0);
    if (source->codes && !row) row = any_row(source->codes, field->list, code);
    return row ? source->codes->column(source->codes->context, field->list, row, "name") : code;
}

static void put_field(const struct filling *filling, const struct form_field *field, struct form_value value, bool as_code, struct buffer *out)
{
    char text[DECIMAL_TEXT_SIZE];
    char whole[4096];

    if (value.kind == VALUE_ABSENT) return;
    if (field->type == FORM_CODE && !as_code) {
        struct slice name = code_name(filling->source, field, value.text);
        buffer_bytes(out, name.text, name.length);
    } else if (field->type == FORM_ENUM && !as_code) {
        for (size_t i = 0; i < field->choice_count; i++)
            if (slice_is(value.text, field->choices[i].value)) buffer_text(out, field->choices[i].words.zh);
    } else if (field->type == FORM_BOOL) {
        buffer_text(out, value.number ? "是" : "否");
    } else if (value.kind == VALUE_NUMBER) {
        if (field->display >= 0) value.number = decimal_round(value.number, field->display);
        buffer_bytes(out, text, decimal_format(value.number, 0, text));
    } else {
        buffer_bytes(out, whole, form_value_text(value, whole, sizeof whole));
    }
}

static void put_name(const struct filling *filling, char *name, struct buffer *out)
{
    const struct form *form = filling->source->body->form;
    char *dot = strchr(name, '.');
    bool as_code = dot && !strcmp(dot, ".code");
    const struct form_field *field = NULL;

    if (dot) *dot = '\0';
    if (!strcmp(name, "seq")) {
        buffer_printf(out, "%zu", filling->seq);
        return;
    }
    if (*name == '@') {
        for (const struct print_value *value = filling->source->values; value && value->name; value++)
            if (!strcmp(value->name, name + 1)) buffer_text(out, value->text ? value->text : "");
        return;
    }
    for (const struct place *place = filling->place; place && !field; place = place->parent)
        for (size_t s = 0; s < place->block->slot_count && !field; s++)
            if (!strcmp(place->block->slots[s], name) && (field = form_field_at(place->block, place->rows->variant, (int)s)))
                put_field(filling, field, place->rows->rows[place->row].values[s], as_code, out);
    if (field || !(field = form_field_find(form, name)) || field->block->rows) return;
    put_field(filling, field, form_body_value(filling->source->body, field->block, field->slot), as_code, out);
}

static void fill(const struct filling *filling, const char *template, struct buffer *out)
{
    char name[80];

    buffer_reset(out);
    for (const char *at = template; *at; at++) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        if (!end || (size_t)(end - at) >= sizeof name) {
            buffer_char(out, *at);
            continue;
        }
        snprintf(name, sizeof name, "%.*s", (int)(end - at - 1), at + 1);
        put_name(filling, name, out);
        at = end;
    }
}

/* ---- items */

static double number_of(const struct json *json, const char *name, double fallback)
{
    const struct json *member = json_member(json, name);

    return member && member->kind == JSON_NUMBER ? strtod(member->text.text, NULL) : fallback;
}

static struct print_area area_of(const struct json *element)
{
    float at[4] = {0, 0, 0, 0};
    int i = 0;

    JSON_EACH(item, json_member(element, "at"))
        if (i < 4) at[i++] = item->kind == JSON_NUMBER ? strtof(item->text.text, NULL) : 0;
    return (struct print_area){at[0], at[1], at[2], at[3]};
}

static enum print_align align_of(const struct json *json)
{
    const char *align = json_member_text(json, "align", "left");

    return !strcmp(align, "center") ? ALIGN_CENTER : !strcmp(align, "right") ? ALIGN_RIGHT : ALIGN_LEFT;
}

/* The pages being written, and buffers for what is filled in. */
struct writing {
    struct buffer *pages;
    struct buffer text, label;
};

static void put_element(struct writing *writing, enum print_kind kind, const struct json *element, const struct filling *filling)
{
    struct print_item item = {.kind = kind, .area = area_of(element), .size = (float)number_of(element, "size", 9.5),
                              .align = align_of(element), .bold = json_member_true(element, "bold")};

    fill(filling, json_member_text(element, "text", ""), &writing->text);
    fill(filling, kind == ITEM_BOX ? json_member_text(element, "label", "") : "", &writing->label);
    item.label = buffer_string(&writing->label);
    item.text = buffer_string(&writing->text);
    print_item_write(writing->pages, &item);
}

/* ---- tables of rows */

/* The rows that a table shows: those of a block at the top, or all rows of a nested block, of all its parents in order. */
struct table {
    const struct form_block *chain[FORM_DEPTH + 1]; /* from the top down to the block of the rows */
    size_t depth, count;
    const struct form_rows *rows, *sample; /* at the top; the first ones of the block itself, for their variant */
};

static const struct form_rows *children_of(const struct form_row *row, const struct form_block *block, const struct form_block *child)
{
    for (size_t i = 0; i < block->block_count; i++)
        if (block->blocks[i] == child) return &row->children[i];
    return NULL;
}

static void count_rows(struct table *table, const struct form_rows *rows, size_t level)
{
    if (level + 1 == table->depth) {
        if (!table->sample) table->sample = rows;
        table->count += rows->count;
        return;
    }
    for (size_t r = 0; r < rows->count; r++) {
        const struct form_rows *children = children_of(&rows->rows[r], table->chain[level], table->chain[level + 1]);
        if (children) count_rows(table, children, level + 1);
    }
}

static void table_open(struct table *table, const struct form_body *body, const char *name)
{
    const struct form_block *block = form_block_find(body->form, name);

    memset(table, 0, sizeof *table);
    for (const struct form_block *at = block; at && table->depth <= FORM_DEPTH; at = at->parent) table->depth++;
    for (size_t level = table->depth; level > 0; level--, block = block->parent) table->chain[level - 1] = block;
    for (size_t i = 0; table->depth && i < body->form->top_count; i++)
        if (body->form->top[i] == table->chain[0]) table->rows = &body->top[i];
    if (table->rows) count_rows(table, table->rows, 0);
}

/* Stands in a table's row, counted from 0 over all parents; false behind the last. */
static bool table_row(const struct table *table, const struct form_rows *rows, size_t level, size_t *skip, struct place *places)
{
    bool last = level + 1 == table->depth;

    if (last && *skip >= rows->count) {
        *skip -= rows->count;
        return false;
    }
    for (size_t r = last ? *skip : 0; r < rows->count; r++) {
        const struct form_rows *children = last ? NULL : children_of(&rows->rows[r], table->chain[level], table->chain[level + 1]);
        places[level] = (struct place){table->chain[level], rows, r, level ? &places[level - 1] : NULL};
        if (last || (children && table_row(table, children, level + 1, skip, places))) return true;
    }
    return false;
}

/* The columns for the rows' variant, or the table's own. */
static const struct json *columns_of(const struct json *element, const struct form_rows *rows)
{
    const struct json *variants = json_member(element, "variants");
    const struct json *own = rows && rows->variant ? json_member(variants, rows->variant->id) : NULL;

    return own ? own : json_member(element, "columns");
}

static void put_cell(struct writing *writing, struct print_area area, const char *text, double size, enum print_align align, bool bold)
{
    const struct print_item item = {.kind = ITEM_CELL, .area = area, .size = (float)size, .align = align, .bold = bold, .label = "", .text = text};

    print_item_write(writing->pages, &item);
}

/* A line of cells; `what` is the columns' member that holds the template: "label", "text", or one that none has for an empty line.
   A column that says so shows its text once for the rows of one parent. */
static void put_cells(struct writing *writing, const struct json *columns, struct print_area area, const char *what, const struct filling *filling)
{
    JSON_EACH(column, columns) {
        struct print_area cell = {area.x, area.y, (float)number_of(column, "w", 20), area.h};
        bool said = *what == 't' && filling->place && filling->place->row > 0 && json_member_true(column, "once");
        fill(filling, said ? "" : json_member_text(column, what, ""), &writing->text);
        put_cell(writing, cell, buffer_string(&writing->text), *what == 'l' ? 7 : 8.5, align_of(column), false);
        area.x += cell.w;
    }
}

static float width_of(const struct json *columns)
{
    double width = 0;

    JSON_EACH(column, columns) width += number_of(column, "w", 20);
    return (float)width;
}

/* Writes a table from row `first` on; returns the first row that did not fit. With `overflow`, a table that cannot hold all rows
   shows that text instead and leaves all rows to the continuation pages. */
static size_t put_rows(struct writing *writing, const struct json *element, const struct print_source *source, size_t first)
{
    struct print_area area = area_of(element);
    size_t capacity = (size_t)number_of(element, "rows", 4);
    float head = (float)number_of(element, "head", 10);
    const char *overflow = json_member_text(element, "overflow", NULL);
    const struct filling empty = {.source = source};
    const struct json *columns;
    struct table table;
    struct place places[FORM_DEPTH + 1];
    bool elsewhere;

    table_open(&table, source->body, json_member_text(element, "block", ""));
    columns = columns_of(element, table.sample);
    elsewhere = overflow && table.count > capacity;
    put_cells(writing, columns, (struct print_area){area.x, area.y, area.w, head}, "label", &empty);
    for (size_t i = 0; i < capacity && i < ROWS_MAXIMUM; i++) {
        struct print_area line = {area.x, area.y + head + (float)i * area.h, area.w, area.h};
        struct filling filling = {.source = source, .seq = first + i + 1};
        size_t skip = first + i;
        if (!elsewhere && table.rows && table_row(&table, table.rows, 0, &skip, places)) filling.place = &places[table.depth - 1];
        if (i == 0 && elsewhere) {
            line.w = width_of(columns);
            put_cell(writing, line, overflow, 9, ALIGN_CENTER, true);
        } else {
            put_cells(writing, columns, line, filling.place ? "text" : "none", filling.place ? &filling : &empty);
        }
    }
    if (elsewhere) return 0;
    return first + capacity < table.count ? first + capacity : table.count;
}

/* The block of the first table: its rows make the continuation pages. */
static const char *leading_block(const struct json *elements)
{
    JSON_EACH(element, elements)
        if (!strcmp(json_member_text(element, "kind", ""), "rows")) return json_member_text(element, "block", "");
    return "";
}

/* ---- pages */

/* Tables of the leading block go on from row `first`; others show their first rows. Returns where the leading one goes on. */
static size_t put_page(struct writing *writing, const struct json *elements, const struct print_source *source, const char *leading, size_t first)
{
    const struct print_item end = {.kind = ITEM_PAGE_END, .label = "", .text = ""};
    const struct filling filling = {.source = source};
    size_t next = first;
    bool led = false;

    JSON_EACH(element, elements) {
        const char *kind = json_member_text(element, "kind", "");
        if (!strcmp(kind, "box")) put_element(writing, ITEM_BOX, element, &filling);
        else if (!strcmp(kind, "text")) put_element(writing, ITEM_TEXT, element, &filling);
        else if (!strcmp(kind, "qr")) put_element(writing, ITEM_QR, element, &filling);
        else if (!strcmp(kind, "rows")) {
            bool leads = !strcmp(json_member_text(element, "block", ""), leading);
            size_t after = put_rows(writing, element, source, leads ? first : 0);
            if (leads && !led) next = after;
            led = led || leads;
        }
    }
    print_item_write(writing->pages, &end);
    return next;
}

int print_add(struct buffer *pages, const struct print_layout *layout, const struct print_source *source, struct error *error)
{
    const struct json *elements = json_member(layout->json, "elements"), *continuation = json_member(layout->json, "continuation");
    struct writing writing = {.pages = pages};
    const char *leading = leading_block(elements);
    size_t next, before = 0;
    struct table table;

    table_open(&table, source->body, leading);
    buffer_init(&writing.text, 65536);
    buffer_init(&writing.label, 65536);
    next = put_page(&writing, elements, source, leading, 0);
    for (int page = 2; continuation && next < table.count && page < PAGES_MAXIMUM && (page == 2 || next > before); page++) {
        before = next;
        next = put_page(&writing, continuation, source, leading, next);
    }
    buffer_free(&writing.text);
    buffer_free(&writing.label);
    return pages->failed ? error_internal(error, "print: the pages are too large") : 0;
}
