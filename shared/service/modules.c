#include "service/modules.h"

#include "base/file.h"
#include "base/json_tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFINITION_MAXIMUM (4u << 20)

static void add(char (*names)[16], int most, int *count, const char *name)
{
    for (int i = 0; i < *count; i++)
        if (!strcmp(names[i], name)) return;
    if (*name && *count < most) snprintf(names[(*count)++], sizeof names[0], "%s", name);
}

static int read_one(const char *path, char (*names)[16], int most, int *count, struct error *error)
{
    struct buffer text;
    struct arena arena;

    arena_init(&arena, 0);
    buffer_init(&text, DEFINITION_MAXIMUM);
    if (!file_read(path, &text, error))
        add(names, most, count, json_member_text(json_tree(buffer_string(&text), text.length, &arena, error), "module", ""));
    buffer_free(&text);
    arena_free(&arena);
    return (int)error->code;
}

int service_modules(const char *root, char (*names)[16], int most, int *count, struct error *error)
{
    char directory[1100], path[1400];
    struct dirent **entries;
    int found;

    snprintf(directory, sizeof directory, "%s/schema/forms", root);
    if ((found = scandir(directory, &entries, NULL, alphasort)) < 0) return error_internal(error, "%s: %s", directory, strerror(errno));
    for (int i = 0; i < found; i++) {
        size_t length = strlen(entries[i]->d_name);
        snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
        if (!error->code && length > 5 && !strcmp(entries[i]->d_name + length - 5, ".json")) read_one(path, names, most, count, error);
        free(entries[i]);
    }
    free(entries);
    return (int)error->code;
}
