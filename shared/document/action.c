/* Actions: who may do what in which state, and the transaction that does it. */
#include "document/internal.h"
#include "document/signature.h"
#include "exchange/partners.h"

#include "base/clock.h"
#include "base/date.h"

#include <stdio.h>
#include <string.h>

/* ---- rights and states */

static int forbidden(struct error *error)
{
    return error_set(error, ERROR_FORBIDDEN, "forbidden", "您没有办理此业务的权限，请与管理员联系。", "You have no right to do this; ask your administrator.");
}

static bool right_kind(enum form_actor by, const struct principal *principal, const struct doc_row *row)
{
    switch (by) {
    case ACTOR_APPLICANT:
        return (principal->kind == PRINCIPAL_ENTERPRISE || principal->kind == PRINCIPAL_PERSON) && row->enterprise == principal_owner(principal);
    case ACTOR_AGENCY:
        return (principal->kind == PRINCIPAL_OFFICER || (principal->kind == PRINCIPAL_PARTNER && *principal->agency)) && !strcmp(row->agency, principal->agency);
    case ACTOR_PARTNER: return principal->kind == PRINCIPAL_PARTNER;
    default: return principal->kind == PRINCIPAL_SYSTEM;
    }
}

static int wrong_state(const struct form_action *action, struct error *error)
{
    char zh[200], en[200];

    snprintf(zh, sizeof zh, "当前状态不能%s。", action->label.zh);
    snprintf(en, sizeof en, "\"%s\" is not possible in this state.", action->label.en);
    return error_set(error, ERROR_CONFLICT, "wrong_state", zh, en);
}

static bool while_holds(const struct form_action *action, const struct doc_row *row)
{
    if (action->while_machine < 0) return true;
    for (size_t i = 0; i < action->while_count; i++)
        if (!strcmp(action->while_states[i], row->state[action->while_machine])) return true;
    return false;
}

/* The desk looks on where an authority's own system reviews. */
static int reviewed_elsewhere(const struct doc_module *module, const struct doc_row *row, struct error *error)
{
    const struct partner *partner = module->partners ? partners_reviewing(module->partners, module->name, row->agency) : NULL;
    char zh[200], en[200];

    if (!partner) return 0;
    snprintf(zh, sizeof zh, "该机构的单据由%s审批系统办理。", partner->title_zh);
    snprintf(en, sizeof en, "Reviewed by the system of %s.", partner->title_en);
    return error_set(error, ERROR_CONFLICT, "reviewed_elsewhere", zh, en);
}

int doc_may(const struct form_action *action, const struct doc_row *row, const struct principal *principal, const struct doc_module *module,
            struct error *error)
{
    bool reader = action->kind >= ACTION_COPY; /* copying and looking is for everybody who sees the document */

    if (!right_kind(action->by, principal, row) && !(reader && principal->kind == PRINCIPAL_OFFICER)) return forbidden(error);
    if (principal->kind != PRINCIPAL_SYSTEM && principal->kind != PRINCIPAL_PARTNER &&
        !principal_may(principal, module->name, reader && principal->kind == PRINCIPAL_OFFICER ? RIGHT_VIEW : action->right))
        return forbidden(error);
    if (action->by == ACTOR_AGENCY && !reader && principal->kind == PRINCIPAL_OFFICER && reviewed_elsewhere(module, row, error)) return (int)error->code;
    if (*row->source && action->kind != ACTION_COPY && action->kind != ACTION_VIEW)
        return error_set(error, ERROR_CONFLICT, "loaded_licence", "该许可证不是在本系统申领的，只能复制。", "This licence was issued elsewhere; it can only be copied.");
    if (!form_action_allowed_from(action, row->state[action->machine]) || !while_holds(action, row)) return wrong_state(action, error);
    if (action->claim && row->claimed_by && row->claimed_by != principal->user && principal->kind != PRINCIPAL_PARTNER)
        return error_set(error, ERROR_CONFLICT, "claimed", "该单据正由其他人员办理。", "Another officer is working on this document.");
    return 0;
}

static int last_actor(struct store_connection *db, int64_t id, const char *action, int64_t *actor, struct error *error)
{
    struct store_rows rows;

    *actor = 0;
    if (store_query(db, &rows, error,
                    "SELECT actor FROM document_event WHERE document = $1 AND action = $2 ORDER BY sequence DESC LIMIT 1",
                    STORE_VALUES(store_integer(id), store_string(action))))
        return (int)error->code;
    if (store_next(&rows)) *actor = store_column_integer(&rows, 0);
    return store_end(&rows);
}

/* Four eyes: never the person who did the other step last. An authority's own system sees to that itself. */
static int other_person(struct store_connection *db, const struct doc_act *act, struct error *error)
{
    int64_t actor;

    if (act->principal->kind == PRINCIPAL_PARTNER) return 0;
    for (size_t i = 0; i < act->action->not_by_count; i++) {
        if (last_actor(db, act->id, act->action->not_by[i], &actor, error)) return (int)error->code;
        if (actor == act->principal->user)
            return error_set(error, ERROR_CONFLICT, "same_person", "初审和复审不能由同一人办理。", "The same person cannot do both reviews.");
    }
    return 0;
}

static int check_opinion(const struct form_action *action, const char *opinion, struct error *error)
{
    if (action->opinion == NEED_REQUIRED && !*opinion) {
        error_set(error, ERROR_INVALID, "opinion_required", "请填写意见。", "Give your opinion.");
        error_field(error, "opinion");
    } else if (strlen(opinion) > 2000) {
        error_set(error, ERROR_INVALID, "too_long", "意见太长。", "The opinion is too long.");
        error_field(error, "opinion");
    } else {
        return 0;
    }
    return (int)error->code;
}

/* The action's guard over the stored body, by the definition that the document has. */
static int check_guard(const struct doc_act *act, struct store_connection *reader, struct arena *arena, struct form_problems *problems, struct error *error)
{
    const struct form_words *message = &act->action->guard_message;
    struct form_body *body;
    struct slice text;

    if (!act->action->guard) return 0;
    if (doc_read_body(reader, act->id, arena, &text, error) || form_read(act->form, text.text, text.length, true, arena, problems, &body, error))
        return (int)error->code;
    if (form_holds(act->action->guard, body, date_of_instant(act->now))) return 0;
    return error_set(error, ERROR_CONFLICT, "guard", message->zh, message->en);
}

bool doc_needs_key(const struct form_action *action, const struct form_body *body, int32_t today)
{
    return action->key && (!action->key_when || form_holds(action->key_when, body, today));
}

/* ---- preparing */

/* What is submitted is submitted under the definition in force, whether or not somebody has opened the draft since it changed. */
static void move_to_newest(struct doc_act *act)
{
    const struct form *newest = doc_newest(act->module, act->form, date_of_instant(act->now));
    const struct form_action *action = form_action_find(newest, act->action->name);

    if (!action) return;
    act->form = newest;
    act->action = action;
}

/* Freezes the body: evaluated for the last time, complete, with the names of its codes. What an older version had and this one has
   not is left out, as when the draft is opened. */
static int freeze(struct doc_act *act, struct store_connection *reader, struct arena *arena, struct form_problems *problems, struct error *error)
{
    struct doc_sources sources;
    struct form_context context;
    struct form_body *body;
    struct json_writer json;
    struct slice text;
    int32_t today = date_of_instant(act->now);

    if (doc_read_body(reader, act->id, arena, &text, error) ||
        form_read(act->form, text.text, text.length, true, arena, problems, &body, error))
        return (int)error->code;
    if (act->row.form_version != act->form->version) problems->count = problems->errors = 0;
    pthread_rwlock_rdlock(&act->module->lock);
    doc_context(&sources, act->module, act->principal, act->row.enterprise, act->form, reader, arena, today, &context);
    doc_resolve_references(&sources, body, problems);
    doc_check_options(&sources, body, problems);
    if (!doc_load_attachments(&sources, reader, act->id, &context, error)) {
        form_evaluate(body, &context, FORM_SUBMIT, problems);
        if (!doc_problems_error(problems, error)) {
            buffer_init(&act->body, DOC_BODY_MAXIMUM);
            json_writer_init(&json, &act->body);
            form_write(body, &json, &sources.codes, today);
            doc_columns_of(body, arena, &act->columns);
            act->key = doc_needs_key(act->action, body, today);
        }
    }
    pthread_rwlock_unlock(&act->module->lock);
    if (!error->code && act->body.failed) error_set(error, ERROR_TOO_LARGE, "too_large", "单据内容太大。", "The document is too large.");
    if (!error->code) digest_sha256(act->body.data, act->body.length, act->body_hash);
    return (int)error->code;
}

int doc_prepare_act(struct doc_module *module, struct store_connection *reader, const struct principal *principal, int64_t id,
                    int64_t expected, const char *action, const char *opinion, int64_t now, struct arena *arena,
                    struct form_problems *problems, struct doc_act *act, struct error *error)
{
    memset(act, 0, sizeof *act);
    error_clear(error);
    act->module = module;
    act->principal = principal;
    act->id = id;
    act->now = now;
    act->expected = expected;
    act->opinion = opinion ? opinion : "";
    if (doc_read(reader, principal, module->name, id, false, arena, &act->row, error)) return (int)error->code;
    if (!(act->form = doc_form_of(module, &act->row, error))) return (int)error->code;
    act->action = form_action_find(act->form, action);
    if (!act->action || (act->action->kind != ACTION_TRANSITION && act->action->kind != ACTION_DELETE))
        return error_set(error, ERROR_NOT_FOUND, "unknown_action", "没有这种操作。", "There is no such action.");
    if (doc_may(act->action, &act->row, principal, module, error) ||
        check_opinion(act->action, act->opinion, error) || other_person(reader, act, error) || check_guard(act, reader, arena, problems, error))
        return (int)error->code;
    if (!act->action->complete) return 0;
    move_to_newest(act);
    return freeze(act, reader, arena, problems, error);
}

/* ---- writing */

static int store_body(struct store_connection *db, struct doc_act *act, struct error *error)
{
    if (!act->body.length) return 0;
    if (doc_update_columns(db, &act->row, &act->columns, error)) return (int)error->code;
    return store_execute(db, error, NULL, "UPDATE document_body SET body = $2 WHERE document = $1",
                         STORE_VALUES(store_integer(act->id), store_text(act->body.data, act->body.length)));
}

static int store_row(struct store_connection *db, const struct doc_row *row, struct error *error)
{
    return store_execute(db, error, NULL,
        "UPDATE document SET state = $3, state_withdraw = $4, state_customs = $5, state_print = $6, state_since = $7, application_no = $8, "
        "form_no = $9, licence_no = $10, applied = $11, issued = $12, updated = $13, version = $14, claimed_by = CAST($15 AS BIGINT), "
        "claimed_name = CASE WHEN CAST($15 AS BIGINT) = 0 THEN '' ELSE claimed_name END, check_code = $16, event_sequence = $17, event_hash = $18, "
        "agency = $19 WHERE enterprise = $1 AND id = $2",
        STORE_VALUES(store_integer(row->enterprise), store_integer(row->id), store_string(row->state[0]), store_string(row->state[1]),
                     store_string(row->state[2]), store_string(row->state[3]), store_integer(row->state_since),
                     store_string(row->application_no), store_string(row->form_no), store_string(row->licence_no),
                     store_string(row->applied), store_string(row->issued), store_integer(row->updated), store_integer(row->version),
                     store_integer(row->claimed_by), store_string(row->check_code), store_integer(row->event_sequence),
                     store_string(row->event_hash), store_string(row->agency)));
}

static int read_again(struct store_connection *db, struct doc_act *act, struct error *error)
{
    struct arena arena;
    struct doc_row row;
    int code;

    arena_init(&arena, 0);
    code = doc_read(db, act->principal, act->module->name, act->id, true, &arena, &row, error);
    arena_free(&arena);
    if (code) return code;
    row.enterprise_name = NULL;
    if (doc_may(act->action, &row, act->principal, act->module, error)) return (int)error->code;
    /* files come and go without a new version, but each is an event: what was found complete must still be what is there */
    bool files_changed = act->body.length && row.event_sequence != act->row.event_sequence;
    if ((act->expected >= 0 && row.version != act->expected) || row.version != act->row.version || files_changed)
        return error_set(error, ERROR_STALE, "stale_version", "该单据已被修改，请刷新后再试。", "The document has changed meanwhile; reload it.");
    act->row = row;
    if (act->body.length) { /* what the frozen body says about the columns that effects read */
        act->row.form_version = act->form->version;
        struct form_value agency = act->columns.value[COLUMN_AGENCY], year = act->columns.value[COLUMN_YEAR];
        if (agency.kind == VALUE_TEXT) snprintf(act->row.agency, sizeof act->row.agency, "%.*s", (int)agency.text.length, agency.text.text);
        if (year.kind == VALUE_NUMBER) act->row.year = year.number / DECIMAL_ONE;
    }
    return 0;
}

static int run_hook(struct store_connection *db, struct doc_act *act, struct error *error)
{
    const struct doc_hook_row *hook = act->module->hooks;

    if (!act->action->hook) return 0;
    while (strcmp(hook->name, act->action->hook)) hook++; /* known: checked at start */
    return hook->hook(db, act->module, act->id, error);
}

int doc_set_state(struct store_connection *db, struct doc_act *act, enum form_machine machine, const char *to, struct error *error)
{
    struct doc_row *row = &act->row;
    char from[sizeof row->state[0]];

    snprintf(from, sizeof from, "%s", row->state[machine]);
    snprintf(row->state[machine], sizeof row->state[machine], "%s", to);
    if (machine != MACHINE_MAIN || !strcmp(from, to)) return 0;
    row->state_since = act->now;
    row->claimed_by = 0;
    return doc_total_add(db, row->enterprise, row->form, from, -1, error) || doc_total_add(db, row->enterprise, row->form, to, 1, error)
               ? (int)error->code : 0;
}

int doc_write_act(struct store_connection *db, struct doc_act *act, struct error *error)
{
    enum form_machine machine = act->action->machine;
    struct doc_event event = {act->action->name, NULL, NULL, act->opinion, act->body_hash};
    char before[MACHINE_COUNT][32];

    act->job = 0;
    if (act->key && act->module->key_required && !act->signature)
        return error_set(error, ERROR_CONFLICT, "key_required", "此操作须用已绑定的电子钥匙签名，请插入电子钥匙后申报。",
                         "This must be signed with your electronic key; plug it in and submit.");
    if (read_again(db, act, error)) return (int)error->code;
    struct doc_row *row = &act->row;
    memcpy(before, row->state, sizeof before);
    if (act->action->to && doc_set_state(db, act, machine, act->action->to, error)) return (int)error->code;
    event.from = before[machine];
    event.to = row->state[machine];
    row->version++;
    row->updated = act->now;
    if (run_hook(db, act, error) || doc_event_append(db, row, act->principal, act->now, &event, error) ||
        store_body(db, act, error) || doc_effects(db, act, error) || (act->signature && doc_signature_store(db, act, error)) ||
        (act->module->partners && doc_outbox_review(db, act, error)))
        return (int)error->code;
    snprintf(act->state, sizeof act->state, "%s", row->state[MACHINE_MAIN]);
    act->module->changed = clock_monotonic();
    return store_row(db, row, error) || doc_status_add(db, row, before, act->opinion, act->now, error) ? (int)error->code : 0;
}

/* The document goes, its chain stays and ends in the deletion: a tombstone. */
int doc_write_delete(struct store_connection *db, struct doc_act *act, struct error *error)
{
    struct doc_event event = {"delete", NULL, "", act->opinion, ""};
    struct store_value id = store_integer(act->id);
    static const char *const statements[] = {"DELETE FROM attachment WHERE document = $1", "DELETE FROM document_body WHERE document = $1",
                                             "DELETE FROM document_line WHERE document = $1",
                                             "DELETE FROM document WHERE id = $1"};

    if (read_again(db, act, error)) return (int)error->code;
    event.from = act->row.state[MACHINE_MAIN];
    if (doc_event_append(db, &act->row, act->principal, act->now, &event, error) ||
        doc_total_add(db, act->row.enterprise, act->row.form, event.from, -1, error))
        return (int)error->code;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (store_execute(db, error, NULL, statements[i], STORE_VALUES(id))) return (int)error->code;
    return 0;
}

int doc_total_add(struct store_connection *db, int64_t enterprise, const char *form, const char *state, int delta, struct error *error)
{
    return store_execute(db, error, NULL,
        "INSERT INTO document_total (enterprise, form, state, count) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (enterprise, form, state) DO UPDATE SET count = document_total.count + $4",
        STORE_VALUES(store_integer(enterprise), store_string(form), store_string(state), store_integer(delta)));
}

/* ---- claims */

static int claim_allowed(const struct doc_row *row, const struct principal *principal, const struct doc_module *module, int64_t user, struct error *error)
{
    bool reviewer = principal_may(principal, module->name, RIGHT_FIRST_REVIEW) || principal_may(principal, module->name, RIGHT_SECOND_REVIEW);
    bool manager = principal_may(principal, module->name, RIGHT_MANAGE);

    if (principal->kind != PRINCIPAL_OFFICER || !(reviewer || manager)) return forbidden(error);
    if (user && user != principal->user && !manager) return forbidden(error);
    if (user && reviewed_elsewhere(module, row, error)) return (int)error->code;
    if (row->claimed_by && row->claimed_by != principal->user && !manager)
        return error_set(error, ERROR_CONFLICT, "claimed", "该单据正由其他人员办理。", "Another officer is working on this document.");
    return 0;
}

int doc_write_claim(struct store_connection *db, struct doc_module *module, const struct principal *principal, int64_t id,
                    int64_t user, const char *user_name, struct error *error)
{
    struct arena arena;
    struct doc_row row;
    int code;

    arena_init(&arena, 0);
    code = doc_read(db, principal, module->name, id, true, &arena, &row, error);
    arena_free(&arena);
    if (code || claim_allowed(&row, principal, module, user, error)) return (int)error->code;
    return store_execute(db, error, NULL, "UPDATE document SET claimed_by = $3, claimed_name = $4 WHERE enterprise = $1 AND id = $2",
                         STORE_VALUES(store_integer(row.enterprise), store_integer(id), store_integer(user), store_string(user ? user_name : "")));
}
