/* Messages to people by e-mail (SMTP), SMS and WeChat (a provider's HTTPS address). Blocks: call on the slow lane or a thread of one's
   own.

   Settings: mail_gateway = smtp://user:password@host:port or smtps://..., mail_from = <address>;
             sms_gateway = https://... (gets POST {"to","text"}), sms_token = sent as Authorization: Bearer;
             wechat_gateway, wechat_token: the same for WeChat; wechat_link = where people bind theirs, a one-time code is put behind it;
             gateway_private = 1: a gateway may stand in a private network or on this machine, and SMS may go by http://.

   Without gateway_private a name that leads to a private, loopback, link-local or other special address is not connected to:
   the address that is checked is the one that is connected to, and mail goes over TLS or not at all. No proxies, no redirects. */
#ifndef TRUST_GATEWAY_H
#define TRUST_GATEWAY_H

#include "base/buffer.h"
#include "base/config.h"
#include "base/error.h"

#include <stdatomic.h>
#include <stdbool.h>

enum gateway_way { GATEWAY_MAIL, GATEWAY_SMS, GATEWAY_WECHAT };

struct gateway { /* texts belong to the config */
    const char *mail, *mail_from, *sms, *sms_token, *wechat, *wechat_token, *wechat_link;
    bool may_be_private;
};

/* Reads the settings; a bad one is an error. Absent ones are NULL. */
int gateway_read(const struct config *config, struct gateway *gateway, struct error *error);

/* Whether an address (struct sockaddr of IPv4 or IPv6) is one of the public internet. */
bool gateway_address_public(const void *address);

/* Whether messages of this kind can be sent; otherwise they belong into the local mailbox. */
bool gateway_has(const struct gateway *gateway, enum gateway_way way);

/* Sends plain text; `to` is an e-mail address or a mobile number that was checked, or what the gateway calls somebody; `subject` is for mail
   only. `id` (NULL: a new one) makes the Message-ID, or is sent as Idempotency-Key: who sends again after an answer was lost sends the same.
   At most 10 s. ERROR_UNAVAILABLE when the gateway does not take it. */
int gateway_send(const struct gateway *gateway, enum gateway_way way, const char *to, const char *subject, const char *text, const char *id,
                 struct error *error);

/* Posts JSON with further headers ("Name: value", ending with NULL) to an address that somebody else has named; at most 10 s and 4 KB of an
   answer, of which only the status is told. The same rules of where it may stand. ERROR_UNAVAILABLE when nobody answers. */
int gateway_post(const char *url, bool may_be_private, const char *const *headers, const char *json, long *status, struct error *error);

/* Asks a partner's address by POST with JSON; gives what it answers (up to the buffer's maximum) and its HTTP status. At most 10 s; the
   same rules of where it may stand. ERROR_UNAVAILABLE when nobody answers. */
int gateway_ask(const char *url, bool may_be_private, const char *token, const char *json, struct buffer *answer, long *status,
                struct error *error);

/* A connection to one counterpart, by TLS with a client certificate of ours, kept for its next request. Of one thread. */
struct gateway_link;
struct gateway_link_settings { /* must stay as long as the link */
    const char *url;                        /* https:// */
    const char *authorities;                /* file (PEM): whose certificates the counterpart's server may have, and no others */
    const char *certificate, *key;          /* files (PEM): ours */
    bool may_be_private;
    const atomic_bool *stopping;            /* NULL: none; true ends what is being sent */
};
int gateway_link_open(const struct gateway_link_settings *settings, struct gateway_link **link, struct error *error);
/* Posts; the beginning of what it answers (up to the buffer's maximum) and its HTTP status. At most 10 s, and 1 s more for each 16 KB;
   10 s of silence end it. ERROR_UNAVAILABLE when nobody answers, or somebody else does. */
int gateway_link_post(struct gateway_link *link, const char *type, const char *bytes, size_t length, struct buffer *answer, long *status, struct error *error);
void gateway_link_close(struct gateway_link *link); /* NULL: nothing */

#endif
