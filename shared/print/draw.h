/* Draws pages with Pango and Cairo. Only the drawing program calls this: whoever links it carries fonts and their caches. */
#ifndef PRINT_DRAW_H
#define PRINT_DRAW_H

#include "base/buffer.h"
#include "base/error.h"

/* Appends the PDF of the pages (print/pages.h) to `pdf`. One thread at a time. ERROR_INTERNAL with a reason. */
int draw_pages(const struct buffer *pages, const char *title, struct buffer *pdf, struct error *error);

#endif
