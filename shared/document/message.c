/* What customs sends: once each, whatever arrives twice. */
#include "document/booking.h"

#include "base/date.h"
#include "base/random.h"

#include <stdio.h>
#include <string.h>

int doc_inbox_enter(struct store_connection *db, int64_t partner, const char *message_id, const char *request_hash, int64_t now,
                    bool *repeated, struct error *error)
{
    struct store_rows rows;
    int64_t changed;

    if (store_execute(db, error, &changed,
                      "INSERT INTO inbox (partner, message_id, received, request_hash, answer) VALUES ($1, $2, $3, $4, '') "
                      "ON CONFLICT (partner, message_id) DO NOTHING",
                      STORE_VALUES(store_integer(partner), store_string(message_id), store_integer(now), store_string(request_hash))))
        return (int)error->code;
    *repeated = changed == 0;
    if (changed) return 0;
    if (store_query(db, &rows, error, "SELECT request_hash FROM inbox WHERE partner = $1 AND message_id = $2",
                    STORE_VALUES(store_integer(partner), store_string(message_id))))
        return (int)error->code;
    if (store_next(&rows) && strcmp(store_column_text(&rows, 0, NULL), request_hash)) {
        error_set(error, ERROR_INVALID, "message_id_reused", "同一报文编号的内容不同。", "Another content was sent under this message id.");
        error_field(error, "message_id");
        store_end(&rows);
        return (int)error->code;
    }
    return store_end(&rows);
}

static int find_licence(struct store_connection *db, const char *licence_no, int64_t *document, struct error *error)
{
    struct store_rows rows;

    *document = 0;
    if (store_query(db, &rows, error, "SELECT id FROM document WHERE licence_no = $1 AND source = '' AND licence_no <> ''",
                    STORE_VALUES(store_string(licence_no))))
        return (int)error->code;
    if (store_next(&rows)) *document = store_column_integer(&rows, 0);
    return store_end(&rows);
}

/* ---- what was cleared */

static int add_goods(struct store_connection *db, const struct doc_write_off *m, int64_t id, struct error *error)
{
    for (size_t i = 0; i < m->goods_count; i++) {
        const struct doc_write_off_goods *goods = &m->goods[i];
        if (store_execute(db, error, NULL,
                          "INSERT INTO write_off_goods (write_off, line, goods, goods_name, spec, quantity, unit, price, currency) "
                          "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                          STORE_VALUES(store_integer(id), store_integer((int64_t)i + 1), store_string(goods->code), store_string(goods->name),
                                       store_string(goods->spec), goods->has_quantity ? store_integer(goods->quantity) : store_null(),
                                       store_string(goods->unit), goods->has_price ? store_integer(goods->price) : store_null(),
                                       store_string(goods->currency))))
            return (int)error->code;
    }
    return 0;
}

static int add_write_off(struct store_connection *db, const struct doc_write_off *m, int64_t id, int64_t document, int64_t enterprise,
                         int64_t partner, int64_t now, struct error *error)
{
    if (store_execute(db, error, NULL,
        "INSERT INTO write_off (id, document, enterprise, partner, message_id, licence_no, declaration_no, contract_no, enterprise_name, "
        "trade_mode, country, customs_port, released, quantity, unit, received, owner_name, bill_no, destination, packages) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
        STORE_VALUES(store_integer(id), document ? store_integer(document) : store_null(), store_integer(enterprise), store_integer(partner),
                     store_string(m->message_id), store_string(m->licence_no), store_string(m->declaration_no), store_string(m->contract_no),
                     store_string(m->enterprise_name), store_string(m->trade_mode), store_string(m->country), store_string(m->customs_port),
                     store_string(m->released), store_integer(m->quantity), store_string(m->unit), store_integer(now), store_string(m->owner_name),
                     store_string(m->bill_no), store_string(m->destination), m->packages < 0 ? store_null() : store_integer(m->packages))))
        return (int)error->code;
    return add_goods(db, m, id, error);
}

static int check_in_force(const struct doc_row *row, const char *day, const char *field, struct error *error)
{
    if (strcmp(day, row->issued) >= 0 && (!*row->valid_until || strcmp(day, row->valid_until) <= 0)) return 0;
    return booking_refuse(error, "not_in_force", field, "放行日期不在许可证有效期内。", "The licence was not in force on that day.");
}

static int book(struct store_connection *db, struct doc_module *module, const struct principal *partner, int64_t document,
                const struct doc_write_off *message, int64_t now, struct error *error)
{
    struct doc_act act = {.form = NULL};
    struct booking booking = {.db = db, .document = document, .now = now, .declaration_no = message->declaration_no, .unit = message->unit,
                              .note = "", .write_off = random_id(now)};
    struct arena arena;
    struct doc_row row;
    struct form_problems *problems;
    int code;

    arena_init(&arena, 0);
    problems = arena_alloc(&arena, sizeof *problems);
    code = problems ? doc_read(db, partner, module->name, document, true, &arena, &row, error) /* the balance waits for who books now */
                    : error_internal(error, "out of memory");
    if (!code) code = doc_prepare_act(module, db, partner, document, -1, "customs_written_off", "", now, &arena, problems, &act, error);
    arena_free(&arena);
    act.row.enterprise_name = NULL;
    if (code || !act.form) return code;
    if (booking_open(&booking, act.form, error) || check_in_force(&act.row, message->released, "released", error) ||
        add_write_off(db, message, booking.write_off, document, act.row.enterprise, partner->user, now, error) ||
        booking_use(&booking, message->quantity, error))
        return (int)error->code;
    act.opinion = message->declaration_no;
    return doc_write_act(db, &act, error);
}

/* A message of before this had further members has the hash it always had. */
static void hash_of_message(const struct doc_write_off *m, char hash[72])
{
    struct buffer text;

    buffer_init(&text, 0);
    buffer_printf(&text, "%s|%s|%s|%lld|%s", m->licence_no, m->declaration_no, m->released, (long long)m->quantity, m->unit);
    if (*m->owner_name || *m->bill_no || *m->destination || m->packages >= 0 || m->goods_count)
        buffer_printf(&text, "|%s|%s|%s|%lld", m->owner_name, m->bill_no, m->destination, (long long)m->packages);
    for (size_t i = 0; i < m->goods_count; i++) {
        const struct doc_write_off_goods *goods = &m->goods[i];
        buffer_printf(&text, "|%s|%s|%s|%lld|%s|%lld|%s", goods->code, goods->name, goods->spec, (long long)goods->quantity, goods->unit,
                      (long long)goods->price, goods->currency);
    }
    digest_sha256(buffer_string(&text), text.length, hash);
    buffer_free(&text);
}

int doc_write_off(struct store_connection *db, struct doc_module *module, const struct principal *partner,
                  const struct doc_write_off *message, int64_t now, enum doc_message_result *result, struct error *error)
{
    char hash[72];
    bool repeated = false;
    int64_t document = 0;

    hash_of_message(message, hash);
    if (doc_inbox_enter(db, partner->user, message->message_id, hash, now, &repeated, error)) return (int)error->code;
    *result = MESSAGE_REPEATED;
    if (repeated) return 0;
    if (find_licence(db, message->licence_no, &document, error)) return (int)error->code;
    *result = document ? MESSAGE_BOOKED : MESSAGE_UNKNOWN;
    if (!document) return add_write_off(db, message, random_id(now), 0, 0, partner->user, now, error);
    return book(db, module, partner, document, message, now, error);
}

/* ---- declarations lodged and corrected */

/* Opens a booking on the locked licence of a message; `form` is the document's. */
static int open_message(struct booking *booking, struct doc_module *module, const struct principal *partner, struct doc_row *row,
                        const struct form **form, struct error *error)
{
    struct arena arena;
    int code;

    arena_init(&arena, 0);
    code = doc_read(booking->db, partner, module->name, booking->document, true, &arena, row, error);
    arena_free(&arena);
    row->enterprise_name = NULL;
    if (code || !(*form = doc_form_of(module, row, error))) return (int)error->code;
    return booking_open(booking, *form, error);
}

/* What customs may not write off it cannot reserve either; giving back is always possible. */
static int may_reserve(const struct form *form, const struct doc_module *module, const struct principal *partner, const struct doc_row *row,
                       int64_t now, struct error *error)
{
    const struct form_action *action = form_action_find(form, "customs_written_off");
    char today[DATE_TEXT_SIZE];

    if (!action) return error_set(error, ERROR_NOT_FOUND, "unknown_action", "没有这种操作。", "There is no such action.");
    date_format(date_of_instant(now), today);
    return doc_may(action, row, partner, module, error) || check_in_force(row, today, "licence_no", error) ? (int)error->code : 0;
}

static int book_declaration(struct store_connection *db, struct doc_module *module, const struct principal *partner,
                            const struct doc_booking_message *message, bool reserve, int64_t now, enum doc_message_result *result,
                            struct error *error)
{
    struct booking booking = {.db = db, .now = now, .declaration_no = message->declaration_no, .unit = message->unit, .note = message->note};
    char text[4096], hash[72];
    bool repeated = false;
    struct doc_row row;
    const struct form *form = NULL;
    int length = snprintf(text, sizeof text, "%s|%s|%s|%lld|%s|%s", reserve ? "reservation" : "adjustment", message->licence_no, message->declaration_no,
                          (long long)message->quantity, message->unit, message->note);

    digest_sha256(text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1, hash);
    if (doc_inbox_enter(db, partner->user, message->message_id, hash, now, &repeated, error)) return (int)error->code;
    *result = repeated ? MESSAGE_REPEATED : MESSAGE_BOOKED;
    if (repeated) return 0;
    if (find_licence(db, message->licence_no, &booking.document, error)) return (int)error->code;
    if (!booking.document) return booking_refuse(error, "unknown_licence", "licence_no", "没有这个许可证号，请核对。", "There is no licence with this number; please check it.");
    if (open_message(&booking, module, partner, &row, &form, error) || !form) return (int)error->code;
    if (!reserve) return booking_adjust(&booking, message->quantity, error);
    if (message->quantity > booking.holding.reserved && may_reserve(form, module, partner, &row, now, error)) return (int)error->code;
    return booking_reserve(&booking, message->quantity, error);
}

int doc_reserve(struct store_connection *db, struct doc_module *module, const struct principal *partner,
                const struct doc_booking_message *message, int64_t now, enum doc_message_result *result, struct error *error)
{
    return book_declaration(db, module, partner, message, true, now, result, error);
}

int doc_adjust(struct store_connection *db, struct doc_module *module, const struct principal *partner,
               const struct doc_booking_message *message, int64_t now, enum doc_message_result *result, struct error *error)
{
    return book_declaration(db, module, partner, message, false, now, result, error);
}

/* ---- customs status */

/* The action of the customs machine that leads to a status. */
static const struct form_action *customs_action(const struct form *form, const char *status)
{
    for (size_t i = 0; i < form->action_count; i++) {
        const struct form_action *action = &form->actions[i];
        if (action->machine == MACHINE_CUSTOMS && action->by == ACTOR_PARTNER && action->to && !strcmp(action->to, status)) return action;
    }
    return NULL;
}

int doc_customs_status(struct store_connection *db, struct doc_module *module, const struct principal *partner, const char *message_id,
                       const char *licence_no, const char *status, const char *note, int64_t now, enum doc_message_result *result,
                       struct error *error)
{
    char hash[72], text[256];
    bool repeated = false;
    int64_t document = 0;
    struct arena arena;
    struct doc_row row;
    struct doc_act act = {.form = NULL};
    const struct form *form;
    const struct form_action *action = NULL;
    struct form_problems *problems;
    int code;

    snprintf(text, sizeof text, "%s|%s", licence_no, status);
    digest_sha256(text, strlen(text), hash);
    if (doc_inbox_enter(db, partner->user, message_id, hash, now, &repeated, error)) return (int)error->code;
    *result = MESSAGE_REPEATED;
    if (repeated) return 0;
    *result = MESSAGE_UNKNOWN;
    if (find_licence(db, licence_no, &document, error)) return (int)error->code;
    if (!document) return booking_refuse(error, "unknown_licence", "licence_no", "没有这个许可证号。", "There is no licence with this number.");
    *result = MESSAGE_BOOKED;
    arena_init(&arena, 0);
    problems = arena_alloc(&arena, sizeof *problems);
    code = problems ? doc_read(db, partner, module->name, document, true, &arena, &row, error) : error_internal(error, "out of memory");
    form = code ? NULL : doc_form_of(module, &row, error);
    if (form && !(action = customs_action(form, status)))
        code = booking_refuse(error, "unknown_status", "status", "没有这种海关状态。", "There is no such customs status.");
    /* what is so already is said once more: customs got a licence twice, perhaps */
    if (action && !form_action_allowed_from(action, row.state[MACHINE_CUSTOMS]) && !strcmp(row.state[MACHINE_CUSTOMS], status)) *result = MESSAGE_REPEATED;
    else if (action) code = doc_prepare_act(module, db, partner, document, -1, action->name, note, now, &arena, problems, &act, error);
    arena_free(&arena);
    if (code || !action || *result == MESSAGE_REPEATED) return (int)error->code;
    act.opinion = note;
    return doc_write_act(db, &act, error);
}
