/* Asks the person, in a window of a pinentry (setting `prompt`) that no page can draw over or read: Assuan (GnuPG's protocol) over pipes.
   One question at a time: BUSY while another one is open. REFUSED, NO_PROMPT when it cannot be started or does not keep to the protocol. */
#ifndef EKEY_PROMPT_H
#define EKEY_PROMPT_H

#include "pin.h"

#define PROMPT_SECONDS 120 /* then the question counts as refused */

enum refusal prompt_pairing(const char *origin);

/* What somebody wants to do with a key. */
struct purpose {
    const char *origin;
    const char *key;  /* its label; untrusted */
    const char *zh, *en; /* what is about to be done */
    const char *detail;  /* with what; NULL = nothing more */
    int tries;        /* left, -1 = unknown: said when fewer than three */
};

enum refusal prompt_confirm(const struct purpose *purpose);
/* The PIN: free with pin_free. PIN_FORMAT. */
enum refusal prompt_pin(const struct purpose *purpose, struct pin **pin);
/* The old one, and the new one twice; each only when the pointer it goes to is NULL yet. PIN_FORMAT also when the two differ. */
enum refusal prompt_pin_change(const struct purpose *purpose, struct pin **old, struct pin **new);

/* Closes an open window; later questions are refused. */
void prompt_stop(void);

#endif
