#include "pin.h"

#include <openssl/crypto.h>
#include <string.h>

#define LOCKED_BYTES 65536 /* less than the least `ulimit -l` in use */
#define LOCKED_LEAST 64

int pin_memory_open(struct error *error)
{
    /* 2: taken, but the system did not lock it */
    if (CRYPTO_secure_malloc_init(LOCKED_BYTES, LOCKED_LEAST) != 1)
        return error_internal(error, "no memory can be locked for PINs; raise `ulimit -l` to at least 128 (KiB)");
    return 0;
}

void *locked_take(size_t size)
{
    return OPENSSL_secure_zalloc(size);
}

void locked_free(void *memory, size_t size)
{
    OPENSSL_secure_clear_free(memory, size);
}

enum refusal pin_take(const char *text, size_t length, struct pin **pin)
{
    *pin = NULL;
    if (length < PIN_LEAST || length > PIN_MOST)
        return PIN_FORMAT;
    for (size_t i = 0; i < length; i++)
        if (text[i] < '0' || text[i] > '9')
            return PIN_FORMAT;
    *pin = locked_take(sizeof **pin);
    if (!*pin)
        return BUSY;
    memcpy((*pin)->text, text, length);
    (*pin)->length = length;
    return DONE;
}

struct pin *pin_copy(const struct pin *pin)
{
    struct pin *copy = locked_take(sizeof *copy);
    if (copy)
        *copy = *pin;
    return copy;
}

void pin_free(struct pin *pin)
{
    if (pin)
        locked_free(pin, sizeof *pin);
}

bool pin_same(const struct pin *a, const struct pin *b)
{
    return a->length == b->length && !CRYPTO_memcmp(a->text, b->text, a->length);
}

bool pin_is_default(const struct pin *pin)
{
    bool same = true, up = true, down = true;
    for (size_t i = 1; i < pin->length; i++) {
        int step = pin->text[i] - pin->text[i - 1];
        same = same && step == 0;
        up = up && (step == 1 || step == -9);
        down = down && (step == -1 || step == 9);
    }
    return same || up || down;
}
