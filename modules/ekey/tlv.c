#include "tlv.h"

#include <stdint.h>

/* Reads tag and length at *at; false when they are broken or the value does not fit. */
static bool head_read(const unsigned char **at, const unsigned char *end, unsigned *tag, size_t *size)
{
    const unsigned char *here = *at;
    *tag = *here++;
    if ((*tag & 0x1F) == 0x1F) { /* more bytes of the tag: passed over, no such tag is looked for */
        *tag = 0;
        while (here < end && *here & 0x80)
            here++;
        if (here++ >= end)
            return false;
    }
    if (here >= end)
        return false;
    size_t first = *here++, more = first > 0x80 ? first & 0x7F : 0;
    if (first == 0x80 || more > 3 || more > (size_t)(end - here))
        return false;
    *size = more ? 0 : first;
    while (more--)
        *size = *size << 8 | *here++;
    *at = here;
    return *size <= (size_t)(end - here);
}

bool tlv_find(const unsigned char *bytes, size_t length, unsigned tag, struct tlv *found)
{
    const unsigned char *at = bytes, *end = bytes + length;
    unsigned name = 0;
    size_t size = 0;
    while (at < end && head_read(&at, end, &name, &size)) {
        if (name == tag) {
            *found = (struct tlv){at, size};
            return true;
        }
        at += size;
    }
    return false;
}

size_t tlv_head(unsigned char *out, unsigned tag, size_t length)
{
    size_t at = 0;
    out[at++] = (unsigned char)tag;
    if (length > 0xFF) {
        out[at++] = 0x82;
        out[at++] = (unsigned char)(length >> 8);
    } else if (length > 0x7F) {
        out[at++] = 0x81;
    }
    out[at++] = (unsigned char)length;
    return at;
}
