/* Threads that no signal interrupts: SIGTERM and SIGINT belong to the main thread, which waits for them. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <time.h>

/* pthread_create with these signals blocked in the new thread. Returns what pthread_create returns. */
int thread_start(pthread_t *thread, void *(*run)(void *argument), void *argument);

/* pthread_cond_init with the clock that nobody sets: a wait does not end late when somebody sets the other one back. */
void thread_condition(pthread_cond_t *condition);
/* The moment so many milliseconds from now, for pthread_cond_timedwait with such a condition. */
void thread_deadline(int milliseconds, struct timespec *until);

#endif
