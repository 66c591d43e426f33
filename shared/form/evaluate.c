/* Filling and computing: what is derived is derived in one order, in the browser and in the programs. */
#include "base/date.h"
#include "form/internal.h"

#include <stdio.h>
#include <string.h>

static const struct form_value absent = {.kind = VALUE_ABSENT};

/* ---- walking */

static struct form_rows *list_in(const struct form_body *body, const struct form_block *block, struct form_row *parent)
{
    if (block->parent && parent) {
        for (size_t i = 0; i < block->parent->block_count; i++)
            if (block->parent->blocks[i] == block) return &parent->children[i];
        return NULL;
    }
    for (size_t i = 0; i < body->form->top_count; i++)
        if (body->form->top[i] == block) return &body->top[i];
    return NULL;
}

/* `chain` is the way from the top to the target; visits the lists (rows NULL) or the rows of its last block. */
static void walk_chain(struct walk *walk, const struct form_block *const *chain, int length, struct form_row *parent,
                       const char *path, bool lists)
{
    const struct form_block *block = chain[0];
    struct form_rows *rows = block ? list_in(walk->environment->body, block, parent) : NULL;
    char own[PATH_SIZE], row_path[PATH_SIZE];

    if (!rows) return;
    snprintf(own, sizeof own, "%s%s%s", path, *path ? "/" : "", block->name);
    if (length == 1 && lists) walk->visit(walk, rows, NULL, own);
    for (size_t i = 0; i < rows->count; i++) {
        if (block->rows) {
            snprintf(row_path, sizeof row_path, "%.*s/%zu", PATH_SIZE - 24, own, i);
            walk->environment->row[block->index] = &rows->rows[i];
        }
        const char *here = block->rows ? row_path : own;
        if (length > 1) walk_chain(walk, chain + 1, length - 1, &rows->rows[i], here, lists);
        else if (!lists) walk->visit(walk, rows, &rows->rows[i], here);
    }
    if (block->rows) walk->environment->row[block->index] = NULL;
}

static void walk_any(struct walk *walk, const struct form_block *block, bool lists)
{
    const struct form_block *chain[FORM_DEPTH] = {NULL};
    int length = block->depth;

    walk->block = block;
    for (int i = length - 1; block && i >= 0; i--, block = block->parent) chain[i] = block;
    walk_chain(walk, chain, length, NULL, "", lists);
}

void walk_rows(struct walk *walk, const struct form_block *block) { walk_any(walk, block, false); }
void walk_lists(struct walk *walk, const struct form_block *block) { walk_any(walk, block, true); }

/* ---- rows */

static void drop_empty_rows(const struct form_block *block, struct form_rows *rows)
{
    size_t kept = 0;

    for (size_t i = 0; i < rows->count; i++) {
        for (size_t b = 0; b < block->block_count; b++) drop_empty_rows(block->blocks[b], &rows->rows[i].children[b]);
        if (block->rows && row_is_empty(block, &rows->rows[i])) continue;
        if (kept != i) rows->rows[kept] = rows->rows[i];
        kept++;
    }
    rows->count = kept;
}

static int64_t largest_row_id(const struct form_block *block, const struct form_rows *rows)
{
    int64_t largest = 0, below;

    for (size_t i = 0; i < rows->count; i++) {
        if (rows->rows[i].row_id > largest) largest = rows->rows[i].row_id;
        for (size_t b = 0; b < block->block_count; b++)
            if ((below = largest_row_id(block->blocks[b], &rows->rows[i].children[b])) > largest) largest = below;
    }
    return largest;
}

static void number_rows(const struct form_block *block, struct form_rows *rows, int64_t *next)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (block->rows && !rows->rows[i].row_id) rows->rows[i].row_id = (*next)++;
        for (size_t b = 0; b < block->block_count; b++) number_rows(block->blocks[b], &rows->rows[i].children[b], next);
    }
}

void form_number_rows(struct form_body *body)
{
    int64_t next = 0, largest;

    for (size_t i = 0; i < body->form->top_count; i++)
        if ((largest = largest_row_id(body->form->top[i], &body->top[i])) > next) next = largest;
    next++;
    for (size_t i = 0; i < body->form->top_count; i++) number_rows(body->form->top[i], &body->top[i], &next);
}

/* ---- values from elsewhere */

struct form_value value_from_text(const struct form_field *field, struct slice text)
{
    struct form_value value = absent;
    int32_t day;

    if (!text.length) return absent;
    switch (field->type) {
    case FORM_INTEGER: case FORM_DECIMAL:
        if (!decimal_parse(text.text, text.length, field->places, &value.number)) value.kind = VALUE_NUMBER;
        return value;
    case FORM_RATE:
        if (!decimal_parse_rate(text.text, text.length, &value.number)) value.kind = VALUE_RATE;
        return value;
    case FORM_DATE: return date_parse(text.text, text.length, &day) ? (struct form_value){.kind = VALUE_DATE, .number = day} : absent;
    case FORM_BOOL: return (struct form_value){.kind = VALUE_BOOL, .number = slice_is(text, "true") || slice_is(text, "Y")};
    default: return (struct form_value){.kind = VALUE_TEXT, .text = text};
    }
}

static struct form_value from_code_row(const struct form_field *field, struct environment *environment,
                                       const struct form_context *context)
{
    struct form_value key = evaluate(field->from_field, environment);
    const struct form_codes *codes = context->codes;
    const struct form_block *block = NULL;
    const struct form_field *key_field;
    const void *row;
    int slot;

    if (key.kind != VALUE_TEXT || !codes || !expression_reference(field->from_field, &block, &slot)) return absent;
    key_field = form_field_at(block, NULL, slot);
    row = codes->find(codes->context, field->from_list,
                      key_field && key_field->list && !strcmp(key_field->list, field->from_list) ? key_field->scheme : NULL,
                      key.text, context->today);
    return row ? value_from_text(field, codes->column(codes->context, field->from_list, row, field->from_column)) : absent;
}

bool field_shown(const struct form_field *field, struct environment *environment)
{
    return !field->when || holds(field->when, environment);
}

/* ---- deriving */

struct deriving {
    const struct form_field *field;
    const struct form_context *context;
    struct form_problems *problems;
};

static struct form_value fitted(const struct form_field *field, struct form_value value, struct environment *environment)
{
    int32_t day;

    if (value.kind == VALUE_NUMBER) value.number = decimal_round(value.number, field->type == FORM_INTEGER ? 0 : field->places);
    if (value.kind == VALUE_NUMBER && (value.number > DECIMAL_MAX || value.number < -DECIMAL_MAX)) {
        environment->overflow = true;
        return absent;
    }
    if (field->type == FORM_DATE && value.kind == VALUE_TEXT)
        return date_parse(value.text.text, value.text.length, &day) ? (struct form_value){.kind = VALUE_DATE, .number = day} : absent;
    return value;
}

static void derive(struct walk *walk, struct form_rows *rows, struct form_row *row, const char *path)
{
    struct deriving *deriving = walk->context;
    const struct form_field *field = deriving->field;
    struct form_value *value = &row->values[field->slot];
    char field_path[PATH_SIZE];

    if (form_field_at(field->block, rows->variant, field->slot) != field) return;
    if (!field_shown(field, walk->environment)) {
        *value = absent;
    } else if (field->compute) {
        walk->environment->overflow = false;
        *value = fitted(field, evaluate(field->compute, walk->environment), walk->environment);
        if (!walk->environment->overflow) return;
        path_field(field_path, path, field->name);
        problem_at(deriving->problems, field_path, "too_large", false, "计算结果超过13位整数。", "The result has more than 13 digits.");
    } else if (field->from == FROM_CODE_ROW && field->readonly) {
        *value = from_code_row(field, walk->environment, deriving->context);
    } else if (field->from == FROM_FIELD && value->kind == VALUE_ABSENT) {
        *value = evaluate(field->from_field, walk->environment);
    }
}

/* A variant that nobody chose is the first whose condition holds; one without rows follows the condition. */
static void choose_variants(struct form_body *body, struct environment *environment)
{
    for (size_t i = 0; i < body->form->top_count; i++) {
        const struct form_block *block = body->form->top[i];
        struct form_rows *rows = &body->top[i];
        bool empty = block->rows ? !rows->count : row_is_empty(block, rows->rows);
        if (!block->variant_count) continue;
        if (rows->variant && (!empty || !rows->variant->when || holds(rows->variant->when, environment))) continue;
        rows->variant = NULL;
        for (size_t v = 0; v < block->variant_count && !rows->variant; v++)
            if (!block->variants[v].when || holds(block->variants[v].when, environment)) rows->variant = &block->variants[v];
    }
}

/* As with a field: what is hidden has no rows. */
static void drop_hidden(struct walk *walk, struct form_rows *rows, struct form_row *row, const char *path)
{
    (void)row, (void)path;
    if (!holds(walk->block->when, walk->environment)) rows->count = 0;
}

static void drop_hidden_blocks(struct form_body *body, struct environment *environment)
{
    struct walk walk = {.environment = environment, .visit = drop_hidden};

    for (size_t i = 0; i < body->form->block_count; i++)
        if (body->form->blocks[i]->when) walk_lists(&walk, body->form->blocks[i]);
}

static void derive_all(struct form_body *body, struct environment *environment, const struct form_context *context,
                       struct form_problems *problems)
{
    struct deriving deriving = {.context = context, .problems = problems};
    struct walk walk = {.environment = environment, .visit = derive, .context = &deriving};

    for (size_t i = 0; i < body->form->derived_count; i++) {
        deriving.field = body->form->derived[i];
        walk_rows(&walk, deriving.field->block);
    }
}

/* ---- fills */

struct filling {
    const struct form_context *context;
    bool all; /* a new document: defaults and every source; else only what the portal keeps */
};

static void fill_field(const struct form_field *field, struct form_row *row, struct environment *environment, struct filling *filling)
{
    struct form_value *value = &row->values[field->slot], found;
    bool keeps = field->readonly && (field->from == FROM_SESSION || field->from == FROM_FILING);

    if (!filling->all && !keeps) return;
    if (filling->all && value->kind == VALUE_ABSENT) {
        *value = field->fallback_expression ? evaluate(field->fallback_expression, environment) : field->fallback;
        if (value->kind == VALUE_DATE && field->type == FORM_INTEGER) *value = absent;
    }
    if (field->from == FROM_NOWHERE || field->from >= FROM_COLUMN || !filling->context->source) return;
    if (!keeps && value->kind != VALUE_ABSENT) return;
    found = filling->context->source(filling->context->source_context, field);
    if (found.kind != VALUE_ABSENT || keeps) *value = found;
}

static void fill_row(struct walk *walk, struct form_rows *rows, struct form_row *row, const char *path)
{
    (void)path;
    for (size_t s = 0; s < walk->block->slot_count; s++) {
        const struct form_field *field = form_field_at(walk->block, rows->variant, (int)s);
        if (field) fill_field(field, row, walk->environment, walk->context);
    }
}

static void fill(struct form_body *body, struct environment *environment, const struct form_context *context, bool all)
{
    struct filling filling = {context, all};
    struct walk walk = {.environment = environment, .visit = fill_row, .context = &filling};

    for (size_t i = 0; i < body->form->block_count; i++) walk_rows(&walk, body->form->blocks[i]);
}

void form_fill_new(struct form_body *body, const struct form_context *context)
{
    struct environment environment;

    environment_init(&environment, body, context->today);
    fill(body, &environment, context, true);
    derive_all(body, &environment, context, NULL);
    choose_variants(body, &environment);
}

void form_evaluate(struct form_body *body, const struct form_context *context, enum form_stage stage,
                   struct form_problems *problems)
{
    struct environment environment;

    for (size_t i = 0; i < body->form->top_count; i++) drop_empty_rows(body->form->top[i], &body->top[i]);
    environment_init(&environment, body, context->today);
    fill(body, &environment, context, false);
    choose_variants(body, &environment);
    drop_hidden_blocks(body, &environment);
    derive_all(body, &environment, context, problems);
    choose_variants(body, &environment);
    if (stage == FORM_NEVER || !problems) return;
    bool spent = environment.steps <= 0; /* then sums are not what they should be */
    environment.steps = FORM_STEPS;
    check_values(&environment, context, problems);
    check_demands(&environment, context, stage, problems);
    if (spent || environment.steps <= 0)
        problem_at(problems, "", "too_complex", false, "内容太复杂，请减少行数。", "The content is too complex; use fewer rows.");
}

const struct form_verdict *form_decide(const struct form_body *body, const struct form_context *context)
{
    struct environment environment;

    environment_init(&environment, body, context->today);
    for (size_t i = 0; i < body->form->verdict_count; i++)
        if (!body->form->verdicts[i].when || holds(body->form->verdicts[i].when, &environment)) return &body->form->verdicts[i];
    return NULL;
}
