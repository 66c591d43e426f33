/* What a picture file is, judged by its structure alone. Nothing is unpacked, so any program may look at foreign bytes. */
#ifndef PRINT_PICTURE_H
#define PRINT_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PICTURE_SIDE 10000u         /* dots; wider or higher pictures are refused */
#define PICTURE_PNG_DOTS 16000000u  /* a PNG is unpacked to be drawn: four bytes a dot */
#define PICTURE_JPEG_DOTS 64000000u /* a JPEG goes into the PDF as it is */

enum picture_kind { PICTURE_PNG, PICTURE_JPEG };

struct picture {
    enum picture_kind kind;
    uint32_t width, height; /* dots */
};

/* NULL, or what is wrong with the file: neither PNG nor JPEG, cut off, a broken part, of a kind that cannot be drawn, too many dots. */
const char *picture_read(const void *bytes, size_t length, struct picture *picture);

#endif
