/* Moving quantities of one licence for one declaration: the rules of the ledger, without messages. The licence's row is locked. */
#ifndef DOCUMENT_BOOKING_H
#define DOCUMENT_BOOKING_H

#include "document/internal.h"
#include "document/ledger.h"

struct ledger_terms { /* what the body says about using the licence */
    int uses;          /* declarations at most */
    decimal tolerance; /* per cent of what was licensed, at the last use */
};

int ledger_terms_read(struct store_connection *db, const struct form *form, int64_t document, struct ledger_terms *terms, struct error *error);

struct ledger_holding { /* what a declaration holds, and how many others hold something */
    decimal reserved, used;
    bool known; /* it has used something at some time */
    int others;
};

/* Of entries up to an instant; `declaration_no` may be "" (then all are others). */
int ledger_holding_read(struct store_connection *db, int64_t document, const char *declaration_no, int64_t at, struct ledger_holding *holding,
                        struct error *error);

struct booking {
    struct store_connection *db;
    int64_t document, now;
    const char *declaration_no, *unit, *note;
    int64_t write_off; /* 0 = none */
    struct ledger_state state;
    struct ledger_holding holding;
    struct ledger_terms terms;
};

/* Reads the rest of a booking whose first members are set; ERROR_INVALID for another unit and for a revoked licence. */
int booking_open(struct booking *booking, const struct form *form, struct error *error);

/* Each returns 0 or ERROR_INVALID with the field that is wrong: "quantity" (below zero, more than what is left) or "declaration_no"
   (no use is left, nothing to correct). */
int booking_reserve(struct booking *booking, decimal quantity, struct error *error);
int booking_use(struct booking *booking, decimal quantity, struct error *error);
int booking_adjust(struct booking *booking, decimal quantity, struct error *error);

/* Writes one entry and keeps booking->state. */
int booking_move(struct booking *booking, const char *kind, const char *debit, const char *credit, decimal quantity, const char *note,
                 struct error *error);

int booking_refuse(struct error *error, const char *name, const char *field, const char *zh, const char *en);

#endif
