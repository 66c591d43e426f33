/* Imports: files of other systems become documents. A job of kind "import" reads them in steps; each item's document and result are
   written in one transaction, so that a killed program goes on where it was, loses nothing and repeats nothing. Three phases, each over all
   files: documents are created, then files attached to them, then what is complete is submitted. */
#ifndef DOCUMENT_IMPORT_H
#define DOCUMENT_IMPORT_H

#include "document/job.h"

#define DOC_IMPORT_FILES 1000
#define DOC_IMPORT_STEP 20 /* files at a time */

struct doc_file_in { const char *name, *bytes; size_t length; }; /* name: for people only */

struct doc_import {
    struct doc_module *module;
    const struct principal *principal;
    const char *form;
    bool bodies;                    /* texts of exchange/bodies.h, not files: documents made in bulk */
    bool submit;                    /* what is complete is submitted, too */
    int64_t now;
    const struct doc_file_in *files; /* at most DOC_IMPORT_FILES */
    size_t count;
    int64_t job;                    /* result */
};

/* Stores the files as a job (a store_work; argument struct doc_import). */
int doc_write_import(struct store_connection *db, struct doc_import *import, struct error *error);

/* The newest document of this owner that a reference field may refer to, whose columns hold these texts; 0 = none. Column names must be
   those of form_column_names. */
struct doc_column_text { const char *column; struct slice text; };
int doc_find_reference(struct store_connection *reader, const struct principal *principal, const struct form_field *reference,
                       const struct doc_column_text *columns, size_t count, int64_t *id, struct error *error);

/* Deletes files whose job was finished a day ago. */
int doc_import_sweep(struct doc_module *module, struct store_connection *reader, int64_t now, struct error *error);

#endif
