#include "base/date.h"
#include "form/internal.h"

#include <string.h>

#define EXPRESSION_DEPTH 16

enum operator {
    OP_LITERAL, OP_FIELD, OP_ROWS, OP_TODAY, OP_YEAR, /* leaves */
    OP_ADD, OP_SUBTRACT, OP_MULTIPLY, OP_DIVIDE, OP_ROUND, OP_MIN, OP_MAX, OP_SUM, OP_COUNT, OP_IF, OP_AND, OP_OR, OP_NOT,
    OP_IN, OP_EQUAL, OP_LESS, OP_DATE_ADD, OP_CONCAT, OP_PRESENT, OP_CONVERT, OP_LEFT
};

struct form_expression {
    enum operator operator;
    bool aggregate;                 /* a "block.field" reference */
    const struct form_block *block; /* of a reference */
    int slot;
    enum form_type type;            /* of the referenced field */
    struct form_value literal;
    const struct form_expression **operands;
    size_t count;
};

static const struct { const char *word; enum operator operator; int least, most; } operators[] = {
    {"+", OP_ADD, 2, 16}, {"-", OP_SUBTRACT, 2, 2}, {"*", OP_MULTIPLY, 2, 2}, {"/", OP_DIVIDE, 2, 2},
    {"round", OP_ROUND, 2, 2}, {"min", OP_MIN, 1, 16}, {"max", OP_MAX, 1, 16}, {"sum", OP_SUM, 1, 1},
    {"count", OP_COUNT, 1, 1}, {"if", OP_IF, 3, 3}, {"and", OP_AND, 1, 16}, {"or", OP_OR, 1, 16}, {"not", OP_NOT, 1, 1},
    {"in", OP_IN, 2, 64}, {"=", OP_EQUAL, 2, 2}, {"<", OP_LESS, 2, 2}, {"date_add", OP_DATE_ADD, 2, 2},
    {"concat", OP_CONCAT, 1, 16}, {"present", OP_PRESENT, 1, 1}, {"convert", OP_CONVERT, 3, 3},
    {"left", OP_LEFT, 2, 2},
};

/* ---- compiling */

static struct form_expression *leaf(struct compiler *compiler, enum operator operator)
{
    struct form_expression *expression = compile_alloc(compiler, sizeof *expression);

    if (expression) expression->operator = operator;
    return expression;
}

/* The block that a bare name belongs to: the scope's row blocks from the inside out, then the plain blocks. */
static const struct form_block *find_name(const struct form *form, struct scope scope, const char *name, int *slot)
{
    for (const struct form_block *block = scope.block; block; block = block->parent)
        if ((*slot = form_slot_find(block, name)) >= 0) return block;
    for (size_t i = 0; i < form->top_count; i++)
        if (!form->top[i]->rows && (*slot = form_slot_find(form->top[i], name)) >= 0) return form->top[i];
    return NULL;
}

static enum form_type slot_type(const struct form_block *block, int slot)
{
    const struct form_field *field = form_field_at(block, NULL, slot);

    for (size_t i = 0; !field && i < block->variant_count; i++) field = form_field_at(block, &block->variants[i], slot);
    return field ? field->type : FORM_TEXT;
}

bool compile_reference(struct compiler *compiler, const struct json *at, const char *name, struct scope scope,
                       const struct form_expression **result)
{
    const char *dot = strchr(name, '.');
    const struct form_block *block;
    struct form_expression *expression;
    int slot = -1;

    if (dot) {
        char head[64];
        if ((size_t)(dot - name) >= sizeof head) return compile_fail(compiler, at, "no block named %s", name);
        memcpy(head, name, (size_t)(dot - name));
        head[dot - name] = '\0';
        block = form_block_find(compiler->form, head);
        if (block) slot = form_slot_find(block, dot + 1);
    } else {
        block = find_name(compiler->form, scope, name, &slot);
    }
    if (!block || slot < 0) return compile_fail(compiler, at, "no field named %s", name);
    if (!(expression = leaf(compiler, OP_FIELD))) return false;
    expression->block = block;
    expression->slot = slot;
    expression->aggregate = dot != NULL && block->rows;
    expression->type = slot_type(block, slot);
    *result = expression;
    return true;
}

static bool compile_literal(struct compiler *compiler, const struct json *json, const struct form_expression **result)
{
    struct form_expression *expression = leaf(compiler, OP_LITERAL);
    decimal number;

    if (!expression) return false;
    if (json->kind == JSON_NUMBER) {
        if (decimal_parse(json->text.text, json->text.length, DECIMAL_PLACES, &number))
            return compile_fail(compiler, json, "bad number");
        expression->literal = (struct form_value){.kind = VALUE_NUMBER, .number = number};
    } else if (json->kind == JSON_TRUE || json->kind == JSON_FALSE) {
        expression->literal = (struct form_value){.kind = VALUE_BOOL, .number = json->kind == JSON_TRUE};
    } else {
        expression->literal = (struct form_value){.kind = VALUE_TEXT, .text = json->text};
    }
    *result = expression;
    return true;
}

/* A string: a pseudo name, a field, a row block (for count and present), or a literal. */
static bool compile_string(struct compiler *compiler, const struct json *json, struct scope scope, bool literal_allowed,
                           const struct form_expression **result)
{
    const struct form_block *block;
    struct form_expression *expression;
    const char *name = json->text.text;
    int slot;

    if (!strcmp(name, "$today") || !strcmp(name, "$year")) {
        *result = leaf(compiler, name[1] == 't' ? OP_TODAY : OP_YEAR);
        return *result != NULL;
    }
    if (find_name(compiler->form, scope, name, &slot)) return compile_reference(compiler, json, name, scope, result);
    if (strchr(name, '.') && !literal_allowed) return compile_reference(compiler, json, name, scope, result);
    if ((block = form_block_find(compiler->form, name)) && !literal_allowed) {
        if (!(expression = leaf(compiler, OP_ROWS))) return false;
        expression->block = block;
        expression->slot = -1;
        *result = expression;
        return true;
    }
    if (!literal_allowed) return compile_fail(compiler, json, "no field named %s", name);
    return compile_literal(compiler, json, result);
}

/* Strings in these places may be literals; elsewhere they must be names, so that a misspelt name is found at start. */
static bool literal_place(enum operator operator, size_t index)
{
    return ((operator == OP_EQUAL || operator == OP_LESS || operator == OP_IN) && index > 0) || operator == OP_CONCAT ||
           (operator == OP_IF && index > 0);
}

static bool check_enum_literal(struct compiler *compiler, const struct json *json, const struct form_expression *expression)
{
    const struct form_expression *field = expression->operands[0];
    const struct form_field *definition;

    bool compares = expression->operator == OP_EQUAL || expression->operator == OP_IN;

    if (!compares || field->operator != OP_FIELD || field->type != FORM_ENUM) return true;
    definition = form_field_at(field->block, NULL, field->slot);
    for (size_t i = 1; definition && i < expression->count; i++) {
        const struct form_expression *literal = expression->operands[i];
        bool known = literal->operator != OP_LITERAL || literal->literal.kind != VALUE_TEXT;
        for (size_t k = 0; !known && k < definition->choice_count; k++)
            known = slice_is(literal->literal.text, definition->choices[k].value);
        if (!known) return compile_fail(compiler, json, "%s has no such value", definition->name);
    }
    return true;
}

static bool compile_depth(struct compiler *compiler, const struct json *json, struct scope scope, bool literal_allowed,
                          int depth, const struct form_expression **result);

static bool compile_operator(struct compiler *compiler, const struct json *json, struct scope scope, int depth,
                             const struct form_expression **result)
{
    struct form_expression *expression;
    const struct json *word = json->first;
    size_t which, index = 0;

    if (!word || word->kind != JSON_STRING) return compile_fail(compiler, json, "an expression starts with its operator");
    for (which = 0; which < sizeof operators / sizeof *operators; which++)
        if (!strcmp(operators[which].word, word->text.text)) break;
    if (which == sizeof operators / sizeof *operators)
        return compile_fail(compiler, json, "no operator named %s", word->text.text);
    if ((int)json->count - 1 < operators[which].least || (int)json->count - 1 > operators[which].most)
        return compile_fail(compiler, json, "%s has the wrong number of operands", word->text.text);
    if (!(expression = leaf(compiler, operators[which].operator))) return false;
    expression->count = json->count - 1;
    expression->operands = compile_alloc(compiler, expression->count * sizeof *expression->operands);
    if (!expression->operands) return false;
    for (const struct json *item = word->next; item; item = item->next, index++)
        if (!compile_depth(compiler, item, scope, literal_place(expression->operator, index), depth + 1,
                           &expression->operands[index]))
            return false;
    *result = expression;
    return check_enum_literal(compiler, json, expression);
}

static bool compile_depth(struct compiler *compiler, const struct json *json, struct scope scope, bool literal_allowed,
                          int depth, const struct form_expression **result)
{
    if (depth > EXPRESSION_DEPTH) return compile_fail(compiler, json, "an expression is nested too deeply");
    if (json->kind == JSON_ARRAY) return compile_operator(compiler, json, scope, depth, result);
    if (json->kind == JSON_STRING) return compile_string(compiler, json, scope, literal_allowed, result);
    if (json->kind == JSON_OBJECT && json_member(json, "text"))
        return compile_literal(compiler, json_member(json, "text"), result);
    if (json->kind == JSON_NULL || json->kind == JSON_OBJECT) return compile_fail(compiler, json, "no expression");
    return compile_literal(compiler, json, result);
}

bool compile_expression(struct compiler *compiler, const struct json *json, struct scope scope,
                        const struct form_expression **result)
{
    *result = NULL;
    return !json || compile_depth(compiler, json, scope, false, 0, result);
}

void expression_references(const struct form_expression *expression,
                           void (*visit)(void *context, const struct form_block *block, int slot), void *context)
{
    if (!expression) return;
    if (expression->block) visit(context, expression->block, expression->slot);
    for (size_t i = 0; i < expression->count; i++) expression_references(expression->operands[i], visit, context);
}

bool expression_reference(const struct form_expression *expression, const struct form_block **block, int *slot)
{
    if (!expression || expression->operator != OP_FIELD) return false;
    *block = expression->block;
    *slot = expression->slot;
    return true;
}

/* ---- evaluating */

static const struct form_value absent = {.kind = VALUE_ABSENT};

static struct form_value number_value(decimal number) { return (struct form_value){.kind = VALUE_NUMBER, .number = number}; }
static struct form_value bool_value(bool value) { return (struct form_value){.kind = VALUE_BOOL, .number = value}; }
static struct form_value date_value(int32_t day) { return (struct form_value){.kind = VALUE_DATE, .number = day}; }

void environment_init(struct environment *environment, const struct form_body *body, int32_t today)
{
    memset(environment, 0, sizeof *environment);
    environment->body = body;
    environment->today = today;
    environment->steps = FORM_STEPS;
    for (size_t i = 0; i < body->form->top_count; i++)
        if (!body->form->top[i]->rows) environment->row[body->form->top[i]->index] = body->top[i].rows;
}

static struct form_value overflow(struct environment *environment)
{
    environment->overflow = true;
    return absent;
}

/* The rows of a block that are in reach: those of the current parent row. */
static const struct form_rows *reach(const struct form_block *block, struct environment *environment)
{
    if (!block->parent) {
        for (size_t i = 0; i < environment->body->form->top_count; i++)
            if (environment->body->form->top[i] == block) return &environment->body->top[i];
        return NULL;
    }
    const struct form_row *parent = environment->row[block->parent->index];
    for (size_t i = 0; parent && i < block->parent->block_count; i++)
        if (block->parent->blocks[i] == block) return &parent->children[i];
    return NULL;
}

struct fold {
    enum operator operator;
    struct form_value value;
    int64_t count;
};

/* Texts by their bytes. */
static bool is_before(struct form_value a, struct form_value b)
{
    size_t shorter = a.text.length < b.text.length ? a.text.length : b.text.length;
    int order;

    if (a.kind != VALUE_TEXT || b.kind != VALUE_TEXT) return a.number < b.number;
    order = memcmp(a.text.text, b.text.text, shorter);
    return order < 0 || (!order && a.text.length < b.text.length);
}

static void fold_add(struct fold *fold, struct form_value value, struct environment *environment)
{
    if (value.kind == VALUE_ABSENT) return;
    fold->count++;
    if (fold->operator == OP_COUNT) return;
    if (fold->value.kind == VALUE_ABSENT) {
        fold->value = value;
    } else if (fold->operator == OP_SUM) {
        if (!decimal_add(fold->value.number, value.number, &fold->value.number)) environment->overflow = true;
    } else if ((fold->operator == OP_MIN) == is_before(value, fold->value)) {
        fold->value = value;
    }
}

/* Folds a field over the rows in reach; a nested block without a current parent folds over all its parents' rows. */
static void fold_rows(struct fold *fold, const struct form_expression *reference, const struct form_block *block,
                      struct environment *environment)
{
    const struct form_block *parent = block->parent;

    if (parent && !environment->row[parent->index]) {
        const struct form_rows *parents = reach(parent, environment);
        for (size_t i = 0; parents && i < parents->count; i++) {
            environment->row[parent->index] = &parents->rows[i];
            fold_rows(fold, reference, block, environment);
        }
        environment->row[parent->index] = NULL;
        return;
    }
    const struct form_rows *rows = reach(block, environment);
    for (size_t i = 0; rows && i < rows->count; i++) {
        if (environment->steps-- <= 0) return;
        if (reference->slot >= 0) fold_add(fold, rows->rows[i].values[reference->slot], environment);
        else if (!row_is_empty(block, &rows->rows[i])) fold->count++;
    }
}

static struct form_value evaluate_fold(const struct form_expression *expression, struct environment *environment)
{
    const struct form_expression *operand = expression->operands[0];
    struct fold fold = {.operator = expression->operator, .value = absent};

    if (operand->aggregate || operand->operator == OP_ROWS) fold_rows(&fold, operand, operand->block, environment);
    else fold_add(&fold, evaluate(operand, environment), environment);
    if (expression->operator == OP_COUNT) return number_value(fold.count * DECIMAL_ONE);
    return environment->overflow ? absent : fold.value;
}

static struct form_value evaluate_extreme(const struct form_expression *expression, struct environment *environment)
{
    struct fold fold = {.operator = expression->operator, .value = absent};

    if (expression->count == 1) return evaluate_fold(expression, environment);
    for (size_t i = 0; i < expression->count; i++) {
        struct form_value value = evaluate(expression->operands[i], environment);
        if (value.kind == VALUE_ABSENT) return absent;
        if (i && value.kind != fold.value.kind) return absent;
        fold_add(&fold, value, environment);
    }
    return fold.value;
}

static struct form_value evaluate_arithmetic(const struct form_expression *expression, struct environment *environment)
{
    struct form_value left = evaluate(expression->operands[0], environment);
    decimal result = left.number;
    bool fits = true;

    for (size_t i = 1; i < expression->count; i++) {
        struct form_value right = evaluate(expression->operands[i], environment);
        if (left.kind != VALUE_NUMBER || right.kind != VALUE_NUMBER) return absent;
        switch (expression->operator) {
        case OP_ADD: fits = decimal_add(result, right.number, &result); break;
        case OP_SUBTRACT: fits = decimal_subtract(result, right.number, &result); break;
        case OP_MULTIPLY: fits = decimal_multiply(result, right.number, DECIMAL_PLACES, &result); break;
        default:
            if (right.number == 0) return absent;
            fits = decimal_divide(result, right.number, DECIMAL_PLACES, &result);
        }
        if (!fits) return overflow(environment);
    }
    return number_value(result);
}

static int places_of(struct form_value value)
{
    return value.kind == VALUE_NUMBER && value.number >= 0 && value.number <= 5 * DECIMAL_ONE ? (int)(value.number / DECIMAL_ONE) : 0;
}

/* Rounds in one step from the exact product or quotient where the operand is one: 11.11 x 22 is not rounded twice. */
static struct form_value evaluate_round(const struct form_expression *expression, struct environment *environment)
{
    const struct form_expression *inner = expression->operands[0];
    int places = places_of(evaluate(expression->operands[1], environment));
    struct form_value value;
    decimal result;

    if (inner->operator == OP_MULTIPLY || inner->operator == OP_DIVIDE) {
        struct form_value left = evaluate(inner->operands[0], environment);
        struct form_value right = evaluate(inner->operands[1], environment);
        if (left.kind != VALUE_NUMBER || right.kind != VALUE_NUMBER) return absent;
        if (inner->operator == OP_DIVIDE && right.number == 0) return absent;
        if (inner->operator == OP_MULTIPLY ? !decimal_multiply(left.number, right.number, places, &result)
                                           : !decimal_divide(left.number, right.number, places, &result))
            return overflow(environment);
        return number_value(result);
    }
    value = evaluate(inner, environment);
    return value.kind == VALUE_NUMBER ? number_value(decimal_round(value.number, places)) : absent;
}

static struct form_value evaluate_convert(const struct form_expression *expression, struct environment *environment)
{
    struct form_value amount = evaluate(expression->operands[0], environment);
    struct form_value rate = evaluate(expression->operands[1], environment);
    decimal result;

    if (amount.kind != VALUE_NUMBER || rate.kind != VALUE_RATE) return absent;
    if (!decimal_convert(amount.number, rate.number, places_of(evaluate(expression->operands[2], environment)), &result))
        return overflow(environment);
    return number_value(result);
}

/* A text beside a date or number is taken for one: literals are written as text. */
static bool comparable(struct form_value *left, struct form_value *right)
{
    int32_t day;

    if (left->kind == VALUE_DATE && right->kind == VALUE_TEXT && date_parse(right->text.text, right->text.length, &day))
        *right = date_value(day);
    return left->kind == right->kind;
}

static struct form_value evaluate_comparison(const struct form_expression *expression, struct environment *environment)
{
    struct form_value left = evaluate(expression->operands[0], environment);
    bool some_absent = false;

    if (left.kind == VALUE_ABSENT) return absent;
    for (size_t i = 1; i < expression->count; i++) {
        struct form_value right = evaluate(expression->operands[i], environment);
        if (right.kind == VALUE_ABSENT || !comparable(&left, &right)) {
            some_absent = true;
            continue;
        }
        int order = left.kind == VALUE_TEXT ? 0 : left.number < right.number ? -1 : left.number > right.number;
        if (left.kind == VALUE_TEXT) {
            size_t shorter = left.text.length < right.text.length ? left.text.length : right.text.length;
            order = shorter ? memcmp(left.text.text, right.text.text, shorter) : 0;
            if (!order) order = left.text.length < right.text.length ? -1 : left.text.length > right.text.length;
        }
        if (expression->operator == OP_LESS) return bool_value(order < 0);
        if (!order) return bool_value(true);
    }
    return some_absent ? absent : bool_value(false);
}

static struct form_value evaluate_logic(const struct form_expression *expression, struct environment *environment)
{
    bool deciding = expression->operator == OP_OR, some_absent = false;

    for (size_t i = 0; i < expression->count; i++) {
        struct form_value value = evaluate(expression->operands[i], environment);
        if (value.kind != VALUE_BOOL) some_absent = true;
        else if ((value.number != 0) == deciding) return bool_value(deciding);
    }
    return some_absent ? absent : bool_value(!deciding);
}

static struct form_value evaluate_date_add(const struct form_expression *expression, struct environment *environment)
{
    struct form_value date = evaluate(expression->operands[0], environment);
    struct form_value months = evaluate(expression->operands[1], environment);
    int32_t day;

    if (date.kind == VALUE_TEXT && date_parse(date.text.text, date.text.length, &day)) date = date_value(day);
    if (date.kind != VALUE_DATE || months.kind != VALUE_NUMBER) return absent;
    if (months.number > 2400 * DECIMAL_ONE || months.number < -2400 * DECIMAL_ONE) return absent;
    day = date_add_months((int32_t)date.number, (int)(months.number / DECIMAL_ONE));
    return day >= date_from_parts(1900, 1, 1) && day <= date_from_parts(2199, 12, 31) ? date_value(day) : absent; /* what date_parse reads */
}

static struct form_value evaluate_concat(const struct form_expression *expression, struct environment *environment)
{
    char text[512];
    size_t length = 0;
    char *copy;

    for (size_t i = 0; i < expression->count; i++) {
        struct form_value value = evaluate(expression->operands[i], environment);
        if (value.kind == VALUE_ABSENT) return absent;
        length += form_value_text(value, text + length, sizeof text - length);
    }
    copy = arena_copy(environment->body->arena, text, length);
    return copy ? (struct form_value){.kind = VALUE_TEXT, .text = {copy, length}} : absent;
}

/* The first characters of a text; the whole text where it has no more. */
static struct form_value evaluate_left(const struct form_expression *expression, struct environment *environment)
{
    struct form_value value = evaluate(expression->operands[0], environment), count = evaluate(expression->operands[1], environment);
    size_t end = 0;

    if (value.kind != VALUE_TEXT || count.kind != VALUE_NUMBER) return absent;
    for (int64_t left = count.number / DECIMAL_ONE; left > 0 && end < value.text.length; left--)
        do end++; while (end < value.text.length && ((unsigned char)value.text.text[end] & 0xC0) == 0x80);
    value.text.length = end;
    return end ? value : absent;
}

static struct form_value evaluate_present(const struct form_expression *operand, struct environment *environment)
{
    struct fold fold = {.operator = OP_COUNT, .value = absent};

    if (operand->operator != OP_ROWS && !operand->aggregate)
        return bool_value(evaluate(operand, environment).kind != VALUE_ABSENT);
    if (!operand->block->rows && operand->operator == OP_ROWS) {
        const struct form_rows *rows = reach(operand->block, environment);
        return bool_value(rows && rows->count && !row_is_empty(operand->block, rows->rows));
    }
    fold_rows(&fold, operand, operand->block, environment);
    return bool_value(fold.count > 0);
}

static struct form_value evaluate_if(const struct form_expression *expression, struct environment *environment)
{
    struct form_value condition = evaluate(expression->operands[0], environment);
    bool yes = condition.kind == VALUE_BOOL && condition.number;

    return evaluate(expression->operands[yes ? 1 : 2], environment);
}

static struct form_value evaluate_leaf(const struct form_expression *expression, struct environment *environment)
{
    const struct form_row *row;
    int year, month, day;

    switch (expression->operator) {
    case OP_LITERAL: return expression->literal;
    case OP_TODAY: return date_value(environment->today);
    case OP_YEAR:
        date_parts(environment->today, &year, &month, &day);
        return number_value(year * DECIMAL_ONE);
    case OP_FIELD:
        row = environment->row[expression->block->index];
        return row ? row->values[expression->slot] : absent;
    default: return absent;
    }
}

struct form_value evaluate(const struct form_expression *expression, struct environment *environment)
{
    struct form_value value;

    if (!expression || environment->steps-- <= 0) return absent;
    switch (expression->operator) {
    case OP_ADD: case OP_SUBTRACT: case OP_MULTIPLY: case OP_DIVIDE: return evaluate_arithmetic(expression, environment);
    case OP_ROUND: return evaluate_round(expression, environment);
    case OP_MIN: case OP_MAX: return evaluate_extreme(expression, environment);
    case OP_SUM: case OP_COUNT: return evaluate_fold(expression, environment);
    case OP_IF: return evaluate_if(expression, environment);
    case OP_AND: case OP_OR: return evaluate_logic(expression, environment);
    case OP_NOT:
        value = evaluate(expression->operands[0], environment);
        return value.kind == VALUE_BOOL ? bool_value(!value.number) : absent;
    case OP_IN: case OP_EQUAL: case OP_LESS: return evaluate_comparison(expression, environment);
    case OP_DATE_ADD: return evaluate_date_add(expression, environment);
    case OP_CONCAT: return evaluate_concat(expression, environment);
    case OP_PRESENT: return evaluate_present(expression->operands[0], environment);
    case OP_CONVERT: return evaluate_convert(expression, environment);
    case OP_LEFT: return evaluate_left(expression, environment);
    default: return evaluate_leaf(expression, environment);
    }
}

bool holds(const struct form_expression *expression, struct environment *environment)
{
    struct form_value value = evaluate(expression, environment);

    return value.kind == VALUE_BOOL && value.number;
}

bool form_holds(const struct form_expression *expression, const struct form_body *body, int32_t today)
{
    struct environment environment;

    environment_init(&environment, body, today);
    return holds(expression, &environment);
}

struct form_value form_value_of(const struct form_expression *expression, const struct form_body *body, int32_t today)
{
    struct environment environment;

    environment_init(&environment, body, today);
    return evaluate(expression, &environment);
}
