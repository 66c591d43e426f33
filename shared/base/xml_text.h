/* Text within XML. */
#ifndef BASE_XML_TEXT_H
#define BASE_XML_TEXT_H

#include "base/buffer.h"

/* Appends a text as the content of an element or of an attribute in double quotes. What XML has no character for (controls, U+FFFE, U+FFFF) is left out. */
void xml_text(struct buffer *out, const char *text, size_t length);

#endif
