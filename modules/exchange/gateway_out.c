/* What waits for a partner: claimed, signed once, and what became of it. Later messages of a document wait until the partner has the earlier ones. */
#include "gateway.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define LEASE_MILLISECONDS 20000 /* and more for long messages: sending takes half of it at most (trust/gateway.h) */
#define TELL_AFTER 3 /* failed attempts at a licence */

void gate_sending_init(struct gate_sending *sending, const struct gate_worker *worker)
{
    memset(sending, 0, sizeof *sending);
    sending->gate = worker->gate;
    sending->sender = worker->sender;
    buffer_init(&sending->content, ENVELOPE_MAXIMUM);
    buffer_init(&sending->text, ENVELOPE_MAXIMUM);
}

void gate_sending_free(struct gate_sending *sending)
{
    buffer_free(&sending->content);
    buffer_free(&sending->text);
}

/* ---- claiming */

#define MAY_LEAVE "m.partner = $1 AND m.state = 'waiting' AND m.placed = 0 AND " GATE_OVER("m.next_at", "$2") " AND " GATE_OVER("m.lease", "$2") \
    " AND NOT EXISTS (SELECT 1 FROM partner_state p WHERE p.partner = $1 AND NOT " GATE_OVER("p.paused_until", "$2") ") " \
    "AND NOT EXISTS (SELECT 1 FROM message_out e WHERE e.partner = $1 AND e.module = m.module AND e.document_no = m.document_no AND e.sequence > 0 " \
    "AND e.sequence < m.sequence AND e.state IN ('waiting', 'failed'))"

static void take_row(struct gate_sending *s, struct store_rows *rows)
{
    size_t length;
    const char *text;

    s->found = true;
    s->id = store_column_integer(rows, 0);
    s->number = store_column_integer(rows, 1);
    s->sequence = store_column_integer(rows, 2);
    snprintf(s->kind, sizeof s->kind, "%s", store_column_text(rows, 3, NULL));
    snprintf(s->module, sizeof s->module, "%s", store_column_text(rows, 4, NULL));
    snprintf(s->document_no, sizeof s->document_no, "%s", store_column_text(rows, 5, NULL));
    s->created = store_column_integer(rows, 6);
    s->attempts = store_column_integer(rows, 7);
    text = store_column_text(rows, 8, &length);
    buffer_bytes(&s->text, text, length);
    text = store_column_text(rows, 9, &length);
    if (!s->text.length) buffer_bytes(&s->content, text, length);
}

static int claim_work(struct store_connection *db, void *argument, struct error *error)
{
    struct gate_sending *s = argument;
    struct store_rows rows;

    s->found = false;
    s->begun = clock_lease();
    buffer_reset(&s->content);
    buffer_reset(&s->text);
    if (store_query(db, &rows, error,
                    "UPDATE message_out SET lease = CAST($3 AS BIGINT) + (LENGTH(text) + LENGTH(content)) / 8, attempts = attempts + 1 WHERE id IN (SELECT m.id FROM message_out m WHERE " MAY_LEAVE
                    " ORDER BY m.number LIMIT 1 {for update} {skip locked}) "
                    "RETURNING id, number, sequence, kind, module, document_no, created, attempts, text, content",
                    STORE_VALUES(store_string(s->sender->partner->name), store_integer(s->begun), store_integer(s->begun + LEASE_MILLISECONDS))))
        return (int)error->code;
    if (store_next(&rows)) take_row(s, &rows);
    return store_end(&rows);
}

/* Looking costs a transaction only when something may leave. */
static bool is_due(const struct gate_sending *s, struct store_connection *reader, struct error *error)
{
    struct store_rows rows;
    bool due;

    if (store_query(reader, &rows, error, "SELECT 1 FROM message_out m WHERE " MAY_LEAVE " LIMIT 1",
                    STORE_VALUES(store_string(s->sender->partner->name), store_integer(clock_lease()))))
        return false;
    due = store_next(&rows);
    return !store_end(&rows) && due;
}

/* ---- signing */

static int sign(struct gate_sending *s, struct error *error)
{
    struct buffer message;
    char id[GATE_ID_SIZE];
    const struct envelope_head head = {.message_id = id, .sender = "portal", .receiver = s->sender->partner->name, .kind = s->kind, .module = s->module,
                                       .document = s->document_no, .number = s->number, .sequence = s->sequence, .created = s->created};

    gate_message_id(s->sender->partner->name, s->number, id);
    buffer_init(&message, ENVELOPE_MAXIMUM);
    envelope_write(&head, buffer_string(&s->content), s->content.length, &message);
    if (message.failed) error_set(error, ERROR_INVALID, "too_large", "报文超过 2 MiB。", "The message has more than 2 MiB.");
    else if (!seal_valid(s->gate->seal, clock_now())) error_internal(error, "the certificate of the portal's seal is not valid now: renew it");
    else seal_xml(s->gate->seal, buffer_string(&message), message.length, &s->text, error);
    buffer_free(&message);
    return (int)error->code;
}

/* Signed once: whoever was so slow that another has signed and sent it meanwhile lets it be, for his bytes would be others. */
static int text_work(struct store_connection *db, void *argument, struct error *error)
{
    struct gate_sending *s = argument;
    int64_t kept = 0;

    store_execute(db, error, &kept, "UPDATE message_out SET text = $2, content = CASE WHEN kind = 'Licence' THEN content ELSE '' END WHERE id = $1 AND text = ''",
                  STORE_VALUES(store_integer(s->id), store_text(s->text.data, s->text.length)));
    s->found = kept > 0;
    return (int)error->code;
}

int gate_claim(struct gate_sending *s, struct store_connection *reader, struct error *error)
{
    struct error why;

    s->found = false;
    *s->answer = '\0';
    if (!is_due(s, reader, error) || store_write(s->gate->program->store, claim_work, s, error) || !s->found || s->text.length) return (int)error->code;
    error_clear(&why);
    if (!sign(s, &why)) return store_write(s->gate->program->store, text_work, s, error);
    /* what cannot be made, or cannot be made now (a token that is away), is noted like an answer */
    gate_complain("sign", &why);
    s->result = why.code == ERROR_INVALID ? FAILED : LATER;
    gate_say(s->answer, sizeof s->answer, "%s", why.detail[0] ? why.detail : why.en);
    s->found = false;
    return gate_note(s, error);
}

/* ---- noting */

static int note_partner(struct store_connection *db, const struct gate_sending *s, struct error *error)
{
    const char *name = s->sender->partner->name;
    int64_t failures = 0;
    struct store_rows rows;

    if (s->result == SENT || s->result == PLACED)
        return store_execute(db, error, NULL, "UPDATE partner_state SET failures = 0, paused_until = 0, answer = '' WHERE partner = $1 AND failures > 0",
                             STORE_VALUES(store_string(name)));
    if (s->result != PAUSE) return 0;
    /* a pause that began after this attempt did counts for both */
    if (store_query(db, &rows, error, "UPDATE partner_state SET failures = failures + 1, answer = $2 WHERE partner = $1 AND paused_until <= $3 RETURNING failures",
                    STORE_VALUES(store_string(name), store_string(s->answer), store_integer(s->begun))))
        return (int)error->code;
    if (store_next(&rows)) failures = store_column_integer(&rows, 0);
    if (store_end(&rows) || !failures) return (int)error->code;
    return store_execute(db, error, NULL, "UPDATE partner_state SET paused_until = $2 WHERE partner = $1",
                         STORE_VALUES(store_string(name), store_integer(clock_lease() + gate_back_off(s->gate, failures))));
}

static int note_work(struct store_connection *db, void *argument, struct error *error)
{
    const struct gate_sending *s = argument;
    bool over = s->result == SENT || s->result == FAILED, licence = !strcmp(s->kind, "Licence");
    bool tell = licence && (s->result == FAILED || (!over && s->result != PLACED && s->attempts >= TELL_AFTER));

    if (note_partner(db, s, error)) return (int)error->code;
    return store_execute(db, error, NULL,
        "UPDATE message_out SET lease = 0, state = $2, placed = $3, answer = $4, next_at = $5, finished = $6, "
        "told = CASE WHEN told = 0 THEN $7 ELSE told END WHERE id = $1 AND state = 'waiting'",
        STORE_VALUES(store_integer(s->id), store_string(s->result == SENT ? "sent" : s->result == FAILED ? "failed" : "waiting"),
                     store_integer(s->result == PLACED), store_string(s->answer), store_integer(clock_lease() + (over ? 0 : gate_back_off(s->gate, s->attempts))),
                     store_integer(over ? clock_now() : 0), store_integer(tell)));
}

int gate_note(struct gate_sending *s, struct error *error)
{
    if (store_write(s->gate->program->store, note_work, s, error)) return (int)error->code;
    if (s->result != SENT && s->result != PLACED) gate_wake(s->gate, GATE_IN); /* a module may have to be told */
    return 0;
}
