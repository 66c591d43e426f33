/* The built-in checks of single texts (uscc, organisation_code, enterprise_code, hs_code, phone, mobile, email, vin), for
   definitions and for programs that take such texts without one. */
#ifndef FORM_CHECK_H
#define FORM_CHECK_H

#include "form/form.h"

/* Whether `name` is one of the built-in checks. */
bool check_known(const char *name);

/* NULL when the text passes; otherwise the problem's words. *warning is set where it only warns. */
const struct form_words *check_text(const char *name, struct slice text, bool *warning);

#endif
