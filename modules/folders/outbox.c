#include "outbox.h"

#include "base/digest.h"
#include "base/json_tree.h"
#include "base/log.h"
#include "base/utf8.h"
#include "receipt.h"
#include "service/zip.h"
#include "stop.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define FILE_MAXIMUM ((size_t)20 << 20) /* what the portal takes at once */
#define ATTACHMENTS 100                 /* of one file */
#define AT_ONCE 20                      /* files that the portal works on at the same time */
#define STEM_MAXIMUM 150

struct sending { /* one file of documents */
    const struct box_file *file;
    const struct box_file *attachments[ATTACHMENTS];
    int attachment_count;
    bool is_crowded;        /* there are more */
    char hash[DIGEST_SIZE]; /* the Idempotency-Key */
    char job[24];           /* the portal works on it; "" = it has refused it, and everything is settled */
};

struct round {
    struct portal *portal;
    const struct settings *settings;
    struct form_folder *folder;
    const struct box_list *list;
    struct buffer answer;
    struct sending sendings[AT_ONCE];
    int count;
};

/* ---- which files */

static const char *ending(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : "";
}

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (!strcasecmp(word, *words)) return true;
    return false;
}

static bool is_documents(const char *name)
{
    static const char *const endings[] = {"xml", "json", "xlsx", "zip", NULL};
    return is_one_of(ending(name), endings);
}

static bool is_attachment(const char *name)
{
    static const char *const endings[] = {"pdf", "jpg", "jpeg", "png", NULL};
    return is_one_of(ending(name), endings);
}

static size_t stem(const char *name) { return strlen(name) - strlen(ending(name)) - 1; }

/* Whether a longer name of documents is there whose attachment it rather is: "a.b.xml" for "a.b.01.pdf" beside "a.xml". */
static bool is_of_longer(const struct box_list *list, const struct box_file *attachment, size_t length)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->files[i].name;
        if (is_documents(name) && stem(name) > length && !strncmp(name, attachment->name, stem(name)) && attachment->name[stem(name)] == '.') return true;
    }
    return false;
}

/* The attachments of a file; false while one of them, or the file itself, may still be written. */
static bool gather(const struct round *round, const struct box_file *file, int64_t settled, struct sending *sending)
{
    size_t length = stem(file->name);

    *sending = (struct sending){.file = file};
    if (file->since > settled) return false;
    for (size_t i = 0; i < round->list->count; i++) {
        const struct box_file *other = &round->list->files[i];
        if (strncmp(other->name, file->name, length) || other->name[length] != '.' || !is_attachment(other->name) || is_of_longer(round->list, other, length)) continue;
        if (other->since > settled) return false;
        if (sending->attachment_count < ATTACHMENTS) sending->attachments[sending->attachment_count++] = other;
        else sending->is_crowded = true;
    }
    return true;
}

/* ---- what is sent */

/* One file as it is; with attachments a ZIP of all. */
static int pack(const struct round *round, const struct sending *sending, struct buffer *out, struct error *error)
{
    struct buffer bytes;
    struct zip *zip;

    if (sending->is_crowded) return error_set(error, ERROR_TOO_LARGE, "too_many_attachments", "一个文件最多100个附件。", "A file has at most 100 attachments.");
    if (!sending->attachment_count) return box_read(round->folder->path, sending->file->name, out, error);
    if (!(zip = zip_open(out))) return error_internal(error, "out of memory");
    buffer_init(&bytes, FILE_MAXIMUM);
    for (int i = -1; i < sending->attachment_count && !error->code; i++) {
        const char *name = i < 0 ? sending->file->name : sending->attachments[i]->name;
        buffer_reset(&bytes);
        if (!box_read(round->folder->path, name, &bytes, error)) zip_add(zip, name, bytes.data, bytes.length, error);
    }
    buffer_free(&bytes);
    zip_close(zip, error->code ? &(struct error){0} : error);
    if (out->failed) error_set(error, ERROR_TOO_LARGE, "file_too_large", "文件及其附件超过20MB，请分成几个。", "The file and its attachments have more than 20 MB; send them in parts.");
    return (int)error->code;
}

/* Whether the root element of an XML text is called so, whatever its prefix. */
static bool has_root(const char *at, const char *name)
{
    for (at += strcspn(at, "<"); at[0] == '<' && (at[1] == '?' || at[1] == '!'); at += strcspn(at, "<")) {
        const char *close = strstr(at, at[1] == '?' ? "?>" : "-->");
        if (!close) return false;
        at = close;
    }
    if (*at != '<') return false;
    at++;
    size_t length = strcspn(at, " \t\r\n/>"), prefix = strcspn(at, ":");
    if (prefix < length) at += prefix + 1, length -= prefix + 1;
    return length == strlen(name) && !strncmp(at, name, length);
}

/* A message that the portal reads by a mapping (or a ZIP of such), not a document of the published shape. */
static bool is_message(const struct form_folder *folder, const struct sending *sending, const struct buffer *bytes)
{
    if (!*folder->root || sending->attachment_count) return false;
    return !strcasecmp(ending(sending->file->name), "zip") || (!strcasecmp(ending(sending->file->name), "xml") && has_root(buffer_string(bytes), folder->root));
}

static void make_path(const struct round *round, const struct sending *sending, const struct buffer *bytes, struct buffer *path)
{
    const struct form_folder *folder = round->folder;
    int draft = round->settings->submit ? 0 : 1;

    if (!is_message(folder, sending, bytes)) {
        buffer_printf(path, "/api/%s/bulk/%s?draft=%d", folder->module, folder->form, draft);
    } else {
        buffer_printf(path, "/api/%s/exchange/%s/import?draft=%d&name=", folder->module, folder->form, draft);
        portal_escape(path, sending->file->name);
    }
}

static void hash_of(const struct sending *sending, const struct buffer *path, const struct buffer *bytes, char hash[DIGEST_SIZE])
{
    struct buffer all;
    char inner[DIGEST_SIZE];

    digest_sha256(bytes->data, bytes->length, inner);
    buffer_init(&all, 0);
    buffer_printf(&all, "%s\n%s\n%s", buffer_string(path), sending->file->name, inner);
    digest_sha256(buffer_string(&all), all.length, hash);
    buffer_free(&all);
}

/* ---- settling: the receipt, then the file goes; a receipt that was written before a crash is written over */

static int settle(const struct round *round, const struct sending *sending, const char *id, const struct buffer *receipt, bool taken, struct error *error)
{
    const struct form_folder *folder = round->folder;
    char name[BOX_NAME_MAXIMUM + 1];
    int length = (int)utf8_cut(sending->file->name, stem(sending->file->name), STEM_MAXIMUM);

    snprintf(name, sizeof name, "%.*s.%.24s.xml", length, sending->file->name, id);
    if (receipt->failed) return error_internal(error, "%s: the receipt is too long", sending->file->name);
    if (box_put(folder->path, name, receipt, error)) return (int)error->code;
    for (int i = 0; i < sending->attachment_count; i++)
        if (box_move(folder->path, sending->attachments[i]->name, taken ? SENTBOX : FAILBOX, error)) return (int)error->code;
    if (box_move(folder->path, sending->file->name, taken ? SENTBOX : FAILBOX, error)) return (int)error->code;
    log_line(LOG_INFO, taken ? "sent" : "refused", "form=%s receipt=%s", folder->form, id);
    return 0;
}

static int settle_refusal(const struct round *round, const struct sending *sending, const struct json *problem, struct error *error)
{
    struct buffer receipt;

    buffer_init(&receipt, 0);
    receipt_of_refusal(sending->hash, round->folder->form, sending->file->name, problem, &receipt);
    settle(round, sending, sending->hash, &receipt, false, error);
    buffer_free(&receipt);
    return (int)error->code;
}

/* What never leaves this computer is refused in the portal's words. */
static int settle_too_large(const struct round *round, struct sending *sending, struct error *why, struct error *error)
{
    struct buffer text;
    struct json_writer json;
    struct arena arena;

    buffer_init(&text, 4096);
    arena_init(&arena, 0);
    json_writer_init(&json, &text);
    json_object(&json);
    json_put_string(&json, "type", why->name);
    json_put_words(&json, "message", why->zh, why->en);
    json_object_end(&json);
    digest_sha256(sending->file->name, strlen(sending->file->name), sending->hash);
    settle_refusal(round, sending, json_tree(buffer_string(&text), text.length, &arena, error), error);
    arena_free(&arena);
    buffer_free(&text);
    return (int)error->code;
}

/* ---- one file */

static int post(struct round *round, struct sending *sending, const struct buffer *bytes, struct error *error)
{
    struct buffer path;
    struct arena arena;
    const struct json *said;
    long status;

    buffer_init(&path, 2048);
    arena_init(&arena, 0);
    make_path(round, sending, bytes, &path);
    hash_of(sending, &path, bytes, sending->hash);
    const struct portal_request request = {"POST", buffer_string(&path), "application/octet-stream", buffer_string(bytes), bytes->length, sending->hash};
    if (!portal_ask(round->portal, &request, &round->answer, &status, error)) {
        said = json_tree(buffer_string(&round->answer), round->answer.length, &arena, error);
        if (!error->code && status >= 300) settle_refusal(round, sending, said, error);
        else if (!error->code) snprintf(sending->job, sizeof sending->job, "%.23s", json_member_text(said, "job", ""));
    }
    arena_free(&arena);
    buffer_free(&path);
    return (int)error->code;
}

static int send_one(struct round *round, struct sending *sending, struct error *error)
{
    struct buffer bytes;
    struct error own;

    error_clear(&own);
    buffer_init(&bytes, FILE_MAXIMUM);
    if (!pack(round, sending, &bytes, &own)) post(round, sending, &bytes, error);
    else if (own.code == ERROR_TOO_LARGE) settle_too_large(round, sending, &own, error);
    else *error = own;
    buffer_free(&bytes);
    return (int)error->code;
}

/* Waits until the portal has done the job; its results stand in round->answer. */
static int await(struct round *round, const struct sending *sending, struct arena *arena, const struct json **job, struct error *error)
{
    char path[120];
    long status, pause = 50;
    const struct portal_request request = {.method = "GET", .path = path};

    snprintf(path, sizeof path, "/api/%s/jobs/%s", round->folder->module, sending->job);
    for (;;) {
        if (portal_ask(round->portal, &request, &round->answer, &status, error)) return (int)error->code;
        arena_reset(arena);
        *job = json_tree(buffer_string(&round->answer), round->answer.length, arena, error);
        if (error->code || !strcmp(json_member_text(*job, "state", ""), "done")) return (int)error->code;
        if (stop_wait(pause)) return error_unavailable(error, "stopping");
        if (pause < 2000) pause *= 2;
    }
}

static int finish_one(struct round *round, const struct sending *sending, struct error *error)
{
    struct buffer receipt;
    struct arena arena;
    const struct json *job = NULL;
    int made;

    arena_init(&arena, 0);
    buffer_init(&receipt, 0);
    if (!await(round, sending, &arena, &job, error)) {
        receipt_of_job(sending->job, round->folder->form, sending->file->name, job, &receipt, &made);
        settle(round, sending, sending->job, &receipt, made > 0, error);
    }
    buffer_free(&receipt);
    arena_free(&arena);
    return (int)error->code;
}

/* ---- a round */

/* By which root the portal reads messages of this form. */
static int learn_root(struct round *round, struct error *error)
{
    struct form_folder *folder = round->folder;
    struct arena arena;
    char path[80];
    long status;
    const struct portal_request request = {.method = "GET", .path = path};
    const struct json *said;

    snprintf(path, sizeof path, "/api/%s/forms", folder->module);
    if (folder->known || portal_ask(round->portal, &request, &round->answer, &status, error)) return (int)error->code;
    arena_init(&arena, 0);
    said = json_tree(buffer_string(&round->answer), round->answer.length, &arena, error);
    JSON_EACH(form, json_member(said, "forms")) {
        if (strcmp(json_member_text(form, "form", ""), folder->form)) continue;
        snprintf(folder->root, sizeof folder->root, "%s", json_member_text(json_member(form, "exchange"), "root", ""));
        folder->known = true;
    }
    arena_free(&arena);
    if (!error->code && !folder->known) error_unavailable(error, "%s: the portal knows no form %s", folder->module, folder->form);
    return (int)error->code;
}

int outbox_step(struct portal *portal, const struct settings *settings, struct form_folder *folder, struct box_list *list, bool *more, struct error *error)
{
    struct round round = {.portal = portal, .settings = settings, .folder = folder, .list = list};
    struct timespec now;

    *more = false;
    if (box_look(folder->path, list, error) || !list->count) return (int)error->code;
    clock_gettime(CLOCK_MONOTONIC, &now);
    buffer_init(&round.answer, PORTAL_ANSWER_MAXIMUM);
    for (size_t i = 0; i < list->count && round.count < AT_ONCE && !error->code && !stop_asked(); i++) {
        struct sending *sending = &round.sendings[round.count];
        if (!is_documents(list->files[i].name) || !gather(&round, &list->files[i], now.tv_sec - settings->quiet_seconds, sending)) continue;
        if (!learn_root(&round, error) && !send_one(&round, sending, error)) round.count++;
    }
    for (int i = 0; i < round.count && !stop_asked(); i++) {
        struct error own;
        error_clear(&own);
        if (*round.sendings[i].job && finish_one(&round, &round.sendings[i], &own) && !error->code) *error = own;
    }
    *more = round.count == AT_ONCE;
    buffer_free(&round.answer);
    return (int)error->code;
}
