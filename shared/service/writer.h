/* The seam between web and the store: calls that write are queued as tasks, in memory that each call brings along. */
#ifndef SERVICE_WRITER_H
#define SERVICE_WRITER_H

#include "store/store.h"
#include "web/web.h"

/* For web_run. The store must outlive the server. */
struct web_writer service_writer(struct store *store);

#endif
