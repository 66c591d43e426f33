/* Which document modules there are: the definitions name them. For programs that keep no documents. */
#ifndef SERVICE_MODULES_H
#define SERVICE_MODULES_H

#include "base/error.h"

/* Fills `names` with the modules of the definitions in <root>/schema/forms, at most `most`, in the order of the files. */
int service_modules(const char *root, char (*names)[16], int most, int *count, struct error *error);

#endif
