/* Many documents at once come in: what was taken of a request's body waits as a job. */
#ifndef SERVICE_UPLOAD_H
#define SERVICE_UPLOAD_H

#include "document/import.h"
#include "service/internal.h"

struct service_upload {
    struct doc_import import;
    struct arena arena;  /* what a ZIP holds may be more than a call's own memory */
    const char *counted; /* what the answer calls how many there are: "files", "documents" */
};

/* Fills import->files and count from the call's body, memory from the upload's arena; a code with call->error when it cannot be read. */
typedef int service_take(struct web_call *call, struct service_upload *upload, const void *context);

/* Takes the body with `take` and stores it as a job of this form; `?draft=0` submits what is complete. 202 {"job", counted}. `memory`: bytes
   that what was unpacked may have. What this returns is the handler's answer. */
int service_upload(struct web_call *call, const char *form, bool bodies, const char *counted, size_t memory, service_take *take, const void *context);

#endif
