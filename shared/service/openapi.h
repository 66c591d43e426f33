/* What an enterprise's own systems may call, as OpenAPI 3.1: each program tells its part, the account program joins them. Paths, parameters in
   them, rights and sizes come from the table of routes that the router itself uses, words and shapes from schema/api/routes.json. A route that
   is not described, or a description without a route, is an error: they cannot disagree. */
#ifndef SERVICE_OPENAPI_H
#define SERVICE_OPENAPI_H

#include "web/web.h"

/* Writes the member "paths" into the object that call->json is in: of `routes` (the last has no method; paths begin /api/<program>/) those that
   are called with a key (web_route_by_key), as the named list of "operations" in <schema>/api/routes.json describes them. Returns
   call->error.code: ERROR_INTERNAL names a route or description that has no counterpart. */
int openapi_paths(struct web_call *call, const char *schema, const char *program, const char *list, const struct web_route *routes);

#endif
