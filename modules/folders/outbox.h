/* From a form's OutBox to the portal, with a receipt for each file. */
#ifndef FOLDERS_OUTBOX_H
#define FOLDERS_OUTBOX_H

#include "box.h"
#include "portal.h"

/* Sends what has lain still for the settings' quiet_seconds, and brings it to its end: a receipt in the InBox, then the file in the SentBox or, when
   nothing of it was taken, the FailBox. *more: there may be more to send. ERROR_UNAVAILABLE: later; whatever was begun is gone on with then,
   and makes nothing twice within 24 hours (Idempotency-Key). */
int outbox_step(struct portal *portal, const struct settings *settings, struct form_folder *folder, struct box_list *list, bool *more, struct error *error);

#endif
