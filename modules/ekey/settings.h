/* The settings of the control: the operator's own file, `name = value` (README.md lists them). */
#ifndef EKEY_SETTINGS_H
#define EKEY_SETTINGS_H

#include "base/config.h"

#include <stdbool.h>

#define ORIGINS 8
#define ORIGIN_SIZE 128

struct settings {
    int port;
    char origins[ORIGINS][ORIGIN_SIZE];
    int origin_count;
    const char *prompt; /* NULL: none */
    bool page_pin;      /* a page may hand a PIN over */
    int batch_seconds;
    char state[512]; /* folder of the pairings */
};

extern struct settings settings;

/* Reads and checks them. `file` NULL: the usual place. */
int settings_read(const char *file, struct error *error);

#endif
