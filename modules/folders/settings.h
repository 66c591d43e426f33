/* The settings of the folder client: the enterprise's own file, `name = value` (README.md lists them). */
#ifndef FOLDERS_SETTINGS_H
#define FOLDERS_SETTINGS_H

#include "base/config.h"

#include <stdbool.h>

#define FORMS 32
#define QUEUE_SIZE 33

struct form_folder {
    char module[16], form[64];
    char path[1200];    /* of the folder that holds the four boxes */
    char root[64];      /* of messages that the portal reads by a mapping; "" = it knows none */
    bool known;         /* the portal has told the root */
};

struct settings {
    char portal[256];       /* origin: https://host[:port] */
    char key[80];           /* API key */
    char authorities[1024]; /* file (PEM): whose certificate the portal has; "" = the system's */
    struct form_folder forms[FORMS];
    int form_count;
    bool submit;            /* what is complete is submitted, too */
    char queue[QUEUE_SIZE]; /* where changes of state wait */
    long quiet_seconds, look_seconds;
};

/* Reads and checks them, and that every box is there. ERROR_INTERNAL says what to mend. */
int settings_read(const char *file, struct settings *settings, struct error *error);

#endif
