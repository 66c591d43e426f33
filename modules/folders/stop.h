/* Being told to stop, by SIGTERM or SIGINT. */
#ifndef FOLDERS_STOP_H
#define FOLDERS_STOP_H

#include <stdbool.h>

/* Blocks the signals: from now on they are only asked for. */
void stop_block(void);
bool stop_asked(void);
/* Waits, but no longer than until it is told to stop; says whether it is. */
bool stop_wait(long milliseconds);

#endif
