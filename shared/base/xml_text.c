#include "base/xml_text.h"

void xml_text(struct buffer *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        switch (text[i]) {
        case '&': buffer_text(out, "&amp;"); break;
        case '<': buffer_text(out, "&lt;"); break;
        case '>': buffer_text(out, "&gt;"); break;
        case '"': buffer_text(out, "&quot;"); break;
        case '\r': buffer_text(out, "&#13;"); break;
        default: buffer_char(out, text[i]);
        }
    }
}
