/* Threads of a program: fast ones accept, read and answer; slow ones take what would hold a fast one up. */
#include "web/frame.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "base/thread.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ARENA_LIMIT ((size_t)64 << 20)
#define KEPT_ARENA ((size_t)64 << 10) /* enough for a save: no memory is asked for and given back */
#define KEPT_BUFFER ((size_t)256 << 10) /* larger ones are given back after use */

static int stop_event = -1; /* for the signal handler */

/* ---- opening */

static int secret_read(struct web_server *server, const char *path, struct error *error)
{
    FILE *file = path ? fopen(path, "re") : NULL;
    size_t length = file ? fread(server->secret, 1, sizeof server->secret - 1, file) : 0;
    if (file)
        fclose(file);
    server->secret[length] = 0;
    server->secret[strcspn(server->secret, "\r\n")] = 0;
    if (strlen(server->secret) < 32)
        return error_internal(error, "secret_file %s: at least 32 characters are needed", path ? path : "is not set");
    return 0;
}

/* scheme://host:port of public_url */
static void origin_set(struct web_server *server, const char *url)
{
    const char *host = strstr(url, "://");
    server->secure = !strncmp(url, "https://", 8);
    if (host)
        server->public_origin = strndup(url, (size_t)(host - url) + 3 + strcspn(host + 3, "/"));
}

static int settings_read(struct web_server *server, const struct config *config, struct error *error)
{
    long per_minute, idle, absolute;
    char path[160];
    const char *clock_file = config_text(config, "clock_file", NULL);
    const char *directory = config_text(config, "socket_dir", NULL);
    server->config = config;
    if (!directory || (size_t)snprintf(path, sizeof path, "%s/%s.sock", directory, server->module) >= sizeof path)
        return error_internal(error, "socket_dir is missing or too long");
    server->socket_path = strdup(path);
    const char *internal = config_text(config, "internal", "unix:");
    if (strncmp(internal, "unix:", 5) != 0)
        return error_internal(error, "internal must be unix:<path>; what runs on another node is reached through this one's nginx");
    server->internal = strdup(internal + 5);
    origin_set(server, config_text(config, "public_url", ""));
    if (config_integer(config, "threads", 1, 32, 4, &server->threads, error) ||
        config_integer(config, "slow_threads", 1, 16, 2, &server->slow_threads, error) ||
        config_integer(config, "limit_per_minute", 0, 100000000, 60000, &per_minute, error) ||
        config_integer(config, "session_idle_seconds", 1, 86400 * 30, 1800, &idle, error) ||
        config_integer(config, "session_absolute_seconds", 1, 86400 * 30, 43200, &absolute, error))
        return error->code;
    session_limits((int)idle, (int)absolute);
    if (clock_file && clock_use_file(clock_file))
        return error_internal(error, "clock_file %s cannot be read", clock_file);
    server->limits = web_limits_make(per_minute);
    server->epochs = web_epochs_make();
    if (!server->socket_path || !server->internal || !server->limits || !server->epochs)
        return error_internal(error, "out of memory");
    return secret_read(server, config_text(config, "secret_file", NULL), error);
}

static void stop_ask(int number)
{
    (void)number;
    int saved = errno;
    uint64_t one = 1;
    if (write(stop_event, &one, sizeof one) < 0)
        errno = saved;
    errno = saved;
}

/* Worker threads block these signals: one in the middle of a read would cut
   a request's body short. */
static void signals_set(void)
{
    struct sigaction stop = {.sa_handler = stop_ask, .sa_flags = SA_RESTART}, ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGUSR1, &ignore, NULL);
}

int web_open(const char *module, const struct config *config, struct web_server **result, struct error *error)
{
    struct web_server *server = calloc(1, sizeof *server);
    *result = NULL;
    if (!server)
        return error_internal(error, "out of memory");
    snprintf(server->module, sizeof server->module, "%s", module);
    server->listener = -1;
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->changed, NULL);
    log_open(server->module, LOG_INFO);
    server->stop_event = stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    signals_set();
    if (settings_read(server, config, error) || web_listen(server, error)) {
        web_close(server);
        return error->code;
    }
    *result = server;
    return 0;
}

void web_takes_keys(struct web_server *server)
{
    server->takes_keys = true;
}

const struct config *web_config(const struct web_server *server)
{
    return server->config;
}

bool web_stopping(struct web_server *server, int milliseconds)
{
    struct pollfd look = {.fd = server->stop_event, .events = POLLIN};
    return poll(&look, 1, milliseconds) > 0;
}

/* ---- frames: calls are used again, each with its own connection, so that one given to the writer stays whole. A thread that
   accepts keeps the one it has finished itself, without the lock; those that others finish come back through the list. */

static _Thread_local struct { bool keeps; struct web_frame *frame; } spare;

static void frame_put(struct web_server *server, struct web_frame *frame)
{
    pthread_mutex_lock(&server->lock);
    frame->next = server->free_frames;
    server->free_frames = frame;
    pthread_mutex_unlock(&server->lock);
}

static struct web_frame *frame_take(struct web_server *server)
{
    struct web_frame *frame = spare.frame;
    spare.frame = NULL;
    if (frame)
        return frame;
    pthread_mutex_lock(&server->lock);
    frame = server->free_frames;
    if (frame)
        server->free_frames = frame->next;
    pthread_mutex_unlock(&server->lock);
    return frame;
}

static struct web_frame *frame_get(struct web_server *server)
{
    struct web_frame *frame = frame_take(server);
    atomic_fetch_add(&server->out, 1);
    if (frame)
        return frame;
    frame = calloc(1, sizeof *frame);
    if (!frame)
        abort(); /* a program without a few kilobytes is started again */
    buffer_init(&frame->head, 65536);
    buffer_init(&frame->call.out, 0);
    arena_init(&frame->call.arena, ARENA_LIMIT);
    frame->call.arena.first_block = KEPT_ARENA;
    frame->call.server = server;
    frame->call.application = server->application;
    return frame;
}

static void frame_clear(struct web_frame *frame, struct web_worker *worker)
{
    struct web_call *call = &frame->call;
    web_answer_empty(frame);
    buffer_reset(&frame->head);
    frame->head_kept = 0;
    frame->head_only = false;
    frame->query_count = 0;
    frame->started = clock_monotonic();
    memset(call->parameter, 0, sizeof call->parameter);
    call->body = "";
    call->body_length = 0;
    call->route = NULL;
    call->signed_in = false;
    memset(&call->session, 0, sizeof call->session);
    call->reader = worker->reader;
    call->sessions = worker->sessions;
    call->work = NULL;
    call->argument = NULL;
    call->work_done = NULL;
    call->wrapped = NULL;
}

void web_recycle(struct web_frame *frame)
{
    struct web_server *server = frame->call.server;
    arena_reset(&frame->call.arena);
    if (frame->call.out.capacity > KEPT_BUFFER)
        buffer_free(&frame->call.out);
    if (spare.keeps && !spare.frame)
        spare.frame = frame;
    else
        frame_put(server, frame);
    atomic_fetch_sub(&server->out, 1); /* the last touch: who waits for the last frame takes the server away */
}

/* ---- one request */

static void handle(struct web_frame *frame, struct web_worker *worker)
{
    struct web_call *call = &frame->call;
    call->reader = worker->reader;
    call->sessions = worker->sessions;
    int code = call->route->handler(call);
    if (!web_take_detached())
        web_finish(frame, code);
}

static bool slow_put(struct web_server *server, struct web_frame *frame)
{
    pthread_mutex_lock(&server->lock);
    bool room = server->slow_count < WEB_SLOW_QUEUE;
    if (room) {
        server->slow[(server->slow_first + server->slow_count++) % WEB_SLOW_QUEUE] = frame;
        pthread_cond_broadcast(&server->changed);
    }
    pthread_mutex_unlock(&server->lock);
    return room;
}

static void serve(struct web_worker *worker, struct web_frame *frame)
{
    struct web_server *server = worker->server;
    struct error *error = &frame->call.error;
    frame_clear(frame, worker);
    int code = web_request_read(frame, error);
    if (!code)
        code = web_router_find(server->router, frame, error);
    if (!code)
        code = web_guard(frame, error);
    if (!code)
        code = web_request_body(frame, frame->call.route, error);
    if (code) {
        web_finish(frame, code);
    } else if (frame->call.route->lane == LANE_FAST) {
        handle(frame, worker);
    } else if (!slow_put(server, frame)) {
        web_finish(frame, error_unavailable(error, "the slow lane's queue is full"));
    }
}

/* ---- threads */

static void *fast_run(void *argument)
{
    struct web_worker *worker = argument;
    struct web_server *server = worker->server;
    struct epoll_event event;
    log_hold(true);
    spare.keeps = true;
    for (;;) {
        struct web_frame *frame = frame_get(server);
        int got = web_accept(server, frame);
        if (got > 0) {
            serve(worker, frame);
            continue;
        }
        web_recycle(frame);
        /* once stopping, the queue of connections is emptied before the thread ends */
        if (got == 0 && web_stopping(server, 0))
            break;
        if (got == 0) {
            log_flush();
            epoll_wait(worker->poll, &event, 1, -1);
        }
    }
    log_hold(false);
    if (spare.frame)
        frame_put(server, spare.frame);
    web_input_free();
    return NULL;
}

static void *slow_run(void *argument)
{
    struct web_worker *worker = argument;
    struct web_server *server = worker->server;
    pthread_mutex_lock(&server->lock);
    for (;;) {
        while (!server->slow_count && !server->slow_closed)
            pthread_cond_wait(&server->changed, &server->lock);
        if (!server->slow_count)
            break;
        struct web_frame *frame = server->slow[server->slow_first];
        server->slow_first = (server->slow_first + 1) % WEB_SLOW_QUEUE;
        server->slow_count--;
        pthread_mutex_unlock(&server->lock);
        handle(frame, worker);
        pthread_mutex_lock(&server->lock);
    }
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

static int worker_start(struct web_server *server, struct web_worker *worker, void *(*run)(void *), struct error *error)
{
    worker->server = server;
    worker->poll = -1;
    if (run == fast_run && web_poll(server, &worker->poll, error))
        return error->code;
    if (session_store_open(config_text(server->config, "redis", ""), &worker->sessions, error))
        return error->code;
    if (server->writer.reader_open && server->writer.reader_open(server->writer.context, &worker->reader, error))
        return error->code;
    if (thread_start(&worker->thread, run, worker))
        return error_internal(error, "no thread");
    return 0;
}

static void workers_join(struct web_worker *workers, long count)
{
    for (long i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        session_store_close(workers[i].sessions);
        if (workers[i].poll >= 0)
            close(workers[i].poll);
        if (workers[i].reader)
            workers[i].server->writer.reader_close(workers[i].reader);
    }
}

static int workers_start(struct web_server *server, struct error *error)
{
    int code = 0;
    for (long i = 0; i < server->slow_threads + server->threads && !code; i++)
        code = worker_start(server, &server->worker[i], i < server->slow_threads ? slow_run : fast_run, error);
    return code;
}

/* No new connections; those that wait, run or are being written are finished. */
static void drain(struct web_server *server)
{
    web_unlisten(server);
    workers_join(server->worker + server->slow_threads, server->threads);
    pthread_mutex_lock(&server->lock);
    server->slow_closed = true;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
    workers_join(server->worker, server->slow_threads);
    while (atomic_load(&server->out))
        poll(NULL, 0, 1);
}

int web_run(struct web_server *server, const struct web_route *routes, const struct web_writer *writer, void *application)
{
    struct error error;
    server->application = application;
    if (writer)
        server->writer = *writer;
    server->router = web_router_make(routes);
    if (!server->router)
        return ERROR_INTERNAL;
    if (workers_start(server, &error)) {
        log_line(LOG_ERROR, "start", "detail=\"%s\"", error.detail);
        exit(1); /* some threads run already: there is nothing to lose yet */
    }
    log_line(LOG_INFO, "ready", "threads=%ld slow_threads=%ld", server->threads, server->slow_threads);
    while (!web_stopping(server, -1))
        continue;
    log_line(LOG_INFO, "stopping", "-");
    drain(server);
    log_line(LOG_INFO, "stopped", "-");
    return 0;
}

void web_close(struct web_server *server)
{
    if (!server)
        return;
    if (server->listener >= 0) {
        web_unlisten(server);
        close(server->listener);
    }
    for (struct web_frame *frame = server->free_frames, *next; frame; frame = next) {
        next = frame->next;
        buffer_free(&frame->head);
        buffer_free(&frame->call.out);
        arena_free(&frame->call.arena);
        free(frame);
    }
    close(server->stop_event);
    web_router_free(server->router);
    web_limits_free(server->limits);
    web_epochs_free(server->epochs);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    free(server->socket_path);
    free(server->public_origin);
    free(server->internal);
    free(server);
}
