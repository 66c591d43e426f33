/* Rules, verdicts, machines, numbers and the bindings to columns, ledger and attachments. */
#include "form/internal.h"

#include <string.h>

/* ---- rules */

static bool compile_require(struct compiler *compiler, const struct json *json, struct scope scope, struct form_rule *rule)
{
    if (!json) return true;
    if (!(rule->require = compile_alloc(compiler, json->count * sizeof *rule->require))) return false;
    JSON_EACH(item, json) {
        const struct form_expression *reference;
        struct form_require *require = &rule->require[rule->require_count++];
        const char *name = item->text.text;
        if (!scope.block && (require->block = form_block_find(compiler->form, name))) {
            require->slot = -1;
            continue;
        }
        if (!compile_reference(compiler, item, name, scope, &reference)) return false;
        expression_reference(reference, &require->block, &require->slot);
    }
    return true;
}

static bool compile_rule(struct compiler *compiler, const struct json *json, struct form_rule *rule)
{
    const char *each = json_member_text(json, "each", NULL), *at = json_member_text(json, "at", NULL);
    const char *stage = json_member_text(json, "stage", "submit");
    struct scope scope = {NULL};
    const struct form_expression *reference;

    rule->id = json_member_text(json, "id", "");
    rule->message = compile_words(json_member(json, "message"));
    rule->warning = !strcmp(json_member_text(json, "level", "error"), "warning");
    rule->stage = !strcmp(stage, "save") ? FORM_SAVE : FORM_SUBMIT;
    rule->at_slot = -1;
    if (!*rule->id || !*rule->message.zh) return compile_fail(compiler, json, "a rule has an id and a message");
    if (each) {
        rule->each = form_block_find(compiler->form, each);
        if (!rule->each || !rule->each->rows) return compile_fail(compiler, json, "no row block named %s", each);
        scope.block = rule->each;
    }
    if (at && (rule->at_block = form_block_find(compiler->form, at)) == NULL) {
        if (!compile_reference(compiler, json, at, scope, &reference)) return false;
        expression_reference(reference, &rule->at_block, &rule->at_slot);
    }
    if (!json_member(json, "require") && !json_member(json, "assert"))
        return compile_fail(compiler, json, "%s: a rule requires or asserts", rule->id);
    return compile_expression(compiler, json_member(json, "when"), scope, &rule->when) &&
           compile_expression(compiler, json_member(json, "assert"), scope, &rule->assertion) &&
           compile_require(compiler, json_member(json, "require"), scope, rule);
}

bool compile_rules(struct compiler *compiler, const struct json *json)
{
    struct form *form = compiler->form;

    if (!json) return true;
    if (!(form->rules = compile_alloc(compiler, json->count * sizeof *form->rules))) return false;
    JSON_EACH(item, json)
        if (!compile_rule(compiler, item, &form->rules[form->rule_count++])) return false;
    return true;
}

bool compile_verdict(struct compiler *compiler, const struct json *json)
{
    static const char *const answers[] = {"electronic", "paper", "refused", "not_needed"};
    const struct json *rules = json_member(json, "rules");
    struct form *form = compiler->form;

    if (!json) return true;
    JSON_EACH(name, json_member(json, "fields"))
        if (!form_path_find(form, name->text.text)) return compile_fail(compiler, name, "no field named %s", name->text.text);
    if (!rules || !(form->verdicts = compile_alloc(compiler, rules->count * sizeof *form->verdicts)))
        return compile_fail(compiler, json, "a verdict has rules");
    JSON_EACH(item, rules) {
        struct form_verdict *verdict = &form->verdicts[form->verdict_count++];
        size_t i = 0;
        verdict->id = json_member_text(item, "id", "");
        verdict->answer = json_member_text(item, "answer", "");
        verdict->message = compile_words(json_member(item, "message"));
        while (i < 4 && strcmp(answers[i], verdict->answer)) i++;
        if (i == 4) return compile_fail(compiler, item, "no answer named %s", verdict->answer);
        if (!compile_expression(compiler, json_member(item, "when"), (struct scope){NULL}, &verdict->when)) return false;
    }
    return true;
}

/* ---- machines */

static int word_index(const char *word, const char *const words[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (word && !strcmp(words[i], word)) return (int)i;
    return -1;
}

static bool known_state(const struct form *form, int machine, const char *code)
{
    return !*code || form_state_find(form, (enum form_machine)machine, code) != NULL;
}

static bool compile_states(struct compiler *compiler, const struct json *json, int machine)
{
    struct form_machine_table *table = &compiler->form->machines[machine];
    const struct json *states = json_member(json, "states");

    table->present = true;
    table->initial = json_member_text(json, "initial", "");
    if (!states || !(table->states = compile_alloc(compiler, states->count * sizeof *table->states)))
        return compile_fail(compiler, json, "a machine has states");
    JSON_EACH(item, states) {
        if (strlen(item->name) > 31) return compile_fail(compiler, item, "%s: a state has at most 31 characters", item->name);
        table->states[table->state_count].code = item->name;
        table->states[table->state_count++].words = compile_words(item);
    }
    return known_state(compiler->form, machine, table->initial) || compile_fail(compiler, json, "no state %s", table->initial);
}

static bool compile_effect(struct compiler *compiler, const struct json *json, struct form_effect *effect)
{
    static const char *const words[] = {"assign_number", "set_date", "ledger", "issue", "outbox", "set_state", "void", "count", "split"};
    const struct json *member = json->first;
    int which = member ? word_index(member->name, words, sizeof words / sizeof *words) : -1;

    if (which < 0) return compile_fail(compiler, json, "no such effect");
    effect->kind = which;
    effect->name = member->kind == JSON_STRING ? member->text.text : "";
    if (which == EFFECT_COUNT && strcmp(effect->name, "prints")) return compile_fail(compiler, json, "only prints are counted");
    if (which != EFFECT_SET_STATE) return true;
    if (member->count != 2) return compile_fail(compiler, json, "set_state names a machine and a state");
    effect->machine = word_index(member->first->text.text, form_machine_names, MACHINE_COUNT);
    effect->state = member->first->next->text.text;
    return effect->machine >= 0 || compile_fail(compiler, json, "no such machine");
}

static bool compile_effects(struct compiler *compiler, const struct json *json, struct form_action *action)
{
    if (!json) return true;
    if (!(action->effects = compile_alloc(compiler, json->count * sizeof *action->effects))) return false;
    JSON_EACH(item, json)
        if (!compile_effect(compiler, item, &action->effects[action->effect_count++])) return false;
    return true;
}

static bool compile_names(struct compiler *compiler, const struct json *json, const char ***names, size_t *count)
{
    if (!json) return true;
    if (!(*names = compile_alloc(compiler, json->count * sizeof **names))) return false;
    JSON_EACH(item, json) (*names)[(*count)++] = item->text.text;
    return true;
}

static bool compile_action_words(struct compiler *compiler, const struct json *json, struct form_action *action)
{
    static const char *const actors[] = {"applicant", "agency", "system", "partner"};
    static const char *const kinds[] = {"transition", "edit", "delete", "copy", "print", "download", "view"};
    static const char *const needs[] = {"", "optional", "required"};
    /* the order of enum right: the bit is 1 << index */
    static const char *const rights[] = {"view", "edit", "submit", "first_review", "second_review", "manage"};
    int actor = word_index(json_member_text(json, "by", "applicant"), actors, 4);
    int kind = word_index(json_member_text(json, "kind", "transition"), kinds, 7);
    int need = word_index(json_member_text(json, "opinion", ""), needs, 3);
    const char *right = json_member_text(json, "right", NULL);
    int bit = word_index(right, rights, 6);

    if (actor < 0 || kind < 0 || need < 0 || (right && bit < 0)) return compile_fail(compiler, json, "%s: a word is unknown", action->name);
    action->by = (enum form_actor)actor;
    action->kind = (enum form_action_kind)kind;
    action->opinion = (enum form_need)need;
    action->right = bit >= 0 ? 1u << bit : 0;
    return true;
}

static bool compile_while(struct compiler *compiler, const struct json *json, struct form_action *action)
{
    action->while_machine = -1;
    if (!json) return true;
    if (json->count != 1) return compile_fail(compiler, json, "while names one machine");
    action->while_machine = word_index(json->first->name, form_machine_names, MACHINE_COUNT);
    if (action->while_machine < 0) return compile_fail(compiler, json, "no machine %s", json->first->name);
    return compile_names(compiler, json->first, &action->while_states, &action->while_count);
}

/* true, or an expression over the body: only where that holds */
static bool compile_key(struct compiler *compiler, const struct json *json, struct form_action *action)
{
    const struct json *key = json_member(json, "key");

    action->key = key != NULL;
    if (!key || json_member_true(json, "key")) return true;
    if (!action->complete) return compile_fail(compiler, json, "%s: a key under a condition is for actions that are complete", action->name);
    return compile_expression(compiler, key, (struct scope){NULL}, &action->key_when);
}

static bool compile_action(struct compiler *compiler, const struct json *json, int machine, struct form_action *action)
{
    action->name = json->name;
    action->json = json;
    action->machine = (enum form_machine)machine;
    action->label = compile_words(json_member(json, "label"));
    action->to = json_member_text(json, "to", NULL);
    action->batch = json_member_true(json, "batch");
    action->single = json_member_true(json, "single");
    action->complete = json_member_true(json, "complete");
    action->claim = json_member_true(json, "claim");
    action->hook = json_member_text(json, "hook", NULL);
    action->guard_message = compile_words(json_member(json, "guard_message"));
    if (json_member(json, "guard") && !*action->guard_message.zh) return compile_fail(compiler, json, "a guard has a guard_message");
    if (strlen(action->name) > 31) return compile_fail(compiler, json, "%s: an action has at most 31 characters", action->name);
    if (form_action_find(compiler->form, action->name) != action) return compile_fail(compiler, json, "two actions %s", action->name);
    if (!compile_names(compiler, json_member(json, "from"), &action->from, &action->from_count) ||
        !compile_names(compiler, json_member(json, "not_by"), &action->not_by, &action->not_by_count))
        return false;
    for (size_t i = 0; i < action->from_count; i++) {
        if (!strcmp(action->from[i], "*")) action->from_any = true;
        else if (!known_state(compiler->form, machine, action->from[i]))
            return compile_fail(compiler, json, "%s: no state %s", action->name, action->from[i]);
    }
    if (action->to && !known_state(compiler->form, machine, action->to)) return compile_fail(compiler, json, "no state %s", action->to);
    return compile_action_words(compiler, json, action) && compile_while(compiler, json_member(json, "while"), action) &&
           compile_expression(compiler, json_member(json, "guard"), (struct scope){NULL}, &action->guard) && compile_key(compiler, json, action) &&
           compile_effects(compiler, json_member(json, "effects"), action);
}

bool compile_machines(struct compiler *compiler, const struct json *json)
{
    struct form *form = compiler->form;
    size_t count = 0;

    JSON_EACH(machine, json) {
        const struct json *actions = json_member(machine, "actions");
        int which = word_index(machine->name, form_machine_names, MACHINE_COUNT);
        if (which < 0) return compile_fail(compiler, machine, "no machine named %s", machine->name);
        if (!compile_states(compiler, machine, which)) return false;
        count += actions ? actions->count : 0;
    }
    if (!form->machines[MACHINE_MAIN].present) return compile_fail(compiler, json, "there is no machine main");
    if (!(form->actions = compile_alloc(compiler, count * sizeof *form->actions))) return false;
    JSON_EACH(machine, json) {
        int which = word_index(machine->name, form_machine_names, MACHINE_COUNT);
        JSON_EACH(item, json_member(machine, "actions"))
            if (!compile_action(compiler, item, which, (form->action_count++, &form->actions[form->action_count - 1]))) return false;
    }
    for (size_t i = 0; i < form->action_count; i++)
        for (size_t k = 0; k < form->actions[i].while_count; k++)
            if (!known_state(form, form->actions[i].while_machine, form->actions[i].while_states[k]))
                return compile_fail(compiler, json, "no state %s", form->actions[i].while_states[k]);
    for (size_t i = 0; i < form->action_count; i++)
        for (size_t k = 0; k < form->actions[i].effect_count; k++) {
            const struct form_effect *effect = &form->actions[i].effects[k];
            if (effect->kind == EFFECT_SET_STATE && !known_state(form, effect->machine, effect->state))
                return compile_fail(compiler, json, "no state %s", effect->state);
        }
    return true;
}

/* ---- numbers */

bool compile_numbers(struct compiler *compiler, const struct json *json)
{
    static const char *const columns[] = {"application_no", "form_no", "licence_no"};
    struct form *form = compiler->form;

    if (!json) return true;
    if (!(form->numbers = compile_alloc(compiler, json->count * sizeof *form->numbers))) return false;
    JSON_EACH(item, json) {
        struct form_number *number = &form->numbers[form->number_count++];
        number->name = item->name;
        number->format = json_member_text(item, "format", "");
        number->column = json_member_text(item, "column", "");
        number->once = json_member_true(item, "once");
        number->first = json_member_integer(item, "first", 1);
        number->last = json_member_integer(item, "last", 0);
        if (word_index(number->column, columns, 3) < 0) return compile_fail(compiler, item, "%s: no column %s", number->name, number->column);
        if (!strstr(number->format, "{seq:")) return compile_fail(compiler, item, "%s: the format has no {seq:n}", number->name);
        JSON_EACH(word, json_member(item, "scope")) {
            if (!strcmp(word->text.text, "year")) number->by_year = true;
            else if (!strcmp(word->text.text, "enterprise")) number->by_enterprise = true;
            else if (!strcmp(word->text.text, "agency")) number->by_agency = true;
            else if (!strcmp(word->text.text, "registration")) number->by_registration = true;
            else return compile_fail(compiler, word, "no scope named %s", word->text.text);
        }
    }
    for (size_t i = 0; i < form->action_count; i++)
        for (size_t k = 0; k < form->actions[i].effect_count; k++)
            if (form->actions[i].effects[k].kind == EFFECT_ASSIGN_NUMBER && !form_number_find(form, form->actions[i].effects[k].name))
                return compile_fail(compiler, json, "no number named %s", form->actions[i].effects[k].name);
    return true;
}

/* ---- bindings */

static bool compile_index(struct compiler *compiler, const struct json *json)
{
    JSON_EACH(item, json) {
        const struct form_expression *reference;
        int column = word_index(item->name, form_column_names, COLUMN_COUNT);
        if (column < 0) return compile_fail(compiler, item, "no column named %s", item->name);
        if (!compile_reference(compiler, item, item->text.text, (struct scope){NULL}, &reference)) return false;
        expression_reference(reference, &compiler->form->columns[column].block, &compiler->form->columns[column].slot);
    }
    return true;
}

static bool compile_ledger(struct compiler *compiler, const struct json *json)
{
    struct form *form = compiler->form;
    const struct json *uses = json_member(json, "uses");

    if (!json) return true;
    form->ledger.present = true;
    form->ledger.uses_one = (int)json_member_integer(uses, "one", 1);
    form->ledger.uses_many = (int)json_member_integer(uses, "many", 6);
    return compile_expression(compiler, json_member(json, "quantity"), (struct scope){NULL}, &form->ledger.quantity) &&
           compile_expression(compiler, json_member(json, "unit"), (struct scope){NULL}, &form->ledger.unit) &&
           compile_expression(compiler, json_member(uses, "when"), (struct scope){NULL}, &form->ledger.one_use) &&
           compile_expression(compiler, json_member(json, "tolerance"), (struct scope){NULL}, &form->ledger.tolerance);
}

static bool compile_lines(struct compiler *compiler, const struct json *json)
{
    struct form *form = compiler->form;
    const struct form_block *block = json ? form_block_find(form, json_member_text(json, "block", "")) : NULL;

    if (!json) return true;
    if (!block || !block->rows || block->parent) return compile_fail(compiler, json, "lines are a row block at the top");
    form->lines.block = block;
    for (int i = 0; i < COLUMN_COUNT; i++) form->lines.slot[i] = -1;
    JSON_EACH(item, json_member(json, "columns")) {
        const struct form_expression *reference;
        const struct form_block *found = NULL;
        int column = word_index(item->name, form_column_names, COLUMN_COUNT);
        if (column < 0) return compile_fail(compiler, item, "no column named %s", item->name);
        if (!compile_reference(compiler, item, item->text.text, (struct scope){block}, &reference)) return false;
        expression_reference(reference, &found, &form->lines.slot[column]);
        if (found != block) return compile_fail(compiler, item, "%s is no field of the lines", item->text.text);
    }
    return true;
}

static bool compile_filing(struct compiler *compiler, const struct json *json)
{
    struct form *form = compiler->form;
    const char *stage = json_member_text(json, "stage", "submit");

    if (!json) return true;
    form->filing.form = json_member_text(json, "form", "");
    form->filing.id = json_member_text(json, "id", "");
    form->filing.message = compile_words(json_member(json, "message"));
    form->filing.at_create = !strcmp(stage, "create");
    if (!*form->filing.form || !*form->filing.id || !*form->filing.message.zh) return compile_fail(compiler, json, "a filing has a form, an id and a message");
    return compile_names(compiler, json_member(json, "states"), &form->filing.states, &form->filing.state_count) &&
           compile_expression(compiler, json_member(json, "when"), (struct scope){NULL}, &form->filing.when);
}

static bool compile_unique(struct compiler *compiler, const struct json *json)
{
    struct form *form = compiler->form;

    form->unique.column = -1;
    if (!json) return true;
    form->unique.column = word_index(json_member_text(json, "column", ""), form_column_names, COLUMN_COUNT);
    form->unique.id = json_member_text(json, "id", "");
    form->unique.message = compile_words(json_member(json, "message"));
    if (form->unique.column < 0 || !form->columns[form->unique.column].block) return compile_fail(compiler, json, "unique names a bound column");
    return (*form->unique.id && *form->unique.message.zh) || compile_fail(compiler, json, "unique has an id and a message");
}

/* What the page asks first: a plain field with a code table. */
static bool compile_kinds(struct compiler *compiler, const struct json *json)
{
    const struct form_field *field = json ? form_field_find(compiler->form, json_member_text(json, "field", "")) : NULL;

    if (json && (!field || field->block->rows || !field->list)) return compile_fail(compiler, json, "kinds names a plain field with a code table");
    return true;
}

/* What lists show of the body: plain fields at the top. */
static bool compile_shown(struct compiler *compiler, const struct json *json)
{
    JSON_EACH(name, json) {
        const struct form_field *field = form_field_find(compiler->form, name->text.text);
        if (!field || field->block->rows) return compile_fail(compiler, name, "no field named %s", name->text.text);
    }
    return true;
}

bool compile_bindings(struct compiler *compiler, const struct json *json)
{
    struct form *form = compiler->form;
    const struct json *attachments = json_member(json, "attachments");
    const char *class = json_member_text(attachments, "class", NULL);

    form->attachment_list = json_member_text(attachments, "list", NULL);
    if (class && !compile_reference(compiler, attachments, class, (struct scope){NULL}, &form->attachment_class)) return false;
    return compile_shown(compiler, json_member(json, "verified")) && compile_index(compiler, json_member(json, "index")) && compile_lines(compiler, json_member(json, "lines")) &&
           compile_ledger(compiler, json_member(json, "ledger")) && compile_filing(compiler, json_member(json, "filing")) &&
           compile_unique(compiler, json_member(json, "unique")) && compile_kinds(compiler, json_member(json, "kinds")) && compile_shown(compiler, json_member(json_member(json, "list"), "shown"));
}
