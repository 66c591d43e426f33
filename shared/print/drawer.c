/* The drawing programs of this process: started when needed, ended when idle or broken. */
#define _GNU_SOURCE /* posix_spawn_file_actions_addclosefrom_np */
#include "print/pages.h"
#include "print/print.h"

#include "base/clock.h"
#include "base/log.h"

#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define DRAWERS 2
#define IDLE_MILLISECONDS 30000
#define ANSWER_MILLISECONDS 20000 /* a hundred forms take a third of a second */

struct drawer {
    pid_t pid; /* 0: none runs */
    int fd;
    bool busy;
    int64_t used; /* clock_monotonic of the last answer */
};

static struct drawer drawers[DRAWERS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t freed = PTHREAD_COND_INITIALIZER;

extern char **environ;

/* ---- one drawer; the caller has it for itself */

static bool program_path(char *path, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    char *slash;

    if (length <= 0) return false;
    path[length] = '\0';
    slash = strrchr(path, '/');
    return slash && (size_t)snprintf(slash + 1, size - (size_t)(slash + 1 - path), "draw-pages") < size - (size_t)(slash + 1 - path);
}

static int drawer_start(struct drawer *drawer, struct error *error)
{
    char path[1024], *const arguments[] = {"draw-pages", NULL};
    posix_spawn_file_actions_t actions;
    int pair[2], code;

    if (!program_path(path, sizeof path) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) return error_internal(error, "print: no socket");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pair[1], STDIN_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    code = posix_spawn(&drawer->pid, path, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pair[1]);
    drawer->fd = pair[0];
    if (!code) return 0;
    close(pair[0]);
    drawer->pid = 0;
    return error_internal(error, "print: %s: %s", path, strerror(code));
}

static void drawer_end(struct drawer *drawer, bool broken)
{
    if (!drawer->pid) return;
    if (broken) kill(drawer->pid, SIGKILL);
    close(drawer->fd); /* at the end of its input it ends by itself */
    waitpid(drawer->pid, NULL, 0);
    drawer->pid = 0;
}

/* 0, or what the drawer answered, or -1: it broke. */
static int exchange(struct drawer *drawer, const struct buffer *pages, const char *title, struct buffer *pdf)
{
    struct print_head head = {.title = (uint32_t)strlen(title), .length = (uint32_t)(strlen(title) + pages->length)};
    char *room;

    if (!print_send(drawer->fd, &head, sizeof head, ANSWER_MILLISECONDS) || !print_send(drawer->fd, title, head.title, ANSWER_MILLISECONDS) ||
        !print_send(drawer->fd, pages->data, pages->length, ANSWER_MILLISECONDS) ||
        !print_receive(drawer->fd, &head, sizeof head, ANSWER_MILLISECONDS) || head.length > PRINT_ANSWER_MAXIMUM ||
        !(room = buffer_reserve(pdf, head.length)) || !print_receive(drawer->fd, room, head.length, ANSWER_MILLISECONDS))
        return -1;
    pdf->length += head.length;
    return (int)head.code;
}

static int draw(struct drawer *drawer, const struct buffer *pages, const char *title, struct buffer *pdf, struct error *error)
{
    size_t before = pdf->length;
    int code = -1;

    for (int i = 0; i < 2 && code < 0; i++) {
        if (!drawer->pid && drawer_start(drawer, error)) return (int)error->code;
        pdf->length = before;
        code = exchange(drawer, pages, title, pdf);
        if (code < 0) {
            drawer_end(drawer, true);
            log_line(LOG_WARNING, "print", "reason=\"the drawing program broke\"");
        }
    }
    if (!code) return 0;
    if (code == ERROR_INVALID) print_too_many_pages(error);
    else error_internal(error, "print: %s", code < 0 ? "the drawing program broke twice" : buffer_string(pdf) + before);
    pdf->length = before;
    return (int)error->code;
}

/* ---- the pool */

static struct drawer *take(void)
{
    struct drawer *found = NULL;

    pthread_mutex_lock(&lock);
    while (!found) {
        for (int i = 0; i < DRAWERS; i++) /* one that runs rather than one that must be started */
            if (!drawers[i].busy && (!found || (drawers[i].pid && !found->pid))) found = &drawers[i];
        if (!found) pthread_cond_wait(&freed, &lock);
    }
    found->busy = true;
    pthread_mutex_unlock(&lock);
    return found;
}

static void give_back(struct drawer *drawer)
{
    pthread_mutex_lock(&lock);
    drawer->busy = false;
    drawer->used = clock_monotonic();
    pthread_cond_signal(&freed);
    pthread_mutex_unlock(&lock);
}

int print_draw(const struct buffer *pages, const char *title, struct buffer *pdf, struct error *error)
{
    struct drawer *drawer;
    int code;

    if (pages->failed || pages->length > PRINT_REQUEST_MAXIMUM - 4096 || strlen(title) > 4096) return error_internal(error, "print: the pages are too large");
    drawer = take();
    code = draw(drawer, pages, title, pdf, error);
    give_back(drawer);
    return code;
}

void print_rest(void)
{
    int64_t before = clock_monotonic() - IDLE_MILLISECONDS;

    pthread_mutex_lock(&lock);
    for (int i = 0; i < DRAWERS; i++)
        if (!drawers[i].busy && drawers[i].used < before) drawer_end(&drawers[i], false);
    pthread_mutex_unlock(&lock);
}
