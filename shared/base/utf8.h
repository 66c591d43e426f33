/* UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the whole text is valid. */
bool utf8_valid(const char *text, size_t length);

/* Characters (code points) in a valid text. */
size_t utf8_count(const char *text, size_t length);

/* Decodes one character at text[0..length); returns its bytes (1 to 4), 0 if invalid. */
size_t utf8_decode(const char *text, size_t length, uint32_t *character);

/* Encodes into out[4]; returns the bytes. The character must be a scalar value. */
size_t utf8_encode(uint32_t character, char out[4]);

/* The longest whole-character prefix of at most `most` bytes. */
size_t utf8_cut(const char *text, size_t length, size_t most);

#endif
