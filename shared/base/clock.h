/* The one clock. Everything that decides a year, a number or a validity asks here. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970 UTC. With a clock file (tests), what the file says at this moment. */
int64_t clock_now(void);

/* Milliseconds that never go back, for durations only. */
int64_t clock_monotonic(void);

/* Milliseconds since 1970 UTC, never from a clock file: for leases, which processes agree on but which decide nothing in a document. */
int64_t clock_lease(void);

/* Tests only: take the time from this file (decimal milliseconds), or, when they have a sign, let the real clock run with that
   offset. NULL = the real clock. Returns 0, or -1 if unreadable. */
int clock_use_file(const char *path);

#endif
