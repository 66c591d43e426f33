/* The seals of issuing agencies: a picture each, which layouts place on what the agency issues. */
#ifndef SERVICE_SEALS_H
#define SERVICE_SEALS_H

#include "base/arena.h"
#include "form/form.h"
#include "store/store.h"

/* The agency's seal (a PNG file) in the arena; a NULL text when it has none. */
int seal_read(struct store_connection *db, const char *agency, struct arena *arena, struct slice *seal, struct error *error);

#endif
