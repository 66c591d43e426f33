/* Rows of the gateway. Locks are taken in this order: the partner's state, its document, messages. */
#include "gateway.h"

#include "base/clock.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUT_OFF_MILLISECONDS 60000

void gate_message_id(const char *partner, int64_t number, char id[GATE_ID_SIZE])
{
    snprintf(id, GATE_ID_SIZE, "portal-%s-%09lld", partner, (long long)number);
}

int64_t gate_number(const char *partner, const char *id)
{
    char same[GATE_ID_SIZE];
    size_t front = strlen("portal-") + strlen(partner) + 1, digits = strlen(id) > front ? strspn(id + front, "0123456789") : 0;
    int64_t number = digits >= 9 && digits <= 18 ? strtoll(id + front, NULL, 10) : 0;

    gate_message_id(partner, number, same);
    return strcmp(same, id) ? 0 : number;
}

/* One number of a statement that returns it. */
static int ask(struct store_connection *db, const char *sql, const struct store_value *values, size_t count, int64_t *number, struct error *error)
{
    struct store_rows rows;

    *number = 0;
    if (store_query(db, &rows, error, sql, values, count)) return (int)error->code;
    if (store_next(&rows)) *number = store_column_integer(&rows, 0);
    return store_end(&rows);
}

int gate_out_put(struct store_connection *db, const struct gate_out *out, struct error *error)
{
    int64_t number, sequence = 0, now = clock_now();

    if (ask(db, "UPDATE partner_state SET last_number_out = last_number_out + 1 WHERE partner = $1 RETURNING last_number_out",
            STORE_VALUES(store_string(out->partner)), &number, error))
        return (int)error->code;
    if (strcmp(out->kind, "Rejection") != 0 &&
        ask(db, "INSERT INTO partner_document (partner, module, document_no, last_out) VALUES ($1, $2, $3, 1) ON CONFLICT (partner, module, document_no) "
                "DO UPDATE SET last_out = partner_document.last_out + 1 RETURNING last_out",
            STORE_VALUES(store_string(out->partner), store_string(out->module), store_string(out->document_no)), &sequence, error))
        return (int)error->code;
    return store_execute(db, error, NULL,
        "INSERT INTO message_out (id, partner, number, sequence, kind, module, document, document_no, source, part, content, created, next_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        STORE_VALUES(store_integer(random_id(now)), store_string(out->partner), store_integer(number), store_integer(sequence), store_string(out->kind),
                     store_string(out->module), store_integer(out->document), store_string(out->document_no), store_integer(out->source),
                     store_integer(out->part), store_text(out->content, out->length), store_integer(now), store_integer(out->next_at)));
}

/* ---- rejections */

/* Whoever answers each Rejection with the next wrong message would go on for ever: many at once, then one now and then. */
static bool may_reject(struct gate *gate, const struct gate_sender *sender)
{
    int64_t now = clock_monotonic(), *until = sender ? &gate->rejected_until[sender - gate->senders] : NULL;

    if (!until) return false;
    if (*until < now) *until = now;
    if (*until - now >= GATE_REJECTIONS * GATE_REJECTION_MILLISECONDS) return false;
    *until += GATE_REJECTION_MILLISECONDS;
    return true;
}

int gate_reject(struct gate *gate, struct store_connection *db, const char *partner, const char *file, const struct gate_message *message, struct error *error)
{
    struct buffer content;

    if (!strcmp(message->head.kind, "Rejection")) return 0; /* or two systems would reject each other's rejections for ever */
    if (!may_reject(gate, gate_sender_named(gate, partner))) return 0;
    buffer_init(&content, 65536);
    gate_rejection_write(file, message, &content);
    const struct gate_out out = {.partner = partner, .kind = "Rejection", .module = message->head.module, .document_no = message->head.document,
                                 .content = buffer_string(&content), .length = content.length};
    if (content.failed) error_internal(error, "a rejection is too long");
    else gate_out_put(db, &out, error);
    buffer_free(&content);
    return (int)error->code;
}

int gate_out_failed(struct store_connection *db, const char *partner, int64_t number, const char *answer, struct error *error)
{
    return store_execute(db, error, NULL,
        "UPDATE message_out SET state = 'failed', placed = 0, lease = 0, answer = $3, finished = $4, told = CASE WHEN kind = 'Licence' AND told = 0 THEN 1 ELSE told END "
        "WHERE partner = $1 AND number = $2 AND text <> '' AND state IN ('waiting', 'sent')",
        STORE_VALUES(store_string(partner), store_integer(number), store_string(answer), store_integer(clock_now())));
}

/* ---- the order of what comes in */

int gate_in_advance(struct store_connection *db, const char *partner, const char *module, const char *document_no, int64_t sequence, struct error *error)
{
    const struct store_value document[] = {store_string(partner), store_string(module), store_string(document_no)};
    int64_t dropped = 1;

    for (; dropped; sequence += dropped != 0)
        if (ask(db, "SELECT COUNT(id) FROM message_in WHERE partner = $1 AND module = $2 AND document_no = $3 AND sequence = $4 AND state = 'dropped'",
                STORE_VALUES(document[0], document[1], document[2], store_integer(sequence + 1)), &dropped, error))
            return (int)error->code;
    if (store_execute(db, error, NULL, "UPDATE partner_document SET last_in = $4 WHERE partner = $1 AND module = $2 AND document_no = $3 AND last_in < $4",
                      STORE_VALUES(document[0], document[1], document[2], store_integer(sequence))))
        return (int)error->code;
    return store_execute(db, error, NULL,
        "UPDATE message_in SET ready = 1, next_at = 0 WHERE partner = $1 AND module = $2 AND document_no = $3 AND sequence = $4 AND state = 'waiting' AND ready = 0",
        STORE_VALUES(document[0], document[1], document[2], store_integer(sequence + 1)));
}

/* ---- what cannot be settled now */

static int put_off_work(struct store_connection *db, void *argument, struct error *error)
{
    const int64_t *id = argument;
    return store_execute(db, error, NULL, "UPDATE message_in SET attempts = attempts + 1, next_at = $2 WHERE id = $1 AND state IN ('received', 'waiting')",
                         STORE_VALUES(store_integer(*id), store_integer(clock_lease() + PUT_OFF_MILLISECONDS)));
}

void gate_in_put_off(struct gate *gate, int64_t id, struct error *error)
{
    struct error own;

    if (error->code == ERROR_UNAVAILABLE) return; /* then the others fare no better */
    error_clear(&own);
    if (store_write(gate->program->store, put_off_work, &id, &own)) return;
    gate_complain("message", error);
    error_clear(error);
}
