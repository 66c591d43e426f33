/* Readers and the keys in them, by PC/SC. A thread of its own watches; what it sees has a number that grows with every change, and
   who asks gets it from memory: cards are touched only when they come and when they are used. */
#ifndef EKEY_READER_H
#define EKEY_READER_H

#include "base/json_write.h"
#include "card.h"

#include <stdint.h>

#define READER_NAME 128

/* Starts to watch. `removed` is called, without a lock, when a key is gone. PC/SC may come and go meanwhile. */
int readers_start(void (*removed)(const char *key), struct error *error);
void readers_stop(void);

/* Writes "change" and "readers" into the object at hand. */
void readers_write(struct json_writer *json);

/* Waits until the number of changes is another one than `seen`, readers_wake is called, or so many milliseconds have passed. */
void readers_wait(int64_t seen, int64_t milliseconds);
void readers_wake(void); /* for good: nobody waits any more */

/* Where a key is. */
struct place {
    char reader[READER_NAME];
    unsigned insertion; /* PC/SC counts what comes and goes in a reader */
};

/* A copy of what is known of a key, and where it is (may be NULL); NO_KEY. */
enum refusal key_find(const char *id, struct key *key, struct place *place);

/* What its card counts now; everybody who asks for the state sees it. */
void key_note_tries(const char *id, int tries);

#endif
