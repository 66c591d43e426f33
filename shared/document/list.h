/* Lists of documents: an owner's list, an agency's queue, the definition's queries, statistics. Column names in requests are checked
   against a fixed table; values are parameters. */
#ifndef DOCUMENT_LIST_H
#define DOCUMENT_LIST_H

#include "document/document.h"

#define DOC_PAGE_MAXIMUM 100
#define DOC_COUNT_LIMIT 1000 /* filtered totals are exact up to here, then "1000+" */

struct doc_list {
    struct doc_module *module;
    const struct principal *principal;
    const char *form;          /* NULL = all of the module's */
    const char *query;         /* a query of the definition, or NULL for the list itself */
    bool queue;                /* an agency's queue: oldest first, by the states the officer may act on */
    const char *claimed;       /* of a queue: "me", "free" or NULL */
    int64_t page, size, now;
    /* Value of a request parameter or NULL: "year", "state", "applied_from" ... */
    const char *(*parameter)(void *context, const char *name);
    void *parameter_context;
};

/* Writes {"total":"736"|"1000+","items":[...]}. */
int doc_list_write(struct store_connection *db, const struct doc_list *list, struct json_writer *json, struct error *error);

/* {"states":[{"form","state","label","count","oldest_days"}]} of what the officer may act on. */
int doc_queue_summary(struct store_connection *db, struct doc_module *module, const struct principal *principal, int64_t now,
                      struct json_writer *json, struct error *error);

/* Write-offs of the principal's enterprise; `from`/`to` are dates or NULL. Unknown ones (administrators) with `unknown`. */
int doc_write_offs_write(struct store_connection *db, const struct principal *principal, const char *from, const char *to, bool unknown,
                         int64_t page, int64_t size, struct json_writer *json, struct error *error);

struct doc_statistics {
    const struct form *form;
    const struct principal *principal;
    const char *dimension, *from, *to; /* dates or NULL */
};
/* Calls `row` for each key and unit, then returns. Enterprises see their own documents, officers their agency, administrators all. */
int doc_statistics_each(struct store_connection *db, const struct doc_statistics *statistics,
                        void (*row)(void *context, const char *key, const char *unit, int64_t count, decimal quantity, decimal amount_usd),
                        void *context, struct error *error);

#endif
