/* ZIP files from outside, read in memory: bounded in number, in size unpacked, and in what a name may be. */
#ifndef EXCHANGE_ARCHIVE_H
#define EXCHANGE_ARCHIVE_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct archive_limits {
    size_t files;  /* entries at most, folders not counted */
    size_t each;   /* bytes of one, unpacked: a longer one is cut to one byte more, which its reader will find too long */
    size_t all;    /* bytes of all, unpacked */
};

struct archive_file {
    const char *name; /* UTF-8 (also from GB18030), no control characters, at most 200 bytes; for people, never a path to open */
    char *bytes;
    size_t length;
};

bool archive_is(const char *bytes, size_t length);

/* Unpacks what `wanted` wants (NULL = everything) into the arena, `*files` with `*count`. ERROR_INVALID: no ZIP, broken, encrypted, too many, too large. */
int archive_read(const char *bytes, size_t length, const struct archive_limits *limits, bool (*wanted)(const char *name), struct arena *arena,
                 struct archive_file **files, size_t *count, struct error *error);

/* A text in UTF-8 as it is, one in GB18030 converted into the arena; NULL when it is neither. */
const char *archive_utf8(const char *text, size_t length, struct arena *arena, size_t *result);

#endif
