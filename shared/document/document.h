/* Life of a document: save, list, copy, batch, actions, numbers, events, attachments, ledger, jobs. No HTTP in here.

   Reading runs on the caller's read connection. Writing is prepared on the caller's thread (parsing, evaluating, hashing) into
   an arena and then done by a store_work on the writer: the two halves are `doc_prepare_...` and `doc_write_...`.
   Everything about rights is decided here, by the definition's action table and the document's owner and agency. */
#ifndef DOCUMENT_DOCUMENT_H
#define DOCUMENT_DOCUMENT_H

#include "base/arena.h"
#include "base/digest.h"
#include "base/principal.h"
#include "form/codes.h"
#include "form/form.h"
#include "store/store.h"

#include <pthread.h>

#define DOC_FORMS 64
#define DOC_BODY_MAXIMUM (256u * 1024)
#define DOC_ATTACHMENT_MAXIMUM (1024u * 1024)
#define DOC_BATCH_AT_ONCE 50
#define DOC_BATCH_MAXIMUM 1000
#define DOC_COPIES_MAXIMUM 100
#define DOC_ATTACHMENTS 200 /* of one document */

struct doc_module;
struct doc_shape;
struct doc_signature;
struct partners;
struct seals;

/* A check or effect that no expression can say, registered by a module. Runs in the transaction. */
typedef int doc_hook(struct store_connection *db, struct doc_module *module, int64_t document, struct error *error);

struct doc_hook_row { /* a table ending with a NULL name */
    const char *name;
    doc_hook *hook;
};

struct doc_module {
    const char *name;           /* "export" */
    const char *schema;         /* directory with forms/ and codes/ */
    const char *public_url;     /* of the portal, for verification links */
    struct store *store;
    const struct doc_hook_row *hooks;
    struct form *forms[DOC_FORMS]; /* every version, newest in force first within a name */
    size_t form_count;
    pthread_rwlock_t lock;      /* of the code tables: readers hold it while values point into rows */
    struct doc_shape *shapes;   /* of every definition's list and queries; then of whole rows, and of whole rows for officers */
    size_t shape_count;
    struct code_set codes;
    int64_t codes_loaded;       /* newest change seen in the database */
    struct seals *seals;        /* of the portal and of agencies (trust/seal.h) */
    bool seals_required;        /* what is issued without one is an error */
    const struct partners *partners; /* who reviews instead of the desk (exchange/partners.h); NULL: nobody */
    const char *roots, *root_key; /* where daily roots are kept (document/root.h); NULL: nowhere */
    bool key_required;          /* what the law wants signed is refused without a signature (setting `ekey`) */
    _Atomic int64_t changed;    /* when something last changed its state here (clock_monotonic), also if that was undone */
    int32_t root_day;           /* the last day known to be recorded; of the one thread that records */
};

/* Loads the definitions in <schema>/forms whose "module" is this one, and all code tables, and checks hooks. A bad file stops: detail names file, line and reason. */
int doc_module_open(struct doc_module *module, const char *name, const char *schema, struct store *store,
                    const struct doc_hook_row *hooks, struct error *error);
void doc_module_close(struct doc_module *module);
/* Takes over code tables that an administrator loaded since (also on other nodes). */
int doc_codes_refresh(struct doc_module *module, struct store_connection *db, struct error *error);
/* Takes a table over into the running program (owned by the module from here). */
void doc_codes_put(struct doc_module *module, struct code_table *table);
const struct code_table *doc_codes_read_lock(struct doc_module *module, const char *list); /* NULL when there is none; always unlock */
void doc_codes_unlock(struct doc_module *module);

/* The version in force on a business date (the newest effective), or that very version. NULL when unknown. */
const struct form *doc_form(const struct doc_module *module, const char *name, int32_t today);
/* The version that a document which can still be edited moves to: the newest in force, or the same. */
const struct form *doc_newest(const struct doc_module *module, const struct form *form, int32_t today);
const struct form *doc_form_version(const struct doc_module *module, const char *name, int version);

/* ---- rows */

struct doc_row {
    int64_t enterprise, id, form_version, version, creator;
    char form[48], state[MACHINE_COUNT][32];
    int64_t state_since;
    char application_no[24], form_no[32], licence_no[24];
    int64_t year;
    char agency[16], enterprise_code[16];
    char *enterprise_name;
    int64_t quantity, amount_usd, updated, claimed_by, row_high, attachments, event_sequence;
    bool has_quantity, has_amount_usd;
    char unit[16], country[16], goods[24], valid_until[12], applied[12], issued[12], check_code[24], source[64];
    char event_hash[72];
    char kind[16], registration_no[24];
};

/* Reads a document that the principal may see: its owner's, or one of the officer's agency once it was submitted; 404 otherwise.
   `lock` adds the driver's FOR UPDATE (only inside a store_work). */
int doc_read(struct store_connection *db, const struct principal *principal, const char *module, int64_t id, bool lock,
             struct arena *arena, struct doc_row *row, struct error *error);
/* The stored body, in the arena. */
int doc_read_body(struct store_connection *db, int64_t id, struct arena *arena, struct slice *body, struct error *error);

/* Which columns the rows of a list have: what it takes to open and act on a document, and what the list shows. A list is asked for
   all day; what nobody sees is not read, sent and parsed. */
#define DOC_LIST_COLUMNS 40
struct doc_shape {
    const struct json *json;  /* the "list" or the query of a definition that it was made for */
    char select[800];
    unsigned char column[DOC_LIST_COLUMNS];
    int count;
    bool officer;             /* with age and who claimed it */
    bool balance;             /* behind the columns: what is left in the ledger and what was used (a query's `balance`) */
};
/* `columns`: the definition's [{"column"}], NULL = all. */
void doc_shape_make(const struct json *columns, bool officer, struct doc_shape *shape);
/* The shape of a definition's list or query; whole rows for NULL and for officers. */
const struct doc_shape *doc_shape_of(const struct doc_module *module, const struct json *json, bool officer);
/* One row as JSON, straight from a query that selects shape->select. */
void doc_write_list_row(struct store_rows *rows, const struct doc_shape *shape, const struct principal *principal, int64_t now,
                        struct json_writer *json);

/* ---- saving */

struct doc_save {
    struct doc_module *module;
    const struct principal *principal;
    const struct form *form;
    int64_t id;                /* of the new or saved document */
    int64_t now;
    bool create;
    int64_t expected;          /* version; -1 = any */
    struct doc_row before;     /* saving again */
    const char *source, *licence_no, *issued; /* of a licence loaded from elsewhere, else "" */
    struct doc_set { const char *field, *text; } set[8]; /* what a copying action sets in the copy; field NULL ends */
    struct buffer body;        /* canonical JSON */
    char body_hash[72];
    struct doc_columns { /* texts copied into the arena */
        struct form_value value[COLUMN_COUNT];
        struct slice shown;     /* JSON of the fields that the list shows; empty = none */
        bool has_lines;         /* the definition has goods lines */
        struct doc_line *lines; /* document/internal.h */
        size_t line_count;
    } columns;
    int64_t row_high;
    struct doc_place { const char *block; int64_t row_id; } *places; /* rows that attachments may belong to */
    size_t place_count;
    char application_no[24];   /* result of creating */
};

/* Reads and evaluates a body for saving. Problems of stage "save" are errors (ERROR_INVALID; `problems` holds them). */
int doc_prepare_create(struct doc_module *module, struct store_connection *reader, const struct principal *principal,
                       const char *form_name, const char *body,
                       size_t length, int64_t now, struct arena *arena, struct form_problems *problems, struct doc_save *save,
                       struct error *error);
int doc_prepare_save(struct doc_module *module, struct store_connection *reader, const struct principal *principal, int64_t id,
                     int64_t expected, const char *body, size_t length, int64_t now, struct arena *arena,
                     struct form_problems *problems, struct doc_save *save, struct error *error);
int doc_write_save(struct store_connection *db, struct doc_save *save, struct error *error);

/* Prepares a licence that was issued elsewhere (state LOADED, shown in the history, can only be copied): `columns` are texts of the
   bound columns, NULL where unknown. */
#define DOC_STATE_LOADED "LOADED"
int doc_prepare_loaded(struct doc_module *module, const struct principal *principal, const char *form_name,
                       const struct slice columns[COLUMN_COUNT], const char *licence_no, const char *issued, const char *source,
                       int64_t now, struct arena *arena, struct doc_save *save, struct error *error);

/* A new document's first values: defaults and fills, also from what was used last. `body` may be NULL. */
int doc_new_body(struct doc_module *module, struct store_connection *reader, const struct principal *principal,
                 const char *form_name, const char *body, size_t length, int64_t now, struct arena *arena, struct buffer *out,
                 struct error *error);

/* The whole checklist of a body (and of the stored document's attachments when id is not 0): writes {"body","errors","ready",...}. `has_key`: the
   caller has bound an electronic key. */
int doc_check(struct doc_module *module, struct store_connection *reader, const struct principal *principal, const char *form_name,
              int64_t id, bool has_key, const char *body, size_t length, int64_t now, struct arena *arena, struct json_writer *json,
              struct error *error);

int doc_verdict(struct doc_module *module, const struct principal *principal, const char *form_name, const char *body, size_t length,
                int64_t now, struct arena *arena, struct form_problems *problems, struct json_writer *json, struct error *error);

/* ---- actions */

struct doc_act {
    struct doc_module *module;
    const struct principal *principal; /* kind SYSTEM for the portal's own */
    const struct form *form;
    const struct form_action *action;
    int64_t id, now, expected;
    const char *opinion;
    struct doc_row row;        /* as prepared; read again under lock when writing */
    struct buffer body;        /* the frozen body of `complete` actions; empty otherwise */
    char body_hash[72];
    struct doc_columns columns;
    bool key;                  /* prepared: it is to be signed with an electronic key (R-KEY-2) */
    const struct doc_signature *signature; /* what was signed, checked by the caller (document/signature.h); NULL = nothing */
    const char *licence_no;    /* the authority's own, taken instead of the next of our series; NULL = ours */
    int64_t job;               /* result: job started by an effect, 0 = none */
    char state[32];            /* result: the state afterwards */
};

/* Whether this principal may do this action on this document now; the reason otherwise. Reads nothing but the row. What an authority's own
   system reviews no officer does (ERROR_CONFLICT "reviewed_elsewhere"); that system is a principal of kind PARTNER with the agency. */
int doc_may(const struct form_action *action, const struct doc_row *row, const struct principal *principal, const struct doc_module *module,
            struct error *error);

/* Whether an action on this body is to be signed with an electronic key. */
bool doc_needs_key(const struct form_action *action, const struct form_body *body, int32_t today);

/* Checks rights, state, opinion, and for `complete` actions everything that submission demands (ERROR_INVALID; `problems`). */
int doc_prepare_act(struct doc_module *module, struct store_connection *reader, const struct principal *principal, int64_t id,
                    int64_t expected, const char *action, const char *opinion, int64_t now, struct arena *arena,
                    struct form_problems *problems, struct doc_act *act, struct error *error);
int doc_write_act(struct store_connection *db, struct doc_act *act, struct error *error);

/* Deletes (kind "delete"), leaving a tombstone event. */
int doc_write_delete(struct store_connection *db, struct doc_act *act, struct error *error);

/* Copies a document `count` times into new drafts of the caller; ids in `ids`. `action`: the definition's action of kind copy, which says
   from which states and what it sets in the copy. Also loaded licences. */
struct doc_copy {
    struct doc_save save;      /* prepared from the source */
    int count;
    int64_t ids[DOC_COPIES_MAXIMUM];
};
int doc_prepare_copy(struct doc_module *module, struct store_connection *reader, const struct principal *principal, int64_t id,
                     const char *action, int count, int64_t now, struct arena *arena, struct doc_copy *copy, struct error *error);
int doc_write_copy(struct store_connection *db, struct doc_copy *copy, struct error *error);

/* Claim, release, reassign: no change of state, no version. `user` 0 releases. */
int doc_write_claim(struct store_connection *db, struct doc_module *module, const struct principal *principal, int64_t id,
                    int64_t user, const char *user_name, struct error *error);

/* ---- events */

struct doc_event {
    const char *action, *from, *to, *opinion, *body_hash;
};

/* Appends to the document's chain: hash over id, sequence, previous hash, who, what, when, body. Updates row->event_sequence
   and row->event_hash (the caller stores them with the document). */
int doc_event_append(struct store_connection *db, struct doc_row *row, const struct principal *principal, int64_t now,
                     const struct doc_event *event, struct error *error);
int doc_events_write(struct store_connection *db, const struct doc_module *module, const struct principal *principal,
                     const struct doc_row *row, struct json_writer *json, struct error *error);

/* ---- numbers */

/* The next number of a series, as text. ERROR_CONFLICT "number_exhausted" names the series for the administrator. */
int doc_number(struct store_connection *db, struct doc_module *module, const struct form *form, const struct form_number *number,
               const struct doc_row *row, int64_t year, int64_t now, char *text, size_t size, struct error *error);

/* {"series":[{"series","form","title","number","value","last","left","exhausted"}]}: the fullest series of every number of the
   definitions in force, without those of past years; at most 50 a number. */
int doc_series_write(struct store_connection *db, struct doc_module *module, int64_t now, struct json_writer *json, struct error *error);

/* ---- totals */

/* Keeps the exact total of one owner, form and state. */
int doc_total_add(struct store_connection *db, int64_t enterprise, const char *form, const char *state, int delta, struct error *error);

#endif
