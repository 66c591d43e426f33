/* Memory that lives as long as one request, one definition or one job, and is freed at once. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *first, *current;
    size_t limit; /* bytes, 0 = none; beyond it arena_alloc returns NULL */
    size_t taken; /* bytes of all blocks */
    size_t first_block; /* may be set after arena_init; 0 = 8 KiB */
};

/* No memory is taken until the first allocation. */
void arena_init(struct arena *arena, size_t limit);

/* Zeroed memory, aligned to 16 bytes; NULL when the limit or memory is exhausted. Owned by the arena. */
void *arena_alloc(struct arena *arena, size_t size);

/* The same, not zeroed: for what is written before it is read. */
void *arena_reserve(struct arena *arena, size_t size);

/* Copies; the result ends in NUL. NULL as arena_alloc, and when `text` is NULL. */
char *arena_copy(struct arena *arena, const char *text, size_t length);
char *arena_text(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Forgets everything but keeps the first block for the next use. */
void arena_reset(struct arena *arena);

/* Gives all memory back. The arena may be used again, unless its struct lies in its own memory: then it goes with it. */
void arena_free(struct arena *arena);

#endif
