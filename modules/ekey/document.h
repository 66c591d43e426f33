/* What a page wants to have signed: it is signed only when it is exactly an application of the portal that the person confirmed. */
#ifndef EKEY_DOCUMENT_H
#define EKEY_DOCUMENT_H

#include "batch.h"
#include "trust/signed_info.h"

/* Whether the document is canonical XML with the root of a signed application, and `signed_info` the SignedInfo of trust/signed_info.h
   for it. Gives its application number. BAD_DOCUMENT. */
enum refusal document_check(enum key_algorithm algorithm, const char *document, size_t length, const char *signed_info, size_t signed_info_length,
                            char number[NUMBER_SIZE]);

/* Whether it can be an application number: 1 to 32 capitals, digits and hyphens. */
bool number_good(const char *number, size_t length);

#endif
