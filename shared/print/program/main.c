/* draw-pages: draws what its parent sends over standard input (a socket) and answers there; ends when that is closed.
   It opens no file but fonts and has no other descriptor. */
#include "print/draw.h"
#include "print/pages.h"

#include <malloc.h>
#include <string.h>
#include <unistd.h>

#define KEPT (256u << 10) /* a longer request or answer is not kept in memory for the next */

static bool receive(struct buffer *pages, char title[4097])
{
    struct print_head head;
    char *room;

    if (!print_receive(STDIN_FILENO, &head, sizeof head, -1) || head.length > PRINT_REQUEST_MAXIMUM || head.title > 4096 || head.title > head.length ||
        !print_receive(STDIN_FILENO, title, head.title, -1) || !(room = buffer_reserve(pages, head.length - head.title)) ||
        !print_receive(STDIN_FILENO, room, head.length - head.title, -1))
        return false;
    title[head.title] = '\0';
    pages->length = head.length - head.title;
    return true;
}

static bool answer(const struct buffer *pdf, int code, const struct error *error)
{
    const char *bytes = code ? error->detail : pdf->data;
    struct print_head head = {.code = (uint32_t)code, .length = (uint32_t)(code ? strlen(error->detail) : pdf->length)};

    return print_send(STDIN_FILENO, &head, sizeof head, -1) && print_send(STDIN_FILENO, bytes, head.length, -1);
}

static void reuse(struct buffer *buffer)
{
    if (buffer->capacity > KEPT) buffer_free(buffer);
    else buffer_reset(buffer);
}

int main(void)
{
    static char title[4097];
    struct buffer pages, pdf;
    struct error error;
    bool going = true;

    mallopt(M_TRIM_THRESHOLD, 4 << 20); /* a page's memory is asked for again in a moment */
    buffer_init(&pages, PRINT_REQUEST_MAXIMUM);
    buffer_init(&pdf, PRINT_ANSWER_MAXIMUM);
    while (going && receive(&pages, title)) {
        error_clear(&error);
        going = answer(&pdf, draw_pages(&pages, title, &pdf, &error), &error);
        reuse(&pages);
        reuse(&pdf);
    }
    buffer_free(&pages);
    buffer_free(&pdf);
    return 0;
}
