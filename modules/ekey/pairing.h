/* Which origins have been let in: a secret for each, of which only the SHA-256 is kept (file `pairings` of the state folder, 0600). */
#ifndef EKEY_PAIRING_H
#define EKEY_PAIRING_H

#include "base/error.h"
#include "refusal.h"

#include <stdbool.h>

#define SECRET_SIZE 65 /* 64 hexadecimal digits and NUL */

/* Reads what was paired earlier; a line that cannot be read is an error. */
int pairings_open(struct error *error);

/* Asks the person and makes a secret for the origin; the oldest of nine goes. REFUSED, TOO_MANY, BUSY, NO_PROMPT. */
enum refusal pairing_ask(const char *origin, char secret[SECRET_SIZE]);

/* Whether the secret is one of this origin's. */
bool pairing_known(const char *origin, const char *secret);

#endif
