/* Pages as a list of items: what print_add writes and the drawing program reads. Lengths are millimetres on A4, from the top left;
   sizes of type are points. */
#ifndef PRINT_PAGES_H
#define PRINT_PAGES_H

#include "base/buffer.h"

#include <stdint.h>

enum print_kind {
    ITEM_TEXT,     /* text in an area; what does not fit is set smaller */
    ITEM_BOX,      /* a frame, its label in small type, the text below */
    ITEM_CELL,     /* a frame and the text */
    ITEM_QR,       /* the text as a QR code as wide as the area; nothing without text */
    ITEM_PAGE_END, /* the next item stands on the next page */
    ITEM_KINDS
};

enum print_align { ALIGN_LEFT, ALIGN_CENTER, ALIGN_RIGHT };

struct print_area { float x, y, w, h; }; /* h 0: as high as the text */

struct print_item {
    enum print_kind kind;
    enum print_align align;
    bool bold;
    struct print_area area;
    float size;
    const char *label, *text; /* never NULL */
};

void print_item_write(struct buffer *pages, const struct print_item *item);
/* Reads the item at *at and moves on; its texts point into `pages`. False at the end, and with *broken where the bytes are no item. */
bool print_item_read(const struct buffer *pages, size_t *at, struct print_item *item, bool *broken);

/* Between a program and its drawing program: a head, then that many bytes. */
struct print_head {
    uint32_t code;   /* of an answer: 0 or an error code; then the bytes are the reason */
    uint32_t title;  /* of a request: bytes of the title, before the pages */
    uint32_t length; /* bytes that follow, the title's included */
};
#define PRINT_REQUEST_MAXIMUM (32u << 20)
#define PRINT_ANSWER_MAXIMUM (64u << 20)

/* All bytes or false (end, timeout). `milliseconds` -1 waits for ever. */
bool print_receive(int fd, void *bytes, size_t length, int milliseconds);
bool print_send(int fd, const void *bytes, size_t length, int milliseconds);

#endif
