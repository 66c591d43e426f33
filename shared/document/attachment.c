#include "document/attachment.h"

#include "base/date.h"
#include "base/random.h"
#include "base/utf8.h"
#include "document/internal.h"

#include <stdio.h>
#include <string.h>

/* Told from the bytes, never from the name or the browser. */
static const char *media_type_of(const char *bytes, size_t length)
{
    if (length >= 5 && !memcmp(bytes, "%PDF-", 5)) return "application/pdf";
    if (length >= 8 && !memcmp(bytes, "\x89PNG\r\n\x1a\n", 8)) return "image/png";
    if (length >= 3 && !memcmp(bytes, "\xff\xd8\xff", 3)) return "image/jpeg";
    return NULL;
}

/* The last component, without control characters and what file systems or headers could take for something else. */
static const char *clean_name(const char *name, struct arena *arena)
{
    const char *last = name ? name : "";
    char *copy;
    size_t length = 0;

    for (const char *at = last; *at; at++)
        if (*at == '/' || *at == '\\') last = at + 1;
    if (!utf8_valid(last, strlen(last)) || !*last || !strcmp(last, "..") || !strcmp(last, ".")) last = "attachment";
    if (!(copy = arena_alloc(arena, strlen(last) + 1))) return "attachment";
    for (const char *at = last; *at; at++)
        if ((unsigned char)*at >= 0x20 && !strchr("<>:\"|?*\x7f", *at)) copy[length++] = *at;
    copy[utf8_cut(copy, length, 200)] = '\0';
    return *copy ? copy : "attachment";
}

static int check_bytes(struct doc_attach *attach, struct error *error)
{
    if (!attach->length) return error_set(error, ERROR_INVALID, "empty_file", "文件是空的。", "The file is empty.");
    if (attach->length > DOC_ATTACHMENT_MAXIMUM)
        return error_set(error, ERROR_TOO_LARGE, "file_too_large", "附件不能超过1MB。", "An attachment has at most 1 MB.");
    if (!(attach->media_type = media_type_of(attach->bytes, attach->length)))
        return error_set(error, ERROR_MEDIA_TYPE, "file_type", "只能上传PDF、JPEG或PNG文件。", "Only PDF, JPEG or PNG files can be attached.");
    return 0;
}

static int check_type(struct doc_attach *attach, struct store_connection *reader, const struct form *form, struct arena *arena, struct error *error)
{
    struct doc_sources sources;
    struct form_context context;
    struct form_problems *problems = arena_alloc(arena, sizeof *problems);
    struct form_body *body;
    struct slice text;

    if (!problems) return error_internal(error, "out of memory");
    if (doc_read_body(reader, attach->document, arena, &text, error) ||
        form_read(form, text.text, text.length, true, arena, problems, &body, error))
        return (int)error->code;
    pthread_rwlock_rdlock(&attach->module->lock);
    doc_context(&sources, attach->module, attach->principal, principal_owner(attach->principal), form, NULL, arena, date_of_instant(attach->now), &context);
    form_attachment_allowed(body, &context, attach->type, attach->block, attach->row_id, error);
    pthread_rwlock_unlock(&attach->module->lock);
    return (int)error->code;
}

static int may_edit(const struct doc_module *module, const struct doc_row *row, const struct principal *principal, const struct form **form,
                    struct error *error)
{
    const struct form_action *edit;

    if (!(*form = doc_form_of(module, row, error))) return (int)error->code;
    edit = form_action_find(*form, "edit");
    return edit ? doc_may(edit, row, principal, module, error) : error_internal(error, "%s has no action edit", row->form);
}

int doc_prepare_attach(struct doc_module *module, struct store_connection *reader, const struct principal *principal, int64_t document,
                       const char *type, const char *block, int64_t row_id, const char *file_name, const char *bytes, size_t length,
                       int64_t now, struct arena *arena, struct doc_attach *attach, struct error *error)
{
    struct doc_row row;
    const struct form *form;

    error_clear(error);
    *attach = (struct doc_attach){.module = module, .principal = principal, .document = document, .id = random_id(now), .row_id = row_id,
                                  .now = now, .type = type ? type : "", .block = block ? block : "", .bytes = bytes, .length = length};
    attach->file_name = clean_name(file_name, arena);
    if (doc_read(reader, principal, module->name, document, false, arena, &row, error) || may_edit(module, &row, principal, &form, error) ||
        check_bytes(attach, error) || check_type(attach, reader, form, arena, error))
        return (int)error->code;
    digest_sha256(bytes, length, attach->sha256);
    return 0;
}

static int set_count(struct store_connection *db, const struct doc_row *row, struct error *error)
{
    return store_execute(db, error, NULL,
        "UPDATE document SET attachments = $3, event_sequence = $4, event_hash = $5 WHERE enterprise = $1 AND id = $2",
        STORE_VALUES(store_integer(row->enterprise), store_integer(row->id), store_integer(row->attachments),
                     store_integer(row->event_sequence), store_string(row->event_hash)));
}

static int lock_row(struct store_connection *db, struct doc_module *module, const struct principal *principal, int64_t document,
                    struct doc_row *row, struct error *error)
{
    struct arena arena;
    const struct form *form;
    int code;

    arena_init(&arena, 0);
    code = doc_read(db, principal, module->name, document, true, &arena, row, error);
    arena_free(&arena);
    row->enterprise_name = NULL;
    return code ? code : may_edit(module, row, principal, &form, error);
}

int doc_write_attach(struct store_connection *db, struct doc_attach *attach, struct error *error)
{
    struct doc_row row;
    struct doc_event event = {"attach", "", "", attach->type, attach->sha256};
    int64_t changed;

    if (lock_row(db, attach->module, attach->principal, attach->document, &row, error)) return (int)error->code;
    if (row.attachments >= DOC_ATTACHMENTS) return error_set(error, ERROR_CONFLICT, "too_many_files", "附件太多。", "There are too many attachments.");
    if (store_execute(db, error, &changed,
                      "INSERT INTO attachment (id, document, block, row_id, type, file_name, media_type, size, sha256, created, creator, bytes) "
                      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (document, block, row_id, type) DO NOTHING",
                      STORE_VALUES(store_integer(attach->id), store_integer(attach->document), store_string(attach->block),
                                   store_integer(attach->row_id), store_string(attach->type), store_string(attach->file_name),
                                   store_string(attach->media_type), store_integer((int64_t)attach->length), store_string(attach->sha256),
                                   store_integer(attach->now), store_integer(attach->principal->user),
                                   store_bytes(attach->bytes, attach->length))))
        return (int)error->code;
    if (!changed) {
        error_set(error, ERROR_CONFLICT, "attachment_exists", "该类型的附件已存在，请先删除再上传。", "There is a file of this type; delete it first.");
        error_field(error, "type");
        return (int)error->code;
    }
    row.attachments++;
    event.from = event.to = row.state[MACHINE_MAIN];
    return doc_event_append(db, &row, attach->principal, attach->now, &event, error) ? (int)error->code : set_count(db, &row, error);
}

static int find_document(struct store_connection *db, int64_t id, int64_t *document, char type[64], struct error *error)
{
    struct store_rows rows;

    *document = 0;
    if (store_query(db, &rows, error, "SELECT document, type FROM attachment WHERE id = $1", STORE_VALUES(store_integer(id)))) return (int)error->code;
    if (store_next(&rows)) {
        *document = store_column_integer(&rows, 0);
        snprintf(type, 64, "%s", store_column_text(&rows, 1, NULL));
    }
    if (store_end(&rows)) return (int)error->code;
    return *document ? 0 : doc_not_found(error);
}

int doc_write_detach(struct store_connection *db, struct doc_module *module, const struct principal *principal, int64_t id, int64_t now,
                     struct error *error)
{
    struct doc_row row;
    int64_t document;
    char type[64];
    struct doc_event event = {"detach", "", "", type, ""};

    if (find_document(db, id, &document, type, error) || lock_row(db, module, principal, document, &row, error) ||
        store_execute(db, error, NULL, "DELETE FROM attachment WHERE id = $1", STORE_VALUES(store_integer(id))))
        return (int)error->code;
    row.attachments--;
    event.from = event.to = row.state[MACHINE_MAIN];
    return doc_event_append(db, &row, principal, now, &event, error) ? (int)error->code : set_count(db, &row, error);
}

static void write_one(struct json_writer *json, int64_t id, const char *type, const char *block, int64_t row_id, const char *file_name,
                      const char *media_type, int64_t size, int64_t created)
{
    json_object(json);
    json_put_id(json, "id", id);
    json_put_string(json, "type", type);
    json_put_string(json, "block", block);
    json_put_integer(json, "row_id", row_id);
    json_put_string(json, "file_name", file_name);
    json_put_string(json, "media_type", media_type);
    json_put_integer(json, "size", size);
    json_put_integer(json, "created", created);
    json_object_end(json);
}

void doc_attachment_write(const struct doc_attach *a, struct json_writer *json)
{
    write_one(json, a->id, a->type, a->block, a->row_id, a->file_name, a->media_type, (int64_t)a->length, a->now);
}

int doc_attachments_write(struct store_connection *db, int64_t document, struct json_writer *json, struct error *error)
{
    struct store_rows rows;

    if (store_query(db, &rows, error,
                    "SELECT id, type, block, row_id, file_name, media_type, size, created FROM attachment WHERE document = $1 ORDER BY id",
                    STORE_VALUES(store_integer(document))))
        return (int)error->code;
    json_array(json);
    while (store_next(&rows))
        write_one(json, store_column_integer(&rows, 0), store_column_text(&rows, 1, NULL), store_column_text(&rows, 2, NULL),
                  store_column_integer(&rows, 3), store_column_text(&rows, 4, NULL), store_column_text(&rows, 5, NULL),
                  store_column_integer(&rows, 6), store_column_integer(&rows, 7));
    json_array_end(json);
    return store_end(&rows);
}

int doc_attachment_read(struct store_connection *db, struct doc_module *module, const struct principal *principal, int64_t id,
                        struct arena *arena, struct doc_file *file, struct error *error)
{
    struct store_rows rows;
    struct doc_row row;
    int64_t document;
    char type[64];

    file->bytes = NULL;
    if (find_document(db, id, &document, type, error) || doc_read(db, principal, module->name, document, false, arena, &row, error))
        return (int)error->code;
    if (store_query(db, &rows, error, "SELECT file_name, media_type, bytes FROM attachment WHERE id = $1", STORE_VALUES(store_integer(id))))
        return (int)error->code;
    if (store_next(&rows)) {
        const void *bytes = store_column_bytes(&rows, 2, &file->length);
        file->file_name = arena_text(arena, store_column_text(&rows, 0, NULL));
        file->media_type = arena_text(arena, store_column_text(&rows, 1, NULL));
        file->bytes = arena_copy(arena, bytes, file->length);
    }
    if (store_end(&rows)) return (int)error->code;
    return file->bytes ? 0 : doc_not_found(error);
}
