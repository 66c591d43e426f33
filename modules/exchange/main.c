/* Exchange: what leaves the portal for people and for other systems. Keeps no documents; takes changes of state from the programs that do. */
#include "gateway.h"
#include "push.h"

#include "base/log.h"
#include "service/modules.h"
#include "service/writer.h"

#include <malloc.h>
#include <stdio.h>

#define ROUTES_MAXIMUM 64

struct program *program_of(struct web_call *call) { return call->application; }

static int open_all(struct program *program, struct error *error)
{
    char directory[1200];
    const struct store_settings settings = {.cache_kib = 1024, .writers = 2};
    const char *root = config_text(program->config, "root", ".");

    gate_xsd_open(program);
    snprintf(directory, sizeof directory, "%s/schema/sql/exchange", root);
    if (service_modules(root, program->modules, PRINCIPAL_GRANTS, &program->module_count, error) ||
        gateway_read(program->config, &program->gateway, error) ||
        config_integer(program->config, "delivery_keep_days", 1, 36500, 400, &program->delivery_keep_days, error) ||
        store_open(config_text(program->config, "database", ""), "exchange", &settings, &program->store, error))
        return (int)error->code;
    return store_migrate(program->store, directory, error) || gate_open(program, error) ? (int)error->code : 0;
}

static const struct web_route *all_routes(void)
{
    static struct web_route routes[ROUTES_MAXIMUM];
    const struct web_route *const tables[] = {live_routes, relay_routes, subscription_routes, delivery_routes, collect_routes, wechat_routes, openapi_routes_of_exchange,
                                              gate_routes, gate_admin_routes, gate_handle_routes, gate_xsd_routes};
    int count = 0;

    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct web_route *route = tables[t]; route->method && count < ROUTES_MAXIMUM - 1; route++) routes[count++] = *route;
    return routes;
}

static int serve(struct program *program, struct error *error)
{
    struct web_writer writer = service_writer(program->store);

    program->routes = all_routes();
    if (live_start(program, error) || deliver_start(program, error) || relay_start(program, error) || gate_start(program, error)) return (int)error->code;
    int code = web_run(program->server, program->routes, &writer, program);
    gate_stop(program);
    relay_stop(program);
    deliver_stop(program);
    live_stop(program);
    return code;
}

static int fail(const struct error *error)
{
    char text[300];

    log_line(LOG_ERROR, "start", "reason=%s", log_quote(error->detail[0] ? error->detail : error->en, text, sizeof text));
    return 1;
}

int main(int argc, char **argv)
{
    static struct program program;
    struct config *config;
    struct error error;

    log_open("exchange", LOG_INFO);
    error_clear(&error);
    mallopt(M_ARENA_MAX, 2); /* one for each thread keeps what each has once needed */
    if (argc != 2) {
        fprintf(stderr, "usage: %s <settings file>\n", argv[0]);
        return 2;
    }
    if (config_read(argv[1], &config, &error)) return fail(&error);
    program.config = config;
    if (open_all(&program, &error) || web_open("exchange", config, &program.server, &error) || serve(&program, &error)) return fail(&error);
    web_close(program.server);
    store_close(program.store);
    config_free(config);
    return 0;
}
