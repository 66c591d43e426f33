/* What partners (customs) send, and what is done with messages nobody could place. */
#include "service/internal.h"

#include "base/clock.h"
#include "base/date.h"
#include "document/ledger.h"

#include <stdio.h>
#include <string.h>

static int missing(struct web_call *call, const char *field)
{
    error_set(&call->error, ERROR_INVALID, "required", "缺少必填内容。", "A required member is missing.");
    error_field(&call->error, field);
    return (int)call->error.code;
}

static int answer_result(struct web_call *call, enum doc_message_result result)
{
    static const char *const words[] = {"booked", "repeated", "unknown"};

    json_object(&call->json);
    json_put_string(&call->json, "result", words[result]);
    json_object_end(&call->json);
    return 0;
}

/* ---- customs status */

struct status_message {
    const char *message_id, *licence_no, *status, *note;
};

static int status_work(void *connection, struct web_call *call, struct error *error)
{
    const struct status_message *m = call->argument;
    enum doc_message_result result;

    if (doc_customs_status(connection, &service_of(call)->documents, caller(call), m->message_id, m->licence_no, m->status, m->note,
                           clock_now(), &result, error))
        return (int)error->code;
    return answer_result(call, result);
}

static int customs_status(struct web_call *call)
{
    struct status_message *m = arena_alloc(&call->arena, sizeof *m);
    struct service_input input;

    if (!m) return error_internal(&call->error, "out of memory");
    if (service_input(call, &input) || service_text(call, &input, "message_id", 64, &m->message_id) ||
        service_text(call, &input, "licence_no", 20, &m->licence_no) || service_text(call, &input, "status", 31, &m->status) ||
        service_text(call, &input, "note", 500, &m->note))
        return (int)call->error.code;
    if (!m->message_id || !*m->message_id) return missing(call, "message_id");
    if (!m->licence_no) return missing(call, "licence_no");
    if (!m->status) return missing(call, "status");
    if (!m->note) m->note = "";
    return web_write(call, status_work, m);
}

/* ---- write-offs */

static int write_off_work(void *connection, struct web_call *call, struct error *error)
{
    enum doc_message_result result;

    if (doc_write_off(connection, &service_of(call)->documents, caller(call), call->argument, clock_now(), &result, error))
        return (int)error->code;
    return answer_result(call, result);
}

/* Hyphens of the printed form (18-AA-NW0021) are for reading only. */
static const char *plain_licence_no(struct web_call *call, const char *text)
{
    char *plain = arena_text(&call->arena, text), *out = plain;

    for (const char *at = plain; at && *at; at++)
        if (*at != '-') *out++ = *at;
    if (out) *out = '\0';
    return plain ? plain : text;
}

/* Members of a message; a missing text becomes "". */
struct member { const char *name; const char **text; size_t most; bool required; };

static int read_members(struct web_call *call, const struct service_input *input, const struct member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (service_text(call, input, members[i].name, members[i].most, members[i].text)) return (int)call->error.code;
        if (members[i].required && (!*members[i].text || !**members[i].text)) return missing(call, members[i].name);
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
    if (!text) return missing(call, name);
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
    const struct member members[] = {{"code", &goods->code, 10, false}, {"name", &goods->name, 400, false}, {"spec", &goods->spec, 400, false},
                                     {"unit", &goods->unit, 8, false}, {"currency", &goods->currency, 8, false}};

    if (json->kind != JSON_OBJECT) return missing(call, "code");
    return read_members(call, &input, members, sizeof members / sizeof *members) ||
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

static int read_write_off(struct web_call *call, struct doc_write_off *m)
{
    const struct member members[] = {
        {"message_id", &m->message_id, 64, true}, {"licence_no", &m->licence_no, 20, true}, {"declaration_no", &m->declaration_no, 18, true},
        {"unit", &m->unit, 8, true}, {"released", &m->released, 10, true}, {"contract_no", &m->contract_no, 64, false},
        {"enterprise_name", &m->enterprise_name, 400, false}, {"trade_mode", &m->trade_mode, 8, false}, {"country", &m->country, 8, false},
        {"customs_port", &m->customs_port, 8, false}, {"owner_name", &m->owner_name, 400, false}, {"bill_no", &m->bill_no, 64, false},
        {"destination", &m->destination, 100, false}};
    struct service_input input;
    int32_t day;

    if (service_input(call, &input) || read_members(call, &input, members, sizeof members / sizeof *members) ||
        read_decimal(call, &input, "quantity", NULL, &m->quantity))
        return (int)call->error.code;
    if (!date_parse(m->released, strlen(m->released), &day)) {
        error_set(&call->error, ERROR_INVALID, "date", "放行日期应为日期。", "The day of release is no date.");
        error_field(&call->error, "released");
        return (int)call->error.code;
    }
    return check_declaration(call, m->declaration_no) || service_number(call, &input, "packages", 0, 1000000000, -1, &m->packages) ||
           read_goods(call, &input, m) ? (int)call->error.code : 0;
}

static int write_off(struct web_call *call)
{
    struct doc_write_off *m = arena_alloc(&call->arena, sizeof *m);

    if (!m) return error_internal(&call->error, "out of memory");
    if (read_write_off(call, m)) return (int)call->error.code;
    m->licence_no = plain_licence_no(call, m->licence_no);
    return web_write(call, write_off_work, m);
}

/* ---- reservations and adjustments */

struct declaration_call {
    struct doc_booking_message message;
    bool adjust;
};

static int declaration_work(void *connection, struct web_call *call, struct error *error)
{
    const struct declaration_call *d = call->argument;
    enum doc_message_result result;

    if ((d->adjust ? doc_adjust : doc_reserve)(connection, &service_of(call)->documents, caller(call), &d->message, clock_now(), &result, error))
        return (int)error->code;
    return answer_result(call, result);
}

static int declaration(struct web_call *call, bool adjust)
{
    struct declaration_call *d = arena_alloc(&call->arena, sizeof *d);
    struct service_input input;

    if (!d) return error_internal(&call->error, "out of memory");
    const struct member members[] = {{"message_id", &d->message.message_id, 64, true}, {"licence_no", &d->message.licence_no, 20, true},
                                     {"declaration_no", &d->message.declaration_no, 18, true}, {"unit", &d->message.unit, 8, true},
                                     {"note", &d->message.note, 500, false}};
    d->adjust = adjust;
    if (service_input(call, &input) || read_members(call, &input, members, adjust ? 5 : 4) ||
        read_decimal(call, &input, "quantity", NULL, &d->message.quantity) || check_declaration(call, d->message.declaration_no))
        return (int)call->error.code;
    if (!adjust) d->message.note = "";
    d->message.licence_no = plain_licence_no(call, d->message.licence_no);
    return web_write(call, declaration_work, d);
}

static int reservation(struct web_call *call) { return declaration(call, false); }
static int adjustment(struct web_call *call) { return declaration(call, true); }

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

/* What a partner may fetch: licences that wait to be sent (oldest first), under a lease. */
#define OUTBOX_MAXIMUM 100
struct claim_outbox { int64_t count; };

/* What a receiver needs to know of a licence, as a member named by the document's id. */
static int write_licence(struct store_connection *db, int64_t document, struct json_writer *json, struct error *error)
{
    struct store_rows rows;
    char name[24];

    if (store_query(db, &rows, error, "SELECT licence_no, quantity, unit, issued, valid_until FROM document WHERE id = $1",
                    STORE_VALUES(store_integer(document))))
        return (int)error->code;
    if (store_next(&rows)) {
        snprintf(name, sizeof name, "%lld", (long long)document);
        json_name(json, name);
        json_object(json);
        json_put_string(json, "licence_no", store_column_text(&rows, 0, NULL));
        json_put_decimal(json, "quantity", store_column_integer(&rows, 1), 0);
        json_put_string(json, "unit", store_column_text(&rows, 2, NULL));
        json_put_string(json, "issued", store_column_text(&rows, 3, NULL));
        json_put_string(json, "valid_until", store_column_text(&rows, 4, NULL));
        json_object_end(json);
    }
    return store_end(&rows);
}

static int outbox_work(void *connection, struct web_call *call, struct error *error)
{
    const struct claim_outbox *claim = call->argument;
    struct store_rows rows;
    int64_t now = clock_lease(), documents[OUTBOX_MAXIMUM];
    size_t count = 0;

    if (store_query(connection, &rows, error,
                    "UPDATE outbox SET lease = $1, attempts = attempts + 1 WHERE id IN (SELECT id FROM outbox WHERE lease < $2 ORDER BY id "
                    "LIMIT $3 {for update} {skip locked}) RETURNING id, kind, document",
                    STORE_VALUES(store_integer(now + 60000), store_integer(now), store_integer(claim->count))))
        return (int)error->code;
    json_object(&call->json);
    json_name(&call->json, "messages");
    json_array(&call->json);
    while (store_next(&rows)) {
        json_object(&call->json);
        json_put_id(&call->json, "id", store_column_integer(&rows, 0));
        json_put_string(&call->json, "kind", store_column_text(&rows, 1, NULL));
        json_put_id(&call->json, "document", documents[count++] = store_column_integer(&rows, 2));
        json_object_end(&call->json);
    }
    json_array_end(&call->json);
    if (store_end(&rows)) return (int)error->code;
    json_name(&call->json, "licences");
    json_object(&call->json);
    for (size_t i = 0; i < count; i++)
        if (write_licence(connection, documents[i], &call->json, error)) return (int)error->code;
    json_object_end(&call->json);
    json_object_end(&call->json);
    return 0;
}

static int outbox_claim(struct web_call *call)
{
    struct claim_outbox *claim = arena_alloc(&call->arena, sizeof *claim);

    if (!claim) return error_internal(&call->error, "out of memory");
    if (web_query_integer(call, "count", 1, OUTBOX_MAXIMUM, 10, &claim->count)) return (int)call->error.code;
    return web_write(call, outbox_work, claim);
}

static int ack_work(void *connection, struct web_call *call, struct error *error)
{
    int64_t id;

    if (web_parameter_id(call, 0, &id)) return (int)call->error.code;
    call->status = 204;
    return store_execute(connection, error, NULL, "DELETE FROM outbox WHERE id = $1", STORE_VALUES(store_integer(id)));
}

static int outbox_ack(struct web_call *call) { return web_write(call, ack_work, NULL); }

#define PARTNER_FLAGS (WEB_PARTNER_ONLY | WEB_NO_CSRF)

const struct web_route partner_routes[] = {
    {"POST", "!/partner/customs-status", customs_status, PRINCIPAL_PARTNER, RIGHT_EDIT, PARTNER_FLAGS, LANE_FAST, 8192, {0, 0}},
    {"POST", "!/partner/write-offs", write_off, PRINCIPAL_PARTNER, RIGHT_EDIT, PARTNER_FLAGS, LANE_FAST, 262144, {0, 0}}, /* 50 goods, every letter escaped */
    {"POST", "!/partner/reservations", reservation, PRINCIPAL_PARTNER, RIGHT_EDIT, PARTNER_FLAGS, LANE_FAST, 8192, {0, 0}},
    {"POST", "!/partner/adjustments", adjustment, PRINCIPAL_PARTNER, RIGHT_EDIT, PARTNER_FLAGS, LANE_FAST, 8192, {0, 0}},
    {"POST", "/unknown-write-offs/:id/close", close_unknown, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_FAST, 1024, {0, 0}},
    {"POST", "!/internal/outbox/claim", outbox_claim, PRINCIPAL_SYSTEM, 0, WEB_INTERNAL_ONLY | WEB_NO_CSRF, LANE_FAST, 1024, {0, 0}},
    {"POST", "!/internal/outbox/:id/ack", outbox_ack, PRINCIPAL_SYSTEM, 0, WEB_INTERNAL_ONLY | WEB_NO_CSRF, LANE_FAST, 1024, {0, 0}},
    {0}};
