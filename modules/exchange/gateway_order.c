/* One message that has come: read, compared with what came before, and put into the order of its document. */
#include "gateway.h"

#include "base/clock.h"
#include "base/json_tree.h"

#include <stdio.h>
#include <string.h>

struct ordering {
    struct gate *gate;
    int64_t id;
    char partner[PARTNER_NAME_MAXIMUM + 1], file[160];
    bool too_large;
    struct buffer bytes;
    struct arena arena;
    struct gate_message *message;
    /* of the transaction */
    int64_t last_in;
    struct gate_message faulty; /* the message with what is found here */
};

/* ---- the next one */

static int load(struct ordering *o, struct store_connection *reader, bool *found, struct error *error)
{
    struct store_rows rows;
    const void *bytes;
    size_t length;

    if (store_query(reader, &rows, error, "SELECT id, partner, file, answer, bytes FROM message_in WHERE state = 'received' AND " GATE_OVER("next_at", "$1") " ORDER BY id LIMIT 1",
                    STORE_VALUES(store_integer(clock_lease()))))
        return (int)error->code;
    *found = store_next(&rows);
    if (*found) {
        o->id = store_column_integer(&rows, 0);
        snprintf(o->partner, sizeof o->partner, "%s", store_column_text(&rows, 1, NULL));
        snprintf(o->file, sizeof o->file, "%s", store_column_text(&rows, 2, NULL));
        o->too_large = !strcmp(store_column_text(&rows, 3, NULL), "too_large");
        bytes = store_column_bytes(&rows, 4, &length);
        buffer_bytes(&o->bytes, bytes, length);
    }
    return store_end(&rows);
}

static int read_message(struct ordering *o, struct error *error)
{
    const struct gate_sender *sender = gate_sender_named(o->gate, o->partner);
    struct gate_message *message = o->message;

    if (!o->too_large && sender)
        return gate_read(sender, o->gate->schema, buffer_string(&o->bytes), o->bytes.length, clock_now(), &o->arena, message, error);
    *message = (struct gate_message){.head = {.message_id = "", .sender = "", .receiver = "", .kind = "", .module = "", .document = ""}};
    digest_sha256(buffer_string(&o->bytes), o->bytes.length, message->hash);
    if (o->too_large) gate_problem(message, 1, "", "too_large", "报文超过 2 MiB，只保留了开头。", "The message has more than 2 MiB; only its beginning was kept.");
    else gate_problem(message, 1, "", "no_partner", "设置中已没有这个伙伴。", "There is no such partner in the settings any more.");
    return 0;
}

/* ---- the results; within the transaction */

static int dead(struct store_connection *db, const struct ordering *o, const struct gate_message *message, struct error *error)
{
    const struct envelope_head *head = &message->head;
    struct buffer problems;
    struct json_writer json;

    buffer_init(&problems, 65536);
    json_writer_init(&json, &problems);
    gate_problems_write(message, &json);
    if (!store_execute(db, error, NULL,
            "UPDATE message_in SET state = 'dead', ready = 0, problems = $2, message_id = $3, kind = $4, module = $5, document_no = $6, number = $7, sequence = $8, "
            "hash = $9, content = $10 WHERE id = $1",
            STORE_VALUES(store_integer(o->id), store_string(buffer_string(&problems)), store_string(head->message_id), store_string(head->kind),
                         store_string(head->module), store_string(head->document), store_integer(head->number), store_integer(head->sequence),
                         store_string(message->hash), store_string(message->content ? message->content : ""))) &&
        gate_sender_named(o->gate, o->partner))
        gate_reject(o->gate, db, o->partner, o->file, message, error);
    buffer_free(&problems);
    return (int)error->code;
}

/* Dead for one more reason, at the place of a head's element. */
static int dead_for(struct store_connection *db, struct ordering *o, const char *element, const char *rule, const char *zh, const char *en, struct error *error)
{
    char found[ENVELOPE_NAME_MAXIMUM];

    o->faulty = *o->message;
    gate_problem(&o->faulty, gate_line(buffer_string(&o->bytes), o->bytes.length, element, found), element, rule, zh, en);
    return dead(db, o, &o->faulty, error);
}

static int put_in_order(struct store_connection *db, const struct ordering *o, bool ready, struct error *error)
{
    const struct envelope_head *head = &o->message->head;

    return store_execute(db, error, NULL,
        "UPDATE message_in SET state = 'waiting', ready = $2, next_at = 0, problems = '', message_id = $3, kind = $4, module = $5, document_no = $6, number = $7, "
        "sequence = $8, hash = $9, content = $10 WHERE id = $1",
        STORE_VALUES(store_integer(o->id), store_integer(ready), store_string(head->message_id), store_string(head->kind), store_string(head->module),
                     store_string(head->document), store_integer(head->number), store_integer(head->sequence), store_string(o->message->hash),
                     store_string(o->message->content)));
}

/* ---- what came before */

static int replace(struct store_connection *db, const struct ordering *o, const char *which, const struct store_value *values, size_t count, struct error *error)
{
    char sql[400];
    struct store_value all[6] = {store_integer(o->id), store_string(o->partner), store_integer(clock_now())};

    memcpy(all + 3, values, count * sizeof *values);
    snprintf(sql, sizeof sql, "UPDATE message_in SET state = 'replaced', finished = $3 WHERE partner = $2 AND id <> $1 AND state = 'dead' AND %s", which);
    return store_execute(db, error, NULL, sql, all, 3 + count);
}

/* The same again that could not be taken: it takes the place of the one before, of which nothing is left to keep. */
static int remove_same(struct store_connection *db, const struct ordering *o, struct error *error)
{
    return store_execute(db, error, NULL, "DELETE FROM message_in WHERE partner = $1 AND hash = $2 AND message_id = $3 AND state = 'dead' AND id <> $4",
                         STORE_VALUES(store_string(o->partner), store_string(o->message->hash), store_string(o->message->head.message_id), store_integer(o->id)));
}

enum before { BEFORE_NOTHING, BEFORE_SAME, BEFORE_OTHER };

/* Whether a message of this id was had already, the same one or another. */
static int had_before(struct store_connection *db, const struct ordering *o, enum before *before, struct error *error)
{
    struct store_rows rows;

    *before = BEFORE_NOTHING;
    if (store_query(db, &rows, error, "SELECT hash FROM message_in WHERE partner = $1 AND message_id = $2 AND id <> $3 AND state IN ('waiting', 'taken', 'dropped')",
                    STORE_VALUES(store_string(o->partner), store_string(o->message->head.message_id), store_integer(o->id))))
        return (int)error->code;
    while (store_next(&rows)) *before = !strcmp(store_column_text(&rows, 0, NULL), o->message->hash) ? BEFORE_SAME : BEFORE_OTHER;
    return store_end(&rows);
}

/* How many numbers have come: one that came before is not counted again, nor this message when it is read again. */
static int count_number(struct store_connection *db, const struct ordering *o, struct error *error)
{
    int64_t number = o->message->head.number, before = 0;
    struct store_rows rows;

    if (store_query(db, &rows, error, "SELECT COUNT(id) FROM message_in WHERE partner = $1 AND number = $2", STORE_VALUES(store_string(o->partner), store_integer(number))))
        return (int)error->code;
    if (store_next(&rows)) before = store_column_integer(&rows, 0);
    if (store_end(&rows) || before || !number) return (int)error->code;
    return store_execute(db, error, NULL,
        "UPDATE partner_state SET count_in = count_in + 1, highest_number_in = CASE WHEN highest_number_in < $2 THEN $2 ELSE highest_number_in END WHERE partner = $1",
        STORE_VALUES(store_string(o->partner), store_integer(number)));
}

/* Sequence taken last, and whether another message waits at the place of this one. */
static int place_of(struct store_connection *db, struct ordering *o, bool *occupied, struct error *error)
{
    const struct envelope_head *head = &o->message->head;
    const struct store_value document[] = {store_string(o->partner), store_string(head->module), store_string(head->document)};
    struct store_rows rows;

    if (store_execute(db, error, NULL, "INSERT INTO partner_document (partner, module, document_no) VALUES ($1, $2, $3) ON CONFLICT (partner, module, document_no) DO NOTHING",
                      document, 3) ||
        store_query(db, &rows, error, "SELECT d.last_in, (SELECT COUNT(m.id) FROM message_in m WHERE m.partner = $1 AND m.module = $2 AND m.document_no = $3 AND "
                                      "m.sequence = $4 AND m.state = 'waiting' AND m.id <> $5) FROM partner_document d WHERE d.partner = $1 AND d.module = $2 AND d.document_no = $3",
                    STORE_VALUES(document[0], document[1], document[2], store_integer(head->sequence), store_integer(o->id))))
        return (int)error->code;
    if (store_next(&rows)) {
        o->last_in = store_column_integer(&rows, 0);
        *occupied = store_column_integer(&rows, 1) > 0;
    }
    return store_end(&rows);
}

/* ---- rejections of ours */

static int take_rejection(struct store_connection *db, const struct ordering *o, struct error *error)
{
    struct arena arena;
    const struct json *content, *problem;
    char answer[400];
    int64_t number;

    arena_init(&arena, 0);
    content = json_tree(o->message->content, strlen(o->message->content), &arena, error);
    problem = json_member(content, "problem");
    number = gate_number(o->partner, json_member_text(content, "rejected_id", ""));
    if (problem) problem = problem->first;
    gate_say(answer, sizeof answer, "%s: %s", json_member_text(problem, "rule", ""), json_member_text(problem, "text", ""));
    if (!error->code && number) gate_out_failed(db, o->partner, number, answer, error);
    arena_free(&arena);
    if (error->code || put_in_order(db, o, false, error)) return (int)error->code;
    return store_execute(db, error, NULL, "UPDATE message_in SET state = 'taken', finished = $2 WHERE id = $1", STORE_VALUES(store_integer(o->id), store_integer(clock_now())));
}

/* ---- the transaction */

static int place_good(struct store_connection *db, struct ordering *o, struct error *error)
{
    const struct envelope_head *head = &o->message->head;
    const struct store_value place[] = {store_string(head->module), store_string(head->document), store_integer(head->sequence)};
    enum before before;
    bool occupied = false;

    if (had_before(db, o, &before, error)) return (int)error->code;
    if (before == BEFORE_SAME) return store_execute(db, error, NULL, "DELETE FROM message_in WHERE id = $1", STORE_VALUES(store_integer(o->id)));
    if (before == BEFORE_OTHER)
        return dead_for(db, o, "MessageId", "message_id_reused", "该 MessageId 已用于另一份内容不同的报文。", "This MessageId was used for a message with other content.", error);
    if (replace(db, o, "message_id = $4", STORE_VALUES(store_string(head->message_id)), error)) return (int)error->code;
    if (!strcmp(head->kind, "Rejection")) return take_rejection(db, o, error);
    if (place_of(db, o, &occupied, error)) return (int)error->code;
    if (head->sequence <= o->last_in || occupied)
        return dead_for(db, o, "Sequence", "sequence_used", "该单据的这个 Sequence 已经收到过。", "This Sequence of the document was taken already.", error);
    if (replace(db, o, "module = $4 AND document_no = $5 AND sequence = $6", place, 3, error)) return (int)error->code;
    return put_in_order(db, o, head->sequence == o->last_in + 1, error);
}

static int place_work(struct store_connection *db, void *argument, struct error *error)
{
    struct ordering *o = argument;
    int64_t still;

    /* the partner's row first: it keeps another node from doing the same */
    if (store_execute(db, error, NULL, "UPDATE partner_state SET failures = failures WHERE partner = $1", STORE_VALUES(store_string(o->partner))) ||
        store_execute(db, error, &still, "UPDATE message_in SET ready = 0 WHERE id = $1 AND state = 'received'", STORE_VALUES(store_integer(o->id))) || !still)
        return (int)error->code;
    if (o->message->verified && count_number(db, o, error)) return (int)error->code;
    if (remove_same(db, o, error)) return (int)error->code;
    if (!o->message->problem_count) return place_good(db, o, error);
    if (o->message->verified && *o->message->head.message_id && replace(db, o, "message_id = $4", STORE_VALUES(store_string(o->message->head.message_id)), error))
        return (int)error->code;
    return dead(db, o, o->message, error);
}

int gate_order_next(struct gate *gate, struct store_connection *reader, bool *more, struct error *error)
{
    struct ordering o = {.gate = gate};

    *more = false;
    arena_init(&o.arena, 64u << 20);
    buffer_init(&o.bytes, ENVELOPE_MAXIMUM + 1);
    o.message = arena_alloc(&o.arena, sizeof *o.message);
    if (!o.message) error_internal(error, "out of memory");
    else if (!load(&o, reader, more, error) && *more && (read_message(&o, error) || store_write(gate->program->store, place_work, &o, error)))
        gate_in_put_off(gate, o.id, error);
    buffer_free(&o.bytes);
    arena_free(&o.arena);
    return (int)error->code;
}
