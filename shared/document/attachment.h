/* Files that belong to (document, block, row, type); bytes live in the database, so that a backup is whole. */
#ifndef DOCUMENT_ATTACHMENT_H
#define DOCUMENT_ATTACHMENT_H

#include "document/document.h"

struct doc_attach {
    struct doc_module *module;
    const struct principal *principal;
    int64_t document, id, row_id, now;
    const char *type, *block, *file_name, *media_type;
    const char *bytes; /* the caller's, until written */
    size_t length;
    char sha256[72];
};

/* Checks right, state, type for these goods, size (1 MiB) and what the bytes are (PDF, JPEG, PNG). The file name is cleaned: its last
   component, no control characters, at most 100 characters. */
int doc_prepare_attach(struct doc_module *module, struct store_connection *reader, const struct principal *principal, int64_t document,
                       const char *type, const char *block, int64_t row_id, const char *file_name, const char *bytes, size_t length,
                       int64_t now, struct arena *arena, struct doc_attach *attach, struct error *error);
/* One file per type and row: ERROR_CONFLICT when there is one. */
int doc_write_attach(struct store_connection *db, struct doc_attach *attach, struct error *error);
int doc_write_detach(struct store_connection *db, struct doc_module *module, const struct principal *principal, int64_t id, int64_t now,
                     struct error *error);
void doc_attachment_write(const struct doc_attach *attach, struct json_writer *json);
/* The document's attachments as a JSON array. */
int doc_attachments_write(struct store_connection *db, int64_t document, struct json_writer *json, struct error *error);

struct doc_file {
    const char *file_name, *media_type, *bytes;
    size_t length;
};
int doc_attachment_read(struct store_connection *db, struct doc_module *module, const struct principal *principal, int64_t id,
                        struct arena *arena, struct doc_file *file, struct error *error);

#endif
