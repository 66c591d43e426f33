#include "base/config.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAXIMUM 65536
#define CONFIG_SETTINGS 256

struct setting {
    const char *key, *value;
};

struct config {
    char *text; /* the file, cut into NUL-terminated keys and values */
    size_t count;
    struct setting settings[CONFIG_SETTINGS];
};

static int refuse(struct error *error, const char *path, int line, const char *reason)
{
    error_set(error, ERROR_INVALID, "settings", "设置文件有错误，请看日志。", "The settings file has a mistake; see the log.");
    if (line)
        error_detail(error, "%s:%d: %s", path, line, reason);
    else
        error_detail(error, "%s: %s", path, reason);
    return error->code;
}

static char *file_text(const char *path, size_t *length, int *problem)
{
    FILE *file = fopen(path, "re");
    char *text = file ? malloc(CONFIG_MAXIMUM + 2) : NULL;
    if (!text) {
        *problem = errno;
        if (file)
            fclose(file);
        return NULL;
    }
    *length = fread(text, 1, CONFIG_MAXIMUM + 1, file);
    *problem = ferror(file) ? EIO : *length > CONFIG_MAXIMUM ? EFBIG : 0;
    fclose(file);
    text[*length] = 0;
    return text;
}

static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    size_t length = strlen(text);
    while (length && strchr(" \t\r", text[length - 1]))
        length--;
    text[length] = 0;
    return text;
}

/* NULL, or what is wrong with the line. */
static const char *setting_add(struct config *config, char *line)
{
    line = trim(line);
    if (!*line || *line == '#')
        return NULL;
    char *equals = strchr(line, '=');
    if (!equals || equals == line)
        return "neither `key = value` nor a # comment";
    *equals = 0;
    char *key = trim(line);
    if (key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")])
        return "a key has letters, digits, _ . and - only";
    if (config_text(config, key, NULL))
        return "this key was set before";
    if (config->count == CONFIG_SETTINGS)
        return "too many settings";
    config->settings[config->count++] = (struct setting){key, trim(equals + 1)};
    return NULL;
}

int config_read(const char *path, struct config **result, struct error *error)
{
    int problem = 0;
    size_t length = 0;
    struct config *config = calloc(1, sizeof *config);
    *result = NULL;
    if (!config)
        return error_internal(error, "out of memory");
    config->text = file_text(path, &length, &problem);
    if (problem || !config->text) {
        config_free(config);
        return refuse(error, path, 0, problem == EFBIG ? "longer than 64 KiB" : strerror(problem));
    }
    const char *reason = NULL;
    if (strlen(config->text) != length || !utf8_valid(config->text, length))
        reason = "not UTF-8 text";
    int line = 0;
    for (char *rest = config->text; !reason && rest;) {
        char *text = strsep(&rest, "\n");
        line++;
        reason = setting_add(config, text);
    }
    if (reason) {
        config_free(config);
        return refuse(error, path, line, reason);
    }
    *result = config;
    return 0;
}

void config_free(struct config *config)
{
    if (config)
        free(config->text);
    free(config);
}

bool config_at(const struct config *config, size_t index, const char **key, const char **value)
{
    if (index >= config->count)
        return false;
    *key = config->settings[index].key;
    *value = config->settings[index].value;
    return true;
}

const char *config_text(const struct config *config, const char *key, const char *fallback)
{
    for (size_t i = 0; i < config->count; i++)
        if (!strcmp(config->settings[i].key, key))
            return config->settings[i].value;
    return fallback;
}

int config_integer(const struct config *config, const char *key, long least, long most, long fallback, long *value,
                   struct error *error)
{
    const char *text = config_text(config, key, NULL);
    *value = fallback;
    if (!text)
        return 0;
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (end == text || *end || errno || number < least || number > most) {
        error_set(error, ERROR_INVALID, "settings", "设置文件有错误，请看日志。", "The settings file has a mistake; see the log.");
        error_detail(error, "setting %s: a whole number from %ld to %ld is wanted, not \"%s\"", key, least, most, text);
        return error->code;
    }
    *value = number;
    return 0;
}
