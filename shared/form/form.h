/* Definitions of document types: compiled once, then everything a document needs is asked here. Pure: no files, no clock, no
   threads; the same code runs in the programs and, as WebAssembly, in the page. The language is in schema/forms/README.md.

   A compiled form is read-only and may be used by many threads. Bodies live in an arena of the caller. */
#ifndef FORM_FORM_H
#define FORM_FORM_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/decimal.h"
#include "base/error.h"
#include "base/json_tree.h"
#include "base/json_write.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORM_BLOCKS 64         /* blocks of one form, nested ones counted */
#define FORM_DEPTH 3           /* nesting of row blocks */
#define FORM_ROWS 1000         /* rows of one block, whatever the definition says */
#define FORM_PROBLEMS 200      /* problems reported at once */
#define FORM_STEPS 10000       /* evaluation steps of one document */

struct form_words {
    const char *zh, *en; /* "" when absent */
};

enum form_type { FORM_TEXT, FORM_INTEGER, FORM_DECIMAL, FORM_RATE, FORM_DATE, FORM_BOOL, FORM_ENUM, FORM_CODE, FORM_REF, FORM_FILE };

enum form_stage { FORM_NEVER, FORM_SAVE, FORM_SUBMIT };

/* A value. Numbers are decimals (integers too); rates have 8 places; dates are days since 1970. */
struct form_value {
    enum { VALUE_ABSENT, VALUE_TEXT, VALUE_NUMBER, VALUE_RATE, VALUE_DATE, VALUE_BOOL } kind;
    struct slice text;
    int64_t number;
};

struct form_expression;
struct form_block;

struct form_choice { /* a value of an enum */
    const char *value;
    struct form_words words;
};

struct form_filter { /* a column that a code row must have */
    const char *column, *value;
};

enum form_from { FROM_NOWHERE, FROM_SESSION, FROM_PROFILE, FROM_LAST_APPROVED, FROM_LAST_USED, FROM_FILING, FROM_COLUMN, FROM_FIELD, FROM_CODE_ROW };

struct form_field {
    const char *name;
    struct form_words label;
    enum form_type type;
    const struct form_block *block;
    int slot;             /* place in a row's values; variants share a slot per name */
    int maximum, minimum; /* characters of a text */
    int places, display;  /* of a decimal; display -1 = as kept */
    decimal least, most;
    bool has_least, has_most, positive, readonly, multiline;
    bool kept;            /* set by the portal once, at creation; saving keeps it */
    enum form_stage required;
    const char *characters; /* NULL, "digits", "alphanumeric", "ascii" */
    const char *check;      /* NULL or a built-in check */
    const struct form_choice *choices;
    size_t choice_count;
    const char *list, *scheme; /* of a code; scheme NULL = any */
    const struct form_filter *filters;
    size_t filter_count;
    const struct form_expression *parent; /* reference to the field that must be the row's `parent`, or NULL */
    const char *ref_form;                 /* of a ref */
    struct form_value fallback;           /* default */
    const struct form_expression *fallback_expression;
    const struct form_expression *compute, *when;
    enum form_from from;
    const char *from_key, *from_list, *from_column;
    const struct form_expression *from_field; /* the key of a code row, or the field to copy */
    const char *suggest_list, *suggest_column;
    const struct form_expression *suggest_when;
    bool suggest_only;
    const struct json *json; /* the source, for what only prints and pages read */
};

struct form_variant {
    const char *id;
    struct form_words label;
    const struct form_expression *when;
    int maximum;
    struct form_field *fields;
    size_t field_count;
};

struct form_block {
    const char *name;
    struct form_words label;
    int index, depth;
    const struct form_block *parent; /* NULL at the top */
    bool rows;
    int minimum, maximum;
    struct form_field *fields;
    size_t field_count;
    struct form_variant *variants;
    size_t variant_count;
    const char **slots; /* names */
    size_t slot_count;
    struct form_block **blocks; /* nested */
    size_t block_count;
    int unique[4]; /* slots that no two rows may share together */
    size_t unique_count;
    bool sheet;
    const struct form_expression *sheet_required, *when; /* when: of a nested block */
    const struct json *json;
};

struct form_rule {
    const char *id;
    const struct form_expression *when, *assertion;
    const struct form_block *each; /* NULL: once */
    struct form_require { const struct form_block *block; int slot; } *require; /* slot -1 = the block */
    size_t require_count;
    const struct form_block *at_block; /* where an assertion's problem shows; NULL = the document */
    int at_slot;
    enum form_stage stage;
    bool warning;
    struct form_words message;
};

struct form_verdict {
    const char *id, *answer;
    const struct form_expression *when;
    struct form_words message;
};

enum form_column { /* columns of a document that the definition fills */
    COLUMN_YEAR, COLUMN_AGENCY, COLUMN_TRADE_MODE, COLUMN_COUNTRY, COLUMN_GOODS, COLUMN_GOODS_NAME, COLUMN_GOODS_CLASS,
    COLUMN_QUANTITY, COLUMN_UNIT, COLUMN_AMOUNT, COLUMN_CURRENCY, COLUMN_AMOUNT_USD, COLUMN_VALID_UNTIL, COLUMN_CUSTOMS_PORT,
    COLUMN_CONSIGNOR, COLUMN_CONTRACT_NO, COLUMN_TRANSPORT,
    COLUMN_BATCH, /* bound to a yes/no field: 'one' batch or 'several' */
    COLUMN_KIND, COLUMN_REFERENCE_NO, COLUMN_NAME, COLUMN_NAME_EN, COLUMN_PERSON, COLUMN_REGISTRATION_NO,
    COLUMN_COUNT
};
extern const char *const form_column_names[COLUMN_COUNT];

enum form_machine { MACHINE_MAIN, MACHINE_WITHDRAW, MACHINE_CUSTOMS, MACHINE_PRINT, MACHINE_COUNT };
extern const char *const form_machine_names[MACHINE_COUNT];

struct form_state {
    const char *code;
    struct form_words words;
};

enum form_actor { ACTOR_APPLICANT, ACTOR_AGENCY, ACTOR_SYSTEM, ACTOR_PARTNER };
enum form_action_kind { ACTION_TRANSITION, ACTION_EDIT, ACTION_DELETE, ACTION_COPY, ACTION_PRINT, ACTION_DOWNLOAD, ACTION_VIEW };
enum form_need { NEED_NOTHING, NEED_OPTIONAL, NEED_REQUIRED };

struct form_effect {
    enum { EFFECT_ASSIGN_NUMBER, EFFECT_SET_DATE, EFFECT_LEDGER, EFFECT_ISSUE, EFFECT_OUTBOX, EFFECT_SET_STATE, EFFECT_VOID,
           EFFECT_COUNT, EFFECT_SPLIT } kind;
    const char *name;      /* number, column, "grant"/"release", print, message kind, field or counter */
    int machine;           /* of set_state */
    const char *state;
};

struct form_action {
    const char *name;
    struct form_words label;
    enum form_machine machine;
    enum form_action_kind kind;
    const char **from;     /* states */
    size_t from_count;
    bool from_any;
    const char *to;        /* NULL: the state stays */
    enum form_actor by;
    unsigned right;        /* bits of web/session.h's enum right, by value */
    bool batch, single, complete, key, claim;
    enum form_need opinion;
    const char **not_by;
    size_t not_by_count;
    int while_machine;     /* another machine that must be in one of these states; -1 = none */
    const char **while_states;
    size_t while_count;
    const struct form_expression *key_when; /* the key is needed only where this holds; NULL = always */
    const struct form_expression *guard;
    struct form_words guard_message;
    const char *hook;
    struct form_effect *effects;
    size_t effect_count;
    const struct json *json; /* the source, for what a copying action sets */
};

struct form_machine_table {
    bool present;
    const char *initial;
    struct form_state *states;
    size_t state_count;
};

struct form_number {
    const char *name, *format, *column; /* application_no, form_no, licence_no */
    bool by_year, by_enterprise, by_agency, by_registration, once;
    int64_t first, last; /* last 0 = as many as the digits of {seq} allow */
};

struct form {
    const char *name;
    int version;
    int32_t effective_from;
    const char *kind;
    struct form_words title;
    const char *xml_root;
    struct form_block *blocks[FORM_BLOCKS]; /* all, parents before children */
    size_t block_count;
    struct form_block *top[FORM_BLOCKS];
    size_t top_count;
    struct form_rule *rules;
    size_t rule_count;
    struct form_verdict *verdicts;
    size_t verdict_count;
    struct form_machine_table machines[MACHINE_COUNT];
    struct form_action *actions;
    size_t action_count;
    struct form_number *numbers;
    size_t number_count;
    struct { const struct form_block *block; int slot; } columns[COLUMN_COUNT]; /* block NULL = not filled */
    const char *attachment_list;
    const struct form_expression *attachment_class;
    struct { const struct form_expression *quantity, *unit, *one_use, *tolerance; int uses_one, uses_many; bool present; } ledger;
    bool single;                       /* an owner has at most one document of this form */
    struct { int column; const char *id; struct form_words message; } unique; /* a column whose value no two of an owner share; -1 = none */
    struct { const char *form, *id, **states; size_t state_count; bool at_create; const struct form_expression *when;
             struct form_words message; } filing; /* a document that the owner must have before this one; form NULL = none */
    struct { const struct form_block *block; int slot[COLUMN_COUNT]; } lines; /* goods lines: the row block, -1 = no such field; block NULL = none */
    const struct form_field **derived; /* computed, filled and conditional fields, in the order of their dependencies */
    size_t derived_count;
    const struct json *json;           /* the source */
    struct arena arena;
};

/* ---- compiling */

/* Compiles a definition. On failure returns NULL; error->detail names line and reason ("line 12: no field named x"), and
   error->field the place. Free with form_free. */
struct form *form_compile(const char *text, size_t length, struct error *error);
void form_free(struct form *form);

const struct form_action *form_action_find(const struct form *form, const char *name);
const struct form_state *form_state_find(const struct form *form, enum form_machine machine, const char *code);
bool form_action_allowed_from(const struct form_action *action, const char *state);
const struct form_number *form_number_find(const struct form *form, const char *name);
const struct form_block *form_block_find(const struct form *form, const char *name);
/* The slot of that name in a block, or -1. */
int form_slot_find(const struct form_block *block, const char *name);
/* The first field of that name among the blocks at the top (and their variants). */
const struct form_field *form_field_find(const struct form *form, const char *name);
/* The same for "block.field" of a row block at the top. */
const struct form_field *form_path_find(const struct form *form, const char *path);
/* The field that fills a slot of a row under a variant (NULL variant: the block's own fields), or NULL. */
const struct form_field *form_field_at(const struct form_block *block, const struct form_variant *variant, int slot);

/* ---- code tables, as the form asks for them */

struct form_codes {
    void *context;
    /* The row of a code valid on `day` (any scheme when `scheme` is NULL), or NULL. */
    const void *(*find)(void *context, const char *list, const char *scheme, struct slice code, int32_t day);
    /* A column of a row; an absent column is an empty slice. */
    struct slice (*column)(void *context, const char *list, const void *row, const char *column);
    /* Walks the rows of a list: the row after `row` (NULL = the first), or NULL. */
    const void *(*next)(void *context, const char *list, const void *row);
};

/* ---- bodies */

struct form_row {
    int64_t row_id;
    struct form_value *values;     /* block->slot_count */
    struct form_rows *children;    /* block->block_count */
};

struct form_rows {
    struct form_row *rows; /* a plain block has exactly one */
    size_t count;
    const struct form_variant *variant; /* NULL when the block has none */
    bool present;
};

struct form_body {
    const struct form *form;
    struct form_rows *top; /* form->top_count */
    struct arena *arena;
};

struct form_problem {
    char field[96];
    const char *rule; /* a rule id, or a built-in word: required, type, too_long, unknown_code, ... */
    const char *zh, *en;
    bool warning;
};

struct form_problems {
    struct form_problem list[FORM_PROBLEMS];
    size_t count;
    size_t errors; /* of them no warnings */
    bool more;     /* there were more than fit */
};

/* An empty body: plain blocks with absent values, no rows. NULL when the arena is exhausted. */
struct form_body *form_body_new(const struct form *form, struct arena *arena);

/* Reads a body. Structure and types are checked; what is wrong becomes a problem at its field and the rest is still read. Broken
   JSON is a code (ERROR_MALFORMED). Read-only and computed fields of the input are passed over. Slices point into `text`,
   which must stay. Stored bodies are read with `stored` true: then read-only values are kept. */
int form_read(const struct form *form, const char *text, size_t length, bool stored, struct arena *arena,
              struct form_problems *problems, struct form_body **body, struct error *error);

/* Writes the canonical body: definition order, nothing absent. With codes, the names of codes follow under "names". */
void form_write(const struct form_body *body, struct json_writer *json, const struct form_codes *names, int32_t day);

/* Writes one plain field at the top as a member of an open object; nothing when it has no value. */
void form_write_field(const struct form_body *body, const struct form_field *field, struct json_writer *json);

struct form_attachment { /* what is attached, for the rules about attachments */
    const char *type, *block;
    int64_t row_id;
};

struct form_context {
    int32_t today;
    const struct form_codes *codes;
    /* A value for a fill; absent when there is none. `column` values are for showing only and never asked for here. */
    struct form_value (*source)(void *context, const struct form_field *field);
    void *source_context;
    const struct form_attachment *attachments;
    size_t attachment_count;
    bool unfiled; /* the owner lacks the filing that the definition asks for */
};

/* Gives new rows their ids: larger than any in the body. */
void form_number_rows(struct form_body *body);

/* Fills what a new document starts with: defaults and every `from`. */
void form_fill_new(struct form_body *body, const struct form_context *context);

/* Fills read-only fields, computes, drops values whose `when` is false, then checks everything that `stage` demands (FORM_NEVER:
   only computes). */
void form_evaluate(struct form_body *body, const struct form_context *context, enum form_stage stage,
                   struct form_problems *problems);

/* What is hidden and what is demanded now, as JSON arrays of paths (the page's stars), and the variant each block has or would take:
   the members "hidden", "required", "variants". */
void form_write_marks(const struct form_body *body, const struct form_context *context, struct json_writer *json);

/* The first verdict whose condition holds; NULL when the form has none. Evaluate the body first. */
const struct form_verdict *form_decide(const struct form_body *body, const struct form_context *context);

/* An expression over the whole body: true only when it has the value true. */
bool form_holds(const struct form_expression *expression, const struct form_body *body, int32_t today);
struct form_value form_value_of(const struct form_expression *expression, const struct form_body *body, int32_t today);

/* The value of a plain block's slot. */
struct form_value form_body_value(const struct form_body *body, const struct form_block *block, int slot);
/* The value of the field that a column is bound to; where none is bound but the goods lines have such a field, that of the first line. */
struct form_value form_column_value(const struct form_body *body, enum form_column column);
/* The goods lines of a body (NULL and 0 without), and a column's value of one. */
const struct form_rows *form_lines(const struct form_body *body);
struct form_value form_line_value(const struct form_body *body, const struct form_row *line, enum form_column column);
/* How much more than granted the last use may take, in per cent with 2 places (digest 3.4); 0 without. */
decimal form_tolerance(const struct form_body *body, int32_t today);

/* Sets the field that a column is bound to (or that of the first goods line, which is made) from its text on the wire; false when the
   text is no such value. An unbound column is passed over. */
bool form_set_column(struct form_body *body, enum form_column column, struct slice text);

/* A value as text (dates and decimals as on the wire); returns the length, cut to `size`. */
size_t form_value_text(struct form_value value, char *text, size_t size);

/* The missing attachments and those of the wrong class are part of form_evaluate(FORM_SUBMIT). This says whether a type may be
   attached to (block, row) of this body at all; false with words in `error`. */
bool form_attachment_allowed(const struct form_body *body, const struct form_context *context, const char *type, const char *block,
                             int64_t row_id, struct error *error);

/* What every problem says, as members of an open object: "field", "rule", "message" {zh,en}, "level". */
void form_write_problem(struct json_writer *json, const char *field, const char *rule, const char *zh, const char *en, bool warning);
/* Problems as a JSON array. */
void form_write_problems(const struct form_problems *problems, struct json_writer *json);
void form_problem_add(struct form_problems *problems, const char *field, const char *rule, bool warning, const char *zh,
                      const char *en);

/* ---- published shapes */

/* The body as XML (element names are the field names in upper camel case) inside the definition's root element, without the XML
   declaration. */
void form_write_xml(const struct form_body *body, struct buffer *out);
/* What an element is called: customs_port is CustomsPort. */
void form_xml_name(const char *name, char out[64]);
/* XML Schema and JSON Schema (2020-12) of the body. */
void form_write_xsd(const struct form *form, struct buffer *out);
void form_write_json_schema(const struct form *form, struct buffer *out);

#endif
