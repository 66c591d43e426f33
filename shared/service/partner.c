/* What partners (customs) send, over their own routes or through the exchange program, and what is done with messages nobody could place. */
#include "service/partner.h"

#include "base/clock.h"
#include "base/date.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

int partner_missing(struct web_call *call, const char *field)
{
    error_set(&call->error, ERROR_INVALID, "required", "缺少必填内容。", "A required member is missing.");
    error_field(&call->error, field);
    return (int)call->error.code;
}

int partner_answer(struct web_call *call, enum doc_message_result result)
{
    static const char *const words[] = {"booked", "repeated", "unknown"};

    json_object(&call->json);
    json_put_string(&call->json, "result", words[result]);
    json_object_end(&call->json);
    return 0;
}

/* ---- customs status */

struct status_message {
    const struct principal *by;
    const char *message_id, *licence_no, *status, *note;
};

static int status_work(void *connection, struct web_call *call, struct error *error)
{
    const struct status_message *m = call->argument;
    enum doc_message_result result;

    if (doc_customs_status(connection, &service_of(call)->documents, m->by, m->message_id, m->licence_no, m->status, m->note,
                           clock_now(), &result, error))
        return (int)error->code;
    return partner_answer(call, result);
}

int partner_status(struct web_call *call, const struct service_input *input, const struct partner_sender *sender)
{
    struct status_message *m = arena_alloc(&call->arena, sizeof *m);

    if (!m) return error_internal(&call->error, "out of memory");
    if (service_text(call, input, "message_id", 64, &m->message_id) || service_text(call, input, "licence_no", 20, &m->licence_no) ||
        service_text(call, input, "status", 31, &m->status) || service_text(call, input, "note", 500, &m->note))
        return (int)call->error.code;
    if (!m->message_id || !*m->message_id) return partner_missing(call, "message_id");
    if (!m->licence_no) return partner_missing(call, "licence_no");
    if (!m->status) return partner_missing(call, "status");
    if (!m->note) m->note = "";
    m->by = &sender->principal;
    m->message_id = partner_message_id(call, sender, m->message_id);
    return web_write(call, status_work, m);
}

/* ---- write-offs */

struct write_off_call {
    const struct principal *by;
    struct doc_write_off message;
};

static int write_off_work(void *connection, struct web_call *call, struct error *error)
{
    const struct write_off_call *w = call->argument;
    enum doc_message_result result;

    if (doc_write_off(connection, &service_of(call)->documents, w->by, &w->message, clock_now(), &result, error))
        return (int)error->code;
    return partner_answer(call, result);
}

/* Hyphens of the printed form (18-AA-NW0021) are for reading only. */
const char *partner_licence_no(struct web_call *call, const char *text)
{
    char *plain = arena_text(&call->arena, text), *out = plain;

    for (const char *at = plain; at && *at; at++)
        if (*at != '-') *out++ = *at;
    if (out) *out = '\0';
    return plain ? plain : text;
}

const char *partner_message_id(struct web_call *call, const struct partner_sender *sender, const char *id)
{
    return *sender->name ? arena_printf(&call->arena, "%s/%s", sender->name, id) : id;
}

static int too_long(struct web_call *call, const char *field)
{
    error_set(&call->error, ERROR_INVALID, "too_long", "内容太长。", "The text is too long.");
    error_field(&call->error, field);
    return (int)call->error.code;
}

int partner_members(struct web_call *call, const struct service_input *input, const struct partner_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char **text = members[i].text;
        if (service_text(call, input, members[i].name, 4 * members[i].most, text)) return (int)call->error.code;
        if (*text && utf8_count(*text, strlen(*text)) > members[i].most) return too_long(call, members[i].name);
        if (members[i].required && (!*members[i].text || !**members[i].text)) return partner_missing(call, members[i].name);
        if (!*members[i].text) *members[i].text = "";
    }
    return 0;
}

/* A quantity or price; *has false when there is none (`has` NULL: there must be one). */
static int read_decimal(struct web_call *call, const struct service_input *input, const char *name, bool *has, decimal *number)
{
    const char *text;

    *number = 0;
    if (service_text(call, input, name, 32, &text)) return (int)call->error.code;
    if (has) *has = text && *text;
    if (has && !*has) return 0;
    if (!text) return partner_missing(call, name);
    if (!decimal_parse(text, strlen(text), DECIMAL_PLACES, number) && (!has || *number >= 0)) return 0;
    error_set(&call->error, ERROR_INVALID, "number", "数量应为数字，最多13位整数、5位小数。", "The quantity is a number of at most 13 digits and 5 places.");
    error_field(&call->error, name);
    return (int)call->error.code;
}

static int check_declaration(struct web_call *call, const char *declaration_no)
{
    if (strlen(declaration_no) == 18 && strspn(declaration_no, "0123456789") == 18) return 0;
    error_set(&call->error, ERROR_INVALID, "declaration_no", "报关单号为18位数字。", "A declaration number has 18 digits.");
    error_field(&call->error, "declaration_no");
    return (int)call->error.code;
}

static int read_goods_line(struct web_call *call, const struct json *json, struct doc_write_off_goods *goods)
{
    const struct service_input input = {.json = json};
    const struct partner_member members[] = {{"code", &goods->code, 10, false}, {"name", &goods->name, 400, false}, {"spec", &goods->spec, 400, false},
                                     {"unit", &goods->unit, 8, false}, {"currency", &goods->currency, 8, false}};

    if (json->kind != JSON_OBJECT) return partner_missing(call, "code");
    return partner_members(call, &input, members, sizeof members / sizeof *members) ||
           read_decimal(call, &input, "quantity", &goods->has_quantity, &goods->quantity) ||
           read_decimal(call, &input, "price", &goods->has_price, &goods->price) ? (int)call->error.code : 0;
}

static int read_goods(struct web_call *call, const struct service_input *input, struct doc_write_off *m)
{
    const struct json *goods = json_member(input->json, "goods");

    if (!goods || goods->kind == JSON_NULL) return 0;
    if (goods->kind != JSON_ARRAY || goods->count > DOC_WRITE_OFF_GOODS) {
        error_set(&call->error, ERROR_INVALID, "goods", "商品应为数组，最多50项。", "Goods are an array of at most 50.");
        error_field(&call->error, "goods");
        return (int)call->error.code;
    }
    JSON_EACH(item, goods) {
        if (read_goods_line(call, item, &m->goods[m->goods_count])) {
            error_field(&call->error, arena_printf(&call->arena, "goods/%zu/%s", m->goods_count, call->error.field));
            return (int)call->error.code;
        }
        m->goods_count++;
    }
    return 0;
}

/* How many packages: a number, or its digits. */
static int read_packages(struct web_call *call, const struct service_input *input, int64_t *packages)
{
    const struct json *member = json_member(input->json, "packages");

    if (!member || member->kind != JSON_STRING) return service_number(call, input, "packages", 0, 1000000000, -1, packages);
    *packages = member->text.length && member->text.length < 11 && strspn(member->text.text, "0123456789") == member->text.length
                    ? strtoll(member->text.text, NULL, 10) : -1;
    if (*packages >= 0 && *packages <= 1000000000) return 0;
    error_set(&call->error, ERROR_INVALID, "number", "数字超出范围。", "The number is out of range.");
    error_field(&call->error, "packages");
    return (int)call->error.code;
}

static int read_write_off(struct web_call *call, const struct service_input *input, struct doc_write_off *m)
{
    const struct partner_member members[] = {
        {"message_id", &m->message_id, 64, true}, {"licence_no", &m->licence_no, 20, true}, {"declaration_no", &m->declaration_no, 18, true},
        {"unit", &m->unit, 8, true}, {"released", &m->released, 10, true}, {"contract_no", &m->contract_no, 64, false},
        {"enterprise_name", &m->enterprise_name, 400, false}, {"trade_mode", &m->trade_mode, 8, false}, {"country", &m->country, 8, false},
        {"customs_port", &m->customs_port, 8, false}, {"owner_name", &m->owner_name, 400, false}, {"bill_no", &m->bill_no, 64, false},
        {"destination", &m->destination, 100, false}};
    int32_t day;

    if (partner_members(call, input, members, sizeof members / sizeof *members) || read_decimal(call, input, "quantity", NULL, &m->quantity))
        return (int)call->error.code;
    if (!date_parse(m->released, strlen(m->released), &day)) {
        error_set(&call->error, ERROR_INVALID, "date", "放行日期应为日期。", "The day of release is no date.");
        error_field(&call->error, "released");
        return (int)call->error.code;
    }
    return check_declaration(call, m->declaration_no) || read_packages(call, input, &m->packages) || read_goods(call, input, m) ? (int)call->error.code : 0;
}

int partner_write_off(struct web_call *call, const struct service_input *input, const struct partner_sender *sender)
{
    struct write_off_call *w = arena_alloc(&call->arena, sizeof *w);

    if (!w) return error_internal(&call->error, "out of memory");
    if (read_write_off(call, input, &w->message)) return (int)call->error.code;
    w->by = &sender->principal;
    w->message.message_id = partner_message_id(call, sender, w->message.message_id);
    w->message.licence_no = partner_licence_no(call, w->message.licence_no);
    return web_write(call, write_off_work, w);
}

/* ---- reservations and adjustments */

struct declaration_call {
    const struct principal *by;
    struct doc_booking_message message;
    bool adjust;
};

static int declaration_work(void *connection, struct web_call *call, struct error *error)
{
    const struct declaration_call *d = call->argument;
    enum doc_message_result result;

    if ((d->adjust ? doc_adjust : doc_reserve)(connection, &service_of(call)->documents, d->by, &d->message, clock_now(), &result, error))
        return (int)error->code;
    return partner_answer(call, result);
}

static int declaration(struct web_call *call, const struct service_input *input, const struct partner_sender *sender, bool adjust)
{
    struct declaration_call *d = arena_alloc(&call->arena, sizeof *d);

    if (!d) return error_internal(&call->error, "out of memory");
    const struct partner_member members[] = {{"message_id", &d->message.message_id, 64, true}, {"licence_no", &d->message.licence_no, 20, true},
                                     {"declaration_no", &d->message.declaration_no, 18, true}, {"unit", &d->message.unit, 8, true},
                                     {"note", &d->message.note, 500, false}};
    d->adjust = adjust;
    if (partner_members(call, input, members, adjust ? 5 : 4) || read_decimal(call, input, "quantity", NULL, &d->message.quantity) || check_declaration(call, d->message.declaration_no))
        return (int)call->error.code;
    if (!adjust) d->message.note = "";
    d->by = &sender->principal;
    d->message.message_id = partner_message_id(call, sender, d->message.message_id);
    d->message.licence_no = partner_licence_no(call, d->message.licence_no);
    return web_write(call, declaration_work, d);
}

int partner_reservation(struct web_call *call, const struct service_input *input, const struct partner_sender *sender)
{
    return declaration(call, input, sender, false);
}

int partner_adjustment(struct web_call *call, const struct service_input *input, const struct partner_sender *sender)
{
    return declaration(call, input, sender, true);
}

/* ---- with a partner's own API key */

static int with_key(struct web_call *call, partner_message *receive)
{
    struct partner_sender *sender = arena_alloc(&call->arena, sizeof *sender);
    struct service_input input;

    if (!sender) return error_internal(&call->error, "out of memory");
    if (service_input(call, &input)) return (int)call->error.code;
    *sender = (struct partner_sender){*caller(call), ""};
    return receive(call, &input, sender);
}

static int customs_status(struct web_call *call) { return with_key(call, partner_status); }
static int write_off(struct web_call *call) { return with_key(call, partner_write_off); }
static int reservation(struct web_call *call) { return with_key(call, partner_reservation); }
static int adjustment(struct web_call *call) { return with_key(call, partner_adjustment); }

/* ---- messages for licences that are not ours */

static int close_work(void *connection, struct web_call *call, struct error *error)
{
    int64_t id, changed;

    if (web_parameter_id(call, 0, &id)) return (int)call->error.code;
    if (store_execute(connection, error, &changed,
                      "UPDATE write_off SET closed = $2, closed_by = $3 WHERE id = $1 AND document IS NULL AND closed IS NULL",
                      STORE_VALUES(store_integer(id), store_integer(clock_now()), store_string(caller(call)->user_name))))
        return (int)error->code;
    call->status = 204;
    return changed ? 0 : error_set(error, ERROR_NOT_FOUND, "not_found", "没有找到该报文，可能已处理。", "There is no such message; it may have been closed.");
}

static int close_unknown(struct web_call *call) { return service_write(call, close_work, NULL); }

#define PARTNER_FLAGS (WEB_PARTNER_ONLY | WEB_NO_CSRF)

const struct web_route partner_routes[] = {
    {"POST", "!/partner/customs-status", customs_status, PRINCIPAL_PARTNER, RIGHT_EDIT, PARTNER_FLAGS, LANE_FAST, 8192, {0, 0}},
    {"POST", "!/partner/write-offs", write_off, PRINCIPAL_PARTNER, RIGHT_EDIT, PARTNER_FLAGS, LANE_FAST, 262144, {0, 0}}, /* 50 goods, every letter escaped */
    {"POST", "!/partner/reservations", reservation, PRINCIPAL_PARTNER, RIGHT_EDIT, PARTNER_FLAGS, LANE_FAST, 8192, {0, 0}},
    {"POST", "!/partner/adjustments", adjustment, PRINCIPAL_PARTNER, RIGHT_EDIT, PARTNER_FLAGS, LANE_FAST, 8192, {0, 0}},
    {"POST", "/unknown-write-offs/:id/close", close_unknown, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_FAST, 1024, {0, 0}},
    {0}};
