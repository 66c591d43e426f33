/* Messages whose turn it is, to their modules; licences once more that a partner could not store; telling modules of licences that cannot be sent. */
#include "gateway.h"

#include "base/clock.h"
#include "base/json_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPTS 6 /* of a licence by itself: the first and five more */
#define DOUBT_MILLISECONDS 1000 /* until it is looked again whether a licence was sent */

struct taking {
    struct gate *gate;
    int64_t id, sequence, attempts;
    char partner[PARTNER_NAME_MAXIMUM + 1], file[160], message_id[GATE_ID_SIZE], kind[ENVELOPE_NAME_MAXIMUM], module[16], document_no[160];
    struct buffer content, answer, bytes;
    enum { TAKEN, LATER_AGAIN, REFUSED } result;
    struct gate_message faulty; /* refused: with what the module says */
    char said[200];
};

/* ---- asking a module */

/* A module is a program of this house, and soon back: half a second, doubling to a minute. */
static int64_t module_back_off(int64_t attempts)
{
    return attempts < 7 ? INT64_C(500) << attempts : 60000;
}

/* What a module says of the message, and not of itself: else -1, later. Without such a route it is an older one, which is soon replaced; nginx, which only
   says that nobody is there, has no problems of this type. */
static int final_status(const struct json *problem)
{
    long long status = json_member_integer(problem, "status", 0);
    const char *type = json_member_text(problem, "type", "");

    if (strncmp(type, "/problems/", 10) != 0 || !strcmp(type, "/problems/not_found")) return -1;
    return status == 400 || status == 404 || status == 409 || status == 413 || status == 422 ? (int)status : -1;
}

static void ask_module(struct gate *gate, const char *module, const char *inbox, const char *body, struct buffer *answer, int *status, struct error *error)
{
    struct arena arena;
    struct error ignored;
    char path[80];

    snprintf(path, sizeof path, "/internal/%s/inbox/%s", module, inbox);
    *status = 0;
    if (!web_internal_request(gate->program->server, "POST", path, body, GATE_REQUEST_MILLISECONDS, answer, error)) return;
    error_clear(&ignored);
    arena_init(&arena, 0);
    *status = answer->length ? final_status(json_tree(buffer_string(answer), answer->length, &arena, &ignored)) : -1;
    arena_free(&arena);
}

/* "WriteOff" -> "write-off" */
static void inbox_name(const char *kind, char out[ENVELOPE_NAME_MAXIMUM])
{
    envelope_json_name(kind, out);
    for (char *at = out; *at; at++)
        if (*at == '_') *at = '-';
}

static void write_front(struct json_writer *json, const struct partner *partner, const char *message_id)
{
    json_object(json);
    json_put_string(json, "partner", partner->name);
    json_put_string(json, "title", partner->title_zh);
    json_put_string(json, "message_id", message_id);
}

/* ---- what a module says */

static void add_problem(struct taking *t, const struct json *problem, const char *rule)
{
    const struct json *message = json_member(problem, "message");
    char element[ENVELOPE_NAME_MAXIMUM];
    int line = gate_line(buffer_string(&t->bytes), t->bytes.length, json_member_text(problem, "field", ""), element);

    gate_problem(&t->faulty, line, element, rule, json_member_text(message, "zh", ""), json_member_text(message, "en", ""));
}

static void refuse(struct taking *t, const struct json *problem)
{
    const struct json *errors = json_member(problem, "errors");

    t->faulty = (struct gate_message){.verified = true, .head = {.message_id = t->message_id, .sender = t->partner, .receiver = "portal", .kind = t->kind,
                                                                  .module = t->module, .document = t->document_no}};
    JSON_EACH(item, errors)
        if (!json_member_true(item, "warning")) add_problem(t, item, json_member_text(item, "rule", ""));
    if (!t->faulty.problem_count) add_problem(t, problem, json_member_text(problem, "type", "/problems/") + strlen("/problems/"));
}

static void deliver(struct taking *t)
{
    const struct gate_sender *sender = gate_sender_named(t->gate, t->partner);
    struct buffer body;
    struct json_writer json;
    struct arena arena;
    struct error error;
    char inbox[ENVELOPE_NAME_MAXIMUM];
    const struct json *said;
    int status = -1;

    error_clear(&error);
    arena_init(&arena, 0);
    buffer_init(&body, 4 * ENVELOPE_MAXIMUM);
    json_writer_init(&json, &body);
    inbox_name(t->kind, inbox);
    if (sender && t->content.length > 2) {
        write_front(&json, sender->partner, t->message_id);
        buffer_char(&body, ',');
        buffer_bytes(&body, t->content.data + 1, t->content.length - 1); /* the members and the brace behind them */
        ask_module(t->gate, t->module, inbox, buffer_string(&body), &t->answer, &status, &error);
    }
    t->result = status == 0 ? TAKEN : status > 0 ? REFUSED : LATER_AGAIN;
    gate_say(t->said, sizeof t->said, "%s", error.detail);
    error_clear(&error);
    said = t->answer.length ? json_tree(buffer_string(&t->answer), t->answer.length, &arena, &error) : NULL;
    if (t->result == REFUSED) refuse(t, said);
    if (t->result == TAKEN) gate_say(t->said, sizeof t->said, "%s", json_member_text(said, "result", ""));
    buffer_free(&body);
    arena_free(&arena);
}

/* ---- a licence once more */

/* The same element with the next attempt in it, which stands before the form. */
static bool with_attempt(const char *content, size_t length, int64_t attempt, struct buffer *out)
{
    const char *at = strstr(content, "<Attempt>"), *end = at ? strstr(at, "</Attempt>") : NULL;

    if (!end) return false;
    buffer_bytes(out, content, (size_t)(at - content));
    envelope_put_integer(out, "Attempt", attempt);
    end += strlen("</Attempt>");
    buffer_bytes(out, end, (size_t)(content + length - end));
    return !out->failed;
}

int gate_renew(struct store_connection *db, int64_t id, int64_t next_at, struct error *error)
{
    struct gate_out out = {.kind = "Licence", .next_at = next_at};
    struct store_rows rows;
    struct buffer content;
    struct arena arena;
    size_t length;
    bool good = false;

    arena_init(&arena, 0);
    buffer_init(&content, ENVELOPE_MAXIMUM);
    if (!store_query(db, &rows, error, "SELECT partner, module, document_no, document, source, part, content FROM message_out WHERE id = $1", STORE_VALUES(store_integer(id)))) {
        if (store_next(&rows)) {
            const char *text = store_column_text(&rows, 6, &length);
            out.partner = arena_text(&arena, store_column_text(&rows, 0, NULL));
            out.module = arena_text(&arena, store_column_text(&rows, 1, NULL));
            out.document_no = arena_text(&arena, store_column_text(&rows, 2, NULL));
            out.document = store_column_integer(&rows, 3);
            out.source = store_column_integer(&rows, 4);
            out.part = store_column_integer(&rows, 5) + 1;
            good = with_attempt(text, length, out.part, &content);
        }
        store_end(&rows);
    }
    out.content = buffer_string(&content);
    out.length = content.length;
    if (!error->code && !good) error_internal(error, "message %lld cannot be made again", (long long)id);
    if (!error->code) gate_out_put(db, &out, error);
    buffer_free(&content);
    arena_free(&arena);
    return (int)error->code;
}

/* The partner could not store the licence that it was sent last: again, unless something newer has been sent about it or it was tried often.
   *later: whether that was sent is still in doubt (the answer was lost, nobody has looked into the OutBox since). */
static int not_stored(struct store_connection *db, const struct taking *t, const char *status, bool *later, struct error *error)
{
    struct store_rows rows;
    int64_t id = 0, attempt = 0;

    if (store_query(db, &rows, error, "SELECT id, part, kind, state, attempts FROM message_out WHERE partner = $1 AND module = $2 AND document_no = $3 AND sequence > 0 ORDER BY sequence DESC LIMIT 1",
                    STORE_VALUES(store_string(t->partner), store_string(t->module), store_string(t->document_no))))
        return (int)error->code;
    if (store_next(&rows) && !strcmp(store_column_text(&rows, 2, NULL), "Licence")) {
        const char *state = store_column_text(&rows, 3, NULL);
        *later = !strcmp(state, "waiting") && store_column_integer(&rows, 4) > 0;
        if (!strcmp(state, "sent")) id = store_column_integer(&rows, 0);
        attempt = store_column_integer(&rows, 1);
    }
    if (store_end(&rows) || !id) return (int)error->code;
    if (attempt < ATTEMPTS) return gate_renew(db, id, clock_lease() + gate_back_off(t->gate, attempt), error);
    return store_execute(db, error, NULL, "UPDATE message_out SET state = 'failed', renew = 1, answer = $2 WHERE id = $1", STORE_VALUES(store_integer(id), store_string(status)));
}

static int after_receipt(struct store_connection *db, const struct taking *t, bool *later, struct error *error)
{
    struct arena arena;
    const char *status;

    arena_init(&arena, 0);
    status = json_member_text(json_tree(buffer_string(&t->content), t->content.length, &arena, error), "status", "STORED");
    if (!error->code && strcmp(status, "STORED") != 0) not_stored(db, t, status, later, error);
    arena_free(&arena);
    return (int)error->code;
}

/* ---- the transaction afterwards */

static int dead(struct store_connection *db, const struct taking *t, struct error *error)
{
    struct buffer problems;
    struct json_writer json;

    buffer_init(&problems, 65536);
    json_writer_init(&json, &problems);
    gate_problems_write(&t->faulty, &json);
    if (!store_execute(db, error, NULL, "UPDATE message_in SET state = 'dead', ready = 0, attempts = attempts + 1, problems = $2 WHERE id = $1",
                       STORE_VALUES(store_integer(t->id), store_string(buffer_string(&problems)))))
        gate_reject(t->gate, db, t->partner, t->file, &t->faulty, error);
    buffer_free(&problems);
    return (int)error->code;
}

static int note_work(struct store_connection *db, void *argument, struct error *error)
{
    const struct taking *t = argument;
    bool later = false;
    int64_t still;

    if (store_execute(db, error, NULL, "UPDATE partner_state SET failures = failures WHERE partner = $1", STORE_VALUES(store_string(t->partner))) || /* the lock */
        store_execute(db, error, &still, "UPDATE message_in SET answer = $2 WHERE id = $1 AND state = 'waiting' AND ready = 1",
                      STORE_VALUES(store_integer(t->id), store_string(t->said))) || !still)
        return (int)error->code;
    if (t->result == REFUSED) return dead(db, t, error);
    if (t->result == LATER_AGAIN)
        return store_execute(db, error, NULL, "UPDATE message_in SET attempts = attempts + 1, next_at = $2 WHERE id = $1",
                             STORE_VALUES(store_integer(t->id), store_integer(clock_lease() + module_back_off(t->attempts))));
    if (!strcmp(t->kind, "Receipt") && after_receipt(db, t, &later, error)) return (int)error->code;
    if (later)
        return store_execute(db, error, NULL, "UPDATE message_in SET next_at = $2 WHERE id = $1", STORE_VALUES(store_integer(t->id), store_integer(clock_lease() + DOUBT_MILLISECONDS)));
    if (store_execute(db, error, NULL, "UPDATE message_in SET state = 'taken', ready = 0, attempts = attempts + 1, finished = $2 WHERE id = $1",
                      STORE_VALUES(store_integer(t->id), store_integer(clock_now()))) ||
        gate_in_advance(db, t->partner, t->module, t->document_no, t->sequence, error))
        return (int)error->code;
    return 0;
}

/* ---- the next one */

static int load(struct taking *t, struct store_connection *reader, bool *found, struct error *error)
{
    struct store_rows rows;
    struct { char *out; size_t size; } texts[] = {{t->partner, sizeof t->partner}, {t->file, sizeof t->file}, {t->message_id, sizeof t->message_id},
                                                  {t->kind, sizeof t->kind}, {t->module, sizeof t->module}, {t->document_no, sizeof t->document_no}};
    size_t length;

    if (store_query(reader, &rows, error,
                    "SELECT partner, file, message_id, kind, module, document_no, content, id, sequence, attempts, bytes FROM message_in WHERE state = 'waiting' AND ready = 1 AND "
                    GATE_OVER("next_at", "$1") " ORDER BY next_at, id LIMIT 1", STORE_VALUES(store_integer(clock_lease()))))
        return (int)error->code;
    *found = store_next(&rows);
    if (*found) {
        for (int i = 0; i < 6; i++) snprintf(texts[i].out, texts[i].size, "%s", store_column_text(&rows, i, NULL));
        const char *content = store_column_text(&rows, 6, &length);
        buffer_bytes(&t->content, content, length);
        t->id = store_column_integer(&rows, 7);
        t->sequence = store_column_integer(&rows, 8);
        t->attempts = store_column_integer(&rows, 9);
        const void *bytes = store_column_bytes(&rows, 10, &length);
        buffer_bytes(&t->bytes, bytes, length);
    }
    return store_end(&rows);
}

int gate_take_next(struct gate *gate, struct store_connection *reader, bool *more, struct error *error)
{
    struct taking *t = calloc(1, sizeof *t);

    *more = false;
    if (!t) return error_internal(error, "out of memory");
    t->gate = gate;
    buffer_init(&t->content, 4 * ENVELOPE_MAXIMUM);
    buffer_init(&t->bytes, ENVELOPE_MAXIMUM + 1);
    buffer_init(&t->answer, GATE_MODULE_MAXIMUM);
    if (!load(t, reader, more, error) && *more) {
        deliver(t);
        if (!store_write(gate->program->store, note_work, t, error)) gate_wake(gate, GATE_OUT);
        else gate_in_put_off(gate, t->id, error);
    }
    buffer_free(&t->content);
    buffer_free(&t->answer);
    buffer_free(&t->bytes);
    free(t);
    return (int)error->code;
}

/* ---- licences that cannot be sent */

struct telling {
    int64_t id, number;
    char partner[PARTNER_NAME_MAXIMUM + 1], module[16], document_no[160];
    bool told;
};

static int told_work(struct store_connection *db, void *argument, struct error *error)
{
    const struct telling *telling = argument;
    return store_execute(db, error, NULL, "UPDATE message_out SET told = 2 WHERE id = $1", STORE_VALUES(store_integer(telling->id)));
}

static int load_telling(struct telling *t, struct store_connection *reader, bool *found, struct error *error)
{
    struct store_rows rows;

    if (store_query(reader, &rows, error, "SELECT id, number, partner, module, document_no FROM message_out WHERE told = 1 ORDER BY id LIMIT 1", STORE_NO_VALUES))
        return (int)error->code;
    *found = store_next(&rows);
    if (*found) {
        t->id = store_column_integer(&rows, 0);
        t->number = store_column_integer(&rows, 1);
        snprintf(t->partner, sizeof t->partner, "%s", store_column_text(&rows, 2, NULL));
        snprintf(t->module, sizeof t->module, "%s", store_column_text(&rows, 3, NULL));
        snprintf(t->document_no, sizeof t->document_no, "%s", store_column_text(&rows, 4, NULL));
    }
    return store_end(&rows);
}

/* Whoever is not there is told later; what a module refuses is told to nobody. */
static void tell(struct gate *gate, const struct telling *t, int *status)
{
    const struct gate_sender *sender = gate_sender_named(gate, t->partner);
    char id[GATE_ID_SIZE], named[GATE_ID_SIZE + 16];
    struct buffer body, answer;
    struct json_writer json;
    struct error error;

    *status = 0;
    if (!sender) return;
    error_clear(&error);
    buffer_init(&body, 4096);
    buffer_init(&answer, 65536);
    json_writer_init(&json, &body);
    gate_message_id(t->partner, t->number, id);
    snprintf(named, sizeof named, "%s.failed", id);
    write_front(&json, sender->partner, named);
    json_put_string(&json, "licence_no", t->document_no);
    json_put_string(&json, "status", "SEND_FAILED");
    json_put_string(&json, "note", id);
    json_object_end(&json);
    ask_module(gate, t->module, "receipt", buffer_string(&body), &answer, status, &error);
    if (error.code) gate_complain("tell", &error);
    buffer_free(&body);
    buffer_free(&answer);
}

int gate_tell_next(struct gate *gate, struct store_connection *reader, bool *more, struct error *error)
{
    struct telling telling = {0};
    int status;

    *more = false;
    if (load_telling(&telling, reader, more, error) || !*more) return (int)error->code;
    tell(gate, &telling, &status);
    if (status >= 0) return store_write(gate->program->store, told_work, &telling, error);
    *more = false; /* at the next look */
    return 0;
}
