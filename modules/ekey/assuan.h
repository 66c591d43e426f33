/* A conversation with a pinentry: Assuan (GnuPG's protocol of lines) over pipes with a program of its own. */
#ifndef EKEY_ASSUAN_H
#define EKEY_ASSUAN_H

#include "base/buffer.h"
#include "pin.h"

#include <stdbool.h>
#include <sys/types.h>

#define ASSUAN_LINE 1000 /* the longest line of the protocol, without its end */

struct assuan {
    pid_t process;
    int in, out;       /* what it says, what it is told */
    char *line;        /* locked memory: an answer may be a PIN */
    size_t length;     /* bytes read into it */
    long long until;   /* clock_monotonic */
    unsigned error;    /* of the last ERR: GnuPG's code, without its source */
};

/* Starts the program and waits for its greeting. False: there is nothing to close. */
bool assuan_open(struct assuan *assuan, const char *program, int seconds);
void assuan_close(struct assuan *assuan);

/* Sends a line: the command and its argument, escaped (NULL = none). Too long arguments are cut. DONE for OK, REFUSED for ERR, NO_PROMPT
   when it is gone or too late. A data line's text, unescaped, goes to `data` if that is given. */
enum refusal assuan_ask(struct assuan *assuan, const char *command, const char *argument, struct pin **data);

#endif
