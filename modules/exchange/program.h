/* What the files of the exchange program share. */
#ifndef EXCHANGE_PROGRAM_H
#define EXCHANGE_PROGRAM_H

#include "base/config.h"
#include "base/principal.h"
#include "store/store.h"
#include "trust/gateway.h"
#include "web/web.h"

#include <pthread.h>

struct program {
    struct store *store;
    struct web_server *server;
    const struct config *config;
    char modules[PRINCIPAL_GRANTS][16]; /* which document modules there are */
    int module_count;
    const struct web_route *routes; /* all of this program; the last has no method */
    struct gateway gateway;
    struct relay *relay;
    struct live *live;
    struct deliver *deliver;
    long delivery_keep_days;
    struct gate *gate; /* gateway.h; NULL: no partners */
};

struct program *program_of(struct web_call *call);

extern const struct web_route live_routes[], relay_routes[], subscription_routes[], delivery_routes[], collect_routes[], wechat_routes[],
    openapi_routes_of_exchange[];

/* ---- relay.c: takes changes of state from the modules */

/* Its thread; it ends when the server stops. */
int relay_start(struct program *program, struct error *error);
void relay_stop(struct program *program);

/* One change of state, as a module gives it; texts in an arena. */
struct event {
    int64_t id, document, owner, creator, sequence, at;
    const char *module, *agency, *form, *application_no, *form_no, *licence_no, *machine, *from, *to, *opinion;
    const char *title_zh, *title_en, *label_zh, *label_en;
};

/* ---- live.c: open pages */

/* Says it to every node's open pages of those whom it concerns. Nobody there is no error. */
int live_tell(struct session_store *redis, const struct event *event, struct error *error);
/* The thread that hears what any node tells and gives it to this node's nginx. */
int live_start(struct program *program, struct error *error);
void live_stop(struct program *program);

#endif
