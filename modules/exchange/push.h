/* Telling people: subscriptions and what is delivered for them. */
#ifndef EXCHANGE_PUSH_H
#define EXCHANGE_PUSH_H

#include "program.h"

/* ---- subscriptions.c */

/* Keeps a delivery for each subscription that an event concerns; an event that comes again makes none again. */
int push_keep(struct program *program, struct store_connection *reader, const struct event *events, size_t count, struct error *error);

/* Of which modules the caller has to do with subscriptions and deliveries, as ",a,b,": with an API key those that the key may view. "": of all;
   people keep what is theirs, whatever became of their rights, so that they can end it. PUSH_SEEN is the condition on it, as parameter $n. */
#define PUSH_MODULES_SIZE (PRINCIPAL_GRANTS * 17 + 2)
#define PUSH_SEEN(n) "($" #n " = '' OR $" #n " LIKE '%,' || module || ',%')"
void push_modules(const struct web_call *call, char modules[PUSH_MODULES_SIZE]);

/* ---- collect.c: queues of way collect, which their owners' systems fetch from */

/* next_at of what waits in a queue: beyond all times, so that who sends never comes across it. */
#define COLLECT_NEXT_AT INT64_MAX
/* Whether a queue may be called that: 1 to 32 of a-z, 0-9 and -. ERROR_INVALID with the field. */
int collect_name(const char *name, const char *field, struct error *error);

/* ---- log.c: deliveries afterwards */

/* Forgets what was finished, or has waited in a queue, longer than the setting delivery_keep_days; looks once an hour. */
int push_forget(struct program *program, struct error *error);

/* ---- message.c: what is said */

/* The subject, and the text for people or the JSON of webhooks and queues. */
void message_write(const struct event *event, const char *way, const char *language, const char *portal, struct buffer *subject, struct buffer *body);

/* ---- webhook.c: signed as Standard Webhooks say (https://www.standardwebhooks.com) */

#define SECRET_SIZE 48
/* A new secret: "whsec_" and 24 random bytes in base64. */
void webhook_secret(char secret[SECRET_SIZE]);
/* Whether the address may be called: https (http where gateways may be private), at most 500 bytes, no user in it. ERROR_INVALID "address". */
int webhook_address(const struct program *program, const char *address, struct error *error);
/* Posts; `id` is the same at every attempt. The status in *status. */
int webhook_post(const struct program *program, const char *address, const char *secret, const char *id, const char *body, int64_t now, long *status,
                 struct error *error);

/* ---- deliver.c: the threads that send */

int deliver_start(struct program *program, struct error *error);
/* There is something to send. */
void deliver_wake(struct program *program);
void deliver_stop(struct program *program);

#endif
