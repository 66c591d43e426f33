#include "exchange/partners.h"

#include "base/file.h"
#include "base/json_tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTNER_FILE_MAXIMUM 65536
#define PARTNERS_MAXIMUM 32
#define CLEARS_MAXIMUM 16
#define SIGNERS_MAXIMUM 8
#define REVIEWS_MAXIMUM 1000
#define PATH_MAXIMUM 1024

struct partners {
    struct partner items[PARTNERS_MAXIMUM];
    size_t count;
    struct arena arena;
};

/* One file while it is read. */
struct reading {
    struct partners *all;
    struct partner *partner;
    const char *folder, *path;
    struct error *error;
};

static int wrong(const struct reading *r, const struct json *at, const char *reason)
{
    return error_internal(r->error, "%s, line %d: %s", r->path, at ? at->line : 1, reason);
}

static bool spelled(const char *text, const char *letters, size_t most)
{
    size_t length = strspn(text, letters);

    return length && length <= most && !text[length];
}

static const char *const name_letters = "abcdefghijklmnopqrstuvwxyz0123456789-";
static const char *const module_letters = "abcdefghijklmnopqrstuvwxyz0123456789_";
static const char *const agency_letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* A member that is a text of at least one character. */
static const char *text_of(const struct reading *r, const struct json *json, const char *name)
{
    const struct json *member = json_member(json, name);

    if (member && member->kind == JSON_STRING && member->text.length && member->text.length <= PATH_MAXIMUM) return member->text.text;
    error_internal(r->error, "%s, line %d: \"%s\" is a text of 1 to %d bytes", r->path, (member ? member : json)->line, name, PATH_MAXIMUM);
    return NULL;
}

static const char *whole_path(const struct reading *r, const char *text)
{
    if (!text) return NULL;
    return *text == '/' ? arena_text(&r->all->arena, text) : arena_printf(&r->all->arena, "%s/%s", r->folder, text);
}

/* Only members that are known; `names` ends with NULL. */
static int only(const struct reading *r, const struct json *json, const char *const *names)
{
    JSON_EACH(member, json) {
        size_t i = 0;
        while (names[i] && strcmp(names[i], member->name)) i++;
        if (!names[i]) return error_internal(r->error, "%s, line %d: unknown member \"%s\"", r->path, member->line, member->name);
    }
    return 0;
}

/* ---- what it does */

static int read_title(const struct reading *r, const struct json *json)
{
    static const char *const names[] = {"zh", "en", NULL};
    const struct json *title = json_member(json, "title");
    const char *zh, *en;

    if (!title || title->kind != JSON_OBJECT) return wrong(r, title ? title : json, "\"title\" is {\"zh\", \"en\"}");
    if (only(r, title, names) || !(zh = text_of(r, title, "zh")) || !(en = text_of(r, title, "en"))) return (int)r->error->code;
    if (strlen(zh) > 100 || strlen(en) > 100) return wrong(r, title, "a title has at most 100 bytes");
    r->partner->title_zh = arena_text(&r->all->arena, zh);
    r->partner->title_en = arena_text(&r->all->arena, en);
    return 0;
}

static int read_clears(const struct reading *r, const struct json *clears)
{
    const struct partner *other;

    if (!clears) return 0;
    if (clears->kind != JSON_ARRAY || clears->count > CLEARS_MAXIMUM) return wrong(r, clears, "\"clears\" is a list of at most 16 modules");
    if (!(r->partner->clears = arena_alloc(&r->all->arena, CLEARS_MAXIMUM * sizeof *r->partner->clears))) return error_internal(r->error, "out of memory");
    JSON_EACH(item, clears) {
        if (item->kind != JSON_STRING || !spelled(item->text.text, module_letters, 15)) return wrong(r, item, "\"clears\" names modules");
        if ((other = partners_clearing(r->all, item->text.text)))
            return error_internal(r->error, "%s, line %d: %s is cleared by %s", r->path, item->line, item->text.text, other->name);
        r->partner->clears[r->partner->clear_count++] = arena_text(&r->all->arena, item->text.text);
    }
    return 0;
}

static int read_agencies(const struct reading *r, const struct json *agencies)
{
    const struct partner *other;
    const char *module = arena_text(&r->all->arena, agencies->name);

    if (!spelled(module, module_letters, 15)) return wrong(r, agencies, "\"reviews\" names modules");
    if (agencies->kind != JSON_ARRAY) return wrong(r, agencies, "agencies are a list of their codes");
    JSON_EACH(item, agencies) {
        if (item->kind != JSON_STRING || !spelled(item->text.text, agency_letters, 15)) return wrong(r, item, "an agency is a code of at most 15 letters and digits");
        if ((other = partners_reviewing(r->all, module, item->text.text)))
            return error_internal(r->error, "%s, line %d: %s %s is reviewed by %s", r->path, item->line, module, item->text.text, other->name);
        if (r->partner->review_count == REVIEWS_MAXIMUM) return wrong(r, item, "at most 1000 agencies");
        r->partner->reviews[r->partner->review_count++] = (struct partner_review){module, arena_text(&r->all->arena, item->text.text)};
    }
    return 0;
}

static int read_reviews(const struct reading *r, const struct json *reviews)
{
    size_t count = 0;

    if (!reviews) return 0;
    if (reviews->kind != JSON_OBJECT) return wrong(r, reviews, "\"reviews\" is {module: [agencies]}");
    JSON_EACH(agencies, reviews) count += agencies->count;
    if (count > REVIEWS_MAXIMUM) count = REVIEWS_MAXIMUM;
    if (!(r->partner->reviews = arena_alloc(&r->all->arena, (count + 1) * sizeof *r->partner->reviews))) return error_internal(r->error, "out of memory");
    JSON_EACH(agencies, reviews)
        if (read_agencies(r, agencies)) return (int)r->error->code;
    return 0;
}

/* ---- how it is reached */

static int read_signers(const struct reading *r, const struct json *json)
{
    const struct json *signers = json_member(json, "signers");

    if (!signers || signers->kind != JSON_ARRAY || !signers->count || signers->count > SIGNERS_MAXIMUM)
        return wrong(r, signers ? signers : json, "\"signers\" is a list of 1 to 8 files of certificates");
    if (!(r->partner->signers = arena_alloc(&r->all->arena, SIGNERS_MAXIMUM * sizeof *r->partner->signers))) return error_internal(r->error, "out of memory");
    JSON_EACH(item, signers) {
        if (item->kind != JSON_STRING || !item->text.length || item->text.length > PATH_MAXIMUM) return wrong(r, item, "a signer is the path of a file");
        r->partner->signers[r->partner->signer_count++] = whole_path(r, item->text.text);
    }
    return 0;
}

static int read_https(const struct reading *r, const struct json *https)
{
    static const char *const names[] = {"url", "authorities", "certificate", "key", "client", "private", NULL};
    struct partner *partner = r->partner;
    const struct json *allow = json_member(https, "private");
    const char *url;

    if (https->kind != JSON_OBJECT) return wrong(r, https, "\"https\" is an object");
    if (allow && allow->kind != JSON_TRUE && allow->kind != JSON_FALSE) return wrong(r, allow, "\"private\" is true or false");
    if (only(r, https, names) || !(url = text_of(r, https, "url"))) return (int)r->error->code;
    if (strncmp(url, "https://", 8) != 0 || !url[8]) return wrong(r, https, "\"url\" begins with https://");
    partner->url = arena_text(&r->all->arena, url);
    partner->allow_private = json_member_true(https, "private");
    if (!(partner->authorities = whole_path(r, text_of(r, https, "authorities"))) ||
        !(partner->certificate = whole_path(r, text_of(r, https, "certificate"))) || !(partner->key = whole_path(r, text_of(r, https, "key"))) ||
        !(partner->client = whole_path(r, text_of(r, https, "client"))))
        return r->error->code ? (int)r->error->code : error_internal(r->error, "out of memory");
    return 0;
}

static int read_way(const struct reading *r, const struct json *json)
{
    const struct json *folder = json_member(json, "folder"), *https = json_member(json, "https");

    if (!folder == !https) return wrong(r, json, "either \"folder\" or \"https\"");
    if (https) return read_https(r, https);
    r->partner->folder = whole_path(r, text_of(r, json, "folder"));
    return r->partner->folder || r->error->code ? (int)r->error->code : error_internal(r->error, "out of memory");
}

/* ---- files */

static int read_partner(const struct reading *r, const struct json *json)
{
    static const char *const names[] = {"title", "clears", "reviews", "signers", "folder", "https", NULL};

    if (json->kind != JSON_OBJECT) return wrong(r, json, "a partner is an object");
    r->all->count++; /* so that what it says twice is found, too */
    return only(r, json, names) || read_title(r, json) || read_clears(r, json_member(json, "clears")) ||
           read_reviews(r, json_member(json, "reviews")) || read_signers(r, json) || read_way(r, json) ? (int)r->error->code : 0;
}

static int read_file(struct partners *all, const char *folder, const char *file, struct error *error)
{
    char path[PATH_MAXIMUM + 300];
    struct reading r = {.all = all, .folder = folder, .path = path, .error = error};
    size_t length = strlen(file) - 5; /* ".json" */
    const struct json *json;
    struct buffer text;
    struct arena arena;

    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (all->count == PARTNERS_MAXIMUM) return wrong(&r, NULL, "there are more than 32 partners");
    r.partner = &all->items[all->count];
    r.partner->name = arena_copy(&all->arena, file, length);
    if (!r.partner->name) return error_internal(error, "out of memory");
    if (!spelled(r.partner->name, name_letters, PARTNER_NAME_MAXIMUM) || !strcmp(r.partner->name, "portal"))
        return wrong(&r, NULL, "a partner's name is 1 to 32 of a-z, 0-9 and -, and not \"portal\"");
    arena_init(&arena, 0);
    buffer_init(&text, PARTNER_FILE_MAXIMUM);
    if (!file_read(path, &text, error)) {
        if ((json = json_tree(buffer_string(&text), text.length, &arena, error))) {
            read_partner(&r, json);
        } else {
            char reason[sizeof error->detail];
            snprintf(reason, sizeof reason, "%s", error->detail[0] ? error->detail : error->en);
            error_internal(error, "%s: %s", path, reason);
        }
    }
    buffer_free(&text);
    arena_free(&arena);
    return (int)error->code;
}

int partners_read(const char *folder, struct partners **partners, struct error *error)
{
    struct dirent **entries;
    struct partners *all;
    int found;

    error_clear(error);
    *partners = NULL;
    if (!folder || !*folder) return 0;
    if (strlen(folder) > PATH_MAXIMUM) return error_internal(error, "partners: the path of the folder is too long");
    if ((found = scandir(folder, &entries, NULL, alphasort)) < 0) return error_internal(error, "partners = %s: %s", folder, strerror(errno));
    if ((all = calloc(1, sizeof *all))) arena_init(&all->arena, 0);
    else error_internal(error, "out of memory");
    for (int i = 0; i < found; i++) {
        size_t length = strlen(entries[i]->d_name);
        if (all && !error->code && length >= 5 && !strcmp(entries[i]->d_name + length - 5, ".json")) read_file(all, folder, entries[i]->d_name, error);
        free(entries[i]);
    }
    free(entries);
    if (error->code) partners_free(all);
    else *partners = all;
    return (int)error->code;
}

void partners_free(struct partners *partners)
{
    if (!partners) return;
    arena_free(&partners->arena);
    free(partners);
}

/* ---- asking */

size_t partners_count(const struct partners *partners) { return partners ? partners->count : 0; }

const struct partner *partners_at(const struct partners *partners, size_t index)
{
    return index < partners_count(partners) ? &partners->items[index] : NULL;
}

const struct partner *partners_clearing(const struct partners *partners, const char *module)
{
    for (size_t i = 0; i < partners_count(partners); i++)
        for (size_t k = 0; k < partners->items[i].clear_count; k++)
            if (!strcmp(partners->items[i].clears[k], module)) return &partners->items[i];
    return NULL;
}

const struct partner *partners_reviewing(const struct partners *partners, const char *module, const char *agency)
{
    for (size_t i = 0; i < partners_count(partners); i++)
        for (size_t k = 0; k < partners->items[i].review_count; k++)
            if (!strcmp(partners->items[i].reviews[k].module, module) && !strcmp(partners->items[i].reviews[k].agency, agency)) return &partners->items[i];
    return NULL;
}

const struct partner *partners_named(const struct partners *partners, const char *name)
{
    for (size_t i = 0; i < partners_count(partners); i++)
        if (!strcmp(partners->items[i].name, name)) return &partners->items[i];
    return NULL;
}
