/* Private to shared/web: one Redis connection that finds its server again. */
#ifndef WEB_REDIS_H
#define WEB_REDIS_H

#include "base/error.h"
#include "web/session.h"

#include <hiredis/hiredis.h>

/* Sends a command (hiredis format). `reading`: may be asked twice. The reply is owned by the caller; NULL and an error
   otherwise. A reply is never of type error. */
redisReply *redis_ask(struct session_store *store, bool reading, struct error *error, const char *format, ...);

#endif
