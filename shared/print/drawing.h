/* What the files that draw share: one list of pages on its way to a PDF. Lengths are points. Only the drawing program links this. */
#ifndef PRINT_DRAWING_H
#define PRINT_DRAWING_H

#include "base/error.h"
#include "print/pages.h"
#include "print/picture.h"

#include <pango/pangocairo.h>

#define IMAGES_MAXIMUM 256                /* different pictures of one list */
#define IMAGES_DOTS (UINT64_C(100) << 20) /* unpacked for one list, one after the other */
#define CELL_SIDE 3                       /* free on both sides of a text in a frame */

struct area { double x, y, w, h; };

struct image {
    uint32_t place; /* of its ITEM_PICTURE */
    struct picture picture;
    cairo_surface_t *surface; /* once it was drawn */
    bool broken;
};

struct drawing {
    const struct buffer *pages;
    cairo_surface_t *surface;
    cairo_t *cairo;
    PangoLayout *text;
    int page, page_count;    /* within the document; from 1 */
    int pages_drawn;         /* of all documents */
    struct buffer words;     /* a text with its page numbers */
    struct image images[IMAGES_MAXIMUM];
    size_t image_count;
    uint64_t dots;           /* unpacked so far */
};

/* draw.c */
struct area drawing_area(const struct print_item *item);
void draw_item(struct drawing *drawing, const struct print_item *item);
/* ERROR_INTERNAL when the list has more pages than LIST_PAGES_MAXIMUM. */
int end_page(struct drawing *drawing, struct error *error);
void draw_frame(struct drawing *drawing, struct area area);
/* Sets width, alignment, words and type of a Pango layout. */
void set_text(PangoLayout *layout, const char *text, double width, double size, bool bold, enum print_align align);

/* image.c */
/* How high a picture is in a column: its proportions kept, at most `most`. Broken ones have a height too: their place is shown. 0: no picture. */
double image_height(struct drawing *drawing, uint32_t place, double width, double most);
/* Draws a picture in the middle of an area, as large as fits; an empty frame where it cannot be drawn, and a line in the log. */
void draw_image(struct drawing *drawing, struct area area, uint32_t place);
/* To be called after the PDF is finished: until then it refers to the pictures. */
void images_free(struct drawing *drawing);

/* flow.c */
/* Draws the document whose ITEM_FLOW was just read, up to its ITEM_FLOW_END. Broken lists and more pages than PAGES_MAXIMUM
   (ERROR_TOO_LARGE) are errors. */
int draw_flow(struct drawing *drawing, size_t *at, struct error *error);

#endif
