#include "base/random.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#define ID_EPOCH INT64_C(1577836800000) /* 2020-01-01 UTC */
#define ID_RANDOM_BITS 22

void random_bytes(void *bytes, size_t length)
{
    char *at = bytes;
    while (length) {
        ssize_t got = getrandom(at, length, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort();
        at += got;
        length -= (size_t)got;
    }
}

void random_hex(size_t bytes, char *text)
{
    static const char digit[] = "0123456789abcdef";
    unsigned char raw[64];
    if (bytes > sizeof raw)
        abort();
    random_bytes(raw, bytes);
    for (size_t i = 0; i < bytes; i++) {
        text[2 * i] = digit[raw[i] >> 4];
        text[2 * i + 1] = digit[raw[i] & 15];
    }
    text[2 * bytes] = 0;
}

int64_t random_id(int64_t now_milliseconds)
{
    static _Atomic int64_t last;
    int64_t since = now_milliseconds > ID_EPOCH ? now_milliseconds - ID_EPOCH : 0;
    int64_t before = atomic_load(&last);
    for (;;) {
        int64_t next;
        if (before >> ID_RANDOM_BITS >= since && before) {
            next = before + 1;
        } else {
            uint32_t start;
            random_bytes(&start, sizeof start);
            /* the top bit stays free: room to count up in */
            next = since << ID_RANDOM_BITS | (start & ((1u << (ID_RANDOM_BITS - 1)) - 1));
        }
        if (atomic_compare_exchange_weak(&last, &before, next))
            return next;
    }
}
