#define _GNU_SOURCE /* pipe2 */
#include "assuan.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE (ASSUAN_LINE + 2)
#define CLOSE_WAIT 1000 /* ms for a program that was told BYE */

extern char **environ;

/* ---- the program */

/* It gets no descriptor of ours but its own three, and signals as a program expects them. */
static bool start(struct assuan *assuan, const char *program, int in, int out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    char *arguments[] = {(char *)program, NULL};
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int code = posix_spawn(&assuan->process, program, &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (code)
        log_line(LOG_ERROR, "prompt", "reason=\"%s: %s\"", program, strerror(code));
    return !code;
}

static bool pipes_open(struct assuan *assuan, const char *program)
{
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC))
        return false;
    if (pipe2(from, O_CLOEXEC)) {
        close(to[0]);
        close(to[1]);
        return false;
    }
    bool started = start(assuan, program, to[0], from[1]);
    close(to[0]);
    close(from[1]);
    assuan->out = to[1];
    assuan->in = from[0];
    if (!started) {
        close(assuan->in);
        close(assuan->out);
    }
    return started;
}

/* ---- lines */

/* Waits for bytes until the time is over. */
static bool more(struct assuan *assuan)
{
    struct pollfd wait = {assuan->in, POLLIN, 0};
    for (;;) {
        long long left = assuan->until - clock_monotonic();
        int ready = left > 0 ? poll(&wait, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        ssize_t got = read(assuan->in, assuan->line + assuan->length, LINE_SIZE - assuan->length);
        if (got > 0)
            assuan->length += (size_t)got;
        return got > 0;
    }
}

/* The next line is at assuan->line, with a NUL for its end; *size with the end. False when none comes, or it is too long. */
static bool line_next(struct assuan *assuan, size_t *size)
{
    char *end;
    while (!(end = memchr(assuan->line, '\n', assuan->length)))
        if (assuan->length == LINE_SIZE || !more(assuan))
            return false;
    *size = (size_t)(end - assuan->line) + 1;
    *end = 0;
    return true;
}

static void line_drop(struct assuan *assuan, size_t size)
{
    assuan->length -= size;
    memmove(assuan->line, assuan->line + size, assuan->length);
    memset(assuan->line + assuan->length, 0, LINE_SIZE - assuan->length);
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes %XX in place; the length. */
static size_t unescape(char *text)
{
    size_t length = 0;
    for (const char *at = text; *at; at++) {
        if (*at == '%' && hex(at[1]) >= 0 && hex(at[2]) >= 0) {
            text[length++] = (char)(hex(at[1]) << 4 | hex(at[2]));
            at += 2;
        } else {
            text[length++] = *at;
        }
    }
    text[length] = 0;
    return length;
}

/* Lines until OK or ERR. */
static enum refusal answer(struct assuan *assuan, struct pin **data)
{
    enum refusal format = DONE;
    size_t size;
    while (line_next(assuan, &size)) {
        const char *line = assuan->line;
        bool ok = !strncmp(line, "OK", 2) && (!line[2] || line[2] == ' '), refused = !strncmp(line, "ERR ", 4);
        if (!strncmp(line, "D ", 2) && data && !*data)
            format = pin_take(assuan->line + 2, unescape(assuan->line + 2), data);
        if (refused)
            assuan->error = (unsigned)strtoul(line + 4, NULL, 10) & 0xFFFF;
        line_drop(assuan, size);
        if (refused)
            return REFUSED;
        if (ok)
            return format;
    }
    return NO_PROMPT;
}

enum refusal assuan_ask(struct assuan *assuan, const char *command, const char *argument, struct pin **data)
{
    char line[LINE_SIZE];
    size_t length = (size_t)snprintf(line, sizeof line, "%s%s", command, argument ? " " : "");
    for (const char *at = argument ? argument : ""; *at && length + 3 <= ASSUAN_LINE; at++)
        if (*at == '%' || *at == '\n' || *at == '\r')
            length += (size_t)snprintf(line + length, sizeof line - length, "%%%02X", (unsigned char)*at);
        else
            line[length++] = *at;
    line[length++] = '\n';
    if (write(assuan->out, line, length) != (ssize_t)length)
        return NO_PROMPT;
    return answer(assuan, data);
}

/* ---- the conversation */

bool assuan_open(struct assuan *assuan, const char *program, int seconds)
{
    *assuan = (struct assuan){.until = clock_monotonic() + seconds * 1000LL, .line = locked_take(LINE_SIZE)};
    if (!assuan->line || !pipes_open(assuan, program)) {
        locked_free(assuan->line, LINE_SIZE);
        return false;
    }
    if (answer(assuan, NULL) == DONE)
        return true;
    log_line(LOG_ERROR, "prompt", "reason=\"%s is no pinentry\"", program);
    assuan_close(assuan);
    return false;
}

/* One that did not say good-bye may hang, or still show its window. */
static void reap(pid_t process)
{
    const struct timespec pause = {0, 10000000};
    for (int waited = 0; waited < CLOSE_WAIT; waited += 10) {
        if (waitpid(process, NULL, WNOHANG))
            return;
        nanosleep(&pause, NULL);
    }
    kill(process, SIGKILL);
    while (waitpid(process, NULL, 0) < 0 && errno == EINTR)
        continue;
}

void assuan_close(struct assuan *assuan)
{
    assuan->until = clock_monotonic() + CLOSE_WAIT;
    bool polite = assuan_ask(assuan, "BYE", NULL, NULL) == DONE;
    close(assuan->out);
    close(assuan->in);
    if (!polite)
        kill(assuan->process, SIGTERM);
    reap(assuan->process);
    locked_free(assuan->line, LINE_SIZE);
}
