/* The folder client: runs where an enterprise's own system writes and reads files, and is to the portal what that system cannot be: a user of its
   interface. README.md says what it does. */
#include "base/log.h"
#include "inbox.h"
#include "outbox.h"
#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FIRST_PAUSE 2000 /* milliseconds */
#define LONGEST_PAUSE 60000

struct client {
    struct settings settings;
    struct portal *portal;
    struct box_list lists[FORMS];
    bool subscribed;
};

static int fail(const struct error *error, const char *event, enum log_level level)
{
    char text[400];

    log_line(level, event, "reason=%s", log_quote(error->detail[0] ? error->detail : error->en, text, sizeof text));
    return 1;
}

/* Two clients would take each other's files; who is alone may clear up after the one before. */
static int lock(const struct settings *settings, struct error *error)
{
    char path[1300];
    int file;

    for (int i = 0; i < settings->form_count; i++) {
        snprintf(path, sizeof path, "%s/.lock", settings->forms[i].path);
        file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (file < 0) return error_internal(error, "%s: %s", path, strerror(errno));
        if (flock(file, LOCK_EX | LOCK_NB)) return error_internal(error, "%s: another folder client works here", path);
        box_tidy(settings->forms[i].path);
    }
    return 0;
}

/* ---- two ways, each with its own troubles */

typedef int client_step(struct client *client, bool *more, struct error *error);

/* What fails with one form keeps no other from being sent; the first of it is told. */
static int send_all(struct client *client, bool *more, struct error *error)
{
    for (int i = 0; i < client->settings.form_count && !stop_asked(); i++) {
        struct error own;
        bool again;
        error_clear(&own);
        if (outbox_step(client->portal, &client->settings, &client->settings.forms[i], &client->lists[i], &again, &own) && !error->code) *error = own;
        *more |= again && !own.code;
    }
    return (int)error->code;
}

static int fetch_all(struct client *client, bool *more, struct error *error)
{
    if (!client->subscribed && inbox_subscribe(client->portal, &client->settings, error)) return (int)error->code;
    client->subscribed = true;
    return inbox_step(client->portal, &client->settings, more, error);
}

struct way {
    client_step *step;
    long pause;     /* milliseconds until what failed is tried again; doubles */
    int64_t next;   /* milliseconds of the monotonic clock */
};

static int64_t milliseconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1000 * (int64_t)now.tv_sec + now.tv_nsec / 1000000;
}

static void take_step(struct client *client, struct way *way)
{
    struct error error;
    bool more = false;
    long wait = 1000 * client->settings.look_seconds;

    error_clear(&error);
    if (way->step(client, &more, &error) && !stop_asked()) {
        fail(&error, "later", LOG_WARNING);
        wait = error.retry_after ? 1000L * error.retry_after : way->pause;
        way->pause = way->pause < LONGEST_PAUSE / 2 ? 2 * way->pause : LONGEST_PAUSE;
    } else {
        if (more) wait = 0;
        way->pause = FIRST_PAUSE;
    }
    way->next = milliseconds_now() + wait;
}

static void run(struct client *client)
{
    struct way ways[] = {{send_all, FIRST_PAUSE, 0}, {fetch_all, FIRST_PAUSE, 0}};

    while (!stop_asked()) {
        for (int i = 0; i < 2; i++)
            if (ways[i].next <= milliseconds_now()) take_step(client, &ways[i]);
        int64_t next = ways[0].next < ways[1].next ? ways[0].next : ways[1].next, now = milliseconds_now();
        stop_wait(next > now ? (long)(next - now) : 0);
    }
}

int main(int argc, char **argv)
{
    static struct client client;
    struct error error;

    log_open("folder-client", LOG_INFO);
    error_clear(&error);
    if (argc != 2) {
        fprintf(stderr, "usage: %s <settings file>\n", argv[0]);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    stop_block();
    umask(007);
    if (settings_read(argv[1], &client.settings, &error) || lock(&client.settings, &error) || portal_open(&client.settings, &client.portal, &error))
        return fail(&error, "start", LOG_ERROR);
    log_line(LOG_INFO, "start", "portal=%s forms=%d", client.settings.portal, client.settings.form_count);
    run(&client);
    for (int i = 0; i < client.settings.form_count; i++) box_list_free(&client.lists[i]);
    portal_close(client.portal);
    log_line(LOG_INFO, "stop", "-");
    return 0;
}
