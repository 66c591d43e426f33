/* The four boxes of a form's folder: OutBox (what the enterprise's system wants sent), SentBox (what the portal has taken), FailBox (what it
   has not), InBox (receipts). They are made by whoever sets the client up, not here: a share that is not mounted must not look like an
   empty one. */
#ifndef FOLDERS_BOX_H
#define FOLDERS_BOX_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define BOX_NAME_MAXIMUM 200 /* bytes of a file's name */
#define BOX_FILES 20000      /* of one look */

enum box { OUTBOX, SENTBOX, FAILBOX, INBOX, BOXES };

struct box_file {
    char name[BOX_NAME_MAXIMUM + 1];
    int64_t size, changed; /* changed: nanoseconds, as the file system says */
    int64_t since;         /* seconds of the monotonic clock: since when it has looked like this, here */
};

struct box_list { /* by name; zeroed at first */
    struct box_file *files;
    size_t count;
};

/* ERROR_INTERNAL names a box that is missing. */
int box_check(const char *folder, struct error *error);

/* Looks into the OutBox: plain files with names of UTF-8 that do not begin with a dot. What `list` knew of a file that has not changed stays.
   ERROR_UNAVAILABLE when it cannot be read. */
int box_look(const char *folder, struct box_list *list, struct error *error);
void box_list_free(struct box_list *list);

/* Appends a file of the OutBox, which must not be a link. ERROR_TOO_LARGE beyond the buffer's maximum, ERROR_UNAVAILABLE. */
int box_read(const char *folder, const char *name, struct buffer *out, struct error *error);

/* Moves a file from the OutBox, under a name that is free there ("a.xml", "a-2.xml", ...). Gone already: no error. */
int box_move(const char *folder, const char *name, enum box to, struct error *error);

/* Removes what a client that was killed has left half-written in the InBox. */
void box_tidy(const char *folder);

/* Puts a file into the InBox: whole or not at all, durable; over one of the same name. */
int box_put(const char *folder, const char *name, const struct buffer *text, struct error *error);

#endif
