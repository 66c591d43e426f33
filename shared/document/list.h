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
    bool whole;                /* every column, not only those that the list shows */
    int64_t page, size, now;
    /* Value of a request parameter or NULL: "year", "state", "applied_from" ... */
    const char *(*parameter)(void *context, const char *name);
    void *parameter_context;
};

/* Writes {"total":"736"|"1000+","items":[...]}. */
int doc_list_write(struct store_connection *db, const struct doc_list *list, struct json_writer *json, struct error *error);

/* {"states":[{"form","state","label","count","oldest_days"}],"reviewer"?:{zh,en}} of what the officer may act on; `reviewer`: whose own
   system reviews for the officer's agency, which then only looks on. */
int doc_queue_summary(struct store_connection *db, struct doc_module *module, const struct principal *principal, int64_t now,
                      struct json_writer *json, struct error *error);

/* What the owner last entered in a goods line of these goods, by the line block's `recall`: {"row":{...}} without row ids, or {}.
   ERROR_NOT_FOUND for a form whose lines recall nothing. */
int doc_recall_write(struct store_connection *db, const struct principal *principal, const struct form *form, const char *goods, struct arena *arena,
                     struct json_writer *json, struct error *error);

struct doc_write_offs {
    const struct principal *principal; /* its owner's write-offs */
    const char *from, *to;             /* dates of release, or NULL */
    const char *licence_no;            /* a part of it, or NULL */
    bool unknown;                      /* for administrators: those of no licence of ours, oldest first */
    int64_t page, size;
};
/* Writes {"total","items":[...]}, the last released first. */
int doc_write_offs_write(struct store_connection *db, const struct doc_write_offs *query, struct json_writer *json, struct error *error);
/* {"items":[...]} of what one write-off cleared; ERROR_NOT_FOUND unless it is the principal's. */
int doc_write_off_goods_write(struct store_connection *db, const struct principal *principal, int64_t id, struct json_writer *json, struct error *error);

struct doc_statistics {
    const struct form *form;
    const struct principal *principal;
    const char *dimension, *from, *to; /* dates or NULL */
};
/* Calls `row` for each key and unit, then returns. Enterprises see their own documents, officers their agency, administrators all. */
int doc_statistics_each(struct store_connection *db, const struct doc_statistics *statistics,
                        void (*row)(void *context, const char *key, const char *unit, int64_t count, decimal quantity, decimal amount_usd),
                        void *context, struct error *error);

struct doc_monthly {
    const struct form *form;
    const struct principal *principal;
    const char *month, *by;                   /* "2026-09"; a column of the definition's statistics.monthly.by */
    const char *agency, *trade_mode, *country; /* "" = all */
};
struct doc_month { decimal quantity, amount_usd; int64_t count; /* documents */ };
/* Calls `row` for each key and unit (at most 2,000, by key) with the month and the year up to its end, of documents issued then that
   are in the definition's states, by their goods lines where the form has such. Who sees which is as above. ERROR_INVALID with the
   field "by" or "month". */
int doc_monthly_each(struct store_connection *db, const struct doc_monthly *monthly,
                     void (*row)(void *context, const char *key, const char *unit, const struct doc_month *month, const struct doc_month *year),
                     void *context, struct error *error);
/* The definition's entry for a column (the first for NULL), or NULL. */
const struct json *doc_monthly_by(const struct form *form, const char *column);

#endif
