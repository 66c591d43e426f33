/* A table whose rows are as high as their texts: measured, placed one under the other, and broken over pages. The pages are gone
   through twice: first to count them, for "page 1 of 3" stands on the first. */
#include "print/drawing.h"

#include <string.h>

#define CELLS_MAXIMUM 32    /* of a row */
#define PICTURE_HEIGHT 71.0 /* 25 mm: the most that a row's picture takes, where its cell says nothing */
#define SLACK 0.01          /* points that rounding may add */

struct cell {
    struct area area;      /* within the room; h: the most that its picture takes */
    uint32_t place;        /* of the picture */
    enum print_align align;
    PangoLayout *text;
    GSList *line;          /* the next to be placed */
    double lines, picture; /* height of what is not placed yet */
};

struct flow {
    struct drawing *drawing;
    struct error *error;
    bool draws;              /* false while pages are counted */
    size_t items[2], rows;   /* where the items of the first page, of those that follow, and the rows begin */
    struct area room[2];
    bool follows;            /* there is a page that follows */
    double y;                /* where the next row begins */
    bool fresh;              /* no row stands on the page yet */
    struct cell cells[CELLS_MAXIMUM];
    size_t count;
};

static int broken_list(struct error *error) { return error_internal(error, "what should be drawn is no list of items"); }

/* ---- what the pages are made from */

static bool read_page(struct flow *flow, int which, size_t *at)
{
    struct print_item item;
    bool broken = false, found = false;

    flow->items[which] = *at;
    while (print_item_read(flow->drawing->pages, at, &item, &broken)) {
        if (item.kind == ITEM_PAGE_END) return found;
        if (item.kind == ITEM_DOCUMENT || item.kind == ITEM_FLOW || item.kind > ITEM_ROOM) return false;
        if (item.kind == ITEM_ROOM) flow->room[which] = drawing_area(&item);
        found = found || item.kind == ITEM_ROOM;
    }
    return false;
}

static bool read_pages(struct flow *flow, size_t *at)
{
    struct print_item item;
    bool broken = false;
    size_t before;

    if (!read_page(flow, 0, at)) return false;
    before = *at;
    if (!print_item_read(flow->drawing->pages, at, &item, &broken)) return false;
    if (item.kind != ITEM_ROWS) {
        *at = before;
        flow->follows = true;
        if (!read_page(flow, 1, at) || !print_item_read(flow->drawing->pages, at, &item, &broken) || item.kind != ITEM_ROWS) return false;
    }
    flow->rows = *at;
    return true;
}

static struct area room_of(const struct flow *flow) { return flow->room[flow->drawing->page > 1]; }

static int begin_page(struct flow *flow)
{
    struct drawing *drawing = flow->drawing;
    struct print_item item;
    bool broken = false;
    size_t at;

    if (drawing->page && !flow->follows) return error_internal(flow->error, "rows do not fit, and the layout has no continuation page");
    if (drawing->page == PAGES_MAXIMUM) return print_too_many_pages(flow->error);
    if (drawing->page && flow->draws && end_page(drawing, flow->error)) return (int)flow->error->code;
    drawing->page++;
    flow->y = room_of(flow).y;
    flow->fresh = true;
    at = flow->items[drawing->page > 1];
    while (flow->draws && print_item_read(drawing->pages, &at, &item, &broken) && item.kind != ITEM_PAGE_END) draw_item(drawing, &item);
    return 0;
}

/* ---- a row */

static double line_height(PangoLayoutLine *line, PangoRectangle *box)
{
    pango_layout_line_get_extents(line, NULL, box);
    return (double)box->height / PANGO_SCALE;
}

static void measure(struct flow *flow, struct cell *cell, const struct print_item *item)
{
    struct area area = drawing_area(item);
    PangoRectangle box;

    area.w = MAX(area.w - 2 * CELL_SIDE, 1);
    *cell = (struct cell){.area = area, .place = item->picture, .align = item->align, .text = pango_cairo_create_layout(flow->drawing->cairo)};
    set_text(cell->text, item->text, area.w, (double)item->size, item->bold, item->align);
    cell->line = *item->text ? pango_layout_get_lines_readonly(cell->text) : NULL;
    for (const GSList *line = cell->line; line; line = line->next) cell->lines += line_height(line->data, &box);
    cell->picture = image_height(flow->drawing, cell->place, area.w, area.h > 0 ? area.h : PICTURE_HEIGHT);
}

static double height_left(const struct flow *flow)
{
    double height = 0;

    for (size_t i = 0; i < flow->count; i++) height = MAX(height, flow->cells[i].lines + flow->cells[i].picture);
    return height;
}

static void draw_line(const struct flow *flow, const struct cell *cell, const PangoRectangle *box, double y)
{
    double free = cell->area.w - (double)box->width / PANGO_SCALE, x = room_of(flow).x + cell->area.x + CELL_SIDE;

    if (!flow->draws) return;
    if (cell->align != ALIGN_LEFT) x += cell->align == ALIGN_CENTER ? free / 2 : free;
    cairo_move_to(flow->drawing->cairo, x - (double)box->x / PANGO_SCALE, y - (double)box->y / PANGO_SCALE);
    pango_cairo_show_layout_line(flow->drawing->cairo, cell->line->data);
}

/* Places what fits above `bottom`, at least a line of each cell with `force`. Returns the height that it takes. */
static double place_cell(const struct flow *flow, struct cell *cell, double bottom, bool force)
{
    double y = flow->y;
    PangoRectangle box;

    while (cell->line) {
        double height = line_height(cell->line->data, &box);
        if (y + height > bottom + SLACK && !(force && y == flow->y)) return y - flow->y;
        draw_line(flow, cell, &box, y);
        cell->line = cell->line->next;
        cell->lines = cell->line ? cell->lines - height : 0;
        y += height;
    }
    if (cell->picture > 0 && (y + cell->picture <= bottom + SLACK || (force && y == flow->y))) {
        struct area area = {room_of(flow).x + cell->area.x + CELL_SIDE, y, cell->area.w, cell->picture};
        if (flow->draws) draw_image(flow->drawing, area, cell->place);
        y += cell->picture;
        cell->picture = 0;
    }
    return y - flow->y;
}

static void place_cells(struct flow *flow, double bottom, bool force)
{
    double height = 0;

    for (size_t i = 0; i < flow->count; i++) {
        double taken = place_cell(flow, &flow->cells[i], bottom, force);
        if (taken > height) height = taken;
    }
    flow->y += height;
    flow->fresh = flow->fresh && height <= 0;
}

/* A row is broken only when it is longer than a page; or on the first page, whose room may be small. */
static int place_row(struct flow *flow)
{
    while (height_left(flow) > 0) {
        double bottom = room_of(flow).y + room_of(flow).h, height = height_left(flow);
        if (flow->y + height <= bottom + SLACK || flow->fresh || height > flow->room[1].h) place_cells(flow, bottom, flow->fresh);
        if (height_left(flow) > 0 && begin_page(flow)) return (int)flow->error->code;
    }
    return 0;
}

static void forget_row(struct flow *flow)
{
    for (size_t i = 0; i < flow->count; i++) g_object_unref(flow->cells[i].text);
    flow->count = 0;
}

/* ---- all of them */

/* From where the rows begin to behind ITEM_FLOW_END. */
static int place_rows(struct flow *flow, size_t *at)
{
    struct print_item item;
    bool broken = false;

    *at = flow->rows;
    while (print_item_read(flow->drawing->pages, at, &item, &broken)) {
        if (item.kind == ITEM_FLOW_END) return 0;
        if (item.kind == ITEM_PICTURE) continue;
        if (item.kind == ITEM_CELL && flow->count < CELLS_MAXIMUM) {
            measure(flow, &flow->cells[flow->count++], &item);
            continue;
        }
        if (item.kind != ITEM_ROW_END) break;
        if (place_row(flow)) return (int)flow->error->code;
        forget_row(flow);
    }
    return broken_list(flow->error);
}

static int go_through(struct flow *flow, bool draws, size_t *at)
{
    int code;

    flow->draws = draws;
    flow->drawing->page = 0;
    code = begin_page(flow) || place_rows(flow, at) ? (int)flow->error->code : 0;
    forget_row(flow);
    return code;
}

int draw_flow(struct drawing *drawing, size_t *at, struct error *error)
{
    struct flow flow = {.drawing = drawing, .error = error};

    if (!read_pages(&flow, at)) return broken_list(error);
    if (go_through(&flow, false, at)) return (int)error->code;
    drawing->page_count = drawing->page;
    if (go_through(&flow, true, at)) return (int)error->code;
    return end_page(drawing, error);
}
