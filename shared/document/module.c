/* Loading what a module works by: definitions and code tables. */
#include "base/file.h"
#include "document/internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length > end_length && !strcmp(text + length - end_length, end);
}

/* ---- definitions */

static int check_hooks(const struct doc_module *module, const struct form *form, struct error *error)
{
    for (size_t i = 0; i < form->action_count; i++) {
        const struct doc_hook_row *hook = module->hooks;
        if (!form->actions[i].hook) continue;
        while (hook && hook->name && strcmp(hook->name, form->actions[i].hook)) hook++;
        if (!hook || !hook->name) return error_internal(error, "%s: no hook named %s", form->name, form->actions[i].hook);
    }
    return 0;
}

static int load_form(struct doc_module *module, const char *file_name, struct error *error)
{
    char path[1024], detail[256];
    struct buffer text;
    struct form *form;

    snprintf(path, sizeof path, "%s/forms/%s", module->schema, file_name);
    buffer_init(&text, 0);
    if (file_read(path, &text, error)) {
        buffer_free(&text);
        return (int)error->code;
    }
    form = form_compile(buffer_string(&text), text.length, error);
    buffer_free(&text);
    if (!form) {
        snprintf(detail, sizeof detail, "%s", error->detail);
        return error_internal(error, "%s: %s", path, detail);
    }
    if (strcmp(json_member_text(form->json, "module", ""), module->name)) { /* another program's */
        form_free(form);
        return 0;
    }
    if (module->form_count == DOC_FORMS) {
        form_free(form);
        return error_internal(error, "more than %d definitions", DOC_FORMS);
    }
    module->forms[module->form_count++] = form;
    return doc_check_queries(form, error) || doc_check_monthly(form, error) ? (int)error->code : check_hooks(module, form, error);
}

static int compare_forms(const void *a, const void *b)
{
    const struct form *x = *(struct form *const *)a, *y = *(struct form *const *)b;
    int order = strcmp(x->name, y->name);

    return order ? order : y->version - x->version;
}

static int make_shapes(struct doc_module *module, struct error *error)
{
    size_t most = 2;

    for (size_t i = 0; i < module->form_count; i++) {
        const struct json *queries = json_member(module->forms[i]->json, "queries");
        most += 1 + (queries ? queries->count : 0);
    }
    if (!(module->shapes = calloc(most, sizeof *module->shapes))) return error_internal(error, "out of memory");
    for (size_t i = 0; i < module->form_count; i++) {
        const struct json *list = json_member(module->forms[i]->json, "list");
        doc_shape_make(json_member(list, "columns"), false, &module->shapes[module->shape_count]);
        module->shapes[module->shape_count++].json = list;
        JSON_EACH(query, json_member(module->forms[i]->json, "queries")) {
            doc_shape_make(json_member(query, "columns"), false, &module->shapes[module->shape_count]);
            module->shapes[module->shape_count++].json = query;
        }
    }
    doc_shape_make(NULL, false, &module->shapes[module->shape_count++]);
    doc_shape_make(NULL, true, &module->shapes[module->shape_count++]);
    return 0;
}

static int load_forms(struct doc_module *module, struct error *error)
{
    char path[1024];
    DIR *directory;
    const struct dirent *entry;
    int code = 0;

    snprintf(path, sizeof path, "%s/forms", module->schema);
    if (!(directory = opendir(path))) return error_internal(error, "%s: %s", path, strerror(errno));
    while (!code && (entry = readdir(directory)))
        if (ends_with(entry->d_name, ".json")) code = load_form(module, entry->d_name, error);
    closedir(directory);
    qsort(module->forms, module->form_count, sizeof *module->forms, compare_forms);
    if (!code && !module->form_count) code = error_internal(error, "%s: no definition of this module", path);
    for (size_t i = 0; !code && i < module->form_count; i++) code = doc_check_split(module, module->forms[i], error);
    return code ? code : make_shapes(module, error);
}

const struct doc_shape *doc_shape_of(const struct doc_module *module, const struct json *json, bool officer)
{
    for (size_t i = 0; json && !officer && i + 2 < module->shape_count; i++)
        if (module->shapes[i].json == json) return &module->shapes[i];
    return &module->shapes[module->shape_count - (officer ? 1 : 2)];
}

const struct form *doc_form(const struct doc_module *module, const char *name, int32_t today)
{
    for (size_t i = 0; i < module->form_count; i++) /* newest first within a name */
        if (!strcmp(module->forms[i]->name, name) && module->forms[i]->effective_from <= today) return module->forms[i];
    return NULL;
}

const struct form *doc_newest(const struct doc_module *module, const struct form *form, int32_t today)
{
    const struct form *newest = doc_form(module, form->name, today);

    return newest && newest->version > form->version ? newest : form;
}

const struct form *doc_form_version(const struct doc_module *module, const char *name, int version)
{
    for (size_t i = 0; i < module->form_count; i++)
        if (!strcmp(module->forms[i]->name, name) && module->forms[i]->version == version) return module->forms[i];
    return NULL;
}

const struct form *doc_form_of(const struct doc_module *module, const struct doc_row *row, struct error *error)
{
    const struct form *form = doc_form_version(module, row->form, (int)row->form_version);

    if (!form) error_internal(error, "document %lld: no definition %s.%lld", (long long)row->id, row->form, (long long)row->form_version);
    return form;
}

/* ---- code tables */

/* Puts a table into the set in place of one of the same name. The write lock is held, or nobody else is there yet. */
static int put_table(struct code_set *set, struct code_table *table, struct error *error)
{
    for (size_t i = 0; i < set->count; i++)
        if (!strcmp(set->tables[i]->name, table->name)) {
            code_table_free(set->tables[i]);
            set->tables[i] = table;
            return 0;
        }
    if (set->count == sizeof set->tables / sizeof *set->tables) {
        code_table_free(table);
        return error_internal(error, "too many code tables");
    }
    set->tables[set->count++] = table;
    return 0;
}

static int load_table(struct doc_module *module, const char *file_name, struct error *error)
{
    char path[1024], name[48], detail[256];
    struct buffer text;
    struct code_table *table;

    snprintf(path, sizeof path, "%s/codes/%s", module->schema, file_name);
    snprintf(name, sizeof name, "%.*s", (int)(strlen(file_name) - 4), file_name);
    buffer_init(&text, 0);
    if (file_read(path, &text, error)) {
        buffer_free(&text);
        return (int)error->code;
    }
    table = code_table_read(name, buffer_string(&text), text.length, error);
    buffer_free(&text);
    if (table) return put_table(&module->codes, table, error);
    snprintf(detail, sizeof detail, "%s", error->detail);
    return error_internal(error, "%s: %s", path, detail);
}

static int load_tables(struct doc_module *module, struct error *error)
{
    char path[1024];
    DIR *directory;
    const struct dirent *entry;
    int code = 0;

    snprintf(path, sizeof path, "%s/codes", module->schema);
    if (!(directory = opendir(path))) return error_internal(error, "%s: %s", path, strerror(errno));
    while (!code && (entry = readdir(directory)))
        if (ends_with(entry->d_name, ".csv")) code = load_table(module, entry->d_name, error);
    closedir(directory);
    return code;
}

void doc_codes_put(struct doc_module *module, struct code_table *table)
{
    struct error error;

    pthread_rwlock_wrlock(&module->lock);
    put_table(&module->codes, table, &error);
    pthread_rwlock_unlock(&module->lock);
}

int doc_codes_refresh(struct doc_module *module, struct store_connection *db, struct error *error)
{
    struct store_rows rows;
    int64_t newest = module->codes_loaded;

    if (store_query(db, &rows, error, "SELECT list, csv, loaded FROM code_table WHERE loaded > $1 ORDER BY loaded",
                    STORE_VALUES(store_integer(newest))))
        return (int)error->code;
    while (store_next(&rows)) {
        char name[48];
        size_t length;
        const char *csv;
        struct code_table *table;
        snprintf(name, sizeof name, "%s", store_column_text(&rows, 0, NULL));
        csv = store_column_text(&rows, 1, &length);
        newest = store_column_integer(&rows, 2);
        if (!(table = code_table_read(name, csv, length, error))) continue; /* it was checked before it was stored */
        doc_codes_put(module, table);
    }
    module->codes_loaded = newest;
    return store_end(&rows);
}

const struct code_table *doc_codes_read_lock(struct doc_module *module, const char *list)
{
    pthread_rwlock_rdlock(&module->lock);
    return code_set_find(&module->codes, list);
}

void doc_codes_unlock(struct doc_module *module) { pthread_rwlock_unlock(&module->lock); }

int doc_module_open(struct doc_module *module, const char *name, const char *schema, struct store *store,
                    const struct doc_hook_row *hooks, struct error *error)
{
    memset(module, 0, sizeof *module);
    module->name = name;
    module->schema = schema;
    module->store = store;
    module->hooks = hooks;
    pthread_rwlock_init(&module->lock, NULL);
    if (load_forms(module, error)) return (int)error->code;
    return load_tables(module, error);
}

void doc_module_close(struct doc_module *module)
{
    for (size_t i = 0; i < module->form_count; i++) form_free(module->forms[i]);
    for (size_t i = 0; i < module->codes.count; i++) code_table_free(module->codes.tables[i]);
    free(module->shapes);
    module->shapes = NULL;
    module->form_count = module->codes.count = module->shape_count = 0;
    pthread_rwlock_destroy(&module->lock);
}
