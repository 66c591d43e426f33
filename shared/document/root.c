#include "document/internal.h"
#include "document/merkle.h"
#include "document/root.h"

#include "base/date.h"
#include "trust/signing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTLED_MILLISECONDS 600000
#define LINE_SIZE 512
#define LINES_MAXIMUM 36500 /* a hundred years */
#define PAGE 5000           /* events at once: PostgreSQL hands over a whole result */
#define NOTHING_BEFORE "0000000000000000000000000000000000000000000000000000000000000000"

/* ---- heads of the chains as they were at the ends of some days */

struct root {
    int32_t day;
    int64_t end; /* events before this instant count */
    struct merkle tree;
    unsigned char head[DIGEST_BYTES]; /* leaf of the current document */
    bool any;
    uint64_t events;
    char recorded[DIGEST_SIZE];
    bool wrong;
};

struct roots {
    struct root *root;
    size_t count;
    int64_t document;
};

static void document_ends(struct roots *roots)
{
    for (size_t i = 0; i < roots->count; i++) {
        if (roots->root[i].any) merkle_add(&roots->root[i].tree, roots->root[i].head);
        roots->root[i].any = false;
    }
}

static void count_event(struct roots *roots, int64_t document, int64_t sequence, int64_t at, const char *hash)
{
    unsigned char leaf[DIGEST_BYTES];
    char text[120];

    if (document != roots->document) document_ends(roots);
    roots->document = document;
    merkle_leaf(text, (size_t)snprintf(text, sizeof text, "%lld:%lld:%.64s", (long long)document, (long long)sequence, hash), leaf);
    for (size_t i = 0; i < roots->count; i++) {
        if (at >= roots->root[i].end) continue;
        memcpy(roots->root[i].head, leaf, sizeof leaf);
        roots->root[i].any = true;
        roots->root[i].events++;
    }
}

/* ---- all events, in the order of documents and sequences */

typedef void event_seen(void *context, struct store_rows *rows);

static int events_each(struct store_connection *db, event_seen *seen, void *context, struct error *error)
{
    int64_t document = 0, sequence = 0;
    int found = PAGE;

    while (found == PAGE) {
        struct store_rows rows;
        if (store_query(db, &rows, error,
                        "SELECT document, sequence, at, actor, actor_kind, actor_name, action, from_state, to_state, opinion, body_hash, "
                        "previous_hash, hash FROM document_event WHERE (document, sequence) > ($1, $2) ORDER BY document, sequence LIMIT $3",
                        STORE_VALUES(store_integer(document), store_integer(sequence), store_integer(PAGE))))
            return (int)error->code;
        for (found = 0; store_next(&rows); found++) {
            document = store_column_integer(&rows, 0);
            sequence = store_column_integer(&rows, 1);
            seen(context, &rows);
        }
        if (store_end(&rows)) return (int)error->code;
    }
    return 0;
}

/* ---- the file */

static int file_name(const struct doc_module *module, const char *name, char *path, size_t size, struct error *error)
{
    return (size_t)snprintf(path, size, "%s/%s", module->roots, name) < size ? 0 : error_internal(error, "roots: the path is too long");
}

static int log_name(const struct doc_module *module, char *path, size_t size, struct error *error)
{
    char name[64];

    snprintf(name, sizeof name, "%s.log", module->name);
    return file_name(module, name, path, size, error);
}

/* The lines of the file, each without its end, in the arena; none when there is no file. */
static int lines_read(const struct doc_module *module, struct arena *arena, char ***lines, size_t *count, struct error *error)
{
    char path[1100], line[LINE_SIZE];
    FILE *file;

    *count = 0;
    *lines = arena_alloc(arena, LINES_MAXIMUM * sizeof **lines);
    if (!*lines) return error_internal(error, "out of memory");
    if (log_name(module, path, sizeof path, error)) return (int)error->code;
    if (!(file = fopen(path, "re"))) return errno == ENOENT ? 0 : error_internal(error, "%s: %s", path, strerror(errno));
    while (*count < LINES_MAXIMUM && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        (*lines)[(*count)++] = arena_text(arena, line);
    }
    fclose(file);
    return 0;
}

/* The value of a name in a line, or "". */
static void line_value(const char *line, const char *name, char *value, size_t size)
{
    size_t length = strlen(name);

    *value = '\0';
    for (const char *at = line; at; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, name, length) || at[length] != '=') continue;
        snprintf(value, size, "%.*s", (int)strcspn(at + length + 1, " "), at + length + 1);
        return;
    }
}

static int32_t line_day(const char *line)
{
    char text[16];
    int32_t day;

    line_value(line, "day", text, sizeof text);
    return date_parse(text, strlen(text), &day) ? day : 0;
}

static void line_hash(const char *line, char hex[DIGEST_SIZE])
{
    if (line) digest_sha256(line, strlen(line), hex);
    else snprintf(hex, DIGEST_SIZE, "%s", NOTHING_BEFORE);
}

/* ---- recording a day */

static int signed_line(const struct doc_module *module, const struct root *root, const char *before, char line[LINE_SIZE], struct error *error)
{
    char public_file[1100], day[DATE_TEXT_SIZE], hash[DIGEST_SIZE], previous[DIGEST_SIZE], signature[SIGNATURE_SIZE];
    struct signing_key *key;
    int length;

    if (file_name(module, "public-key.pem", public_file, sizeof public_file, error) || signing_open(module->root_key, public_file, &key, error))
        return (int)error->code;
    date_format(root->day, day);
    merkle_root(&root->tree, hash);
    line_hash(before, previous);
    length = snprintf(line, LINE_SIZE, "day=%s module=%s documents=%llu events=%llu root=%s previous=%s", day, module->name,
                      (unsigned long long)root->tree.count, (unsigned long long)root->events, hash, previous);
    if (!signing_sign(key, line, (size_t)length, signature, error))
        snprintf(line + length, LINE_SIZE - (size_t)length, " signature=%s\n", signature);
    signing_close(key);
    return (int)error->code;
}

static int append(const struct doc_module *module, const char *line, struct error *error)
{
    char path[1100];
    int fd;
    bool good;

    if (log_name(module, path, sizeof path, error)) return (int)error->code;
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    good = fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line) && !fsync(fd);
    if (fd >= 0) close(fd);
    return good ? 0 : error_internal(error, "%s: %s", path, strerror(errno));
}

static void see_event(void *context, struct store_rows *rows)
{
    count_event(context, store_column_integer(rows, 0), store_column_integer(rows, 1), store_column_integer(rows, 2), store_column_text(rows, 12, NULL));
}

static int record(struct doc_module *module, struct store_connection *reader, int32_t day, struct arena *arena, struct error *error)
{
    struct root *root = arena_alloc(arena, sizeof *root);
    struct roots roots = {.root = root, .count = 1};
    char **lines, line[LINE_SIZE];
    size_t count;

    if (!root) return error_internal(error, "out of memory");
    *root = (struct root){.day = day, .end = date_begin(day + 1)};
    if (lines_read(module, arena, &lines, &count, error)) return (int)error->code;
    if (count && line_day(lines[count - 1]) >= day) return 0;
    if (events_each(reader, see_event, &roots, error)) return (int)error->code;
    document_ends(&roots);
    if (!root->tree.count && !count) return 0; /* nothing has happened yet */
    return signed_line(module, root, count ? lines[count - 1] : NULL, line, error) || append(module, line, error) ? (int)error->code : 0;
}

int doc_root_step(struct doc_module *module, struct store_connection *reader, int64_t now, struct error *error)
{
    int32_t today = date_of_instant(now);
    struct arena arena;
    int code;

    if (!module->roots || module->root_day >= today - 1 || now < date_begin(today) + SETTLED_MILLISECONDS) return 0;
    if (mkdir(module->roots, 0755) && errno != EEXIST) return error_internal(error, "%s: %s", module->roots, strerror(errno));
    arena_init(&arena, 0);
    if (!(code = record(module, reader, today - 1, &arena, error))) module->root_day = today - 1;
    arena_free(&arena);
    return code;
}

/* ---- verifying */

struct verifying {
    struct roots roots;
    struct json_writer *json;
    int64_t document, documents, events, broken;
    int64_t sequence;
    char hash[72];
    bool broken_here;
};

static void put_broken(struct verifying *verifying, int64_t id)
{
    char text[24];

    if (verifying->broken++ < 100) json_text(verifying->json, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)id));
}

static void verify_event(void *context, struct store_rows *rows)
{
    struct verifying *verifying = context;
    struct error error;
    char hash[72];
    int64_t document = store_column_integer(rows, 0);
    struct doc_chained event = {store_column_integer(rows, 1), store_column_integer(rows, 2), store_column_integer(rows, 3),
                                store_column_integer(rows, 4), store_column_text(rows, 5, NULL), store_column_text(rows, 6, NULL),
                                store_column_text(rows, 7, NULL), store_column_text(rows, 8, NULL), store_column_text(rows, 9, NULL),
                                store_column_text(rows, 10, NULL)};

    if (document != verifying->document) {
        verifying->document = document;
        verifying->documents++;
        verifying->sequence = 0;
        verifying->hash[0] = '\0';
        verifying->broken_here = false;
    }
    verifying->events++;
    see_event(&verifying->roots, rows);
    if (!doc_chain_hash(document, verifying->hash, &event, hash, &error) && event.sequence == verifying->sequence + 1 &&
        !strcmp(hash, store_column_text(rows, 12, NULL)) && !strcmp(verifying->hash, store_column_text(rows, 11, NULL))) {
        verifying->sequence = event.sequence;
        snprintf(verifying->hash, sizeof verifying->hash, "%s", hash);
    } else if (!verifying->broken_here) {
        verifying->broken_here = true;
        put_broken(verifying, document);
    }
}

/* A chain cut at its end agrees with itself, but not with the head that the document keeps. */
static int verify_heads(struct verifying *verifying, struct store_connection *db, struct error *error)
{
    struct store_rows rows;

    if (store_query(db, &rows, error,
                    "SELECT d.id FROM document d LEFT JOIN document_event e ON e.document = d.id AND e.sequence = d.event_sequence "
                    "AND e.hash = d.event_hash WHERE e.document IS NULL", STORE_NO_VALUES))
        return (int)error->code;
    while (store_next(&rows)) put_broken(verifying, store_column_integer(&rows, 0));
    return store_end(&rows);
}

/* What the file says: each line signed, and following the line before. */
static int roots_read(const struct doc_module *module, struct arena *arena, struct roots *roots, struct error *error)
{
    struct signing_key *key;
    char public_file[1100], **lines, previous[DIGEST_SIZE], said[DIGEST_SIZE], signature[SIGNATURE_SIZE];

    if (!module->roots) return 0;
    if (lines_read(module, arena, &lines, &roots->count, error) || !roots->count) return (int)error->code;
    if (!(roots->root = arena_alloc(arena, roots->count * sizeof *roots->root))) return error_internal(error, "out of memory");
    if (file_name(module, "public-key.pem", public_file, sizeof public_file, error) || signing_open_public(public_file, &key, error)) return (int)error->code;
    for (size_t i = 0; i < roots->count; i++) {
        struct root *root = &roots->root[i];
        const char *end = strstr(lines[i], " signature=");
        memset(root, 0, sizeof *root);
        root->day = line_day(lines[i]);
        root->end = date_begin(root->day + 1);
        line_value(lines[i], "root", root->recorded, sizeof root->recorded);
        line_value(lines[i], "previous", said, sizeof said);
        line_value(lines[i], "signature", signature, sizeof signature);
        line_hash(i ? lines[i - 1] : NULL, previous);
        root->wrong = !end || strcmp(said, previous) || !signing_check(key, lines[i], (size_t)(end - lines[i]), signature);
    }
    signing_close(key);
    return 0;
}

static size_t put_wrong_roots(struct roots *roots, struct json_writer *json)
{
    char day[DATE_TEXT_SIZE], hash[DIGEST_SIZE];
    size_t wrong = 0;

    document_ends(roots);
    json_put_integer(json, "roots", (int64_t)roots->count);
    json_name(json, "wrong_roots");
    json_array(json);
    for (size_t i = 0; i < roots->count; i++) {
        merkle_root(&roots->root[i].tree, hash);
        if (!roots->root[i].wrong && !strcmp(hash, roots->root[i].recorded)) continue;
        date_format(roots->root[i].day, day);
        json_text(json, day, strlen(day));
        wrong++;
    }
    json_array_end(json);
    return wrong;
}

int doc_verify(struct doc_module *module, struct store_connection *db, struct json_writer *json, bool *sound, struct error *error)
{
    struct verifying verifying = {.json = json};
    struct arena arena;
    int code;

    arena_init(&arena, 0);
    json_object(json);
    json_name(json, "broken");
    json_array(json);
    code = roots_read(module, &arena, &verifying.roots, error) || events_each(db, verify_event, &verifying, error) || verify_heads(&verifying, db, error);
    json_array_end(json);
    json_put_integer(json, "documents", verifying.documents);
    json_put_integer(json, "events", verifying.events);
    json_put_integer(json, "broken_count", verifying.broken);
    *sound = !put_wrong_roots(&verifying.roots, json) && !verifying.broken;
    json_object_end(json);
    arena_free(&arena);
    return code ? (int)error->code : 0;
}
