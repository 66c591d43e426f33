#include "print/picture.h"

#include <string.h>

/* ---- PNG: a signature, then chunks of length, type, data and check sum; IHDR first, IEND last */

#define PNG_SIGNATURE "\x89PNG\r\n\x1a\n"
#define CHUNK 12 /* bytes around a chunk's data */

static uint32_t big32(const uint8_t *at) { return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]; }
static uint32_t big16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }

static const char *png_read(const uint8_t *bytes, size_t length, struct picture *picture)
{
    size_t at = sizeof PNG_SIGNATURE - 1;
    bool data = false;

    if (length < at + CHUNK + 13 || big32(bytes + at) != 13 || memcmp(bytes + at + 4, "IHDR", 4)) return "a PNG without its head";
    picture->width = big32(bytes + at + 8);
    picture->height = big32(bytes + at + 12);
    while (length - at >= CHUNK) {
        uint32_t size = big32(bytes + at);
        if (size > length - at - CHUNK) return "a PNG that is cut off";
        if (!memcmp(bytes + at + 4, "IDAT", 4)) data = true;
        if (!memcmp(bytes + at + 4, "IEND", 4)) return data ? NULL : "a PNG without a picture";
        at += CHUNK + size;
    }
    return "a PNG that is cut off";
}

/* ---- JPEG: segments of marker and length up to the picture's data, which ends with a marker of its own */

enum { JPEG_MARK = 0xff, JPEG_END = 0xd9, JPEG_FRAME_FIRST = 0xc0, JPEG_FRAME_LAST = 0xcf, JPEG_HUFFMAN = 0xc4, JPEG_EXTENSION = 0xc8,
       JPEG_ARITHMETIC = 0xcc, JPEG_SCAN = 0xda, JPEG_BASELINE = 0xc0, JPEG_PROGRESSIVE = 0xc2 };

static bool is_frame(unsigned marker)
{
    return marker >= JPEG_FRAME_FIRST && marker <= JPEG_FRAME_LAST && marker != JPEG_HUFFMAN && marker != JPEG_EXTENSION && marker != JPEG_ARITHMETIC;
}

static const char *frame_read(unsigned marker, const uint8_t *data, uint32_t size, struct picture *picture)
{
    if (marker > JPEG_PROGRESSIVE || size < 6 || data[0] != 8 || (data[5] != 1 && data[5] != 3) || size < 6 + 3u * data[5])
        return "a JPEG of a kind that cannot be drawn";
    if (picture->width) return "a JPEG with two heads";
    picture->height = big16(data + 1);
    picture->width = big16(data + 3);
    return picture->width && picture->height ? NULL : "a JPEG without a size";
}

static bool has_end(const uint8_t *bytes, size_t length)
{
    for (size_t i = length; i >= 2; i--) /* cameras may put something behind it */
        if (bytes[i - 2] == JPEG_MARK && bytes[i - 1] == JPEG_END) return true;
    return false;
}

static const char *jpeg_read(const uint8_t *bytes, size_t length, struct picture *picture)
{
    size_t at = 2;

    while (length - at >= 4) {
        unsigned marker = bytes[at + 1];
        uint32_t size = big16(bytes + at + 2);
        const char *wrong;
        if (bytes[at] != JPEG_MARK || marker < JPEG_FRAME_FIRST || size < 2) return "a JPEG with a broken part";
        if (size > length - at - 2) return "a JPEG that is cut off";
        if (is_frame(marker) && (wrong = frame_read(marker, bytes + at + 4, size - 2, picture))) return wrong;
        at += 2 + size;
        if (marker != JPEG_SCAN) continue;
        if (!picture->width) return "a JPEG without its head";
        return has_end(bytes + at, length - at) ? NULL : "a JPEG that is cut off";
    }
    return "a JPEG that is cut off";
}

const char *picture_read(const void *bytes, size_t length, struct picture *picture)
{
    const char *wrong = "neither PNG nor JPEG";
    uint32_t most = PICTURE_PNG_DOTS;

    memset(picture, 0, sizeof *picture);
    if (length >= sizeof PNG_SIGNATURE - 1 && !memcmp(bytes, PNG_SIGNATURE, sizeof PNG_SIGNATURE - 1)) {
        wrong = png_read(bytes, length, picture);
    } else if (length >= 4 && !memcmp(bytes, "\xff\xd8\xff", 3)) {
        picture->kind = PICTURE_JPEG;
        most = PICTURE_JPEG_DOTS;
        wrong = jpeg_read(bytes, length, picture);
    }
    if (wrong) return wrong;
    if (!picture->width || !picture->height) return "without a size";
    if (picture->width > PICTURE_SIDE || picture->height > PICTURE_SIDE || picture->width * picture->height > most) return "too many dots";
    return NULL;
}
