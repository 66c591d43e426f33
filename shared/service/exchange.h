/* What the handlers of the exchange share: the mappings of this program, and reading imported files. */
#ifndef SERVICE_EXCHANGE_H
#define SERVICE_EXCHANGE_H

#include "document/import.h"
#include "exchange/exchange.h"
#include "service/internal.h"

#define SERVICE_UPLOAD_MAXIMUM (20u << 20)

/* Loads <schema>/exchange/<name>.json, each for every version of its form that this program keeps. A bad file stops: detail names file, line and reason. */
int service_exchange_open(struct service *service, const char *schema, struct error *error);
void service_exchange_close(struct service *service);
/* The mapping of a version of a form; NULL = none. */
const struct exchange *service_exchange_of(const struct service *service, const struct form *form);
/* The mapping that a route's :form means now; ERROR_NOT_FOUND. */
const struct exchange *service_exchange_named(struct web_call *call);

/* A doc_read_file: a message becomes a prepared document, or a file for one, or problems by line and element. */
int service_read_import(struct doc_module *module, struct store_connection *reader, const struct principal *principal, const char *form, bool submit,
                        const char *bytes, size_t length, int64_t now, struct arena *arena, struct doc_incoming *incoming, struct error *error);

/* Finds references for one owner: what a struct exchange_context asks. */
struct service_finder { struct store_connection *reader; const struct principal *principal; };
bool service_find(void *context, const struct form_field *reference, const struct exchange_filter *filters, size_t count, char id[24]);

#endif
