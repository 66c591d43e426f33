#include "base/clock.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const char *clock_file;       /* set before threads start */
static _Atomic int64_t clock_last;   /* what the file said last: it may be read while a test replaces it */
static int64_t clock_offset;         /* from "+<milliseconds>" or "-<milliseconds>": a clock that runs, read once */

static int file_read(const char *path, int64_t *milliseconds, bool *runs)
{
    char text[32];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0)
        return -1;
    text[length] = 0;
    char *end;
    long long value = strtoll(text, &end, 10);
    if (end == text || (*end && *end != '\n'))
        return -1;
    *milliseconds = value;
    *runs = *text == '+' || *text == '-';
    return 0;
}

static int64_t clock_read(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_lease(void)
{
    return clock_read(CLOCK_REALTIME);
}

int64_t clock_now(void)
{
    if (!clock_file)
        return clock_read(CLOCK_REALTIME) + clock_offset;
    int64_t value;
    bool runs;
    if (file_read(clock_file, &value, &runs))
        return atomic_load(&clock_last);
    atomic_store(&clock_last, value);
    return value;
}

int64_t clock_monotonic(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

int clock_use_file(const char *path)
{
    int64_t value = 0;
    bool runs = false;
    if (path && file_read(path, &value, &runs))
        return -1;
    clock_offset = runs ? value : 0;
    if (path && !runs)
        atomic_store(&clock_last, value);
    clock_file = runs ? NULL : path;
    return 0;
}
