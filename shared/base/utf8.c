#include "base/utf8.h"

#include <string.h>

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/* Bytes of the valid multi-byte character at p, 0 if there is none. */
static size_t sequence(const unsigned char *p, size_t length)
{
    unsigned char lead = p[0];
    if (lead >= 0xE0 && lead < 0xF0) {
        if (length < 3 || !is_continuation(p[1]) || !is_continuation(p[2]))
            return 0;
        if ((lead == 0xE0 && p[1] < 0xA0) || (lead == 0xED && p[1] > 0x9F))
            return 0;
        return 3;
    }
    if (lead >= 0xC2 && lead < 0xE0)
        return length >= 2 && is_continuation(p[1]) ? 2 : 0;
    if (lead < 0xF0 || lead > 0xF4 || length < 4)
        return 0;
    if (!is_continuation(p[1]) || !is_continuation(p[2]) || !is_continuation(p[3]))
        return 0;
    if ((lead == 0xF0 && p[1] < 0x90) || (lead == 0xF4 && p[1] > 0x8F))
        return 0;
    return 4;
}

bool utf8_valid(const char *text, size_t length)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + length;
    while (p < end) {
        uint64_t word;
        if (*p < 0x80) {
            if (end - p >= 8 && (memcpy(&word, p, 8), (word & UINT64_C(0x8080808080808080)) == 0))
                p += 8;
            else
                p++;
            continue;
        }
        size_t bytes = sequence(p, (size_t)(end - p));
        if (!bytes)
            return false;
        p += bytes;
    }
    return true;
}

size_t utf8_count(const char *text, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += !is_continuation((unsigned char)text[i]);
    return count;
}

size_t utf8_decode(const char *text, size_t length, uint32_t *character)
{
    const unsigned char *p = (const unsigned char *)text;
    if (!length)
        return 0;
    if (p[0] < 0x80) {
        *character = p[0];
        return 1;
    }
    size_t bytes = sequence(p, length);
    if (!bytes)
        return 0;
    uint32_t value = p[0] & (0x7Fu >> bytes);
    for (size_t i = 1; i < bytes; i++)
        value = value << 6 | (p[i] & 0x3Fu);
    *character = value;
    return bytes;
}

size_t utf8_encode(uint32_t character, char out[4])
{
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    size_t bytes = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (size_t i = bytes - 1; i; i--) {
        out[i] = (char)(0x80 | (character & 0x3F));
        character >>= 6;
    }
    out[0] = (char)((0xF00 >> bytes & 0xFF) | character);
    return bytes;
}

size_t utf8_cut(const char *text, size_t length, size_t most)
{
    size_t cut = length < most ? length : most;
    size_t start = cut;
    /* the text may itself have been cut by bytes: look at its last character, too */
    while (start && cut - start < 4 && is_continuation((unsigned char)text[start - 1]))
        start--;
    if (!start)
        return cut;
    start--;
    unsigned char lead = (unsigned char)text[start];
    size_t bytes = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    return start + bytes > cut ? start : cut;
}
