#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE 2048
#define HELD_SIZE 8192

static const char *log_program = "singlewindow";
static enum log_level log_least = LOG_INFO;
static _Thread_local struct { bool holds; size_t used; char lines[HELD_SIZE]; } held;

void log_open(const char *program, enum log_level least)
{
    log_program = program;
    log_least = least;
}

/* The real time even where tests fix the clock: a log tells what happened when. The text of a second is made once. */
static size_t line_begin(char *line, size_t size, enum log_level level, const char *event)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    static _Thread_local struct { time_t second; size_t length; char text[32]; } last;
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != last.second) {
        gmtime_r(&now.tv_sec, &parts);
        last.length = strftime(last.text, sizeof last.text, "time=%Y-%m-%dT%H:%M:%S", &parts);
        last.second = now.tv_sec;
    }
    size_t used = last.length;
    memcpy(line, last.text, used);
    int more = snprintf(line + used, size - used, ".%03ldZ level=%s program=%s event=%s ", now.tv_nsec / 1000000, names[level],
                        log_program, event);
    return more > 0 && used + (size_t)more < size ? used + (size_t)more : used;
}

static void put(const char *lines, size_t length)
{
    /* a log that cannot be written has nobody left to tell */
    if (write(STDERR_FILENO, lines, length) < 0)
        return;
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
    if (!held.holds) {
        put(line, used);
        return;
    }
    if (used > HELD_SIZE - held.used)
        log_flush();
    memcpy(held.lines + held.used, line, used);
    held.used += used;
    if (level >= LOG_WARNING)
        log_flush();
}

void log_hold(bool holds)
{
    log_flush();
    held.holds = holds;
}

void log_flush(void)
{
    size_t used = held.used;
    held.used = 0;
    if (used)
        put(held.lines, used);
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
