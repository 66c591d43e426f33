#include "print/print.h"

#include <cairo-pdf.h>
#include <pango/pangocairo.h>
#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINTS(millimetres) ((millimetres) * 72.0 / 25.4)
#define FONT "WenQuanYi Micro Hei, Droid Sans Fallback, Sans"
#define PAGES_MAXIMUM 50
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ /* how cairo counts the bits of a word */
#define FIRST_DOT(x) (UINT32_C(1) << (x))
#else
#define FIRST_DOT(x) (UINT32_C(1) << (31 - (x)))
#endif

struct print_layout {
    const struct json *json;
    struct arena arena;
};

struct print_job {
    struct buffer *out;
    cairo_surface_t *surface;
    cairo_t *cairo;
    PangoLayout *text;
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
    struct arena arena;

    if (!layout) return;
    arena = layout->arena; /* the layout lies in its own arena */
    arena_free(&arena);
}

/* ---- templates: "{field}", "{field.code}", "{@value}", "{seq}" */

struct filling {
    const struct print_source *source;
    const struct form_block *block; /* of the current row, or NULL */
    const struct form_rows *rows;
    size_t row;
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
        buffer_printf(out, "%zu", filling->row + 1);
        return;
    }
    if (*name == '@') {
        for (const struct print_value *value = filling->source->values; value && value->name; value++)
            if (!strcmp(value->name, name + 1)) buffer_text(out, value->text ? value->text : "");
        return;
    }
    for (size_t s = 0; filling->block && s < filling->block->slot_count && !field; s++)
        if (!strcmp(filling->block->slots[s], name) && (field = form_field_at(filling->block, filling->rows->variant, (int)s)))
            put_field(filling, field, filling->rows->rows[filling->row].values[s], as_code, out);
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

/* ---- drawing */

struct area { double x, y, w, h; };

static double number_of(const struct json *json, const char *name, double fallback)
{
    const struct json *member = json_member(json, name);

    return member && member->kind == JSON_NUMBER ? strtod(member->text.text, NULL) : fallback;
}

static struct area area_of(const struct json *element)
{
    double at[4] = {0, 0, 0, 0};
    int i = 0;

    JSON_EACH(item, json_member(element, "at"))
        if (i < 4) at[i++] = strtod(item->text.text, NULL);
    return (struct area){POINTS(at[0]), POINTS(at[1]), POINTS(at[2]), POINTS(at[3])};
}

static void set_font(struct print_job *job, double size, bool bold)
{
    PangoFontDescription *font = pango_font_description_from_string(FONT);

    pango_font_description_set_absolute_size(font, size * PANGO_SCALE);
    if (bold) pango_font_description_set_weight(font, PANGO_WEIGHT_BOLD);
    pango_layout_set_font_description(job->text, font);
    pango_font_description_free(font);
}

/* Draws text inside an area; text that does not fit is set smaller, down to 4 points. Returns the height used. */
static double draw_text(struct print_job *job, struct area area, const char *text, double size, bool bold, const char *align)
{
    int width, height;

    pango_layout_set_width(job->text, (int)(area.w * PANGO_SCALE));
    pango_layout_set_wrap(job->text, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_alignment(job->text, !strcmp(align, "center") ? PANGO_ALIGN_CENTER : !strcmp(align, "right") ? PANGO_ALIGN_RIGHT : PANGO_ALIGN_LEFT);
    pango_layout_set_text(job->text, text, -1);
    set_font(job, size, bold);
    pango_layout_get_size(job->text, &width, &height);
    while (area.h > 0 && (double)height / PANGO_SCALE > area.h && size >= 4.4) {
        size *= 0.9;
        set_font(job, size, bold);
        pango_layout_get_size(job->text, &width, &height);
    }
    cairo_move_to(job->cairo, area.x, area.y);
    pango_cairo_show_layout(job->cairo, job->text);
    return (double)height / PANGO_SCALE;
}

static void draw_frame(struct print_job *job, struct area area)
{
    cairo_set_line_width(job->cairo, 0.6);
    cairo_rectangle(job->cairo, area.x, area.y, area.w, area.h);
    cairo_stroke(job->cairo);
}

static struct area inside(struct area area) { return (struct area){area.x + 3, area.y + 2, area.w - 6, area.h - 3}; }

/* A numbered box: its label in small type, the value below. */
static void draw_box(struct print_job *job, const struct json *element, const struct filling *filling, struct buffer *text)
{
    struct area area = area_of(element), room = inside(area);
    const char *label = json_member_text(element, "label", "");
    double used = 0;

    draw_frame(job, area);
    if (*label) used = draw_text(job, (struct area){room.x, room.y, room.w, 0}, label, 7, false, "left");
    fill(filling, json_member_text(element, "text", ""), text);
    draw_text(job, (struct area){room.x, room.y + used, room.w, room.h - used}, buffer_string(text), number_of(element, "size", 9.5),
              json_member_true(element, "bold"), json_member_text(element, "align", "left"));
}

static void draw_plain(struct print_job *job, const struct json *element, const struct filling *filling, struct buffer *text)
{
    fill(filling, json_member_text(element, "text", ""), text);
    draw_text(job, area_of(element), buffer_string(text), number_of(element, "size", 9.5), json_member_true(element, "bold"),
              json_member_text(element, "align", "left"));
}

/* As a mask of one bit a dot, not smoothed: a thousand rectangles would take as long as the rest of the page. */
static void draw_dots(struct print_job *job, struct area area, const QRcode *code)
{
    cairo_surface_t *dots = cairo_image_surface_create(CAIRO_FORMAT_A1, code->width, code->width);
    int stride = cairo_image_surface_get_stride(dots);
    unsigned char *bits = cairo_image_surface_get_data(dots);
    cairo_pattern_t *pattern = cairo_pattern_create_for_surface(dots);

    for (int y = 0; bits && y < code->width; y++)
        for (int x = 0; x < code->width; x++)
            if (code->data[y * code->width + x] & 1) ((uint32_t *)(void *)(bits + y * stride))[x / 32] |= FIRST_DOT(x % 32);
    cairo_surface_mark_dirty(dots);
    cairo_save(job->cairo);
    cairo_translate(job->cairo, area.x, area.y);
    cairo_scale(job->cairo, area.w / code->width, area.w / code->width);
    cairo_pattern_set_filter(pattern, CAIRO_FILTER_NEAREST);
    cairo_mask(job->cairo, pattern);
    cairo_restore(job->cairo);
    cairo_pattern_destroy(pattern);
    cairo_surface_destroy(dots);
}

static void draw_qr(struct print_job *job, const struct json *element, const struct filling *filling, struct buffer *text)
{
    struct area area = area_of(element);
    QRcode *code;

    fill(filling, json_member_text(element, "text", ""), text);
    if (!text->length || !(code = QRcode_encodeString(buffer_string(text), 0, QR_ECLEVEL_M, QR_MODE_8, 1))) return;
    draw_dots(job, area, code);
    QRcode_free(code);
}

/* ---- tables of rows */

static const struct form_rows *rows_named(const struct form_body *body, const char *name, const struct form_block **block)
{
    for (size_t i = 0; i < body->form->top_count; i++)
        if (!strcmp(body->form->top[i]->name, name)) {
            *block = body->form->top[i];
            return &body->top[i];
        }
    return NULL;
}

/* The columns for the rows' variant, or the table's own. */
static const struct json *columns_of(const struct json *element, const struct form_rows *rows)
{
    const struct json *variants = json_member(element, "variants");
    const struct json *own = rows && rows->variant ? json_member(variants, rows->variant->id) : NULL;

    return own ? own : json_member(element, "columns");
}

static void draw_cells(struct print_job *job, const struct json *columns, struct area area, const char *what, const struct filling *filling,
                       struct buffer *text)
{
    JSON_EACH(column, columns) {
        struct area cell = {area.x, area.y, POINTS(number_of(column, "w", 20)), area.h};
        draw_frame(job, cell);
        fill(filling, json_member_text(column, what, ""), text);
        draw_text(job, inside(cell), buffer_string(text), *what == 'l' ? 7 : 8.5, false, json_member_text(column, "align", "left"));
        area.x += cell.w;
    }
}

static double width_of(const struct json *columns)
{
    double width = 0;

    JSON_EACH(column, columns) width += POINTS(number_of(column, "w", 20));
    return width;
}

/* Draws a table from row `first` on; returns the first row that did not fit. With `overflow`, a table that cannot hold all rows shows
   that text instead and leaves all rows to the continuation pages. */
static size_t draw_rows(struct print_job *job, const struct json *element, struct filling *filling, size_t first, struct buffer *text)
{
    struct area area = area_of(element);
    size_t capacity = (size_t)number_of(element, "rows", 4);
    double head = POINTS(number_of(element, "head", 10));
    const char *overflow = json_member_text(element, "overflow", NULL);
    const struct json *columns;
    size_t count;

    filling->rows = rows_named(filling->source->body, json_member_text(element, "block", ""), &filling->block);
    columns = columns_of(element, filling->rows);
    count = filling->rows ? filling->rows->count : 0;
    filling->row = 0;
    draw_cells(job, columns, (struct area){area.x, area.y, area.w, head}, "label", filling, text);
    for (size_t i = 0; i < capacity; i++) {
        struct area line = {area.x, area.y + head + (double)i * area.h, area.w, area.h};
        bool here = first + i < count && !(overflow && count > capacity);
        struct filling empty = {.source = filling->source};
        filling->row = first + i;
        if (i == 0 && overflow && count > capacity) {
            line.w = width_of(columns);
            draw_frame(job, line);
            draw_text(job, inside(line), overflow, 9, true, "center");
        } else {
            draw_cells(job, columns, line, here ? "text" : "none", here ? filling : &empty, text);
        }
    }
    filling->block = NULL;
    if (overflow && count > capacity) return 0;
    return first + capacity < count ? first + capacity : count;
}

static size_t rows_in(const struct json *elements, const struct print_source *source)
{
    const struct form_block *block;

    JSON_EACH(element, elements) {
        if (strcmp(json_member_text(element, "kind", ""), "rows")) continue;
        const struct form_rows *rows = rows_named(source->body, json_member_text(element, "block", ""), &block);
        return rows ? rows->count : 0;
    }
    return 0;
}

static size_t draw_page(struct print_job *job, const struct json *elements, const struct print_source *source, size_t first)
{
    struct filling filling = {.source = source};
    struct buffer text;
    size_t next = first;

    buffer_init(&text, 65536);
    JSON_EACH(element, elements) {
        const char *kind = json_member_text(element, "kind", "");
        filling.block = NULL;
        if (!strcmp(kind, "box")) draw_box(job, element, &filling, &text);
        else if (!strcmp(kind, "text")) draw_plain(job, element, &filling, &text);
        else if (!strcmp(kind, "qr")) draw_qr(job, element, &filling, &text);
        else if (!strcmp(kind, "rows")) next = draw_rows(job, element, &filling, first, &text);
    }
    buffer_free(&text);
    cairo_show_page(job->cairo);
    return next;
}

/* ---- jobs */

static cairo_status_t write_pdf(void *context, const unsigned char *bytes, unsigned length)
{
    struct buffer *out = context;

    buffer_bytes(out, bytes, length);
    return out->failed ? CAIRO_STATUS_WRITE_ERROR : CAIRO_STATUS_SUCCESS;
}

struct print_job *print_begin(struct buffer *out, const char *title)
{
    struct print_job *job = calloc(1, sizeof *job);

    if (!job) return NULL;
    job->out = out;
    job->surface = cairo_pdf_surface_create_for_stream(write_pdf, out, POINTS(210), POINTS(297));
    cairo_pdf_surface_set_metadata(job->surface, CAIRO_PDF_METADATA_TITLE, title);
    job->cairo = cairo_create(job->surface);
    job->text = pango_cairo_create_layout(job->cairo);
    return job;
}

int print_add(struct print_job *job, const struct print_layout *layout, const struct print_source *source, struct error *error)
{
    const struct json *elements = json_member(layout->json, "elements"), *continuation = json_member(layout->json, "continuation");
    size_t total = rows_in(elements, source);
    size_t next = draw_page(job, elements, source, 0);

    for (int page = 2; continuation && next < total && page < PAGES_MAXIMUM; page++) next = draw_page(job, continuation, source, next);
    if (cairo_status(job->cairo) != CAIRO_STATUS_SUCCESS) return error_internal(error, "print: %s", cairo_status_to_string(cairo_status(job->cairo)));
    return 0;
}

int print_end(struct print_job *job, struct error *error)
{
    cairo_status_t status;

    g_object_unref(job->text);
    cairo_destroy(job->cairo);
    cairo_surface_finish(job->surface);
    status = cairo_surface_status(job->surface);
    cairo_surface_destroy(job->surface);
    free(job);
    return status == CAIRO_STATUS_SUCCESS ? 0 : error_internal(error, "print: %s", cairo_status_to_string(status));
}
