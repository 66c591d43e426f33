#include "settings.h"

#include "base/file.h"
#include "box.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The key goes over TLS, or does not leave this computer. */
static bool is_origin(const char *text)
{
    static const char *const loopbacks[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};
    size_t host = strncmp(text, "https://", 8) ? 0 : 8;

    for (size_t i = 0; !host && i < sizeof loopbacks / sizeof *loopbacks; i++) {
        size_t length = strlen(loopbacks[i]);
        if (!strncmp(text, loopbacks[i], length) && (text[length] == ':' || !text[length])) host = length;
    }
    return host && !text[host + strspn(text + host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-:[]")] && (host != 8 || text[8]);
}

static int read_key(const char *file, struct settings *settings, struct error *error)
{
    struct buffer text;
    struct stat about;

    if (!*file) return error_internal(error, "key: name the file that holds the API key");
    if (stat(file, &about)) return error_internal(error, "key: %s: %s", file, strerror(errno));
    if (about.st_mode & 077) return error_internal(error, "key: %s can be read by others than its owner: chmod 600", file);
    buffer_init(&text, 4096);
    if (!file_read(file, &text, error)) {
        const char *key = buffer_string(&text);
        size_t length = strcspn(key, "\r\n");
        if (length != 67 || strncmp(key, "sw_", 3) || key[length + strspn(key + length, "\r\n")] || strspn(key + 3, "0123456789abcdef") != 64)
            error_internal(error, "key: %s holds no API key (sw_ and 64 digits)", file);
        else snprintf(settings->key, sizeof settings->key, "%.67s", key);
    }
    buffer_free(&text);
    return (int)error->code;
}

static int add_form(struct settings *settings, const char *root, const char *word, size_t length, struct error *error)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    const char *slash = memchr(word, '/', length);
    size_t module = slash ? (size_t)(slash - word) : 0, form = slash ? length - module - 1 : 0;
    struct form_folder *folder = &settings->forms[settings->form_count];

    if (settings->form_count == FORMS) return error_internal(error, "forms: at most %d", FORMS);
    if (!module || !form || module >= sizeof folder->module || form >= sizeof folder->form || strspn(word, letters) != module || strspn(slash + 1, letters) < form)
        return error_internal(error, "forms: <module>/<form>, as export/export_licence, not \"%.*s\"", (int)length, word);
    snprintf(folder->module, sizeof folder->module, "%.*s", (int)module, word);
    snprintf(folder->form, sizeof folder->form, "%.*s", (int)form, slash + 1);
    if (snprintf(folder->path, sizeof folder->path, "%s/%.*s", root, (int)form, slash + 1) >= (int)sizeof folder->path) return error_internal(error, "folders: the path is too long");
    for (int i = 0; i < settings->form_count; i++)
        if (!strcmp(settings->forms[i].form, folder->form)) return error_internal(error, "forms: %s is named twice", folder->form);
    settings->form_count++;
    return box_check(folder->path, error);
}

static int read_forms(const char *root, const char *text, struct settings *settings, struct error *error)
{
    if (*root != '/') return error_internal(error, "folders: the whole path of the folder that holds one for each form");
    while (*(text += strspn(text, " \t"))) {
        size_t length = strcspn(text, " \t");
        if (add_form(settings, root, text, length, error)) return (int)error->code;
        text += length;
    }
    return settings->form_count ? 0 : error_internal(error, "forms: name the kinds of documents, as export/export_licence");
}

static int take(const struct config *config, struct settings *settings, struct error *error)
{
    const char *portal = config_text(config, "portal", ""), *queue = config_text(config, "queue", "folders");
    long submit;

    if (!is_origin(portal) || strlen(portal) >= sizeof settings->portal)
        return error_internal(error, "portal: its address, as https://portal.example (http:// for this computer only), without a path");
    if (!*queue || strlen(queue) >= QUEUE_SIZE || queue[strspn(queue, "abcdefghijklmnopqrstuvwxyz0123456789-")])
        return error_internal(error, "queue: 1 to 32 of a-z, 0-9 and -");
    snprintf(settings->portal, sizeof settings->portal, "%s", portal);
    snprintf(settings->queue, sizeof settings->queue, "%s", queue);
    snprintf(settings->authorities, sizeof settings->authorities, "%s", config_text(config, "authorities", ""));
    if (config_integer(config, "submit", 0, 1, 1, &submit, error) || config_integer(config, "quiet_seconds", 1, 3600, 5, &settings->quiet_seconds, error) ||
        config_integer(config, "look_seconds", 1, 3600, 2, &settings->look_seconds, error))
        return (int)error->code;
    settings->submit = submit;
    return read_key(config_text(config, "key", ""), settings, error) ||
           read_forms(config_text(config, "folders", ""), config_text(config, "forms", ""), settings, error) ? (int)error->code : 0;
}

int settings_read(const char *file, struct settings *settings, struct error *error)
{
    struct config *config;

    memset(settings, 0, sizeof *settings);
    if (config_read(file, &config, error)) return (int)error->code;
    take(config, settings, error);
    config_free(config);
    return (int)error->code;
}
