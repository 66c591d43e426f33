/* Work that outlives a request: batches and the making of licences. One worker thread per program takes jobs under a lease; each item's
   result is written in the item's own transaction, so that a killed program goes on where it was. */
#ifndef DOCUMENT_JOB_H
#define DOCUMENT_JOB_H

#include "document/document.h"

struct doc_batch {
    struct doc_module *module;
    const struct principal *principal;
    const char *action, *opinion;
    int64_t now;
    const int64_t *ids; /* at most DOC_BATCH_MAXIMUM */
    size_t count;
    int64_t job;        /* result */
};

/* Does up to DOC_BATCH_AT_ONCE items now and writes {"results":[{"id","ok","state","message"}]}. `prepared` halves as elsewhere. */
struct doc_batch_item {
    int64_t id;
    bool ready;           /* prepared without an error */
    struct doc_act act;
    struct error error;   /* of this item */
    bool ok;
};
void doc_prepare_batch(struct store_connection *reader, const struct doc_batch *batch, struct arena *arena, struct doc_batch_item *items);
int doc_write_batch(struct store_connection *db, const struct doc_batch *batch, struct doc_batch_item *items, struct error *error);
void doc_batch_results(const struct doc_batch *batch, const struct doc_batch_item *items, struct json_writer *json);
void doc_batch_free(struct doc_batch_item *items, size_t count);

/* Stores a larger batch as a job (a store_work; argument struct doc_batch). */
int doc_write_job(struct store_connection *db, struct doc_batch *batch, struct error *error);

/* {"state","done","total","results":[...]}; only for its owner. */
int doc_job_write(struct store_connection *db, const struct principal *principal, int64_t id, struct json_writer *json, struct error *error);

/* Makes the bytes of a document's print (PDF); supplied by the service, which knows print. The result is appended to `out`. */
typedef int doc_make_print(struct doc_module *module, struct store_connection *reader, int64_t document, const char *print, struct arena *arena,
                           struct buffer *out, struct error *error);

/* What a file of an import is, read by the service, which knows exchange. */
struct doc_incoming {
    enum { INCOMING_BROKEN, INCOMING_DOCUMENT, INCOMING_FILE } kind;
    const char *key;           /* what other files of the import call it by; "" = nothing */
    struct doc_save save;      /* of a document: prepared; its body is freed by the caller */
    bool complete;             /* of a document: nothing but attachments can keep it from being submitted */
    const char *type, *file_name, *bytes; /* of a file for the document with the same key */
    size_t length;
    const char *block;         /* whose row it is of; NULL or "": of the whole document */
    int place;                 /* of that row, from 1 */
    struct buffer problems;    /* JSON array; freed by the caller */
};
typedef int doc_read_file(struct doc_module *module, struct store_connection *reader, const struct principal *principal, const char *form, bool submit,
                          const char *bytes, size_t length, int64_t now, struct arena *arena, struct doc_incoming *incoming, struct error *error);

struct doc_makers { /* what jobs need of the layers above */
    doc_make_print *print;
    doc_read_file *read;      /* of imports */
    doc_read_file *read_body; /* of documents made in bulk */
};

/* Takes the next open job and works on it for one step (at most DOC_BATCH_AT_ONCE items). *worked false = nothing to do. */
int doc_job_step(struct doc_module *module, struct store_connection *reader, const struct doc_makers *makers, bool *worked, struct error *error);

/* A made licence. ERROR_CONFLICT "not_made" while the job has not made it yet. */
int doc_issued_read(struct store_connection *db, int64_t document, const char *print, struct arena *arena, const char **bytes, size_t *length,
                    struct error *error);

#endif
