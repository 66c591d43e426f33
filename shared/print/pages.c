#include "print/pages.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define FARTHEST 2000.0f /* millimetres or points: nothing on paper lies or is larger */

struct packed {
    uint8_t kind, align, bold, numbered;
    float x, y, w, h, size;
    uint32_t picture, label, text; /* the last two: bytes, each followed by a NUL */
};

uint32_t print_item_write(struct buffer *pages, const struct print_item *item)
{
    uint32_t place = (uint32_t)pages->length;
    struct packed packed;

    memset(&packed, 0, sizeof packed);
    packed.kind = (uint8_t)item->kind;
    packed.align = (uint8_t)item->align;
    packed.bold = item->bold;
    packed.numbered = item->numbered;
    packed.x = item->area.x;
    packed.y = item->area.y;
    packed.w = item->area.w;
    packed.h = item->area.h;
    packed.size = item->size;
    packed.picture = item->picture;
    packed.label = (uint32_t)strlen(item->label);
    packed.text = (uint32_t)(item->length ? item->length : strlen(item->text));
    buffer_bytes(pages, &packed, sizeof packed);
    buffer_bytes(pages, item->label, (size_t)packed.label + 1);
    buffer_bytes(pages, item->text, packed.text);
    buffer_char(pages, '\0');
    return place;
}

static bool text_at(const struct buffer *pages, size_t *at, uint32_t length, const char **text)
{
    if (length >= pages->length - *at || pages->data[*at + length]) return false;
    *text = pages->data + *at;
    *at += (size_t)length + 1;
    return true;
}

/* Also false for what is no number. */
static bool on_paper(const struct packed *packed)
{
    return packed->x >= -FARTHEST && packed->x <= FARTHEST && packed->y >= -FARTHEST && packed->y <= FARTHEST && packed->w >= 0 &&
           packed->w <= FARTHEST && packed->h >= 0 && packed->h <= FARTHEST && packed->size >= 0 && packed->size <= FARTHEST;
}

bool print_item_read(const struct buffer *pages, size_t *at, struct print_item *item, bool *broken)
{
    struct packed packed;

    if (*at == pages->length) return false;
    *broken = pages->length - *at < sizeof packed;
    if (*broken) return false;
    memcpy(&packed, pages->data + *at, sizeof packed);
    *at += sizeof packed;
    *broken = packed.kind >= ITEM_KINDS || packed.align > ALIGN_RIGHT || !on_paper(&packed) ||
              (packed.kind != ITEM_PICTURE && packed.text > TEXT_MAXIMUM) ||
              !text_at(pages, at, packed.label, &item->label) || !text_at(pages, at, packed.text, &item->text);
    if (*broken) return false;
    item->kind = (enum print_kind)packed.kind;
    item->align = (enum print_align)packed.align;
    item->bold = packed.bold != 0;
    item->numbered = packed.numbered != 0;
    item->area = (struct print_area){packed.x, packed.y, packed.w, packed.h};
    item->size = packed.size;
    item->picture = packed.picture;
    item->length = packed.text;
    return true;
}

int print_too_many_pages(struct error *error)
{
    error_set(error, ERROR_INVALID, "too_many_pages", "打印内容超过50页，请减少行数或缩短文字后再打印。",
              "The print would have more than 50 pages: use fewer rows or shorter texts.");
    error_detail(error, "more than %d pages", PAGES_MAXIMUM);
    return (int)error->code;
}

/* ---- the socket between two programs */

static bool ready(int fd, short events, int milliseconds)
{
    struct pollfd look = {.fd = fd, .events = events};
    int found;

    do found = poll(&look, 1, milliseconds);
    while (found < 0 && errno == EINTR);
    return found > 0;
}

bool print_receive(int fd, void *bytes, size_t length, int milliseconds)
{
    char *to = bytes;

    while (length) {
        if (!ready(fd, POLLIN, milliseconds)) return false;
        ssize_t got = recv(fd, to, length, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        to += got;
        length -= (size_t)got;
    }
    return true;
}

bool print_send(int fd, const void *bytes, size_t length, int milliseconds)
{
    const char *from = bytes;

    while (length) {
        if (!ready(fd, POLLOUT, milliseconds)) return false;
        ssize_t put = send(fd, from, length, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        from += put;
        length -= (size_t)put;
    }
    return true;
}
