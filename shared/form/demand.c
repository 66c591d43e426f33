/* What a stage demands: required fields, rows, variants, sheets, rules and attachments. */
#include "form/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct demanding {
    const struct form_context *context;
    struct form_problems *problems;
    struct environment *environment;
    enum form_stage stage;
    const struct form_rule *rule;
    struct json_writer *marks; /* writing marks instead of checking */
    bool hidden;               /* which of the two lists of marks */
};

static void required_problem(struct demanding *demanding, const char *path, struct form_words label, const char *rule)
{
    struct arena *arena = demanding->environment->body->arena;
    size_t length = strlen(label.en);
    /* "Contract No." ends its sentence itself */
    const char *stop = length && label.en[length - 1] == '.' ? "" : ".";
    char *zh = arena_printf(arena, "请填写%s。", label.zh), *en = arena_printf(arena, "Fill in: %s%s", label.en, stop);

    problem_at(demanding->problems, path, rule, false, zh ? zh : "", en ? en : "");
}

/* Carried over from the owner's last document. */
static bool remembered(const struct form_block *block, const char *name)
{
    JSON_EACH(one, json_member(json_member(block->json, "sheet"), "remember"))
        if (!strcmp(one->text.text, name)) return true;
    return false;
}

/* Nothing that somebody has filled in: what is filled in by itself does not count. */
static bool sheet_is_empty(const struct form_block *block, const struct form_rows *rows)
{
    if (block->rows || !rows->count) return !rows->count;
    for (size_t s = 0; s < block->slot_count; s++) {
        const struct form_field *field = form_field_at(block, rows->variant, (int)s);
        if (field && !field->readonly && !field->compute && !field->from && rows->rows[0].values[s].kind != VALUE_ABSENT && !remembered(block, field->name))
            return false;
    }
    for (size_t i = 0; i < block->block_count; i++)
        if (rows->rows[0].children[i].count) return false;
    return true;
}

static bool sheet_demanded(const struct form_block *block, const struct form_rows *rows, struct environment *environment)
{
    while (block->parent) block = block->parent; /* rows of a sheet are demanded with their sheet */
    if (!block->sheet) return true;
    for (size_t i = 0; i < environment->body->form->top_count; i++)
        if (environment->body->form->top[i] == block) rows = &environment->body->top[i];
    if (block->sheet_required && holds(block->sheet_required, environment)) return true;
    return !sheet_is_empty(block, rows);
}

static bool field_demanded(const struct demanding *demanding, const struct form_field *field, const struct form_rows *rows)
{
    return field->required && field->required <= demanding->stage && field->type != FORM_FILE && field->from != FROM_COLUMN &&
           field_shown(field, demanding->environment) &&
           (field->block->parent || field->block->rows || sheet_demanded(field->block, rows, demanding->environment));
}

static void require_fields(struct walk *walk, struct form_rows *rows, struct form_row *row, const char *path)
{
    struct demanding *demanding = walk->context;
    char field_path[PATH_SIZE];

    for (size_t s = 0; s < walk->block->slot_count; s++) {
        const struct form_field *field = form_field_at(walk->block, rows->variant, (int)s);
        if (!field) continue;
        path_field(field_path, path, field->name);
        if (demanding->marks) {
            if (demanding->hidden ? !field_shown(field, walk->environment) : field_demanded(demanding, field, rows))
                json_string(demanding->marks, field_path);
        } else if (row->values[s].kind == VALUE_ABSENT && field_demanded(demanding, field, rows)) {
            required_problem(demanding, field_path, field->label, "required");
        }
    }
}

static bool same_values(const struct form_block *block, const struct form_row *a, const struct form_row *b)
{
    for (size_t i = 0; i < block->unique_count; i++) {
        struct form_value x = a->values[block->unique[i]], y = b->values[block->unique[i]];
        if (x.kind == VALUE_ABSENT || x.kind != y.kind || x.number != y.number || x.text.length != y.text.length) return false;
        if (x.text.length && memcmp(x.text.text, y.text.text, x.text.length)) return false;
    }
    return block->unique_count > 0;
}

static void check_unique(struct demanding *demanding, const struct form_block *block, const struct form_rows *rows, const char *path)
{
    char row_path[PATH_SIZE];

    if (!block->unique_count) return;
    for (size_t i = 1; i < rows->count; i++)
        for (size_t k = 0; k < i; k++)
            if (same_values(block, &rows->rows[i], &rows->rows[k])) {
                snprintf(row_path, sizeof row_path, "%.*s/%zu/%s", PATH_SIZE - 60, path, i, block->slots[block->unique[0]]);
                problem_at(demanding->problems, row_path, "duplicate_row", false, "与前面的一行重复。", "The same as a row above.");
                break;
            }
}

static void check_list(struct walk *walk, struct form_rows *rows, struct form_row *row, const char *path)
{
    struct demanding *demanding = walk->context;
    const struct form_block *block = walk->block;

    (void)row;
    if (rows->variant && rows->variant->when && !holds(rows->variant->when, walk->environment) && rows->count && block->rows)
        problem_at(demanding->problems, path, "wrong_variant", false, "表格类型与所选商品不符，请重新填写。",
                   "These rows are of a kind that does not fit the goods; enter them again.");
    if (rows->variant && rows->count > (size_t)rows->variant->maximum)
        problem_at(demanding->problems, path, "too_many_rows", false, "行数太多。", "There are too many rows.");
    if (block->rows && demanding->stage == FORM_SUBMIT && rows->count < (size_t)block->minimum && (!block->when || holds(block->when, walk->environment)) && sheet_demanded(block, rows, walk->environment))
        required_problem(demanding, path, block->label, "too_few_rows");
    if (block->sheet && !block->parent && demanding->stage == FORM_SUBMIT && block->sheet_required &&
        holds(block->sheet_required, walk->environment) && sheet_is_empty(block, rows))
        required_problem(demanding, path, block->label, "sheet_required");
    check_unique(demanding, block, rows, path);
}

/* ---- rules */

static bool block_filled(const struct form_body *body, const struct form_block *block)
{
    for (size_t i = 0; i < body->form->top_count; i++)
        if (body->form->top[i] == block)
            return block->rows ? body->top[i].count > 0 : !row_is_empty(block, body->top[i].rows);
    return true;
}

static void place_of(char path[PATH_SIZE], const struct form_block *block, int slot, const char *row_path, const struct form_block *each)
{
    const char *base = block == each && row_path ? row_path : block ? block->name : "";

    if (block && slot >= 0) path_field(path, base, block->slots[slot]);
    else snprintf(path, PATH_SIZE, "%s", base);
}

static void apply_rule(struct demanding *demanding, const struct form_rule *rule, const struct form_rows *rows, const char *row_path)
{
    struct environment *environment = demanding->environment;
    char path[PATH_SIZE];

    if (rule->when && !holds(rule->when, environment)) return;
    for (size_t i = 0; i < rule->require_count; i++) {
        const struct form_require *require = &rule->require[i];
        const struct form_row *row = environment->row[require->block->index];
        if (require->slot >= 0 && rows && !form_field_at(require->block, rows->variant, require->slot)) continue;
        place_of(path, require->block, require->slot, row_path, rule->each);
        if (demanding->marks) {
            if (!demanding->hidden) json_string(demanding->marks, path);
            continue;
        }
        if (require->slot < 0 ? block_filled(environment->body, require->block)
                              : row && row->values[require->slot].kind != VALUE_ABSENT)
            continue;
        problem_at(demanding->problems, path, rule->id, rule->warning, rule->message.zh, rule->message.en);
    }
    if (demanding->marks || !rule->assertion) return;
    struct form_value value = evaluate(rule->assertion, environment);
    if (value.kind != VALUE_BOOL || value.number) return;
    place_of(path, rule->at_block, rule->at_slot, row_path, rule->each);
    problem_at(demanding->problems, path, rule->id, rule->warning, rule->message.zh, rule->message.en);
}

static void rule_row(struct walk *walk, struct form_rows *rows, struct form_row *row, const char *path)
{
    struct demanding *demanding = walk->context;

    (void)row;
    apply_rule(demanding, demanding->rule, rows, path);
}

static void check_rules(struct demanding *demanding)
{
    const struct form *form = demanding->environment->body->form;
    struct walk walk = {.environment = demanding->environment, .visit = rule_row, .context = demanding};

    for (size_t i = 0; i < form->rule_count; i++) {
        demanding->rule = &form->rules[i];
        if (demanding->rule->stage > demanding->stage) continue;
        if (demanding->rule->each) walk_rows(&walk, demanding->rule->each);
        else apply_rule(demanding, demanding->rule, NULL, NULL);
    }
}

/* ---- attachments */

struct attachment_row { struct slice code, name, name_en, class, block, variant; bool required; };

static void read_attachment_row(const struct form *form, const struct form_codes *codes, const void *row, struct attachment_row *out)
{
    const char *list = form->attachment_list;

    out->code = codes->column(codes->context, list, row, "code");
    out->name = codes->column(codes->context, list, row, "name");
    out->name_en = codes->column(codes->context, list, row, "name_en");
    if (!out->name_en.length) out->name_en = out->name;
    out->class = codes->column(codes->context, list, row, "goods_class");
    out->block = codes->column(codes->context, list, row, "block");
    out->variant = codes->column(codes->context, list, row, "variant");
    out->required = slice_is(codes->column(codes->context, list, row, "required"), "Y");
}

static bool class_fits(const struct form_body *body, int32_t today, const struct attachment_row *type)
{
    struct form_value class = form_value_of(body->form->attachment_class, body, today);

    if (!type->class.length || slice_is(type->class, "ALL")) return true;
    return class.kind == VALUE_TEXT && class.text.length == type->class.length &&
           !memcmp(class.text.text, type->class.text, type->class.length);
}

static bool attached(const struct form_context *context, const struct attachment_row *type, int64_t row_id)
{
    for (size_t i = 0; i < context->attachment_count; i++)
        if (slice_is(type->code, context->attachments[i].type) && context->attachments[i].row_id == row_id) return true;
    return false;
}

static void missing_attachment(struct demanding *demanding, const struct attachment_row *type, int64_t row_id)
{
    struct arena *arena = demanding->environment->body->arena;
    char path[PATH_SIZE];
    char *zh = arena_printf(arena, "请上传附件：%.*s。", (int)type->name.length, type->name.text);
    char *en = arena_printf(arena, "Attach: %.*s.", (int)type->name_en.length, type->name_en.text);

    if (row_id) snprintf(path, sizeof path, "attachment/%.*s/%lld", (int)type->code.length, type->code.text, (long long)row_id);
    else snprintf(path, sizeof path, "attachment/%.*s", (int)type->code.length, type->code.text);
    problem_at(demanding->problems, path, "attachment_required", false, zh ? zh : "", en ? en : "");
}

static const struct form_rows *attachment_rows(const struct form_body *body, const struct attachment_row *type)
{
    for (size_t i = 0; i < body->form->top_count; i++)
        if (slice_is(type->block, body->form->top[i]->name)) {
            const struct form_variant *variant = body->top[i].variant;
            if (type->variant.length && (!variant || !slice_is(type->variant, variant->id))) return NULL;
            return &body->top[i];
        }
    return NULL;
}

static void check_attachments(struct demanding *demanding)
{
    const struct form_body *body = demanding->environment->body;
    const struct form_codes *codes = demanding->context->codes;
    struct attachment_row type;
    const void *row = NULL;

    if (!body->form->attachment_list || !codes || demanding->stage != FORM_SUBMIT) return;
    while ((row = codes->next(codes->context, body->form->attachment_list, row))) {
        read_attachment_row(body->form, codes, row, &type);
        if (!type.required || !class_fits(body, demanding->context->today, &type)) continue;
        if (!type.block.length) {
            if (!attached(demanding->context, &type, 0)) missing_attachment(demanding, &type, 0);
            continue;
        }
        const struct form_rows *rows = attachment_rows(body, &type);
        for (size_t i = 0; rows && i < rows->count; i++)
            if (!attached(demanding->context, &type, rows->rows[i].row_id)) missing_attachment(demanding, &type, rows->rows[i].row_id);
    }
}

bool form_attachment_allowed(const struct form_body *body, const struct form_context *context, const char *type, const char *block,
                             int64_t row_id, struct error *error)
{
    const struct form_codes *codes = context->codes;
    struct attachment_row found;
    const void *row;

    row = body->form->attachment_list && codes ? codes->find(codes->context, body->form->attachment_list, NULL,
                                                             (struct slice){type, strlen(type)}, context->today) : NULL;
    if (row) read_attachment_row(body->form, codes, row, &found);
    if (!row || !class_fits(body, context->today, &found) || !slice_is(found.block, block)) {
        error_set(error, ERROR_INVALID, "attachment_type", "该商品没有这种附件类型，请重新选择。", "These goods have no such attachment; choose another type.");
        error_field(error, "type");
        return false;
    }
    if (!*block) return row_id == 0 || error_set(error, ERROR_INVALID, "attachment_row", "该附件不属于规格行。", "This attachment belongs to no row.") == 0;
    const struct form_rows *rows = attachment_rows(body, &found);
    for (size_t i = 0; rows && i < rows->count; i++)
        if (rows->rows[i].row_id == row_id) return true;
    error_set(error, ERROR_INVALID, "attachment_row", "请先保存该行，再上传附件。", "Save the row first, then attach the file.");
    error_field(error, "row_id");
    return false;
}

static void check_filing(struct demanding *demanding)
{
    const struct form *form = demanding->environment->body->form;

    if (demanding->marks || demanding->stage != FORM_SUBMIT || !demanding->context->unfiled) return;
    if (form->filing.when && !holds(form->filing.when, demanding->environment)) return;
    problem_at(demanding->problems, "", form->filing.id, false, form->filing.message.zh, form->filing.message.en);
}

/* ---- entry points */

void check_demands(struct environment *environment, const struct form_context *context, enum form_stage stage,
                   struct form_problems *problems)
{
    struct demanding demanding = {.context = context, .problems = problems, .environment = environment, .stage = stage};
    struct walk walk = {.environment = environment, .visit = require_fields, .context = &demanding};

    for (size_t i = 0; i < environment->body->form->block_count; i++) {
        walk.visit = require_fields;
        walk_rows(&walk, environment->body->form->blocks[i]);
        walk.visit = check_list;
        walk_lists(&walk, environment->body->form->blocks[i]);
    }
    check_rules(&demanding);
    check_filing(&demanding);
    check_attachments(&demanding);
}

void form_write_marks(const struct form_body *body, const struct form_context *context, struct json_writer *json)
{
    struct environment environment;
    struct demanding demanding = {.context = context, .environment = &environment, .stage = FORM_SUBMIT, .marks = json};
    struct walk walk = {.environment = &environment, .visit = require_fields, .context = &demanding};

    environment_init(&environment, body, context->today);
    for (int pass = 0; pass < 2; pass++) {
        demanding.hidden = pass == 0;
        json_name(json, demanding.hidden ? "hidden" : "required");
        json_array(json);
        for (size_t i = 0; i < body->form->block_count; i++) walk_rows(&walk, body->form->blocks[i]);
        if (!demanding.hidden) check_rules(&demanding);
        json_array_end(json);
    }
    json_name(json, "variants");
    json_object(json);
    for (size_t i = 0; i < body->form->top_count; i++)
        if (body->top[i].variant) json_put_string(json, body->form->top[i]->name, body->top[i].variant->id);
    json_object_end(json);
}
