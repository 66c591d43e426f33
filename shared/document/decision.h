/* What an authority decides whose own system reviews (exchange/partners.h). */
#ifndef DOCUMENT_DECISION_H
#define DOCUMENT_DECISION_H

#include "document/ledger.h"

struct doc_decision { /* texts belong to the caller, "" where nothing was said */
    const char *partner;    /* its name */
    const char *message_id; /* unique of all partners' decisions and reports: "<partner>/<its id>" */
    const char *application_no, *action, *opinion;
    const char *licence_no; /* the authority's own, as it is kept; "" = ours */
    const char *officer, *decided;
};

/* Does an action of the agency on the document of that number, once for each message id. `partner` is a principal of kind PARTNER without an
   agency; it is given the document's. ERROR_INVALID with its field: "message_id_reused", "unknown_application", "not_yours", "unknown_action",
   "licence_no_not_assigned", "licence_no_used"; ERROR_CONFLICT "wrong_state" and what else keeps the action from being done. */
int doc_decide(struct store_connection *db, struct doc_module *module, struct principal *partner, const struct doc_decision *decision,
               int64_t now, enum doc_message_result *result, struct error *error);

#endif
