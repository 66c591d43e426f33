#include "base/base64.h"

#include <openssl/evp.h>
#include <string.h>

void base64_write(const void *bytes, size_t length, struct buffer *out)
{
    char *room = length <= INT32_MAX / 2 ? buffer_reserve(out, (length + 2) / 3 * 4) : NULL;

    if (!room) {
        out->failed = true;
        return;
    }
    out->length += (size_t)EVP_EncodeBlock((unsigned char *)room, bytes, (int)length);
}

char *base64_read(const char *text, size_t length, struct arena *arena, size_t *result)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *bytes = arena_alloc(arena, length / 4 * 3 + 4);
    unsigned held = 0, count = 0, padding = 0;

    *result = 0;
    for (size_t i = 0; bytes && i < length; i++) {
        const char *digit = strchr(digits, text[i]);
        if (strchr(" \t\r\n", text[i])) continue;
        if (text[i] == '=') {
            padding++;
            continue;
        }
        if (!digit || padding) return NULL;
        held = held << 6 | (unsigned)(digit - digits);
        if (++count % 4) continue;
        for (int shift = 16; shift >= 0; shift -= 8) bytes[(*result)++] = (char)(held >> shift);
        held = 0;
    }
    if (!bytes || count % 4 == 1 || (count + padding) % 4) return NULL;
    if (count % 4 == 2) bytes[(*result)++] = (char)(held >> 4);
    if (count % 4 == 3) bytes[(*result)++] = (char)(held >> 10), bytes[(*result)++] = (char)(held >> 2);
    return bytes;
}
