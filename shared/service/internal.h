/* What the files of this folder share and nobody else needs. */
#ifndef SERVICE_INTERNAL_H
#define SERVICE_INTERNAL_H

#include "service/input.h"
#include "service/service.h"

#define ROUTES_MAXIMUM 128

/* Tables of routes; paths are completed with /api/<module>. Each ends with a NULL method. */
extern const struct web_route document_routes[], list_routes[], code_routes[], desk_routes[], partner_routes[], print_routes[],
    history_routes[], statistics_routes[], exchange_routes[], import_routes[], row_routes[], fetch_routes[],
    layout_routes[], seal_routes[], signature_routes[], status_routes[], root_routes[], openapi_routes[], bulk_routes[], outbox_routes[], inbox_routes[];

/* Problems of a failed evaluation, into the problem answer. Returns call->error.code. */
int answer_problems(struct web_call *call, const struct form_problems *problems);
struct form_problems *new_problems(struct web_call *call);

/* The answer about one document: row, body, attachments, actions. */
int answer_document(struct web_call *call, struct store_connection *db, int64_t id);

/* ERROR_CONFLICT for a form whose documents only the portal makes. */
int refuse_own(struct web_call *call, const char *name);

/* The parameters "from" and "to": dates or NULL; ERROR_INVALID with the field. */
int service_dates(struct web_call *call, const char **from, const char **to);

/* Makes the print that an action issues, with the agency's seal: for the job worker, on its thread and outside of any write. */
int make_print(struct doc_module *module, struct store_connection *reader, int64_t document, const char *print, struct arena *arena,
               struct buffer *out, struct error *error);

#endif
