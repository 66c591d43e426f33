/* From the modules to people: claims what has changed, keeps what is to be delivered, tells open pages, acknowledges. A program that dies in
   between leaves the claim to its lease: the same event then comes again, makes nothing twice, and is at worst shown twice. */
#include "gateway.h"
#include "push.h"

#include "base/clock.h"
#include "base/json_tree.h"
#include "base/log.h"
#include "base/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLAIM 200
#define LOOK_MILLISECONDS 5000   /* without being woken: what a program that died had claimed */
#define RETRY_MILLISECONDS 500
#define REQUEST_MILLISECONDS 5000
#define ANSWER_MAXIMUM (4u << 20) /* what a reviewer says may be 2,000 bytes, each six when it is escaped */

struct relay {
    struct program *program;
    struct session_store *redis;
    struct store_connection *reader; /* of our own database */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned woken; /* a bit for each module */
    bool stopping;
};

/* ---- what a module gives */

static const char *text_of(const struct json *json, const char *name) { return json_member_text(json, name, ""); }
static int64_t id_of(const struct json *json, const char *name) { return strtoll(text_of(json, name), NULL, 10); }

static struct event read_event(const struct json *json, const char *module)
{
    const struct json *title = json_member(json, "title"), *label = json_member(json, "label");

    return (struct event){.id = id_of(json, "id"), .document = id_of(json, "document"), .owner = json_member_integer(json, "owner", 0),
                          .creator = id_of(json, "creator"), .sequence = json_member_integer(json, "sequence", 0),
                          .at = json_member_integer(json, "at", 0), .module = module, .agency = text_of(json, "agency"),
                          .form = text_of(json, "form"), .application_no = text_of(json, "application_no"), .form_no = text_of(json, "form_no"),
                          .licence_no = text_of(json, "licence_no"), .machine = text_of(json, "machine"), .from = text_of(json, "from"),
                          .to = text_of(json, "to"), .opinion = text_of(json, "opinion"), .title_zh = text_of(title, "zh"),
                          .title_en = text_of(title, "en"), .label_zh = text_of(label, "zh"), .label_en = text_of(label, "en")};
}

static int by_id(const void *a, const void *b)
{
    int64_t one = ((const struct event *)a)->id, other = ((const struct event *)b)->id;
    return (one > other) - (one < other);
}

static int claim(const struct relay *relay, const char *module, struct arena *arena, struct event **events, size_t *count, struct error *error)
{
    struct buffer answer;
    const struct json *list;
    char path[80];

    *count = 0;
    buffer_init(&answer, ANSWER_MAXIMUM);
    snprintf(path, sizeof path, "/internal/%s/events/claim?count=%d", module, CLAIM);
    if (!web_internal_request(relay->program->server, "POST", path, "{}", REQUEST_MILLISECONDS, &answer, error)) {
        list = json_member(json_tree(buffer_string(&answer), answer.length, arena, error), "events");
        *events = list && list->count ? arena_alloc(arena, list->count * sizeof **events) : NULL;
        JSON_EACH(item, *events ? list : NULL) (*events)[(*count)++] = read_event(item, module);
        if (*count) qsort(*events, *count, sizeof **events, by_id);
    }
    buffer_free(&answer);
    return (int)error->code;
}

static int acknowledge(const struct relay *relay, const char *module, const struct event *events, size_t count, struct error *error)
{
    struct buffer request, answer;
    struct json_writer json;
    char path[80];

    buffer_init(&request, ANSWER_MAXIMUM);
    buffer_init(&answer, 4096);
    json_writer_init(&json, &request);
    json_object(&json);
    json_name(&json, "ids");
    json_array(&json);
    for (size_t i = 0; i < count; i++) {
        char id[24];
        snprintf(id, sizeof id, "%lld", (long long)events[i].id);
        json_string(&json, id);
    }
    json_array_end(&json);
    json_object_end(&json);
    snprintf(path, sizeof path, "/internal/%s/events/ack", module);
    web_internal_request(relay->program->server, "POST", path, buffer_string(&request), REQUEST_MILLISECONDS, &answer, error);
    buffer_free(&request);
    buffer_free(&answer);
    return (int)error->code;
}

/* ---- the thread */

/* One claim of one module. `more`: it may have others. */
static int relay_step(struct relay *relay, const char *module, bool *more, struct error *error)
{
    struct arena arena;
    struct event *events;
    size_t count;

    arena_init(&arena, 0);
    if (!claim(relay, module, &arena, &events, &count, error) && count && !push_keep(relay->program, relay->reader, events, count, error)) {
        for (size_t i = 0; i < count && !error->code; i++) live_tell(relay->redis, &events[i], error);
        if (!error->code) acknowledge(relay, module, events, count, error);
    }
    *more = !error->code && count == CLAIM;
    arena_free(&arena);
    return (int)error->code;
}

/* What is to be looked at: the modules that have woken us, or all once in a while. */
static unsigned wait_for_work(struct relay *relay, int milliseconds)
{
    struct timespec until;
    unsigned woken;
    int code = 0;

    thread_deadline(milliseconds, &until);
    pthread_mutex_lock(&relay->lock);
    while (!relay->woken && !relay->stopping && !code) code = pthread_cond_timedwait(&relay->changed, &relay->lock, &until);
    woken = relay->woken ? relay->woken : ~0u;
    relay->woken = 0;
    pthread_mutex_unlock(&relay->lock);
    return woken;
}

static void *relay_run(void *argument)
{
    struct relay *relay = argument;
    const struct program *program = relay->program;
    int wait = 0;

    while (!web_stopping(program->server, 0)) {
        unsigned woken = wait_for_work(relay, wait);
        wait = LOOK_MILLISECONDS;
        for (int i = 0; i < program->module_count && !web_stopping(program->server, 0); i++) {
            struct error error;
            bool more = (woken & 1u << i) != 0;
            error_clear(&error);
            while (more && !relay_step(relay, program->modules[i], &more, &error)) ;
            if (!error.code) continue;
            if (error.code != ERROR_UNAVAILABLE) log_line(LOG_ERROR, "relay", "module=%s reason=\"%s\"", program->modules[i], error.detail);
            wait = RETRY_MILLISECONDS;
        }
        struct error kept;
        error_clear(&kept);
        if (push_forget(relay->program, &kept)) log_line(LOG_WARNING, "forget", "reason=\"%s\"", kept.detail);
    }
    return NULL;
}

int relay_start(struct program *program, struct error *error)
{
    static struct relay relay;

    relay.program = program;
    pthread_mutex_init(&relay.lock, NULL);
    thread_condition(&relay.changed);
    program->relay = &relay;
    if (session_store_open(config_text(program->config, "redis", ""), &relay.redis, error) || store_reader(program->store, &relay.reader, error)) return (int)error->code;
    return thread_start(&relay.thread, relay_run, &relay) ? error_internal(error, "no thread for the relay") : 0;
}

void relay_stop(struct program *program)
{
    struct relay *relay = program->relay;

    pthread_mutex_lock(&relay->lock);
    relay->stopping = true;
    pthread_cond_signal(&relay->changed);
    pthread_mutex_unlock(&relay->lock);
    pthread_join(relay->thread, NULL);
    session_store_close(relay->redis);
    store_reader_close(relay->reader);
}

/* ---- being woken */

static int wake(struct web_call *call)
{
    struct program *program = program_of(call);
    struct relay *relay = program->relay;

    call->status = 204;
    for (int i = 0; i < program->module_count; i++) {
        if (strcmp(program->modules[i], call->parameter[0])) continue;
        pthread_mutex_lock(&relay->lock);
        relay->woken |= 1u << i;
        pthread_cond_signal(&relay->changed);
        pthread_mutex_unlock(&relay->lock);
        gate_wake(program->gate, GATE_RELAY); /* what has changed may also be for a partner */
    }
    return 0;
}

const struct web_route relay_routes[] = {
    {"POST", "/internal/exchange/wake/:module", wake, PRINCIPAL_SYSTEM, 0, WEB_INTERNAL_ONLY | WEB_NO_CSRF, LANE_FAST, 64, {0, 0}},
    {0}};
