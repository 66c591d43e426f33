#include "document/decision.h"

#include "document/booking.h"
#include "document/internal.h"
#include "exchange/partners.h"

#include <stdio.h>
#include <string.h>

static void hash_of(const struct doc_decision *d, char hash[72])
{
    struct buffer text;

    buffer_init(&text, 0);
    buffer_printf(&text, "decision|%s|%s|%s|%s|%s|%s", d->application_no, d->action, d->licence_no, d->officer, d->decided, d->opinion);
    digest_sha256(buffer_string(&text), text.length, hash);
    buffer_free(&text);
}

static int unknown_application(struct error *error)
{
    return booking_refuse(error, "unknown_application", "application_no", "没有这个申请单号，请核对。", "There is no application with this number; please check it.");
}

static int find_application(struct store_connection *db, const char *application_no, int64_t *document, struct error *error)
{
    struct store_rows rows;

    *document = 0;
    if (store_query(db, &rows, error, "SELECT document FROM application_sent WHERE application_no = $1", STORE_VALUES(store_string(application_no))))
        return (int)error->code;
    if (store_next(&rows)) *document = store_column_integer(&rows, 0);
    return store_end(&rows);
}

static bool is_theirs(const struct doc_module *module, const char *partner, const char *agency)
{
    const struct partner *reviewer = partners_reviewing(module->partners, module->name, agency);

    return reviewer && !strcmp(reviewer->name, partner);
}

static bool assigns_licence_no(const struct form *form, const struct form_action *action)
{
    for (size_t i = 0; i < action->effect_count; i++)
        if (action->effects[i].kind == EFFECT_ASSIGN_NUMBER && !strcmp(form_number_find(form, action->effects[i].name)->column, "licence_no")) return true;
    return false;
}

static int number_used(struct error *error)
{
    return booking_refuse(error, "licence_no_used", "licence_no", "该编号已被其他单据使用，请核对。", "Another document has this number; please check it.");
}

static int check_number(struct store_connection *db, const struct form *form, const struct form_action *action, int64_t document, const char *licence_no,
                        struct error *error)
{
    struct store_rows rows;
    bool used;

    if (!*licence_no) return 0;
    if (!assigns_licence_no(form, action))
        return booking_refuse(error, "licence_no_not_assigned", "licence_no", "此操作不产生编号，请去掉编号。", "This action assigns no number; leave it out.");
    if (store_query(db, &rows, error, "SELECT 1 FROM document WHERE licence_no = $1 AND source = '' AND licence_no <> '' AND id <> $2",
                    STORE_VALUES(store_string(licence_no), store_integer(document))))
        return (int)error->code;
    used = store_next(&rows);
    return store_end(&rows) ? (int)error->code : used ? number_used(error) : 0;
}

/* Reads the document under lock and finds what is to be done on it. */
static int look(struct store_connection *db, struct doc_module *module, struct principal *partner, const struct doc_decision *d, int64_t document,
                struct arena *arena, struct error *error)
{
    const struct form_action *action;
    const struct form *form;
    struct doc_row row;

    if (doc_read(db, partner, module->name, document, true, arena, &row, error)) return error->code == ERROR_NOT_FOUND ? unknown_application(error) : (int)error->code;
    if (!is_theirs(module, d->partner, row.agency))
        return booking_refuse(error, "not_yours", "application_no", "该单据不由贵方审批。", "This document is not yours to review.");
    snprintf(partner->agency, sizeof partner->agency, "%s", row.agency);
    if (!(form = doc_form_of(module, &row, error))) return (int)error->code;
    action = form_action_find(form, d->action);
    if (!action || action->by != ACTOR_AGENCY || action->kind != ACTION_TRANSITION)
        return booking_refuse(error, "unknown_action", "action", "发证机构没有这种操作。", "There is no such action of an agency.");
    return check_number(db, form, action, document, d->licence_no, error);
}

static int decide(struct store_connection *db, struct doc_module *module, struct principal *partner, const struct doc_decision *d, int64_t document,
                  int64_t now, struct arena *arena, struct error *error)
{
    struct form_problems *problems = arena_alloc(arena, sizeof *problems);
    struct doc_act act;

    if (!problems) return error_internal(error, "out of memory");
    if (look(db, module, partner, d, document, arena, error) ||
        doc_prepare_act(module, db, partner, document, -1, d->action, d->opinion, now, arena, problems, &act, error))
        return (int)error->code;
    if (*d->licence_no) act.licence_no = d->licence_no;
    doc_write_act(db, &act, error);
    buffer_free(&act.body);
    if (*d->licence_no && !strcmp(error->name, "unique")) return number_used(error); /* somebody else was given it at this moment */
    return (int)error->code;
}

int doc_decide(struct store_connection *db, struct doc_module *module, struct principal *partner, const struct doc_decision *decision, int64_t now,
               enum doc_message_result *result, struct error *error)
{
    struct arena arena;
    char hash[72];
    bool repeated = false;
    int64_t document;

    hash_of(decision, hash);
    if (doc_inbox_enter(db, partner->user, decision->message_id, hash, now, &repeated, error)) return (int)error->code;
    *result = repeated ? MESSAGE_REPEATED : MESSAGE_BOOKED;
    if (repeated) return 0;
    if (find_application(db, decision->application_no, &document, error)) return (int)error->code;
    if (!document) return unknown_application(error);
    arena_init(&arena, 0);
    decide(db, module, partner, decision, document, now, &arena, error);
    arena_free(&arena);
    return (int)error->code;
}
