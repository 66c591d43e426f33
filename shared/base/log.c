#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE 2048

static const char *log_program = "singlewindow";
static enum log_level log_least = LOG_INFO;

void log_open(const char *program, enum log_level least)
{
    log_program = program;
    log_least = least;
}

/* The real time even where tests fix the clock: a log tells what happened when. */
static size_t line_begin(char *line, size_t size, enum log_level level, const char *event)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t used = strftime(line, size, "time=%Y-%m-%dT%H:%M:%S", &parts);
    int more = snprintf(line + used, size - used, ".%03ldZ level=%s program=%s event=%s ", now.tv_nsec / 1000000, names[level],
                        log_program, event);
    return more > 0 && used + (size_t)more < size ? used + (size_t)more : used;
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
    if (level < log_least)
        return;
    char line[LINE_SIZE];
    size_t used = line_begin(line, sizeof line - 1, level, event);
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(line + used, sizeof line - 1 - used, format, arguments);
    va_end(arguments);
    if (more > 0) {
        size_t room = sizeof line - 2 - used;
        used += (size_t)more < room ? (size_t)more : room;
    }
    for (size_t i = 0; i < used; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7F)
            line[i] = ' ';
    line[used++] = '\n';
    /* a log that cannot be written has nobody left to tell */
    if (write(STDERR_FILENO, line, used) < 0)
        return;
}

static int is_plain(const char *value)
{
    size_t plain = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,@+*");
    return plain && !value[plain];
}

const char *log_quote(const char *value, char *out, unsigned long size)
{
    if (size < 3)
        return "";
    if (!value)
        value = "";
    if (is_plain(value) && strlen(value) < size) {
        memcpy(out, value, strlen(value) + 1);
        return out;
    }
    size_t at = 0;
    out[at++] = '"';
    for (; *value && at + 4 < size; value++) {
        unsigned char c = (unsigned char)*value;
        if (c == '"' || c == '\\')
            out[at++] = '\\';
        out[at++] = c < 0x20 || c == 0x7F ? '?' : (char)c;
    }
    out[at++] = '"';
    out[at] = 0;
    return out;
}
