/* Licensed quantities: double entry per licence between the accounts issuer, available, used and released. A balance is a sum over
   entries, never an overwritten number. */
#ifndef DOCUMENT_LEDGER_H
#define DOCUMENT_LEDGER_H

#include "document/document.h"

struct ledger_state {
    decimal granted, used, released, available;
    int uses;           /* distinct declarations that took something */
    char unit[16];
    int64_t sequence;   /* of the last entry */
};

int doc_ledger_read(struct store_connection *db, int64_t document, struct ledger_state *state, struct error *error);
/* The account statement: {"unit","granted","used","released","balance","uses","uses_left","entries":[...]}. */
int doc_ledger_write(struct store_connection *db, const struct doc_module *module, const struct doc_row *row, struct json_writer *json,
                     struct error *error);

/* ---- what customs reports */

struct doc_write_off { /* one declaration's use of a licence; texts belong to the caller */
    const char *message_id, *licence_no, *declaration_no, *contract_no, *enterprise_name, *trade_mode, *country, *customs_port, *released,
        *unit;
    decimal quantity;
};

enum doc_message_result { MESSAGE_BOOKED, MESSAGE_REPEATED, MESSAGE_UNKNOWN };

/* Books a write-off. The same message again changes nothing (another content under the same id is ERROR_INVALID); an unknown licence
   is kept to be looked at; more than what is left (plus the definition's tolerance at the last use), too many uses, another
   unit or a licence that is not in force is ERROR_INVALID with the reason. */
int doc_write_off(struct store_connection *db, struct doc_module *module, const struct principal *partner,
                  const struct doc_write_off *message, int64_t now, enum doc_message_result *result, struct error *error);

/* Takes a customs status ("STORED", ...) for a licence, by the definition's customs machine. */
int doc_customs_status(struct store_connection *db, struct doc_module *module, const struct principal *partner, const char *message_id,
                       const char *licence_no, const char *status, const char *note, int64_t now, enum doc_message_result *result,
                       struct error *error);

#endif
