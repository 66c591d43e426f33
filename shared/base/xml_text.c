#include "base/xml_text.h"

#include <string.h>

/* How many bytes at `at` XML 1.0 has no character for (section 2.2): controls, U+FFFE, U+FFFF. */
static size_t forbidden(const char *at, size_t left)
{
    unsigned char c = (unsigned char)*at;

    if (c < 0x20) return c != '\t' && c != '\n' && c != '\r';
    return left > 2 && c == 0xEF && (!memcmp(at, "\xEF\xBF\xBE", 3) || !memcmp(at, "\xEF\xBF\xBF", 3)) ? 3 : 0;
}

void xml_text(struct buffer *out, const char *text, size_t length)
{
    for (size_t i = 0, skip; i < length; i++) {
        switch (text[i]) {
        case '&': buffer_text(out, "&amp;"); break;
        case '<': buffer_text(out, "&lt;"); break;
        case '>': buffer_text(out, "&gt;"); break;
        case '"': buffer_text(out, "&quot;"); break;
        case '\r': buffer_text(out, "&#13;"); break;
        default:
            skip = forbidden(text + i, length - i);
            if (skip) i += skip - 1;
            else buffer_char(out, text[i]);
        }
    }
}
