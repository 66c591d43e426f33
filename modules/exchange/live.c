/* Open pages hear of changes. A page's stream is nginx's (nchan): this program says once whose it is and is free again. What is told goes to
   all nodes through Redis, and on each to the channels of its own nginx that somebody has asked for.

   Who hears for long would hear what he may no longer see (his session is over, his rights are others): a channel belongs to those who were
   let in within the same few seconds, and is ended when they have had it for `live_seconds`. Pages ask again before. */
#include "program.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "web/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANNEL "live"
#define HEAR_MILLISECONDS 500
#define PUBLISH_MILLISECONDS 2000
#define TEXT_MAXIMUM 4096
#define SLOTS 10 /* parts of a stream's life; those who are let in within one share a channel */
#define STREAMS_MAXIMUM 50000
#define BUCKETS 1024

/* ---- the channels of this node */

struct stream {
    struct stream *next;
    char who[28];     /* "o-<owner>", "a-<agency>" */
    unsigned modules; /* a bit for each that is heard of */
    int64_t slot;     /* when it was asked for */
};

struct live {
    struct program *program;
    pthread_t thread;
    pthread_mutex_t lock;
    int64_t slot_milliseconds;
    struct stream *bucket[BUCKETS];
    int count;
};

static unsigned bucket_of(const char *who)
{
    unsigned hash = 2166136261u; /* FNV-1a */

    while (*who) hash = (hash ^ (unsigned char)*who++) * 16777619u;
    return hash % BUCKETS;
}

static void name_of(const struct stream *stream, char name[64])
{
    snprintf(name, 64, "%s.%x.%llx", stream->who, stream->modules, (unsigned long long)stream->slot);
}

/* Remembers the channel, unless somebody has asked for the same just before. */
static int stream_add(struct live *live, const struct stream *wanted, struct error *error)
{
    struct stream **at = &live->bucket[bucket_of(wanted->who)], *stream;

    pthread_mutex_lock(&live->lock);
    for (stream = *at; stream; stream = stream->next)
        if (stream->slot == wanted->slot && stream->modules == wanted->modules && !strcmp(stream->who, wanted->who)) break;
    if (!stream && live->count < STREAMS_MAXIMUM && (stream = malloc(sizeof *stream))) {
        *stream = *wanted;
        stream->next = *at;
        *at = stream;
        live->count++;
    }
    pthread_mutex_unlock(&live->lock);
    return stream ? 0 : error_unavailable(error, "too many streams");
}

/* Takes one out that is older than LIFE; false when there is none. */
static bool stream_over(struct live *live, struct stream *over)
{
    int64_t oldest = clock_lease() / live->slot_milliseconds - SLOTS;
    bool found = false;

    pthread_mutex_lock(&live->lock);
    for (int i = 0; i < BUCKETS && !found; i++)
        for (struct stream **at = &live->bucket[i]; *at && !found; at = found ? at : &(*at)->next) {
            if ((*at)->slot > oldest) continue;
            struct stream *gone = *at;
            *over = *gone;
            *at = gone->next;
            free(gone);
            live->count--;
            found = true;
        }
    pthread_mutex_unlock(&live->lock);
    return found;
}

/* The channels of those who hear of the module, at most `most`. */
static int streams_of(struct live *live, const char *who, unsigned module, struct stream *streams, int most)
{
    int count = 0;

    pthread_mutex_lock(&live->lock);
    for (const struct stream *stream = live->bucket[bucket_of(who)]; stream && count < most; stream = stream->next)
        if (stream->modules & module && !strcmp(stream->who, who)) streams[count++] = *stream;
    pthread_mutex_unlock(&live->lock);
    return count;
}

/* ---- a page asks for its stream */

static unsigned modules_of(const struct program *program, const struct principal *principal)
{
    unsigned modules = 0;

    for (int i = 0; i < program->module_count; i++)
        if (principal_may(principal, program->modules[i], RIGHT_VIEW)) modules |= 1u << i;
    return modules;
}

/* 204 ends an EventSource for good: there is nothing to hear. */
static int live_get(struct web_call *call)
{
    const struct principal *principal = &call->session.principal;
    struct stream stream = {.modules = modules_of(program_of(call), principal), .slot = clock_lease() / program_of(call)->live->slot_milliseconds};
    const char *accept = web_header(call, "Accept");
    char name[64], address[80];

    if (!accept || !strstr(accept, "text/event-stream"))
        return error_set(&call->error, ERROR_INVALID, "event_stream", "此地址只供页面接收状态变化。", "This address gives server-sent events; ask for text/event-stream.");
    if (principal->kind == PRINCIPAL_OFFICER && *principal->agency) snprintf(stream.who, sizeof stream.who, "a-%s", principal->agency);
    else if (principal->kind == PRINCIPAL_ENTERPRISE || principal->kind == PRINCIPAL_PERSON)
        snprintf(stream.who, sizeof stream.who, "o-%lld", (long long)principal_owner(principal));
    if (!*stream.who || !stream.modules) {
        call->status = 204;
        return 0;
    }
    if (stream_add(program_of(call)->live, &stream, &call->error)) return (int)call->error.code;
    name_of(&stream, name);
    snprintf(address, sizeof address, "/live/%s", name);
    web_answer_header(call, "X-Accel-Redirect", address);
    return 0;
}

/* ---- telling */

static void put_event(struct json_writer *json, const struct event *event)
{
    json_object(json);
    json_put_id(json, "id", event->id);
    json_put_string(json, "module", event->module);
    json_put_string(json, "form", event->form);
    json_put_id(json, "document", event->document);
    json_put_string(json, "machine", event->machine);
    json_put_string(json, "from", event->from);
    json_put_string(json, "to", event->to);
    json_put_string(json, "application_no", event->application_no);
    json_put_string(json, "licence_no", event->licence_no);
    json_put_integer(json, "at", event->at);
    json_object_end(json);
}

int live_tell(struct session_store *redis, const struct event *event, struct error *error)
{
    struct json_writer json;
    struct buffer text;
    char line[TEXT_MAXIMUM + 64];

    buffer_init(&text, TEXT_MAXIMUM);
    json_writer_init(&json, &text);
    put_event(&json, event);
    if (text.failed) error_internal(error, "an event is too long");
    snprintf(line, sizeof line, "o-%lld %s %s", (long long)event->owner, event->module, buffer_string(&text));
    if (!error->code) session_announce(redis, CHANNEL, line, error);
    snprintf(line, sizeof line, "a-%s %s %s", event->agency, event->module, buffer_string(&text));
    if (!error->code && *event->agency) session_announce(redis, CHANNEL, line, error);
    buffer_free(&text);
    return (int)error->code;
}

/* ---- hearing */

/* To this node's nginx: a message, or DELETE, which ends the channel's streams. */
static void ask_nginx(struct live *live, const char *method, const struct stream *stream, const char *body)
{
    struct buffer answer;
    struct error error;
    char name[64], path[80];

    error_clear(&error);
    buffer_init(&answer, TEXT_MAXIMUM);
    name_of(stream, name);
    snprintf(path, sizeof path, "/live/%s", name);
    if (web_internal_request(live->program->server, method, path, body, PUBLISH_MILLISECONDS, &answer, &error) && error.code != ERROR_NOT_FOUND)
        log_line(LOG_ERROR, "live", "reason=\"%s\"", error.detail);
    buffer_free(&answer);
}

#define CHANNELS_AT_ONCE 256

/* "<who> <module> <JSON>", from any node. */
static void publish(void *context, const char *text)
{
    struct live *live = context;
    const struct program *program = live->program;
    static struct stream streams[CHANNELS_AT_ONCE]; /* of the one thread that hears */
    char who[28], module[16];
    int skip = 0;

    if (sscanf(text, "%27s %15s %n", who, module, &skip) < 2 || !skip) return;
    for (int i = 0; i < program->module_count; i++) {
        if (strcmp(program->modules[i], module)) continue;
        int count = streams_of(live, who, 1u << i, streams, CHANNELS_AT_ONCE);
        for (int s = 0; s < count; s++) ask_nginx(live, "POST", &streams[s], text + skip);
    }
}

static void *hear(void *argument)
{
    struct live *live = argument;
    struct web_server *server = live->program->server;
    struct session_store *redis;
    struct stream over;
    struct error error;

    error_clear(&error);
    if (session_store_open(config_text(live->program->config, "redis", ""), &redis, &error)) {
        log_line(LOG_ERROR, "live", "reason=\"%s\"", error.detail);
        return NULL;
    }
    while (!web_stopping(server, 0)) {
        error_clear(&error);
        while (stream_over(live, &over)) ask_nginx(live, "DELETE", &over, NULL);
        if (session_listen(redis, CHANNEL, HEAR_MILLISECONDS, publish, live, &error) && web_stopping(server, 300)) break;
    }
    session_store_close(redis);
    return NULL;
}

int live_start(struct program *program, struct error *error)
{
    struct live *live = calloc(1, sizeof *live);
    long seconds;

    if (!(program->live = live)) return error_internal(error, "out of memory");
    if (config_integer(program->config, "live_seconds", 2, 50, 50, &seconds, error)) return (int)error->code; /* nginx ends silent streams after 55 */
    live->slot_milliseconds = seconds * 1000 / SLOTS;
    live->program = program;
    pthread_mutex_init(&live->lock, NULL);
    return thread_start(&live->thread, hear, live) ? error_internal(error, "no thread for live pages") : 0;
}

void live_stop(struct program *program)
{
    struct live *live = program->live;

    pthread_join(live->thread, NULL);
    for (int i = 0; i < BUCKETS; i++)
        for (struct stream *stream = live->bucket[i], *next; stream; stream = next) {
            next = stream->next;
            free(stream);
        }
    free(live);
}

#define PEOPLE (PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON | PRINCIPAL_OFFICER | PRINCIPAL_CUSTOMS | PRINCIPAL_ADMINISTRATOR)

const struct web_route live_routes[] = {
    {"GET", "/api/exchange/live", live_get, PEOPLE, 0, WEB_NO_USE, LANE_FAST, 0, {600, 60}},
    {0}};
