/* The start of a document module. */
#include "service/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "document/job.h"
#include "document/root.h"
#include "document/status.h"
#include "exchange/partners.h"
#include "print/print.h"
#include "service/bulk.h"
#include "service/exchange.h"
#include "service/signatures.h"
#include "service/writer.h"
#include "trust/seal.h"
#include "trust/xml_signature.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

static int count_routes(const struct web_route *routes)
{
    int count = 0;

    while (routes && routes[count].method) count++;
    return count;
}

/* Paths of the shared tables are completed here: "/x" becomes /api/<module>/x, "!/partner/x" /partner/<module>/x. */
static char *full_path(struct arena *arena, const char *module, const char *path)
{
    const char *side;

    if (*path != '!') return arena_printf(arena, "/api/%s%s", module, path);
    side = strchr(path + 2, '/');
    return arena_printf(arena, "%.*s/%s%s", (int)(side - path - 1), path + 1, module, side);
}

static struct web_route *all_routes(struct arena *arena, const char *module, const struct web_route *extra)
{
    const struct web_route *const tables[] = {document_routes, list_routes, code_routes, desk_routes, partner_routes, outbox_routes, inbox_routes, print_routes, history_routes,
                                             statistics_routes, fetch_routes, exchange_routes, import_routes, row_routes,
                                             layout_routes, seal_routes, signature_routes, status_routes, root_routes, openapi_routes, bulk_routes};
    struct web_route *routes = arena_alloc(arena, ROUTES_MAXIMUM * sizeof *routes);
    int count = 0;

    for (size_t t = 0; routes && t < sizeof tables / sizeof *tables; t++)
        for (const struct web_route *route = tables[t]; route->method && count < ROUTES_MAXIMUM - 1; route++) {
            routes[count] = *route;
            routes[count++].path = full_path(arena, module, route->path);
        }
    for (int i = 0; routes && i < count_routes(extra) && count < ROUTES_MAXIMUM - 1; i++) routes[count++] = extra[i];
    return routes;
}

/* ---- job workers: jobs of this program and of programs that died. Making a licence is work for the processor: a second thread
   makes others meanwhile. */

#define JOB_THREADS 2

struct job_worker {
    struct service *service;
    pthread_t thread;
    bool first; /* the one that also looks for new code tables */
};

/* After a change of state the exchange program is told to look. Asked for so long that a change which is still being written is not missed. */
#define CHANGING_MILLISECONDS 15000
#define WAKE_MILLISECONDS 200
#define AWAY_MILLISECONDS 2000

static void tell_exchange(struct service *service, struct store_connection *reader, int64_t *away_until)
{
    struct buffer answer;
    struct error error;
    int64_t now = clock_monotonic();
    char path[64];
    bool waits;

    error_clear(&error);
    if (now - service->documents.changed > CHANGING_MILLISECONDS || now < *away_until || status_waits(reader, &waits, &error) || !waits) return;
    buffer_init(&answer, 4096);
    snprintf(path, sizeof path, "/internal/exchange/wake/%s", service->module);
    if (web_internal_request(service->server, "POST", path, "{}", WAKE_MILLISECONDS, &answer, &error)) *away_until = now + AWAY_MILLISECONDS;
    buffer_free(&answer);
}

static void *work_on_jobs(void *argument)
{
    static const struct doc_makers makers = {make_print, service_read_import, service_read_body};
    const struct job_worker *worker = argument;
    struct service *service = worker->service;
    struct store_connection *reader = NULL;
    struct error error;
    bool worked;
    int64_t refreshed = 0, away_until = 0;

    while (!web_stopping(service->server, 0)) {
        worked = false;
        error_clear(&error);
        if (reader || !store_reader(service->store, &reader, &error)) {
            if (doc_job_step(&service->documents, reader, &makers, &worked, &error))
                log_line(LOG_ERROR, "job", "reason=\"%s\"", error.detail[0] ? error.detail : error.en);
            if (worker->first) tell_exchange(service, reader, &away_until);
            if (worker->first && clock_monotonic() - refreshed > 5000) {
                doc_codes_refresh(&service->documents, reader, &error);
                refreshed = clock_monotonic();
                print_rest();
                if (doc_import_sweep(&service->documents, reader, clock_now(), &error)) log_line(LOG_ERROR, "import", "reason=\"%s\"", error.detail);
                if (doc_root_step(&service->documents, reader, clock_now(), &error)) log_line(LOG_ERROR, "root", "reason=\"%s\"", error.detail);
            }
        }
        if (!worked && web_stopping(service->server, error.code ? 1000 : 100)) break;
    }
    if (reader) store_reader_close(reader);
    return NULL;
}

/* ---- start */

static int open_all(struct service *service, const struct config *config, const struct doc_hook_row *hooks, struct error *error)
{
    static char schema[1024];
    char directory[1100];
    const char *root = config_text(config, "root", ".");
    struct store_settings settings = {0};
    struct store_connection *reader;
    long pages, cache, writers, maximum, required;

    snprintf(schema, sizeof schema, "%s/schema", root);
    snprintf(directory, sizeof directory, "%s/sql/document", schema);
    if (config_integer(config, "checkpoint_pages", 100, 100000, 4000, &pages, error) ||
        config_integer(config, "cache_kib", 256, 1048576, 1024, &cache, error) ||
        config_integer(config, "writers", 1, 64, 4, &writers, error) ||
        config_integer(config, "maximum_pages", 0, 1000000000, 0, &maximum, error) ||
        config_integer(config, "seals_required", 0, 1, 0, &required, error))
        return (int)error->code;
    settings.checkpoint_pages = (int)pages;
    settings.cache_kib = (int)cache;
    settings.writers = (int)writers;
    settings.maximum_pages = (int)maximum;
    if (partners_read(config_text(config, "partners", NULL), &service->partners, error) ||
        store_open(config_text(config, "database", ""), service->module, &settings, &service->store, error) ||
        store_migrate(service->store, directory, error) ||
        doc_module_open(&service->documents, service->module, schema, service->store, hooks, error) ||
        service_exchange_open(service, schema, error) || xml_signature_start(error) || service_signatures_open(service, config, error) ||
        seals_open(config_text(config, "seals", NULL), &service->documents.seals, error) ||
        store_reader(service->store, &reader, error))
        return (int)error->code;
    service->documents.partners = service->partners;
    service->documents.changed = clock_monotonic(); /* what a program that died did not tell */
    service->documents.public_url = config_text(config, "public_url", "");
    service->documents.seals_required = required;
    service->documents.roots = config_text(config, "roots", NULL);
    service->documents.root_key = config_text(config, "root_key", NULL);
    doc_codes_refresh(&service->documents, reader, error);
    store_reader_close(reader);
    return (int)error->code;
}

static int serve(struct service *service, const struct config *config, const struct web_route *extra, struct error *error)
{
    struct web_writer writer = service_writer(service->store);
    struct arena arena;
    struct web_route *routes;
    struct job_worker workers[JOB_THREADS];

    arena_init(&arena, 0);
    if (!(routes = all_routes(&arena, service->module, extra))) return error_internal(error, "out of memory");
    if (web_open(service->module, config, &service->server, error)) return (int)error->code;
    web_takes_keys(service->server);
    service->routes = routes;
    for (int i = 0; i < JOB_THREADS; i++) {
        workers[i] = (struct job_worker){.service = service, .first = i == 0};
        if (thread_start(&workers[i].thread, work_on_jobs, &workers[i])) return error_internal(error, "no thread for jobs");
    }
    web_run(service->server, routes, &writer, service);
    for (int i = 0; i < JOB_THREADS; i++) pthread_join(workers[i].thread, NULL);
    web_close(service->server);
    arena_free(&arena);
    return 0;
}

/* `<program> <settings> verify`: recomputes every event chain and recorded root, prints the result, exit code 1 when one does not agree. */
static int verify_chains(struct service *service, struct error *error)
{
    struct store_connection *reader;
    struct json_writer json;
    struct buffer out;
    bool sound = false;
    int code;

    buffer_init(&out, 0);
    json_writer_init(&json, &out);
    if (store_reader(service->store, &reader, error)) return 1;
    code = doc_verify(&service->documents, reader, &json, &sound, error);
    store_reader_close(reader);
    puts(code ? error->detail : buffer_string(&out));
    buffer_free(&out);
    return code || !sound;
}

static void close_all(struct service *service, struct config *config)
{
    service_exchange_close(service);
    service_signatures_close(service);
    seals_close(service->documents.seals);
    doc_module_close(&service->documents);
    partners_free(service->partners);
    store_close(service->store);
    config_free(config);
}

int service_main(int argc, char **argv, const char *module, const struct doc_hook_row *hooks, const struct web_route *extra)
{
    static struct service service;
    struct config *config = NULL;
    struct error error;

    log_open(module, LOG_INFO);
    error_clear(&error);
    mallopt(M_ARENA_MAX, 2); /* one for each thread keeps what each has once needed */
    if (argc != 2 && !(argc == 3 && !strcmp(argv[2], "verify"))) {
        fprintf(stderr, "usage: %s <settings file> [verify]\n", argv[0]);
        return 2;
    }
    service.module = module;
    if (config_read(argv[1], &config, &error) || open_all(&service, config, hooks, &error)) {
        log_line(LOG_ERROR, "start", "reason=\"%s\"", error.detail[0] ? error.detail : error.en);
        config_free(config); /* it is started again until its database is there */
        return 1;
    }
    if (argc == 3) {
        int code = verify_chains(&service, &error);
        close_all(&service, config);
        return code;
    }
    if (serve(&service, config, extra, &error)) {
        log_line(LOG_ERROR, "start", "reason=\"%s\"", error.detail[0] ? error.detail : error.en);
        return 1;
    }
    close_all(&service, config);
    return 0;
}
