/* Pages as a list of items: what print_add writes and the drawing program reads. Lengths are millimetres on A4, from the top left;
   sizes of type are points.

   Documents follow each other: ITEM_DOCUMENT, then the items of each page and ITEM_PAGE_END. A document whose rows flow over pages
   cannot be cut into pages before its texts are measured, so it comes as what the pages are made from:

       ITEM_FLOW  the first page's items, one ITEM_ROOM among them  ITEM_PAGE_END
                  the same of the page that follows, if there is one
       ITEM_ROWS  the ITEM_CELLs of a row (x counts from the room's left)  ITEM_ROW_END  ...  ITEM_FLOW_END */
#ifndef PRINT_PAGES_H
#define PRINT_PAGES_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdint.h>

#define PAGES_MAXIMUM 50          /* of one document */
#define LIST_PAGES_MAXIMUM 5000   /* of all documents of a list */
#define TEXT_MAXIMUM (1u << 20)   /* bytes of an item's text; a body has a quarter */

enum print_kind {
    ITEM_TEXT,      /* text in an area; what does not fit is set smaller */
    ITEM_BOX,       /* a frame, its label in small type, the text below */
    ITEM_CELL,      /* a frame and the text, a picture below it */
    ITEM_QR,        /* the text as a QR code as wide as the area; nothing without text */
    ITEM_IMAGE,     /* a picture in the area, its proportions kept; nothing without one */
    ITEM_WATERMARK, /* the text from corner to corner, light; what follows is drawn over it */
    ITEM_PICTURE,   /* nothing on paper: the file of a picture (PNG, JPEG), for the items behind it */
    ITEM_DOCUMENT,
    ITEM_PAGE_END,  /* the next item stands on the next page */
    ITEM_FLOW,
    ITEM_ROOM,      /* the area in which rows stand on this page */
    ITEM_ROWS,
    ITEM_ROW_END,
    ITEM_FLOW_END,
    ITEM_KINDS
};

enum print_align { ALIGN_LEFT, ALIGN_CENTER, ALIGN_RIGHT };

struct print_area { float x, y, w, h; }; /* h 0: as high as the text */

struct print_item {
    enum print_kind kind;
    enum print_align align;
    bool bold;
    bool numbered;        /* "{@page}" and "{@pages}" in the text become numbers */
    struct print_area area;
    float size;
    uint32_t picture;     /* where its ITEM_PICTURE stands, in bytes from the beginning of the list; 0: none */
    const char *label, *text; /* never NULL; of a picture: what it is (for the log), and its bytes */
    size_t length;        /* of the text; print_item_write: 0 = up to its NUL */
};

/* Returns where the item stands in the list. */
uint32_t print_item_write(struct buffer *pages, const struct print_item *item);
/* Reads the item at *at and moves on; its texts point into `pages`. False at the end, and with *broken where the bytes are no item:
   an unknown kind, a text that does not end or is too long, an area off every paper. */
bool print_item_read(const struct buffer *pages, size_t *at, struct print_item *item, bool *broken);

/* Fills the error (ERROR_INVALID) of a document that needs more than PAGES_MAXIMUM pages; returns its code. */
int print_too_many_pages(struct error *error);

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
