/* A PIN: always in memory that is locked (never swapped, not in core dumps) and zeroed when it is given back. */
#ifndef EKEY_PIN_H
#define EKEY_PIN_H

#include "base/error.h"
#include "refusal.h"

#include <stdbool.h>
#include <stddef.h>

#define PIN_LEAST 6
#define PIN_MOST 8

struct pin {
    char text[PIN_MOST + 1];
    size_t length;
};

/* Takes the locked memory, once, before threads. ERROR_INTERNAL when the system gives none (ulimit -l). */
int pin_memory_open(struct error *error);

/* Locked, zeroed memory for anything that a PIN passes through; NULL when it is used up. Zeroed when freed. */
void *locked_take(size_t size);
void locked_free(void *memory, size_t size);

/* Copies what somebody entered; *pin is NULL unless DONE. PIN_FORMAT for anything but 6 to 8 digits. Free with pin_free. */
enum refusal pin_take(const char *text, size_t length, struct pin **pin);
struct pin *pin_copy(const struct pin *pin);
void pin_free(struct pin *pin); /* NULL is fine */

bool pin_same(const struct pin *a, const struct pin *b);

/* Whether everybody would guess it: one digit repeated, or digits that count up or down (000000, 123456, 87654321). */
bool pin_is_default(const struct pin *pin);

#endif
