#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORT 17530
#define PINENTRY "/usr/bin/pinentry"
#define BATCH_SECONDS 60

struct settings settings;

/* The rest of an origin behind its scheme: a host and perhaps a port, as a browser writes them (RFC 6454, 6.2). */
static bool host_and_port(const char *text, size_t length, bool loopback)
{
    static const char *const loopbacks[] = {"127.0.0.1", "localhost", "[::1]"};
    size_t host = strcspn(text, "/ ");
    if (host != length || !length)
        return false;
    host = *text == '[' ? strcspn(text, "]") + 1 : strcspn(text, ":");
    const char *port = host < length ? text + host + 1 : "";
    if (host > length || (host < length && (text[host] != ':' || !*port || strlen(port) > 5 || port[strspn(port, "0123456789")] || *port == '0')))
        return false;
    bool known = !loopback;
    for (size_t i = 0; i < sizeof loopbacks / sizeof *loopbacks && !known; i++)
        known = strlen(loopbacks[i]) == host && !strncmp(loopbacks[i], text, host);
    const char *letters = *text == '[' ? "[]:.0123456789abcdef" : "abcdefghijklmnopqrstuvwxyz0123456789.-";
    return known && strspn(text, letters) >= host && host > 0;
}

/* Whether it is exactly what a browser sends as Origin, and one that nobody on the way can pretend to be. */
static bool origin_good(const char *origin)
{
    if (!strncmp(origin, "https://", 8))
        return host_and_port(origin + 8, strlen(origin + 8), false);
    return !strncmp(origin, "http://", 7) && host_and_port(origin + 7, strlen(origin + 7), true);
}

static int origins_read(const char *text, struct error *error)
{
    while (*(text += strspn(text, " \t"))) {
        size_t length = strcspn(text, " \t");
        if (settings.origin_count == ORIGINS || length >= ORIGIN_SIZE)
            return error_internal(error, "portal: at most %d origins of %d characters", ORIGINS, ORIGIN_SIZE - 1);
        char *origin = settings.origins[settings.origin_count++];
        memcpy(origin, text, length);
        origin[length] = 0;
        if (!origin_good(origin))
            return error_internal(error,
                                  "portal: \"%s\" is no origin like https://portal.example, in small letters, without a path; http:// only for "
                                  "127.0.0.1, localhost and [::1]",
                                  origin);
        text += length;
    }
    return settings.origin_count ? 0 : error_internal(error, "portal: name the portal's origin, as https://portal.example");
}

static int choices_read(const struct config *config, struct error *error)
{
    const char *pin = config_text(config, "pin", "prompt"), *prompt = config_text(config, "prompt", PINENTRY);
    static char program[512];
    snprintf(program, sizeof program, "%s", prompt);
    settings.prompt = strcmp(prompt, "none") ? program : NULL;
    settings.page_pin = !strcmp(pin, "page");
    if (!settings.page_pin && strcmp(pin, "prompt"))
        return error_internal(error, "pin: prompt or page, not \"%s\"", pin);
    if (!settings.prompt && !settings.page_pin)
        return error_internal(error, "prompt = none leaves nobody to ask for the PIN, unless pin = page");
    if (settings.prompt && *settings.prompt != '/')
        return error_internal(error, "prompt: the whole path of a pinentry, or none");
    return 0;
}

static int state_make(const struct config *config, const char *file, struct error *error)
{
    const char *slash = strrchr(file, '/'), *given = config_text(config, "state", "");
    int length = *given ? snprintf(settings.state, sizeof settings.state, "%s", given)
                        : snprintf(settings.state, sizeof settings.state, "%.*sstate", slash ? (int)(slash - file) + 1 : 0, file);
    if (length < 0 || (size_t)length >= sizeof settings.state)
        return error_internal(error, "state: the path is too long");
    if (mkdir(settings.state, 0700) && errno != EEXIST)
        return error_internal(error, "%s: %s", settings.state, strerror(errno));
    return 0;
}

static const char *usual_file(char *path, size_t size)
{
    const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (base && *base == '/')
        snprintf(path, size, "%s/singlewindow-ekey/settings", base);
    else
        snprintf(path, size, "%s/.config/singlewindow-ekey/settings", home ? home : "");
    return path;
}

static int take(const struct config *config, const char *file, struct error *error)
{
    long port, seconds;
    if (config_integer(config, "port", 1024, 65535, PORT, &port, error) ||
        config_integer(config, "batch_seconds", 1, BATCH_SECONDS, BATCH_SECONDS, &seconds, error))
        return (int)error->code;
    settings.port = (int)port;
    settings.batch_seconds = (int)seconds;
    if (origins_read(config_text(config, "portal", ""), error) || choices_read(config, error))
        return (int)error->code;
    return state_make(config, file, error);
}

int settings_read(const char *file, struct error *error)
{
    char path[512];
    struct config *config;
    if (!file)
        file = usual_file(path, sizeof path);
    if (config_read(file, &config, error))
        return (int)error->code;
    int code = take(config, file, error);
    config_free(config);
    return code;
}
