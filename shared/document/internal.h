/* What the files of this folder share and nobody else needs. */
#ifndef DOCUMENT_INTERNAL_H
#define DOCUMENT_INTERNAL_H

#include "document/document.h"
#include "document/job.h"

int doc_not_found(struct error *error);

/* The context for evaluating: today, code tables (hold the module's read lock), session values. */
struct doc_sources {
    const struct principal *principal;
    struct doc_module *module;
    struct store_connection *reader; /* NULL: no last_used, last_approved */
    const struct form *form;
    int64_t owner;                   /* of the document: whose last bodies and filing count */
    struct arena *arena;
    const struct form_body *last_used, *last_approved, *filing;
    bool looked;
    struct form_attachment attachments[DOC_ATTACHMENTS];
    struct form_codes codes;
};

/* Whoever acts, last bodies and filing are the owner's. For the portal itself nothing is filled: what the applicant had stays. */
void doc_context(struct doc_sources *sources, struct doc_module *module, const struct principal *principal, int64_t owner, const struct form *form,
                 struct store_connection *reader, struct arena *arena, int32_t today, struct form_context *context);
int doc_load_attachments(struct doc_sources *sources, struct store_connection *reader, int64_t id, struct form_context *context,
                         struct error *error);

/* Checks every reference of the body and copies what it picks; problems go to its field. Before form_evaluate. */
void doc_resolve_references(struct doc_sources *sources, struct form_body *body, struct form_problems *problems);

/* Fields whose choices the owner's filing gives (`options`), at submission: a value that is none of them, or excluded there, is a problem. */
void doc_check_options(const struct doc_sources *sources, const struct form_body *body, struct form_problems *problems);

/* The id that a reference's text means; 0 = none. */
int64_t doc_referred_id(struct slice text);

/* ERROR_CONFLICT "filing_required" where the definition wants something filed before one of its documents can be begun. */
int doc_need_filing(const struct form *form, const struct form_context *context, struct error *error);

/* Copies the values of the bound columns into the arena. */
void doc_columns_of(const struct form_body *body, struct arena *arena, struct doc_columns *columns);
/* A column's value as a statement's parameter. */
struct store_value doc_column(const struct doc_columns *columns, enum form_column column);

/* Goods lines: what a document's rows of document_line hold. A column that no field of the lines fills is the document's, but for
   quantities and amounts. In the arena. */
enum { LINE_GOODS, LINE_GOODS_NAME, LINE_GOODS_CLASS, LINE_UNIT, LINE_QUANTITY, LINE_AMOUNT, LINE_AMOUNT_USD, LINE_COLUMNS };
struct doc_line { struct form_value value[LINE_COLUMNS]; };
void doc_lines_of(const struct form_body *body, struct arena *arena, struct doc_columns *columns);
/* Stores them in place of those that are there (`again`) or for a new document. Nothing for a form without lines. */
int doc_write_lines(struct store_connection *db, int64_t document, const struct doc_columns *columns, bool again, struct error *error);

/* Writes the bound columns, the goods lines and the row's version, updated, row_high, attachments and event head. */
int doc_update_columns(struct store_connection *db, const struct doc_row *row, const struct doc_columns *columns, struct error *error);

/* Of lists: ERROR_INVALID "bad_filter" at a parameter. */
int doc_bad_filter(struct error *error, const char *name);

/* ERROR_INTERNAL when a query of the definition is narrowed by what is no column. */
int doc_check_queries(const struct form *form, struct error *error);
int doc_check_monthly(const struct form *form, struct error *error); /* the same of monthly statistics */

int doc_problems_error(const struct form_problems *problems, struct error *error);
const struct form *doc_form_of(const struct doc_module *module, const struct doc_row *row, struct error *error);

struct doc_chained { /* what an event's hash covers, besides the document and the hash before */
    int64_t sequence, at, actor, actor_kind;
    const char *actor_name, *action, *from, *to, *opinion, *body_hash;
};
int doc_chain_hash(int64_t document, const char *previous, const struct doc_chained *event, char hash[72], struct error *error);

/* Moves a machine; for the main one also the owner's totals and since when. In the transaction. */
int doc_set_state(struct store_connection *db, struct doc_act *act, enum form_machine machine, const char *to, struct error *error);

/* Makes and submits a document for each row of the block that the definition's `split` names, with what `act->body` holds; one that an
   earlier submission made is corrected where it was returned, and left as it is under review or granted. In the transaction. */
int doc_split(struct store_connection *db, struct doc_act *act, struct error *error);
/* ERROR_INTERNAL when a definition's `split` does not fit the form it names. Once all definitions are loaded. */
int doc_check_split(const struct doc_module *module, const struct form *form, struct error *error);

/* A row of status_event for each machine whose state is not what it was before; `opinion` and row->event_sequence are those of the event
   that tells of the change. In the transaction (document/status.h). */
int doc_status_add(struct store_connection *db, const struct doc_row *row, char (*before)[32], const char *opinion, int64_t now, struct error *error);

/* Effects of an action, in order; in the transaction. */
int doc_effects(struct store_connection *db, struct doc_act *act, struct error *error);

struct ledger_state;
/* Stores a job without its items. */
int doc_job_insert(struct store_connection *db, int64_t job, const char *kind, const struct principal *principal, const char *action,
                   const char *opinion, int64_t now, size_t count, struct error *error);
/* Counts what is done, gives the lease back and ends the job when nothing is left. */
int doc_job_advance(struct store_connection *db, int64_t job, int64_t now, struct error *error);
/* Errors of the database end a whole transaction; refusals only their item. */
bool doc_only_refused(const struct error *error);

/* One step of an import: loaded and prepared on the reader; written in the transaction that holds the lease; freed in any case. */
struct doc_import_step;
struct doc_import_step *doc_import_prepare(struct doc_module *module, struct store_connection *reader, int64_t job, const struct principal *principal,
                                           const char *form, bool submit, int64_t now, doc_read_file *read, struct arena *arena,
                                           struct error *error);
int doc_import_write(struct store_connection *db, struct doc_import_step *step, struct error *error);
void doc_import_free(struct doc_import_step *step);

/* Adds one entry to the sums. */
void doc_ledger_add_up(struct ledger_state *state, const char *kind, const char *debit, const char *credit, decimal quantity);
int doc_ledger_grant(struct store_connection *db, const struct doc_act *act, struct error *error);
int doc_ledger_release(struct store_connection *db, const struct doc_act *act, struct error *error);
int doc_statistics_add(struct store_connection *db, const struct doc_row *row, int sign, struct error *error);
int doc_outbox_add(struct store_connection *db, const struct doc_act *act, const char *kind, struct error *error);
/* What the authority whose system reviews is to know of the action that was done: an application, an applicant's request, or nothing.
   To be called with partners only. */
int doc_outbox_review(struct store_connection *db, const struct doc_act *act, struct error *error);

/* Remembers a message id; *repeated when it was there with the same content, ERROR_INVALID "message_id_reused" with another. */
int doc_inbox_enter(struct store_connection *db, int64_t partner, const char *message_id, const char *request_hash, int64_t now,
                    bool *repeated, struct error *error);
int doc_job_add_issue(struct store_connection *db, int64_t document, int64_t now, int64_t *job, struct error *error);

#endif
