/* What partners send through the exchange program, which has checked signature, shape and order: who may send it about which document, and
   then what their own routes do. */
#include "service/partner.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "document/decision.h"
#include "exchange/partners.h"

#include <stdio.h>
#include <string.h>

#define OFFICER_MAXIMUM 24 /* characters */

static int not_yours(struct web_call *call, const char *field)
{
    error_set(&call->error, ERROR_INVALID, "not_yours", "该单据或许可证不归贵方办理。", "This is not yours to handle.");
    error_field(&call->error, field);
    return (int)call->error.code;
}

/* "海关 · 王五", cut at a whole character. */
static void name_sender(struct principal *principal, const struct partner *partner, const char *officer)
{
    char text[400];
    size_t length;

    snprintf(text, sizeof text, "%s%s%s", partner->title_zh, *officer ? " · " : "", officer);
    length = utf8_cut(text, strlen(text), sizeof principal->display_name - 1);
    memcpy(principal->display_name, text, length);
    principal->display_name[length] = '\0';
    snprintf(principal->user_name, sizeof principal->user_name, "%s", partner->name);
}

/* Who sends: a partner of the settings. NULL and an error for anybody else. */
static const struct partner *read_sender(struct web_call *call, const struct service_input *input, struct partner_sender **sender)
{
    const struct partner *partner;
    const char *name, *officer;
    const struct partner_member members[] = {{"partner", &name, PARTNER_NAME_MAXIMUM, true}, {"officer", &officer, OFFICER_MAXIMUM, false}};

    if (!(*sender = arena_alloc(&call->arena, sizeof **sender))) {
        error_internal(&call->error, "out of memory");
        return NULL;
    }
    if (partner_members(call, input, members, 2)) return NULL;
    if (!(partner = partners_named(service_of(call)->partners, name))) {
        not_yours(call, "partner");
        return NULL;
    }
    **sender = (struct partner_sender){{.kind = PRINCIPAL_PARTNER}, partner->name};
    name_sender(&(*sender)->principal, partner, officer);
    return partner;
}

/* ---- customs */

static int from_customs(struct web_call *call, partner_message *receive)
{
    struct service *service = service_of(call);
    const struct partner *partner;
    struct partner_sender *sender;
    struct service_input input;

    if (service_input(call, &input) || !(partner = read_sender(call, &input, &sender))) return (int)call->error.code;
    if (partners_clearing(service->partners, service->module) != partner) return not_yours(call, "licence_no");
    return receive(call, &input, sender);
}

static int receipt(struct web_call *call) { return from_customs(call, partner_status); }
static int write_off(struct web_call *call) { return from_customs(call, partner_write_off); }
static int reservation(struct web_call *call) { return from_customs(call, partner_reservation); }
static int adjustment(struct web_call *call) { return from_customs(call, partner_adjustment); }

/* ---- authorities */

struct decision_call {
    struct partner_sender *sender;
    struct doc_decision decision;
};

static int decision_work(void *connection, struct web_call *call, struct error *error)
{
    struct decision_call *d = call->argument;
    struct principal principal = d->sender->principal;
    enum doc_message_result result;

    if (doc_decide(connection, &service_of(call)->documents, &principal, &d->decision, clock_now(), &result, error)) return (int)error->code;
    return partner_answer(call, result);
}

/* The authority's number as it is kept: letters, digits and '/', 4 to 20. */
static int check_licence_no(struct web_call *call, struct doc_decision *decision)
{
    size_t length;

    if (!*decision->licence_no) return 0;
    decision->licence_no = partner_licence_no(call, decision->licence_no);
    length = strspn(decision->licence_no, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/");
    if (length >= 4 && length <= 20 && !decision->licence_no[length]) return 0;
    error_set(&call->error, ERROR_INVALID, "licence_no", "编号应为4至20位字母、数字、“/”或“-”。", "A number has 4 to 20 letters, digits, slashes and hyphens.");
    error_field(&call->error, "licence_no");
    return (int)call->error.code;
}

static int decision(struct web_call *call)
{
    struct decision_call *d = arena_alloc(&call->arena, sizeof *d);
    struct service_input input;

    if (!d) return error_internal(&call->error, "out of memory");
    const struct partner_member members[] = {
        {"message_id", &d->decision.message_id, 64, true}, {"application_no", &d->decision.application_no, 32, true},
        {"action", &d->decision.action, 47, true}, {"opinion", &d->decision.opinion, 500, false}, {"licence_no", &d->decision.licence_no, 40, false},
        {"officer", &d->decision.officer, OFFICER_MAXIMUM, false}, {"decided", &d->decision.decided, 32, false}};
    if (service_input(call, &input) || !read_sender(call, &input, &d->sender) ||
        partner_members(call, &input, members, sizeof members / sizeof *members) || check_licence_no(call, &d->decision))
        return (int)call->error.code;
    d->decision.partner = d->sender->name;
    d->decision.message_id = partner_message_id(call, d->sender, d->decision.message_id);
    return web_write(call, decision_work, d);
}

#define INTERNAL (WEB_INTERNAL_ONLY | WEB_NO_CSRF)

const struct web_route inbox_routes[] = {
    {"POST", "!/internal/inbox/decision", decision, PRINCIPAL_SYSTEM, 0, INTERNAL, LANE_FAST, 32768, {0, 0}},
    {"POST", "!/internal/inbox/receipt", receipt, PRINCIPAL_SYSTEM, 0, INTERNAL, LANE_FAST, 8192, {0, 0}},
    {"POST", "!/internal/inbox/write-off", write_off, PRINCIPAL_SYSTEM, 0, INTERNAL, LANE_FAST, 1u << 20, {0, 0}}, /* 50 goods, every letter escaped */
    {"POST", "!/internal/inbox/reservation", reservation, PRINCIPAL_SYSTEM, 0, INTERNAL, LANE_FAST, 8192, {0, 0}},
    {"POST", "!/internal/inbox/adjustment", adjustment, PRINCIPAL_SYSTEM, 0, INTERNAL, LANE_FAST, 8192, {0, 0}},
    {0}};
