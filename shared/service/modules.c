#include "service/modules.h"

#include "base/file.h"
#include "base/json_tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFINITION_MAXIMUM (4u << 20)

/* Calls `take` with each definition of <root>/schema/forms. */
static int each_definition(const char *root, void (*take)(const struct json *definition, void *context), void *context, struct error *error)
{
    char directory[1100], path[1400];
    struct dirent **entries;
    struct buffer text;
    struct arena arena;
    int found;

    snprintf(directory, sizeof directory, "%s/schema/forms", root);
    if ((found = scandir(directory, &entries, NULL, alphasort)) < 0) return error_internal(error, "%s: %s", directory, strerror(errno));
    for (int i = 0; i < found; i++) {
        size_t length = strlen(entries[i]->d_name);
        snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
        free(entries[i]);
        if (error->code || length <= 5 || strcmp(path + strlen(path) - 5, ".json") != 0) continue;
        arena_init(&arena, 0);
        buffer_init(&text, DEFINITION_MAXIMUM);
        if (!file_read(path, &text, error)) take(json_tree(buffer_string(&text), text.length, &arena, error), context);
        buffer_free(&text);
        arena_free(&arena);
    }
    free(entries);
    return (int)error->code;
}

/* ---- modules */

struct modules {
    char (*names)[16];
    int most, *count;
};

static void add_module(const struct json *definition, void *context)
{
    const struct modules *modules = context;
    const char *name = json_member_text(definition, "module", "");

    for (int i = 0; i < *modules->count; i++)
        if (!strcmp(modules->names[i], name)) return;
    if (*name && *modules->count < modules->most) snprintf(modules->names[(*modules->count)++], sizeof modules->names[0], "%s", name);
}

int service_modules(const char *root, char (*names)[16], int most, int *count, struct error *error)
{
    struct modules modules = {names, most, count};

    return each_definition(root, add_module, &modules, error);
}

/* ---- forms */

struct forms {
    struct arena *arena;
    struct envelope_form *forms;
    size_t most, *count;
};

static void add_form(const struct json *definition, void *context)
{
    const struct forms *forms = context;
    const char *name = json_member_text(definition, "form", "");

    for (size_t i = 0; i < *forms->count; i++)
        if (!strcmp(forms->forms[i].name, name)) return;
    if (*name && *forms->count < forms->most)
        forms->forms[(*forms->count)++] = (struct envelope_form){arena_text(forms->arena, name), arena_text(forms->arena, json_member_text(definition, "module", ""))};
}

int service_forms(const char *root, struct arena *arena, struct envelope_form *forms, size_t most, size_t *count, struct error *error)
{
    struct forms all = {arena, forms, most, count};

    return each_definition(root, add_form, &all, error);
}
