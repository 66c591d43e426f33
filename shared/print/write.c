/* Layouts filled with a document: what stands where on which page. Nothing is measured here: that needs fonts, and is the drawing
   program's. */
#include "print/layout.h"
#include "print/pages.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_MAXIMUM 50           /* of one table on one page */
#define PICTURE_BYTES (24u << 20) /* of the list with all pictures in it */
#define PICTURES_MAXIMUM 8        /* of the document itself; its rows have more */
#define LABEL_SIZE 7              /* points */
#define ROW_SIZE 8.5

/* ---- items */

static double number_of(const struct json *json, const char *name, double fallback)
{
    const struct json *member = json_member(json, name);

    return member && member->kind == JSON_NUMBER ? strtod(member->text.text, NULL) : fallback;
}

static enum print_align align_of(const struct json *json)
{
    const char *align = json_member_text(json, "align", "left");

    return !strcmp(align, "center") ? ALIGN_CENTER : !strcmp(align, "right") ? ALIGN_RIGHT : ALIGN_LEFT;
}

/* The pages being written, and buffers for what is filled in. */
struct writing {
    struct buffer *pages;
    const struct print_layout *layout;
    const struct print_source *source;
    struct buffer text, label;
    float dx, dy; /* of the part whose elements are being written */
    struct { const char *type; uint32_t place; } pictures[PICTURES_MAXIMUM]; /* of the document, written already */
    size_t picture_count;
};

static struct print_area area_of(const struct writing *writing, const struct json *element)
{
    float at[4] = {0, 0, 0, 0};
    int i = 0;

    JSON_EACH(item, json_member(element, "at"))
        if (i < 4) at[i++] = item->kind == JSON_NUMBER ? strtof(item->text.text, NULL) : 0;
    return (struct print_area){at[0] + writing->dx, at[1] + writing->dy, at[2], at[3]};
}

static struct filling filling_of(const struct writing *writing)
{
    return (struct filling){.source = writing->source, .layout = writing->layout};
}

static void put_mark(struct writing *writing, enum print_kind kind)
{
    const struct print_item item = {.kind = kind, .label = "", .text = ""};

    print_item_write(writing->pages, &item);
}

static void put_element(struct writing *writing, enum print_kind kind, const struct json *element)
{
    const struct filling filling = filling_of(writing);
    const char *template = json_member_text(element, "text", "");
    struct print_item item = {.kind = kind, .align = align_of(element), .area = area_of(writing, element),
                              .size = (float)number_of(element, "size", 9.5), .bold = json_member_true(element, "bold"),
                              .numbered = has_numbers(template)};

    fill(&filling, template, &writing->text);
    fill(&filling, kind == ITEM_BOX ? json_member_text(element, "label", "") : "", &writing->label);
    item.label = buffer_string(&writing->label);
    item.text = buffer_string(&writing->text);
    print_item_write(writing->pages, &item);
}

/* ---- pictures: each is written once, before the first item that shows it */

/* Where the picture stands in the list; 0: there is none, or no room for it. */
static uint32_t put_picture(struct writing *writing, const char *type, const char *block, int64_t row_id)
{
    const struct print_source *source = writing->source;
    struct print_file file;

    if (!source->picture || !source->picture(source->picture_context, type, block, row_id, &file) || !file.length) return 0;
    file.what[sizeof file.what - 1] = '\0';
    if (writing->pages->length + file.length > PICTURE_BYTES) { /* said in the log by the drawing program */
        file.bytes = "";
        file.length = 0;
    }
    return print_item_write(writing->pages, &(struct print_item){.kind = ITEM_PICTURE, .label = file.what, .text = file.bytes, .length = file.length});
}

static bool same_type(const char *a, const char *b) { return a == b || (a && b && !strcmp(a, b)); }

/* A picture of the document may stand on every page. */
static uint32_t document_picture(struct writing *writing, const char *type)
{
    uint32_t place;

    for (size_t i = 0; i < writing->picture_count; i++)
        if (same_type(writing->pictures[i].type, type)) return writing->pictures[i].place;
    if (writing->picture_count == PICTURES_MAXIMUM) return 0;
    place = put_picture(writing, type, "", 0);
    writing->pictures[writing->picture_count].type = type;
    writing->pictures[writing->picture_count++].place = place;
    return place;
}

static uint32_t row_picture(struct writing *writing, const struct json *column, const struct place *place)
{
    const char *type = json_member_text(column, "attachment", NULL);

    return type && place ? put_picture(writing, type, place->block->name, place->rows->rows[place->row].row_id) : 0;
}

static void put_image(struct writing *writing, const struct json *element)
{
    bool seal = json_member_true(element, "seal");
    const char *type = seal ? NULL : json_member_text(element, "attachment", "");
    struct print_item item = {.kind = ITEM_IMAGE, .area = area_of(writing, element), .label = "", .text = ""};

    if (!writing->source->body) { /* of a sample: its place */
        item.kind = ITEM_CELL;
        item.size = 8;
        item.align = ALIGN_CENTER;
        item.text = seal ? "seal" : type;
    } else if (!(item.picture = document_picture(writing, type))) {
        return;
    }
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

/* A sample has no rows. */
static void table_open(struct table *table, const struct form_body *body, const char *name)
{
    const struct form_block *block = body ? form_block_find(body->form, name) : NULL;

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

static void put_cell(struct writing *writing, struct print_area area, const char *text, double size, enum print_align align, bool bold, uint32_t picture)
{
    const struct print_item item = {.kind = ITEM_CELL, .area = area, .size = (float)size, .align = align, .bold = bold, .picture = picture,
                                    .label = "", .text = text};

    print_item_write(writing->pages, &item);
}

/* A line of cells; `what` is the columns' member that holds the template: "label", "text", or one that none has for an empty line.
   A column that says so shows its text once for the rows of one parent. */
static void put_cells(struct writing *writing, const struct json *columns, struct print_area area, const char *what, double size, const struct filling *filling)
{
    JSON_EACH(column, columns) {
        struct print_area cell = {area.x, area.y, (float)number_of(column, "w", 20), area.h};
        bool text = *what == 't', said = text && filling->place && filling->place->row > 0 && json_member_true(column, "once");
        uint32_t picture = text && !said ? row_picture(writing, column, filling->place) : 0;
        fill(filling, said ? "" : json_member_text(column, what, ""), &writing->text);
        put_cell(writing, cell, buffer_string(&writing->text), size, align_of(column), false, picture);
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
static size_t put_rows(struct writing *writing, const struct json *element, size_t first)
{
    struct print_area area = area_of(writing, element);
    size_t capacity = (size_t)number_of(element, "rows", 4);
    float head = (float)number_of(element, "head", 10);
    const char *overflow = json_member_text(element, "overflow", NULL);
    const struct filling empty = filling_of(writing);
    const struct json *columns;
    struct table table;
    struct place places[FORM_DEPTH + 1];
    bool elsewhere;

    table_open(&table, writing->source->body, json_member_text(element, "block", ""));
    columns = columns_of(element, table.sample);
    elsewhere = overflow && table.count > capacity;
    put_cells(writing, columns, (struct print_area){area.x, area.y, area.w, head}, "label", LABEL_SIZE, &empty);
    for (size_t i = 0; i < capacity && i < ROWS_MAXIMUM; i++) {
        struct print_area line = {area.x, area.y + head + (float)i * area.h, area.w, area.h};
        struct filling filling = empty;
        size_t skip = first + i;
        bool sample = !writing->source->body && i == 0;
        filling.seq = first + i + 1;
        if (!elsewhere && table.rows && table_row(&table, table.rows, 0, &skip, places)) filling.place = &places[table.depth - 1];
        if (i == 0 && elsewhere) {
            line.w = width_of(columns);
            put_cell(writing, line, overflow, 9, ALIGN_CENTER, true, 0);
        } else {
            put_cells(writing, columns, line, filling.place || sample ? "text" : "none", ROW_SIZE, filling.place ? &filling : &empty);
        }
    }
    if (elsewhere) return 0;
    return first + capacity < table.count ? first + capacity : table.count;
}

/* ---- tables whose rows are measured (flow.c): frames and their room here, the rows behind the pages */

static bool is_flow(const struct json *element)
{
    return !strcmp(json_member_text(element, "kind", ""), "rows") && json_member_true(element, "flow");
}

static const struct json *flow_of(const struct json *elements)
{
    JSON_EACH(element, elements)
        if (is_flow(element)) return element;
    return NULL;
}

static const struct json *flow_columns(const struct json *flow, const struct table *table)
{
    return columns_of(flow, table->sample);
}

/* The columns are those of the first page's table: rows are measured for them. */
static void put_flow_frames(struct writing *writing, const struct json *element)
{
    const struct json *flow = flow_of(json_member(writing->layout->json, "elements"));
    const struct filling empty = filling_of(writing);
    struct print_area area = area_of(writing, element);
    float head = (float)number_of(flow, "head", 10);
    const struct json *columns;
    struct table table;

    table_open(&table, writing->source->body, json_member_text(flow, "block", ""));
    columns = flow_columns(flow, &table);
    put_cells(writing, columns, (struct print_area){area.x, area.y, area.w, head}, "label", number_of(flow, "label_size", LABEL_SIZE), &empty);
    area.y += head;
    area.h = area.h > head ? area.h - head : 0;
    put_cells(writing, columns, area, writing->source->body ? "none" : "text", number_of(flow, "size", ROW_SIZE), &empty);
    area.y += 0.5F;
    area.h = area.h > 1 ? area.h - 1 : 0;
    if (writing->source->body) print_item_write(writing->pages, &(struct print_item){.kind = ITEM_ROOM, .area = area, .label = "", .text = ""});
}

static void put_flow_row(struct writing *writing, const struct json *flow, const struct json *columns, const struct filling *filling, bool last)
{
    float x = 0;

    JSON_EACH(column, columns) {
        bool said = filling->place->row > 0 && json_member_true(column, "once");
        const char *end = json_member_text(column, "end", NULL);
        struct print_area area = {x, 0, (float)number_of(column, "w", 20), (float)number_of(column, "picture", 0)};
        uint32_t picture = said ? 0 : row_picture(writing, column, filling->place);
        fill(filling, said ? "" : json_member_text(column, "text", ""), &writing->text);
        if (last && end) buffer_printf(&writing->text, "%s%s", writing->text.length ? "\n" : "", end);
        put_cell(writing, area, buffer_string(&writing->text), number_of(flow, "size", ROW_SIZE), align_of(column), false, picture);
        x += area.w;
    }
    put_mark(writing, ITEM_ROW_END);
}

static void put_flow_rows(struct writing *writing, const struct json *flow)
{
    struct place places[FORM_DEPTH + 1];
    struct table table;

    table_open(&table, writing->source->body, json_member_text(flow, "block", ""));
    put_mark(writing, ITEM_ROWS);
    for (size_t i = 0; i < table.count; i++) {
        struct filling filling = filling_of(writing);
        size_t skip = i;
        if (!table_row(&table, table.rows, 0, &skip, places)) break;
        filling.place = &places[table.depth - 1];
        filling.seq = i + 1;
        put_flow_row(writing, flow, flow_columns(flow, &table), &filling, i + 1 == table.count);
    }
    put_mark(writing, ITEM_FLOW_END);
}

/* ---- pages */

/* The block of the first table: its rows make the continuation pages. */
static const char *leading_block(const struct json *elements)
{
    JSON_EACH(element, elements)
        if (!strcmp(json_member_text(element, "kind", ""), "rows")) return json_member_text(element, "block", "");
    return "";
}

/* Where the rows of a page's tables begin and, afterwards, go on. */
struct progress {
    const char *leading; /* block */
    size_t first, next;
    bool led;
};

static void put_table(struct writing *writing, const struct json *element, struct progress *progress)
{
    bool leads = !strcmp(json_member_text(element, "block", ""), progress->leading);
    size_t after = put_rows(writing, element, leads ? progress->first : 0);

    if (leads && !progress->led) progress->next = after;
    progress->led = progress->led || leads;
}

static void put_one(struct writing *writing, const struct json *element, struct progress *progress)
{
    const char *kind = json_member_text(element, "kind", "");

    if (!strcmp(kind, "box")) put_element(writing, ITEM_BOX, element);
    else if (!strcmp(kind, "text")) put_element(writing, ITEM_TEXT, element);
    else if (!strcmp(kind, "qr")) put_element(writing, ITEM_QR, element);
    else if (!strcmp(kind, "image")) put_image(writing, element);
    else if (is_flow(element)) put_flow_frames(writing, element);
    else if (!strcmp(kind, "rows")) put_table(writing, element, progress);
}

/* The elements of a part, moved to where it is included; parts include nothing themselves. */
static void put_part(struct writing *writing, const struct json *element, struct progress *progress)
{
    struct print_area area = area_of(writing, element);

    writing->dx = area.x;
    writing->dy = area.y;
    JSON_EACH(inner, part_of(writing->layout, json_member_text(element, "part", ""))) put_one(writing, inner, progress);
    writing->dx = writing->dy = 0;
}

/* Tables of the leading block go on from row `first`; others show their first rows. Returns where the leading one goes on. */
static size_t put_page(struct writing *writing, const struct json *elements, const char *leading, size_t first)
{
    const char *watermark = writing->source->watermark;
    struct progress progress = {.leading = leading, .first = first, .next = first};

    if (watermark) print_item_write(writing->pages, &(struct print_item){.kind = ITEM_WATERMARK, .label = "", .text = watermark});
    JSON_EACH(element, elements) {
        if (is_include(element)) put_part(writing, element, &progress);
        else put_one(writing, element, &progress);
    }
    put_mark(writing, ITEM_PAGE_END);
    return progress.next;
}

static int put_pages(struct writing *writing, const struct json *elements, const struct json *continuation, struct error *error)
{
    const char *leading = leading_block(elements);
    size_t next, before = 0;
    struct table table;
    int page;

    put_mark(writing, ITEM_DOCUMENT);
    table_open(&table, writing->source->body, leading);
    next = put_page(writing, elements, leading, 0);
    if (continuation && !writing->source->body) put_page(writing, continuation, leading, 0);
    for (page = 2; continuation && next < table.count && page <= PAGES_MAXIMUM && (page == 2 || next > before); page++) {
        before = next;
        next = put_page(writing, continuation, leading, next);
    }
    return page > PAGES_MAXIMUM && next < table.count ? print_too_many_pages(error) : 0;
}

static void put_flow(struct writing *writing, const struct json *elements, const struct json *continuation)
{
    put_mark(writing, ITEM_FLOW);
    put_page(writing, elements, leading_block(elements), 0);
    if (continuation) put_page(writing, continuation, leading_block(elements), 0);
    put_flow_rows(writing, flow_of(elements));
}

int print_add(struct buffer *pages, const struct print_layout *layout, const struct print_source *source, struct error *error)
{
    const struct json *elements = json_member(layout->json, "elements"), *continuation = json_member(layout->json, "continuation");
    struct writing writing = {.pages = pages, .layout = layout, .source = source};
    int code = 0;

    buffer_init(&writing.text, TEXT_MAXIMUM);
    buffer_init(&writing.label, TEXT_MAXIMUM);
    if (source->body && flow_of(elements)) put_flow(&writing, elements, continuation);
    else code = put_pages(&writing, elements, continuation, error);
    buffer_free(&writing.text);
    buffer_free(&writing.label);
    return !code && pages->failed ? error_internal(error, "print: the pages are too large") : code;
}
