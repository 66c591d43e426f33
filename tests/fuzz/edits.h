/* Fuzzing of what is signed or counted: random bytes never come past the first check, so the input says how a good one is changed. */
#ifndef TESTS_FUZZ_EDITS_H
#define TESTS_FUZZ_EDITS_H

#include "base/buffer.h"

#include <stdint.h>

/* The text with changes: each is a place (2 bytes), how many bytes go (1), how many come (1), and these. */
static inline void edited(const char *text, size_t length, const uint8_t *edits, size_t count, struct buffer *out)
{
    size_t done = 0;

    while (count >= 4) {
        size_t place = (size_t)edits[0] << 8 | edits[1], gone = edits[2], come = edits[3] < count - 4 ? edits[3] : count - 4;
        place = done + place % (length - done + 1);
        buffer_bytes(out, text + done, place - done);
        buffer_bytes(out, edits + 4, come);
        done = place + gone < length ? place + gone : length;
        edits += 4 + come;
        count -= 4 + come;
    }
    buffer_bytes(out, text + done, length - done);
}

#endif
