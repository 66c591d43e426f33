/* From the portal to the InBoxes: a receipt for each change of state of a document, through a queue of the exchange program. */
#ifndef FOLDERS_INBOX_H
#define FOLDERS_INBOX_H

#include "box.h"
#include "portal.h"

/* Sees to it that the queue gets the changes of the settings' forms, of all documents of the enterprise. Subscriptions of this queue that say something else
   are replaced, without losing what waits. To be called until it returns 0. */
int inbox_subscribe(struct portal *portal, const struct settings *settings, struct error *error);

/* Writes receipts for what waits, then acknowledges: what was written before a crash is written over. *more: there may be more. */
int inbox_step(struct portal *portal, const struct settings *settings, bool *more, struct error *error);

#endif
