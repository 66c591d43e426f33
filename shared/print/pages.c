#include "print/pages.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

struct packed {
    uint8_t kind, align, bold;
    float x, y, w, h, size;
    uint32_t label, text; /* bytes, each followed by a NUL */
};

void print_item_write(struct buffer *pages, const struct print_item *item)
{
    struct packed packed;

    memset(&packed, 0, sizeof packed);
    packed.kind = (uint8_t)item->kind;
    packed.align = (uint8_t)item->align;
    packed.bold = item->bold;
    packed.x = item->area.x;
    packed.y = item->area.y;
    packed.w = item->area.w;
    packed.h = item->area.h;
    packed.size = item->size;
    packed.label = (uint32_t)strlen(item->label);
    packed.text = (uint32_t)strlen(item->text);
    buffer_bytes(pages, &packed, sizeof packed);
    buffer_bytes(pages, item->label, (size_t)packed.label + 1);
    buffer_bytes(pages, item->text, (size_t)packed.text + 1);
}

static bool text_at(const struct buffer *pages, size_t *at, uint32_t length, const char **text)
{
    if (length >= pages->length - *at || pages->data[*at + length]) return false;
    *text = pages->data + *at;
    *at += (size_t)length + 1;
    return true;
}

bool print_item_read(const struct buffer *pages, size_t *at, struct print_item *item, bool *broken)
{
    struct packed packed;

    if (*at == pages->length) return false;
    *broken = pages->length - *at < sizeof packed;
    if (*broken) return false;
    memcpy(&packed, pages->data + *at, sizeof packed);
    *at += sizeof packed;
    *broken = packed.kind >= ITEM_KINDS || packed.align > ALIGN_RIGHT || !text_at(pages, at, packed.label, &item->label) ||
              !text_at(pages, at, packed.text, &item->text);
    if (*broken) return false;
    item->kind = (enum print_kind)packed.kind;
    item->align = (enum print_align)packed.align;
    item->bold = packed.bold != 0;
    item->area = (struct print_area){packed.x, packed.y, packed.w, packed.h};
    item->size = packed.size;
    return true;
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
