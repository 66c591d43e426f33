#include "print/draw.h"

#include "print/drawing.h"

#include <cairo-pdf.h>
#include <math.h>
#include <qrencode.h>
#include <string.h>

#define POINTS(millimetres) ((millimetres) * 72.0 / 25.4)
#define FONT "WenQuanYi Micro Hei, Droid Sans Fallback, Sans"
#define LABEL_SIZE 7
#define WATERMARK_SIZE 96
#define WATERMARK_GREY 0.87
#define SMALLEST_SIZE 4.4 /* points; smaller cannot be read on paper */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ /* how cairo counts the bits of a word */
#define FIRST_DOT(x) (UINT32_C(1) << (x))
#else
#define FIRST_DOT(x) (UINT32_C(1) << (31 - (x)))
#endif

struct area drawing_area(const struct print_item *item)
{
    return (struct area){POINTS((double)item->area.x), POINTS((double)item->area.y), POINTS((double)item->area.w), POINTS((double)item->area.h)};
}

static struct area inside(struct area area) { return (struct area){area.x + CELL_SIDE, area.y + 2, area.w - 2 * CELL_SIDE, area.h - 3}; }

/* ---- text */

static void set_font(PangoLayout *layout, double size, bool bold)
{
    static PangoFontDescription *fonts[2];
    PangoFontDescription **font = &fonts[bold];

    if (!*font) {
        *font = pango_font_description_from_string(FONT);
        if (bold) pango_font_description_set_weight(*font, PANGO_WEIGHT_BOLD);
    }
    pango_font_description_set_absolute_size(*font, size * PANGO_SCALE);
    pango_layout_set_font_description(layout, *font);
}

void set_text(PangoLayout *layout, const char *text, double width, double size, bool bold, enum print_align align)
{
    static const PangoAlignment alignments[] = {PANGO_ALIGN_LEFT, PANGO_ALIGN_CENTER, PANGO_ALIGN_RIGHT};

    pango_layout_set_width(layout, (int)(width * PANGO_SCALE));
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_alignment(layout, alignments[align]);
    pango_layout_set_text(layout, text, -1);
    set_font(layout, size, bold);
}

static int height_of(struct drawing *drawing)
{
    int width, height;

    pango_layout_get_size(drawing->text, &width, &height);
    return height;
}

/* Draws text inside an area; text that does not fit is set smaller. Returns the height used. */
static double draw_text(struct drawing *drawing, struct area area, const char *text, double size, bool bold, enum print_align align)
{
    int height;

    if (!*text) return 0;
    set_text(drawing->text, text, area.w, size, bold, align);
    height = height_of(drawing);
    while (area.h > 0 && (double)height / PANGO_SCALE > area.h && size >= SMALLEST_SIZE) {
        size *= 0.9;
        set_font(drawing->text, size, bold);
        height = height_of(drawing);
    }
    cairo_move_to(drawing->cairo, area.x, area.y);
    pango_cairo_show_layout(drawing->cairo, drawing->text);
    return (double)height / PANGO_SCALE;
}

/* The text with the numbers of this page and of all; good until the next call. */
static const char *with_numbers(struct drawing *drawing, const char *text)
{
    static const char page[] = "{@page}", pages[] = "{@pages}";

    buffer_reset(&drawing->words);
    while (*text) {
        if (!strncmp(text, page, sizeof page - 1)) {
            buffer_integer(&drawing->words, drawing->page);
            text += sizeof page - 1;
        } else if (!strncmp(text, pages, sizeof pages - 1)) {
            buffer_integer(&drawing->words, drawing->page_count);
            text += sizeof pages - 1;
        } else {
            buffer_char(&drawing->words, *text++);
        }
    }
    return buffer_string(&drawing->words);
}

/* ---- items */

void draw_frame(struct drawing *drawing, struct area area)
{
    cairo_set_line_width(drawing->cairo, 0.6);
    cairo_rectangle(drawing->cairo, area.x, area.y, area.w, area.h);
    cairo_stroke(drawing->cairo);
}

static void draw_box(struct drawing *drawing, const struct print_item *item)
{
    struct area area = drawing_area(item), room = inside(area);
    double used;

    draw_frame(drawing, area);
    used = draw_text(drawing, (struct area){room.x, room.y, room.w, 0}, item->label, LABEL_SIZE, false, ALIGN_LEFT);
    draw_text(drawing, (struct area){room.x, room.y + used, room.w, room.h - used}, item->text, (double)item->size, item->bold, item->align);
}

static void draw_cell(struct drawing *drawing, const struct print_item *item)
{
    struct area area = drawing_area(item), room = inside(area);
    double used;

    draw_frame(drawing, area);
    used = draw_text(drawing, room, item->text, (double)item->size, item->bold, item->align);
    draw_image(drawing, (struct area){room.x, room.y + used, room.w, room.h - used}, item->picture);
}

static void draw_watermark(struct drawing *drawing, const struct print_item *item)
{
    const double width = POINTS(210), height = POINTS(297);

    cairo_save(drawing->cairo);
    cairo_set_source_rgb(drawing->cairo, WATERMARK_GREY, WATERMARK_GREY, WATERMARK_GREY);
    cairo_translate(drawing->cairo, width / 2, height / 2);
    cairo_rotate(drawing->cairo, -atan2(height, width));
    draw_text(drawing, (struct area){-height / 2, -WATERMARK_SIZE * 0.6, height, 0}, item->text, WATERMARK_SIZE, true, ALIGN_CENTER);
    cairo_restore(drawing->cairo);
}

/* As a mask of one bit a dot, not smoothed: a thousand rectangles would take as long as the rest of the page. */
static void draw_dots(struct drawing *drawing, struct area area, const QRcode *code)
{
    cairo_surface_t *dots = cairo_image_surface_create(CAIRO_FORMAT_A1, code->width, code->width);
    int stride = cairo_image_surface_get_stride(dots);
    unsigned char *bits = cairo_image_surface_get_data(dots);
    cairo_pattern_t *pattern = cairo_pattern_create_for_surface(dots);

    for (int y = 0; bits && y < code->width; y++)
        for (int x = 0; x < code->width; x++)
            if (code->data[y * code->width + x] & 1) ((uint32_t *)(void *)(bits + y * stride))[x / 32] |= FIRST_DOT(x % 32);
    cairo_surface_mark_dirty(dots);
    cairo_save(drawing->cairo);
    cairo_translate(drawing->cairo, area.x, area.y);
    cairo_scale(drawing->cairo, area.w / code->width, area.w / code->width);
    cairo_pattern_set_filter(pattern, CAIRO_FILTER_NEAREST);
    cairo_mask(drawing->cairo, pattern);
    cairo_restore(drawing->cairo);
    cairo_pattern_destroy(pattern);
    cairo_surface_destroy(dots);
}

static void draw_qr(struct drawing *drawing, const struct print_item *item)
{
    QRcode *code;

    if (!*item->text || !(code = QRcode_encodeString(item->text, 0, QR_ECLEVEL_M, QR_MODE_8, 1))) return;
    draw_dots(drawing, drawing_area(item), code);
    QRcode_free(code);
}

void draw_item(struct drawing *drawing, const struct print_item *as_read)
{
    struct print_item item = *as_read;

    if (item.numbered) item.text = with_numbers(drawing, item.text);
    switch (item.kind) {
    case ITEM_TEXT: draw_text(drawing, drawing_area(&item), item.text, (double)item.size, item.bold, item.align); break;
    case ITEM_BOX: draw_box(drawing, &item); break;
    case ITEM_CELL: draw_cell(drawing, &item); break;
    case ITEM_QR: draw_qr(drawing, &item); break;
    case ITEM_IMAGE: draw_image(drawing, drawing_area(&item), item.picture); break;
    case ITEM_WATERMARK: draw_watermark(drawing, &item); break;
    default: break;
    }
}

/* ---- documents */

static int pages_of_document(const struct buffer *pages, size_t at)
{
    struct print_item item;
    bool broken = false;
    int count = 0;

    while (print_item_read(pages, &at, &item, &broken) && item.kind != ITEM_DOCUMENT && item.kind != ITEM_FLOW) count += item.kind == ITEM_PAGE_END;
    return count;
}

int end_page(struct drawing *drawing, struct error *error)
{
    if (++drawing->pages_drawn > LIST_PAGES_MAXIMUM) return error_internal(error, "more than %d pages in all", LIST_PAGES_MAXIMUM);
    cairo_show_page(drawing->cairo);
    return 0;
}

static int draw_list(struct drawing *drawing, struct error *error)
{
    struct print_item item;
    bool broken = false;
    size_t at = 0;

    while (print_item_read(drawing->pages, &at, &item, &broken)) {
        if (item.kind == ITEM_DOCUMENT) {
            drawing->page = 1;
            drawing->page_count = pages_of_document(drawing->pages, at);
        } else if (item.kind == ITEM_PAGE_END) {
            if (end_page(drawing, error)) return (int)error->code;
            drawing->page++;
        } else if (item.kind == ITEM_FLOW) {
            if (draw_flow(drawing, &at, error)) return (int)error->code;
        } else {
            draw_item(drawing, &item);
        }
    }
    return broken ? error_internal(error, "what should be drawn is no list of items") : 0;
}

static cairo_status_t write_pdf(void *context, const unsigned char *bytes, unsigned length)
{
    struct buffer *out = context;

    buffer_bytes(out, bytes, length);
    return out->failed ? CAIRO_STATUS_WRITE_ERROR : CAIRO_STATUS_SUCCESS;
}

int draw_pages(const struct buffer *pages, const char *title, struct buffer *pdf, struct error *error)
{
    static struct drawing drawing; /* one at a time */
    cairo_status_t drawn, written;
    int code;

    drawing.pages = pages;
    drawing.page = drawing.page_count = drawing.pages_drawn = 0;
    drawing.dots = 0;
    drawing.surface = cairo_pdf_surface_create_for_stream(write_pdf, pdf, POINTS(210), POINTS(297));
    cairo_pdf_surface_set_metadata(drawing.surface, CAIRO_PDF_METADATA_TITLE, title);
    drawing.cairo = cairo_create(drawing.surface);
    drawing.text = pango_cairo_create_layout(drawing.cairo);
    buffer_init(&drawing.words, 1 << 20);
    code = draw_list(&drawing, error);
    drawn = cairo_status(drawing.cairo);
    g_object_unref(drawing.text);
    cairo_destroy(drawing.cairo);
    cairo_surface_finish(drawing.surface);
    written = cairo_surface_status(drawing.surface);
    cairo_surface_destroy(drawing.surface);
    images_free(&drawing);
    buffer_free(&drawing.words);
    if (code || (drawn == CAIRO_STATUS_SUCCESS && written == CAIRO_STATUS_SUCCESS)) return code;
    return error_internal(error, "cairo: %s", cairo_status_to_string(drawn == CAIRO_STATUS_SUCCESS ? written : drawn));
}
