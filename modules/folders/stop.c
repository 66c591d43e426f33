#include "stop.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

static sigset_t stops;
static bool asked;

void stop_block(void)
{
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    sigprocmask(SIG_BLOCK, &stops, NULL);
}

bool stop_wait(long milliseconds)
{
    const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};

    if (!asked) asked = sigtimedwait(&stops, NULL, &time) > 0;
    return asked;
}

bool stop_asked(void) { return stop_wait(0); }
