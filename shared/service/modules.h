/* Which document modules there are: the definitions name them. For programs that keep no documents. */
#ifndef SERVICE_MODULES_H
#define SERVICE_MODULES_H

#include "base/arena.h"
#include "base/error.h"
#include "exchange/envelope.h"

/* Fills `names` with the modules of the definitions in <root>/schema/forms, at most `most`, in the order of the files. */
int service_modules(const char *root, char (*names)[16], int most, int *count, struct error *error);

/* The forms themselves, each once, with their modules; texts in the arena. */
int service_forms(const char *root, struct arena *arena, struct envelope_form *forms, size_t most, size_t *count, struct error *error);

#endif
