/* The control's HTTP server, on 127.0.0.1 alone. It answers nobody but pages of the portals in the settings: the Host must be ours (a name
   that somebody else's DNS leads here gets 421), the Origin one of theirs (403), and neither gets a byte more. */
#ifndef EKEY_HTTP_H
#define EKEY_HTTP_H

#include "base/error.h"

int http_start(struct error *error);
/* Waits for the answers that are on their way. */
void http_stop(void);

#endif
