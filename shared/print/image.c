/* Pictures on paper. They come from outside: what cannot be drawn leaves an empty frame and a line in the log, never a broken page. */
#include "print/drawing.h"

#include "base/log.h"

#include <string.h>

#define DOTS_PER_POINT (300.0 / 72) /* finer than paper shows; what has more is made smaller */
#define BROKEN_HEIGHT 24            /* points in a column */

static struct image *refuse(struct image *image, const char *what, const char *reason)
{
    char words[200];

    image->broken = true;
    log_line(LOG_WARNING, "picture", "what=%s reason=\"%s\"", log_quote(what, words, sizeof words), reason);
    return image;
}

static bool item_at(const struct drawing *drawing, uint32_t place, struct print_item *item)
{
    size_t at = place;
    bool broken = false;

    return place < drawing->pages->length && print_item_read(drawing->pages, &at, item, &broken) && item->kind == ITEM_PICTURE;
}

/* NULL when the list has more pictures than are drawn. */
static struct image *find(struct drawing *drawing, uint32_t place)
{
    struct image *image;
    struct print_item item;
    const char *wrong;

    for (size_t i = 0; i < drawing->image_count; i++)
        if (drawing->images[i].place == place) return &drawing->images[i];
    if (drawing->image_count == IMAGES_MAXIMUM) return NULL;
    image = &drawing->images[drawing->image_count++];
    *image = (struct image){.place = place};
    if (!item_at(drawing, place, &item)) return refuse(image, "", "not in the list");
    wrong = picture_read(item.text, item.length, &image->picture);
    return wrong ? refuse(image, item.label, wrong) : image;
}

/* ---- a surface of the picture, at most as fine as an area needs */

struct source { const char *at; size_t left; };

static cairo_status_t read_bytes(void *context, unsigned char *to, unsigned length)
{
    struct source *source = context;

    if (length > source->left) return CAIRO_STATUS_READ_ERROR;
    memcpy(to, source->at, length);
    source->at += length;
    source->left -= length;
    return CAIRO_STATUS_SUCCESS;
}

static cairo_surface_t *scaled(cairo_surface_t *whole, double width, double height, double scale)
{
    cairo_surface_t *small = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, (int)(width * scale) + 1, (int)(height * scale) + 1);
    cairo_t *cairo = cairo_create(small);

    cairo_scale(cairo, ((int)(width * scale) + 1) / width, ((int)(height * scale) + 1) / height);
    cairo_set_source_surface(cairo, whole, 0, 0);
    cairo_paint(cairo);
    cairo_destroy(cairo);
    cairo_surface_destroy(whole);
    return small;
}

static cairo_surface_t *png_surface(const struct print_item *item, const struct picture *picture, struct area area)
{
    struct source source = {item->text, item->length};
    cairo_surface_t *whole = cairo_image_surface_create_from_png_stream(read_bytes, &source);
    double scale = MIN(area.w / picture->width, area.h / picture->height) * DOTS_PER_POINT;

    return scale < 1 && !cairo_surface_status(whole) ? scaled(whole, picture->width, picture->height, scale) : whole;
}

/* The file itself goes into the PDF with the size that it says; one dot stands for it here, for cairo copies a surface's dots. */
static cairo_surface_t *jpeg_surface(const struct print_item *item)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 1, 1);

    cairo_surface_set_mime_data(surface, CAIRO_MIME_TYPE_JPEG, (const unsigned char *)item->text, item->length, NULL, NULL);
    return surface;
}

static void unpack(struct drawing *drawing, struct image *image, struct area area)
{
    const struct picture *picture = &image->picture;
    struct print_item item;
    cairo_status_t status;

    if (!item_at(drawing, image->place, &item)) return;
    if (picture->kind == PICTURE_PNG) drawing->dots += (uint64_t)picture->width * picture->height;
    if (drawing->dots > IMAGES_DOTS) {
        refuse(image, item.label, "too many dots in all pictures together");
        return;
    }
    image->surface = picture->kind == PICTURE_PNG ? png_surface(&item, picture, area) : jpeg_surface(&item);
    if ((status = cairo_surface_status(image->surface))) refuse(image, item.label, cairo_status_to_string(status));
}

/* ---- drawing */

double image_height(struct drawing *drawing, uint32_t place, double width, double most)
{
    const struct image *image = place ? find(drawing, place) : NULL;

    if (!image) return 0;
    return MIN(most, image->broken ? BROKEN_HEIGHT : width * image->picture.height / image->picture.width);
}

static void paint(struct drawing *drawing, struct area area, const struct image *image)
{
    double scale = MIN(area.w / image->picture.width, area.h / image->picture.height);
    double width = image->picture.width * scale, height = image->picture.height * scale;

    cairo_save(drawing->cairo);
    cairo_translate(drawing->cairo, area.x + (area.w - width) / 2, area.y + (area.h - height) / 2);
    cairo_scale(drawing->cairo, width / cairo_image_surface_get_width(image->surface), height / cairo_image_surface_get_height(image->surface));
    cairo_set_source_surface(drawing->cairo, image->surface, 0, 0);
    cairo_paint(drawing->cairo);
    cairo_restore(drawing->cairo);
}

void draw_image(struct drawing *drawing, struct area area, uint32_t place)
{
    struct image *image = place ? find(drawing, place) : NULL;

    if (!image || area.w < 1 || area.h < 1) return;
    if (!image->surface && !image->broken) unpack(drawing, image, area);
    if (image->broken) draw_frame(drawing, area);
    else paint(drawing, area, image);
}

void images_free(struct drawing *drawing)
{
    for (size_t i = 0; i < drawing->image_count; i++)
        if (drawing->images[i].surface) cairo_surface_destroy(drawing->images[i].surface);
    drawing->image_count = 0;
}
