/* Signatures of electronic keys in requests, and what a module needs to check them. */
#ifndef SERVICE_SIGNATURES_H
#define SERVICE_SIGNATURES_H

#include "document/document.h"
#include "service/service.h"

/* Settings authorities, ekey, sm2_id, sm2_signature_uri, sm3_digest_uri. */
int service_signatures_open(struct service *service, const struct config *config, struct error *error);
void service_signatures_close(struct service *service);

/* Checks what came back signed for an action that was prepared, and puts it into act->signature: the token is the caller's and of this document
   and version, the key is still bound and good, the XML is signed with it and says byte for byte what is submitted now.
   ERROR_CONFLICT signature_not_prepared, document_changed, key_..., signature_wrong. `xml` must outlive the writing. */
int service_check_signature(struct web_call *call, const char *token, const char *xml, struct doc_act *act);

/* Whether the caller has bound a key; always true where none is demanded (then nobody is asked). */
int service_has_key(struct web_call *call, bool *has);

#endif
