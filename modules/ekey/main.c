/* The client control of electronic keys: runs on an operator's own computer and lets the pages of the portal use a key that is plugged in
   there. README.md says what it does and why it may be trusted. */
#include "base/log.h"
#include "batch.h"
#include "http.h"
#include "pairing.h"
#include "prompt.h"
#include "reader.h"
#include "settings.h"

#include <libxml/parser.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static int fail(const struct error *error)
{
    char text[400];
    log_line(LOG_ERROR, "start", "reason=%s", log_quote(error->detail[0] ? error->detail : error->en, text, sizeof text));
    return 1;
}

/* No core dumps, and no other program of this user may look into the memory. */
static void close_the_shutters(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
    umask(077);
}

static int serve(const sigset_t *stop, struct error *error)
{
    int signal;
    if (batches_start(error) || readers_start(batches_key_removed, error) || http_start(error))
        return (int)error->code;
    log_line(LOG_INFO, "start", "port=%d", settings.port);
    sigwait(stop, &signal);
    prompt_stop();
    readers_wake();
    http_stop();
    readers_stop();
    batches_stop();
    log_line(LOG_INFO, "stop", "signal=%d", signal);
    return 0;
}

int main(int argc, char **argv)
{
    struct error error;
    sigset_t stop;
    log_open("ekey-control", LOG_INFO);
    error_clear(&error);
    if (argc != 1 && (argc != 3 || strcmp(argv[1], "--settings") != 0)) {
        fprintf(stderr, "usage: %s [--settings <file>]\n", argv[0]);
        return 2;
    }
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &stop, NULL); /* of every thread: this one waits for them */
    signal(SIGPIPE, SIG_IGN);
    close_the_shutters();
    xmlInitParser();
    if (settings_read(argc == 3 ? argv[2] : NULL, &error) || pin_memory_open(&error) || pairings_open(&error) || serve(&stop, &error))
        return fail(&error);
    xmlCleanupParser();
    return 0;
}
