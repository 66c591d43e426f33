/* Messages of partners, whichever way they come: a partner's own API key (service/partner.c) or the exchange program (service/inbox.c). */
#ifndef SERVICE_PARTNER_H
#define SERVICE_PARTNER_H

#include "document/ledger.h"
#include "service/internal.h"

struct partner_sender { /* in the call's arena */
    struct principal principal; /* kind PARTNER */
    const char *name;           /* put before its message ids; "": they are its own already */
};

/* Reads the message, hands its work to the writer; return what these return. */
typedef int partner_message(struct web_call *call, const struct service_input *input, const struct partner_sender *sender);
partner_message partner_status, partner_write_off, partner_reservation, partner_adjustment;

/* {"result":"booked"|"repeated"|"unknown"}; for works. */
int partner_answer(struct web_call *call, enum doc_message_result result);

/* ERROR_INVALID "required" for a member that is not there. */
int partner_missing(struct web_call *call, const char *field);

/* Members of a message; a missing text becomes "". `most` counts characters. */
struct partner_member { const char *name; const char **text; size_t most; bool required; };
int partner_members(struct web_call *call, const struct service_input *input, const struct partner_member *members, size_t count);

/* The id as it is kept, and a licence's number without the hyphens of its printed form. In the arena. */
const char *partner_message_id(struct web_call *call, const struct partner_sender *sender, const char *id);
const char *partner_licence_no(struct web_call *call, const char *text);

#endif
