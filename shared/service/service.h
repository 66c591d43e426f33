/* The routes that every document module has, over web and document, and the start of such a program. */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include "document/document.h"
#include "trust/signed_info.h"
#include "web/web.h"

#define SERVICE_EXCHANGES 32

struct exchange;
struct partners;

struct service {
    struct doc_module documents;
    struct exchange *exchanges[SERVICE_EXCHANGES]; /* mappings of its forms (service/exchange.h) */
    size_t exchange_count;
    struct partners *partners;  /* other systems (setting `partners`); NULL: none */
    struct web_server *server;
    struct store *store;
    const char *module;
    const struct web_route *routes; /* all of the program; the last has no method */
    struct authorities *authorities; /* of electronic keys; with sm2 and sm2_id: service/signatures.h */
    struct signature_profile sm2;
    const char *sm2_id;
};

/* Starts a module: settings, store, migrations, definitions, code tables, job worker; serves until told to stop. `extra` are the module's own routes (ending with a NULL method) or NULL. Returns the exit code of the program;
   what is wrong was logged. */
int service_main(int argc, char **argv, const char *module, const struct doc_hook_row *hooks, const struct web_route *extra);

/* The service of a call. */
struct service *service_of(struct web_call *call);

#endif
