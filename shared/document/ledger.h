/* Licensed quantities: double entry per licence between the accounts issuer, available, reserved, used and released. A balance is a sum
   over entries, never an overwritten number; none goes below zero. Quantities are decimals in the licence's unit.

   What the tolerance adds at the last use comes from the issuer by an entry of its own ("adjust", note "tolerance") and goes back as
   soon as something is available again: while some of it is granted, nothing is available. */
#ifndef DOCUMENT_LEDGER_H
#define DOCUMENT_LEDGER_H

#include "document/document.h"

struct ledger_state {
    decimal granted;    /* what the issuer gave, with what the tolerance has added */
    decimal licensed;   /* without it */
    decimal available, reserved, used, released;
    char unit[16];
    int64_t sequence;   /* of the last entry; 0 = there is none */
};

int doc_ledger_read(struct store_connection *db, int64_t document, struct ledger_state *state, struct error *error);

#define LEDGER_NOW INT64_MAX
/* The account statement as of an instant (milliseconds; LEDGER_NOW): {"unit","granted","reserved","used","released","balance","uses",
   "uses_left","entries":[{"at","kind","quantity","balance","note","declaration_no"}]}. Uses are declarations that hold something. */
int doc_ledger_write(struct store_connection *db, const struct doc_module *module, const struct doc_row *row, int64_t at,
                     struct json_writer *json, struct error *error);

/* ---- what customs reports. Every message has an id: the same message again changes nothing, another content under it is
   ERROR_INVALID. The licence's row is locked from the first read on, so that two messages never take the same quantity. */

#define DOC_WRITE_OFF_GOODS 50

struct doc_write_off { /* one declaration's clearance; texts belong to the caller, "" where nothing was said */
    const char *message_id, *licence_no, *declaration_no, *contract_no, *enterprise_name, *trade_mode, *country, *customs_port, *released,
        *unit, *owner_name, *bill_no, *destination;
    decimal quantity;
    int64_t packages; /* -1 = not said */
    struct doc_write_off_goods {
        const char *code, *name, *spec, *unit, *currency;
        decimal quantity, price;
        bool has_quantity, has_price;
    } goods[DOC_WRITE_OFF_GOODS];
    size_t goods_count;
};

enum doc_message_result { MESSAGE_BOOKED, MESSAGE_REPEATED, MESSAGE_UNKNOWN };

/* Books a write-off: first what the declaration has reserved (the rest of that is available again), then what is available. An
   unknown licence is kept to be looked at; more than what is left (plus the definition's tolerance at the last use), too many uses,
   another unit or a licence that is not in force is ERROR_INVALID with the reason. */
int doc_write_off(struct store_connection *db, struct doc_module *module, const struct principal *partner,
                  const struct doc_write_off *message, int64_t now, enum doc_message_result *result, struct error *error);

struct doc_booking_message { /* of a declaration that was lodged or corrected */
    const char *message_id, *licence_no, *declaration_no, *unit, *note;
    decimal quantity;
};

/* Sets what a declaration has reserved to the quantity; 0 gives it back. Limits as for a write-off; a licence that is not ours is
   ERROR_INVALID "unknown_licence". */
int doc_reserve(struct store_connection *db, struct doc_module *module, const struct principal *partner,
                const struct doc_booking_message *message, int64_t now, enum doc_message_result *result, struct error *error);
/* Sets what a declaration uses to the quantity, 0 allowed; only of a declaration that was written off (ERROR_INVALID
   "unknown_declaration" otherwise). */
int doc_adjust(struct store_connection *db, struct doc_module *module, const struct principal *partner,
               const struct doc_booking_message *message, int64_t now, enum doc_message_result *result, struct error *error);

/* Takes a customs status ("STORED", ...) for a licence, by the definition's customs machine. One that the licence has and cannot get twice is repeated. */
int doc_customs_status(struct store_connection *db, struct doc_module *module, const struct principal *partner, const char *message_id,
                       const char *licence_no, const char *status, const char *note, int64_t now, enum doc_message_result *result,
                       struct error *error);

#endif
