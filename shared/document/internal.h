/* What the files of this folder share and nobody else needs. */
#ifndef DOCUMENT_INTERNAL_H
#define DOCUMENT_INTERNAL_H

#include "document/document.h"

int doc_not_found(struct error *error);

/* The context for evaluating: today, code tables (hold the module's read lock), session values. */
struct doc_sources {
    const struct principal *principal;
    struct doc_module *module;
    struct store_connection *reader; /* NULL: no last_used, last_approved */
    const struct form *form;
    int64_t id;                      /* for attachments; 0 = a new document */
    struct arena *arena;
    const struct form_body *last_used, *last_approved;
    bool looked;
    struct form_attachment attachments[DOC_ATTACHMENTS];
    struct form_codes codes;
};

void doc_context(struct doc_sources *sources, struct doc_module *module, const struct principal *principal, const struct form *form,
                 struct store_connection *reader, struct arena *arena, int32_t today, struct form_context *context);
int doc_load_attachments(struct doc_sources *sources, struct store_connection *reader, int64_t id, struct form_context *context,
                         struct error *error);

/* Checks every reference of the body and copies what it picks; problems go to its field. Before form_evaluate. */
void doc_resolve_references(struct doc_sources *sources, struct form_body *body, struct form_problems *problems);

/* Copies the values of the bound columns into the arena. */
void doc_columns_of(const struct form_body *body, struct arena *arena, struct doc_columns *columns);
/* A column's value as a statement's parameter. */
struct store_value doc_column(const struct doc_columns *columns, enum form_column column);

/* Writes the bound columns and the row's version, updated, row_high, attachments and event head. */
int doc_update_columns(struct store_connection *db, const struct doc_row *row, const struct doc_columns *columns, struct error *error);

int doc_problems_error(const struct form_problems *problems, struct error *error);
const struct form *doc_form_of(const struct doc_module *module, const struct doc_row *row, struct error *error);

/* Effects of an action, in order; in the transaction. */
int doc_effects(struct store_connection *db, struct doc_act *act, struct error *error);

int doc_ledger_grant(struct store_connection *db, const struct doc_act *act, struct error *error);
int doc_ledger_release(struct store_connection *db, const struct doc_act *act, struct error *error);
int doc_statistics_add(struct store_connection *db, const struct doc_row *row, int sign, struct error *error);
int doc_outbox_add(struct store_connection *db, const char *kind, int64_t document, int64_t now, struct error *error);
int doc_job_add_issue(struct store_connection *db, int64_t document, int64_t now, int64_t *job, struct error *error);

#endif
