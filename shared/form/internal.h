/* What the files of this folder share and nobody else needs. */
#ifndef FORM_INTERNAL_H
#define FORM_INTERNAL_H

#include "form/check.h"
#include "form/form.h"

/* ---- compiling */

struct compiler {
    struct form *form;
    struct arena *arena;
    struct error *error;
};

/* Always returns false: puts "line n: ..." into the error. The first failure stays. */
bool compile_fail(struct compiler *compiler, const struct json *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void *compile_alloc(struct compiler *compiler, size_t size);
struct form_words compile_words(const struct json *json);

/* Where names of an expression are looked up: first the rows from `block` outwards, then the plain blocks. */
struct scope {
    const struct form_block *block; /* NULL: only plain blocks */
};

/* Compiles an expression; NULL json gives NULL and true. */
bool compile_expression(struct compiler *compiler, const struct json *json, struct scope scope,
                        const struct form_expression **result);
/* A reference to one field by name. */
bool compile_reference(struct compiler *compiler, const struct json *at, const char *name, struct scope scope,
                       const struct form_expression **result);

bool compile_blocks(struct compiler *compiler, const struct json *json);
bool compile_field_expressions(struct compiler *compiler);
bool compile_order(struct compiler *compiler);
bool compile_rules(struct compiler *compiler, const struct json *json);
bool compile_verdict(struct compiler *compiler, const struct json *json);
bool compile_machines(struct compiler *compiler, const struct json *json);
bool compile_numbers(struct compiler *compiler, const struct json *json);
bool compile_bindings(struct compiler *compiler, const struct json *json);

/* ---- evaluating */

struct environment {
    const struct form_body *body;
    const struct form_row *row[FORM_BLOCKS]; /* the current row of each block; plain blocks always */
    int32_t today;
    int steps;      /* left */
    bool overflow;  /* a number did not fit */
};

void environment_init(struct environment *environment, const struct form_body *body, int32_t today);
struct form_value evaluate(const struct form_expression *expression, struct environment *environment);
bool holds(const struct form_expression *expression, struct environment *environment);

/* Calls `visit` for each block and slot that the expression reads (slot -1: counts the rows of the block). */
void expression_references(const struct form_expression *expression,
                           void (*visit)(void *context, const struct form_block *block, int slot), void *context);
/* The block and slot of a plain reference; false when it is something else. */
bool expression_reference(const struct form_expression *expression, const struct form_block **block, int *slot);

bool row_is_empty(const struct form_block *block, const struct form_row *row);
/* Writes the member "names": {list: {code: name}}. */
void write_code_names(const struct form_body *body, const struct form_codes *codes, int32_t day, struct json_writer *json);

/* Calls `visit` for every row of `block` with the environment standing in that row and all its parents; `path` is the row's
   ("specs/2", "base"). */
struct walk {
    struct environment *environment;
    void (*visit)(struct walk *walk, struct form_rows *rows, struct form_row *row, const char *path);
    void *context;
    const struct form_block *block; /* set by the walk */
};
void walk_rows(struct walk *walk, const struct form_block *block);
/* The same for the row lists themselves (also empty ones): `row` is NULL. */
void walk_lists(struct walk *walk, const struct form_block *block);

/* All checks of one stage; problems go to `problems`. In check.c and demand.c. */
void check_values(struct environment *environment, const struct form_context *context, struct form_problems *problems);
void check_demands(struct environment *environment, const struct form_context *context, enum form_stage stage,
                   struct form_problems *problems);
/* Whether a field is shown: its `when` holds, and that of its sheet. */
bool field_shown(const struct form_field *field, struct environment *environment);
/* A code row's text as a value of the field's type; absent when it does not fit. */
struct form_value value_from_text(const struct form_field *field, struct slice text);

/* ---- paths and problems */

#define PATH_SIZE 96
void problem_at(struct form_problems *problems, const char *path, const char *rule, bool warning, const char *zh, const char *en);
void path_field(char path[PATH_SIZE], const char *row_path, const char *field);

#endif
