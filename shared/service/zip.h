/* Several files as one ZIP download. */
#ifndef SERVICE_ZIP_H
#define SERVICE_ZIP_H

#include "base/buffer.h"
#include "base/error.h"

struct zip;

/* Everything goes into `out`, which must stay. NULL when memory is short. */
struct zip *zip_open(struct buffer *out);
int zip_add(struct zip *zip, const char *name, const void *bytes, size_t length, struct error *error);
/* Finishes and frees. Always call. */
int zip_close(struct zip *zip, struct error *error);

#endif
