/* A ZIP of files of documents, with attachments beside them that their names hold together (bodies.h). */
#include "exchange/bodies_internal.h"

#include "base/json_tree.h"
#include "base/utf8.h"
#include "exchange/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FILE_MAXIMUM ((size_t)8 << 20)
#define ALL_MAXIMUM ((size_t)64 << 20)

struct file { /* of documents */
    const char *name, *key; /* the key: its name without the ending */
    size_t documents;
};

struct archive {
    const struct form *form;
    struct bodies *bodies;
    struct error *error;
    struct file *files;
    size_t count;
};

static bool has_ending(const char *name, const char *const *endings)
{
    const char *dot = strrchr(name, '.');

    for (; dot && *endings; endings++)
        if (!strcasecmp(dot + 1, *endings)) return true;
    return false;
}

static bool is_document(const char *name)
{
    static const char *const endings[] = {"xml", "json", "xlsx", NULL};
    return has_ending(name, endings);
}

static bool is_attachment(const char *name)
{
    static const char *const endings[] = {"pdf", "jpg", "jpeg", "png", NULL};
    return has_ending(name, endings);
}

/* Refuses the ZIP because of one of its files, which is named. */
static int refuse(struct archive *a, const char *file, const char *rule, const char *zh, const char *en)
{
    char name[sizeof a->error->name], words[2][400];
    int length = (int)utf8_cut(file, strlen(file), 80);

    snprintf(name, sizeof name, "%s", rule); /* what is passed may be of the error itself */
    snprintf(words[0], sizeof words[0], "%.*s：%s", length, file, zh);
    snprintf(words[1], sizeof words[1], "%.*s: %s", length, file, en);
    return error_set(a->error, ERROR_INVALID, name, words[0], words[1]);
}

/* ---- documents */

static int take_documents(struct archive *a, const struct archive_file *packed)
{
    struct file *file = &a->files[a->count];
    size_t key = (size_t)(strrchr(packed->name, '.') - packed->name);

    *file = (struct file){packed->name, arena_copy(a->bodies->arena, packed->name, key), 0};
    if (!file->key) return error_internal(a->error, "out of memory");
    for (size_t i = 0; i < a->count; i++)
        if (!strcmp(a->files[i].key, file->key)) return refuse(a, packed->name, "same_name", "有两个同名的单据文件。", "Two files of documents have this name.");
    a->count++;
    if (packed->length > FILE_MAXIMUM) return refuse(a, packed->name, "file_too_large", "一个文件最大8MB。", "A file has at most 8 MB.");
    a->bodies->file = file->name;
    a->bodies->key = file->key;
    if (bodies_file(a->form, packed->bytes, packed->length, a->bodies, a->error))
        return a->error->code == ERROR_INTERNAL ? (int)a->error->code : refuse(a, packed->name, a->error->name, a->error->zh, a->error->en);
    file->documents = a->bodies->count - a->bodies->first;
    return 0;
}

/* ---- attachments */

/* The file of documents that an attachment's name begins with: the one with the longest name. */
static const struct file *owner_of(const struct archive *a, const char *name)
{
    const struct file *owner = NULL;

    for (size_t i = 0; i < a->count; i++) {
        size_t length = strlen(a->files[i].key);
        if (!strncmp(name, a->files[i].key, length) && name[length] == '.' && (!owner || length > strlen(owner->key))) owner = &a->files[i];
    }
    return owner;
}

/* "<type>" or "<type>.<block>.<place>"; false for anything else. The parts are cut into `words`. */
static bool take_place(char *words, const char **type, const char **block, int *place)
{
    char *dot = strchr(words, '.'), *second = dot ? strchr(dot + 1, '.') : NULL;

    *type = words;
    *block = "";
    *place = 0;
    if (!dot) return *words != '\0';
    if (!second || second[1 + strspn(second + 1, "0123456789")] || strlen(second + 1) > 6) return false;
    *dot = *second = '\0';
    *block = dot + 1;
    *place = (int)strtol(second + 1, NULL, 10);
    return *words && **block && *place > 0;
}

static int put_attachment(struct archive *a, const struct file *owner, const struct archive_file *packed, const char *type, const char *block, int place)
{
    const char *slash = strrchr(packed->name, '/');
    struct buffer text;

    buffer_init(&text, 0);
    buffer_char(&text, BODIES_ATTACHMENT);
    buffer_bytes(&text, owner->key, strlen(owner->key) + 1);
    buffer_bytes(&text, type, strlen(type) + 1);
    buffer_bytes(&text, block, strlen(block) + 1);
    buffer_integer(&text, place);
    buffer_char(&text, '\0');
    buffer_bytes(&text, slash ? slash + 1 : packed->name, strlen(slash ? slash + 1 : packed->name) + 1);
    buffer_bytes(&text, packed->bytes, packed->length);
    if (text.failed) error_internal(a->error, "out of memory");
    else bodies_text(a->bodies, packed->name, &text, a->error);
    buffer_free(&text);
    return (int)a->error->code;
}

static int take_attachment(struct archive *a, const struct archive_file *packed)
{
    const struct file *owner = owner_of(a, packed->name);
    const char *type, *block;
    char words[200];
    int place;

    if (!owner) return refuse(a, packed->name, "attachment_of_nothing", "ZIP中没有它所属的单据文件（文件名应以单据文件名开头）。", "No file of documents whose name it begins with is in the ZIP.");
    if (owner->documents != 1) return refuse(a, packed->name, "attachment_of_several", "所属文件中有多份单据，附件只能属于一份。", "Its file holds several documents; an attachment belongs to one.");
    snprintf(words, sizeof words, "%s", packed->name + strlen(owner->key) + 1);
    *strrchr(words, '.') = '\0';
    if (!take_place(words, &type, &block, &place))
        return refuse(a, packed->name, "attachment_name", "附件名应为“单据名.类型.pdf”或“单据名.类型.部分.行号.pdf”。", "An attachment is called <document>.<type>.pdf or <document>.<type>.<block>.<row>.pdf.");
    return put_attachment(a, owner, packed, type, block, place);
}

/* ---- all of it */

static int take(struct archive *a, const struct archive_file *packed, size_t count)
{
    for (size_t i = 0; i < count && !a->error->code; i++) {
        if (is_document(packed[i].name)) take_documents(a, &packed[i]);
        else if (!is_attachment(packed[i].name))
            refuse(a, packed[i].name, "unknown_file", "ZIP中只能有XML、JSON、XLSX单据文件和PDF、JPG、PNG附件。", "Only documents (XML, JSON, XLSX) and attachments (PDF, JPG, PNG) belong into the ZIP.");
    }
    for (size_t i = 0; i < count && !a->error->code; i++)
        if (is_attachment(packed[i].name)) take_attachment(a, &packed[i]);
    return (int)a->error->code;
}

int bodies_archive(const struct form *form, const char *bytes, size_t length, struct bodies *bodies, struct error *error)
{
    static const struct archive_limits limits = {BODIES_MAXIMUM, FILE_MAXIMUM, ALL_MAXIMUM};
    struct archive a = {.form = form, .bodies = bodies, .error = error};
    struct archive_file *packed;
    size_t count;

    if (archive_read(bytes, length, &limits, NULL, bodies->arena, &packed, &count, error)) return (int)error->code;
    if (!(a.files = arena_alloc(bodies->arena, (count + 1) * sizeof *a.files))) return error_internal(error, "out of memory");
    if (take(&a, packed, count)) return (int)error->code;
    return bodies->count ? 0 : error_set(error, ERROR_INVALID, "no_documents", "其中没有单据。", "There is no document in it.");
}

/* ---- reading it again */

/* The text up to the next NUL, in the arena; NULL where there is none. */
static const char *next_word(const char **at, const char *end, struct arena *arena)
{
    const char *word = *at, *stop = memchr(word, '\0', (size_t)(end - word));

    if (!stop) return NULL;
    *at = stop + 1;
    return arena_text(arena, word);
}

static bool read_attachment(const char *at, const char *end, struct arena *arena, struct bodies_content *content)
{
    const char *place;

    if (!(content->type = next_word(&at, end, arena)) || !(content->block = next_word(&at, end, arena)) || !(place = next_word(&at, end, arena)) ||
        !(content->file_name = next_word(&at, end, arena)))
        return false;
    content->place = (int)strtol(place, NULL, 10);
    content->bytes = (struct slice){at, (size_t)(end - at)};
    return true;
}

static bool read_document(const char *at, const char *end, struct arena *arena, struct bodies_content *content)
{
    struct error ignored;

    return json_raw_member(at, (size_t)(end - at), "body", arena, &content->body, &ignored) &&
           json_raw_member(at, (size_t)(end - at), "problems", arena, &content->problems, &ignored);
}

int bodies_content_read(const char *text, size_t length, struct arena *arena, struct bodies_content *content, struct error *error)
{
    const char *at = text + 1, *end = text + length;
    bool good = length && (*text == BODIES_DOCUMENT || *text == BODIES_ATTACHMENT);

    *content = (struct bodies_content){.block = ""};
    if (good) good = (content->key = next_word(&at, end, arena)) != NULL;
    if (good) good = *text == BODIES_DOCUMENT ? read_document(at, end, arena, content) : read_attachment(at, end, arena, content);
    return good ? 0 : error_internal(error, "a text in bulk without its members");
}
