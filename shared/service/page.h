/* Lists that are none of documents (deliveries, messages, people, ...): one page of rows, and how many there are. They cost the same however
   long they have become: what is counted is counted to SERVICE_COUNT_LIMIT. */
#ifndef SERVICE_PAGE_H
#define SERVICE_PAGE_H

#include "store/store.h"
#include "web/web.h"

#define SERVICE_COUNT_LIMIT 10000
#define SERVICE_CONDITIONS 8

/* What a list is narrowed to. Conditions that a request does not make are left out of the SQL, so that each list finds its index. */
struct service_conditions {
    char sql[1000];
    struct store_value values[SERVICE_CONDITIONS];
    size_t count;
};
/* Adds a condition; each $ in it stands for the value. The condition is the program's own text, never the request's. */
void service_condition(struct service_conditions *conditions, const char *sql, struct store_value value);
/* The same with the query parameter `name` of the request, if it is there and not empty. */
void service_condition_query(struct web_call *call, struct service_conditions *conditions, const char *sql, const char *name);

struct service_list {
    const char *columns, *from, *order; /* SELECT columns FROM from WHERE conditions ORDER BY order */
    const struct service_conditions *conditions; /* NULL: none */
    void (*write)(struct web_call *call, struct store_rows *rows); /* the members of one row */
};
/* Answers the page that the request asks for (page from 1, size 1 to 100, else 20): {"total":"57"|"10000+","items":[{...}]}.
   ERROR_INVALID with the parameter's name, ERROR_UNAVAILABLE. */
int service_list(struct web_call *call, const struct service_list *list);

#endif
