/* What administrators see of the gateway, and do: look, try again, drop. */
#include "gateway.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "service/input.h"
#include "service/page.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAXIMUM 262144 /* bytes that are shown of a message */

/* ---- partners */

static void put_agencies(struct web_call *call, const struct partner *partner)
{
    json_name(&call->json, "reviews");
    json_object(&call->json);
    for (size_t i = 0; i < partner->review_count; i++) {
        const char *module = partner->reviews[i].module;
        size_t first = 0;
        while (strcmp(partner->reviews[first].module, module) != 0) first++;
        if (first < i) continue; /* had with the first of its module */
        json_name(&call->json, module);
        json_array(&call->json);
        for (size_t k = i; k < partner->review_count; k++)
            if (!strcmp(partner->reviews[k].module, module)) json_string(&call->json, partner->reviews[k].agency);
        json_array_end(&call->json);
    }
    json_object_end(&call->json);
}

/* What is open is little, and has its index, which SQLite takes only when its condition stands there word by word. */
#define OPEN_OUT "partner = $1 AND state IN ('waiting', 'failed')"
#define OPEN_IN "partner = $1 AND state IN ('waiting', 'dead', 'received')"

static const char state_sql[] =
    "SELECT last_number_out, highest_number_in - count_in, paused_until, answer, last_heard, "
    "(SELECT COUNT(id) FROM message_out WHERE " OPEN_OUT " AND state = 'waiting'), (SELECT COUNT(id) FROM message_out WHERE " OPEN_OUT " AND state = 'failed'), "
    "(SELECT MIN(created) FROM message_out WHERE " OPEN_OUT " AND state = 'waiting'), "
    "(SELECT COUNT(id) FROM message_in WHERE " OPEN_IN " AND state <> 'dead'), (SELECT COUNT(id) FROM message_in WHERE " OPEN_IN " AND state = 'dead') "
    "FROM partner_state WHERE partner = $1";

static int put_state(struct web_call *call, const char *partner)
{
    struct store_rows rows;

    if (store_query(reader_of(call), &rows, &call->error, state_sql, STORE_VALUES(store_string(partner)))) return (int)call->error.code;
    if (store_next(&rows)) {
        int64_t paused = store_column_integer(&rows, 2);
        json_name(&call->json, "out");
        json_object(&call->json);
        json_put_integer(&call->json, "waiting", store_column_integer(&rows, 5));
        json_put_instant(&call->json, "oldest", store_column_integer(&rows, 7));
        json_put_integer(&call->json, "failed", store_column_integer(&rows, 6));
        json_put_integer(&call->json, "number", store_column_integer(&rows, 0));
        json_object_end(&call->json);
        json_name(&call->json, "in");
        json_object(&call->json);
        json_put_integer(&call->json, "waiting", store_column_integer(&rows, 8));
        json_put_integer(&call->json, "dead", store_column_integer(&rows, 9));
        json_put_instant(&call->json, "heard", store_column_integer(&rows, 4));
        json_put_integer(&call->json, "missing", store_column_integer(&rows, 1));
        json_object_end(&call->json);
        json_put_instant(&call->json, "paused_until", paused > clock_lease() ? paused : 0);
        json_put_string(&call->json, "answer", store_column_text(&rows, 3, NULL));
    }
    return store_end(&rows);
}

static int gateway_get(struct web_call *call)
{
    const struct gate *gate = program_of(call)->gate;

    json_object(&call->json);
    json_name(&call->json, "partners");
    json_array(&call->json);
    for (size_t i = 0; gate && i < gate->count && !call->error.code; i++) {
        const struct partner *partner = gate->senders[i].partner;
        json_object(&call->json);
        json_put_string(&call->json, "name", partner->name);
        json_put_words(&call->json, "title", partner->title_zh, partner->title_en);
        json_put_string(&call->json, "way", partner->folder ? "folder" : "https");
        json_name(&call->json, "clears");
        json_array(&call->json);
        for (size_t k = 0; k < partner->clear_count; k++) json_string(&call->json, partner->clears[k]);
        json_array_end(&call->json);
        put_agencies(call, partner);
        put_state(call, partner->name);
        json_object_end(&call->json);
    }
    json_array_end(&call->json);
    json_object_end(&call->json);
    return (int)call->error.code;
}

/* ---- messages */

#define IN_COLUMNS "id, 'in', partner, kind, module, document_no, message_id, number, sequence, state, file, received, attempts, next_at, finished, answer, problems, " \
    "handled_by, reason, ready"
#define OUT_COLUMNS "id, 'out', partner, kind, module, document_no, '', number, sequence, state, '', created, attempts, next_at, finished, answer, '', handled_by, reason, " \
    "CAST(1 AS SMALLINT)"

/* The first of a JSON list, or the whole list. */
static void put_problems(struct web_call *call, const char *problems, size_t length, bool all)
{
    const struct json *list = length ? json_tree(arena_copy(&call->arena, problems, length), length, &call->arena, &call->error) : NULL;

    json_name(&call->json, "problem");
    if (list && list->first) json_tree_write(list->first, NULL, &call->json);
    else json_null(&call->json);
    if (!all) return;
    json_name(&call->json, "problems");
    if (list) json_tree_write(list, NULL, &call->json);
    else json_raw(&call->json, "[]", 2);
}

static void put_message(struct web_call *call, struct store_rows *rows, bool all)
{
    static const char *const names[] = {"id", "direction", "partner", "kind", "module", "document_no", "message_id", "number", "sequence", "state", "file",
                                        "created", "attempts", "next_at", "finished", "answer", NULL, "handled_by", "reason"};
    bool out = !strcmp(store_column_text(rows, 1, NULL), "out"), waits = !strcmp(store_column_text(rows, 9, NULL), "waiting");
    const char *problems;
    char id[GATE_ID_SIZE];
    size_t length;

    json_put_id(&call->json, "id", store_column_integer(rows, 0));
    for (int i = 1; i < 19; i++) {
        if (i == 6 && out) {
            gate_message_id(store_column_text(rows, 2, NULL), store_column_integer(rows, 7), id);
            json_put_string(&call->json, "message_id", id);
        } else if (i == 7 || i == 8 || (i >= 11 && i <= 14)) {
            json_put_integer(&call->json, names[i], store_column_integer(rows, i));
        } else if (names[i]) {
            json_put_string(&call->json, names[i], store_column_text(rows, i, NULL));
        }
    }
    json_put_boolean(&call->json, "gap", !out && waits && !store_column_integer(rows, 19));
    problems = store_column_text(rows, 16, &length);
    put_problems(call, problems, length, all);
}

static void put_listed(struct web_call *call, struct store_rows *rows) { put_message(call, rows, false); }

/* The condition that leaves fewest messages finds them by its index, which is on an expression; the others are written so that none is on them. What
   is still to be settled is little, what is over is nearly all. */
static void take_conditions(struct web_call *call, struct service_conditions *conditions)
{
    static const char *const by_column[][3] = {{"document", "document_no || '' = $", "COALESCE(document_no, '') = $"}, {"state", "state || '' = $", "COALESCE(state, '') = $"},
                                               {"kind", "kind || '' = $", "COALESCE(kind, '') = $"}, {"partner", "partner || '' = $", "COALESCE(partner, '') = $"}};
    const char *state = web_query(call, "state");
    bool over = state && (!strcmp(state, "taken") || !strcmp(state, "sent"));
    static const int common[] = {0, 2, 3, 1}, open[] = {0, 1, 2, 3};

    for (int i = 0; i < 4; i++) {
        const char *const *column = by_column[over ? common[i] : open[i]];
        service_condition_query(call, conditions, column[conditions->count ? 2 : 1], column[0]);
    }
}

static int messages_get(struct web_call *call)
{
    const char *direction = web_query(call, "direction");
    struct service_conditions conditions = {.count = 0};
    struct service_list list = {IN_COLUMNS, "message_in", "id DESC", &conditions, put_listed};

    if (!direction || (strcmp(direction, "in") != 0 && strcmp(direction, "out") != 0)) {
        error_set(&call->error, ERROR_INVALID, "direction", "direction 应为 in 或 out。", "direction is in or out.");
        error_field(&call->error, "direction");
        return (int)call->error.code;
    }
    if (!strcmp(direction, "out")) {
        list.columns = OUT_COLUMNS;
        list.from = "message_out";
    }
    take_conditions(call, &conditions);
    return service_list(call, &list);
}

static int not_found(struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "not_found", "没有这份报文。", "There is no such message.");
}

/* The bytes of a message as they came or left, and what a file of them is called. */
static int load_bytes(struct web_call *call, int64_t id, const char **bytes, size_t *length, const char **name)
{
    struct store_rows rows;
    char own[GATE_ID_SIZE];

    *bytes = NULL;
    if (store_query(reader_of(call), &rows, &call->error, "SELECT bytes, file, message_id FROM message_in WHERE id = $1", STORE_VALUES(store_integer(id))))
        return (int)call->error.code;
    if (store_next(&rows)) {
        const void *stored = store_column_bytes(&rows, 0, length);
        const char *file = store_column_text(&rows, 1, NULL), *given = store_column_text(&rows, 2, NULL);
        *bytes = arena_copy(&call->arena, stored ? stored : "", *length);
        *name = *file ? arena_text(&call->arena, file) : arena_printf(&call->arena, "%s.xml", *given ? given : "message");
    }
    if (store_end(&rows) || *bytes) return (int)call->error.code;
    if (store_query(reader_of(call), &rows, &call->error, "SELECT text, content, partner, number FROM message_out WHERE id = $1", STORE_VALUES(store_integer(id))))
        return (int)call->error.code;
    if (store_next(&rows)) {
        const char *text = store_column_text(&rows, 0, length);
        if (!*length) text = store_column_text(&rows, 1, length);
        gate_message_id(store_column_text(&rows, 2, NULL), store_column_integer(&rows, 3), own);
        *bytes = arena_copy(&call->arena, text, *length);
        *name = arena_printf(&call->arena, "%s.xml", own);
    }
    if (store_end(&rows) || *bytes) return (int)call->error.code;
    return not_found(&call->error);
}

/* Whatever it is, as text: a question mark for each byte that is none. */
static void put_text(struct web_call *call, const char *bytes, size_t length)
{
    struct buffer text;
    uint32_t character;
    bool truncated = length > TEXT_MAXIMUM;

    buffer_init(&text, TEXT_MAXIMUM + 8);
    if (truncated) length = TEXT_MAXIMUM;
    for (size_t at = 0; at < length;) {
        size_t step = utf8_decode(bytes + at, length - at, &character);
        bool good = step && (character >= ' ' || character == '\n' || character == '\r' || character == '\t');
        buffer_bytes(&text, good ? bytes + at : "?", good ? step : 1);
        at += step ? step : 1;
    }
    json_put_text(&call->json, "text", buffer_string(&text), text.length);
    json_put_boolean(&call->json, "truncated", truncated);
    buffer_free(&text);
}

static int message_get(struct web_call *call)
{
    struct store_rows rows;
    const char *bytes = "", *name = "";
    size_t length = 0;
    int64_t id;

    if (web_parameter_id(call, 0, &id) || load_bytes(call, id, &bytes, &length, &name) ||
        store_query(reader_of(call), &rows, &call->error, "SELECT " IN_COLUMNS " FROM message_in WHERE id = $1 UNION ALL SELECT " OUT_COLUMNS " FROM message_out WHERE id = $1", STORE_VALUES(store_integer(id))))
        return (int)call->error.code;
    json_object(&call->json);
    if (store_next(&rows)) put_message(call, &rows, true);
    if (store_end(&rows)) return (int)call->error.code;
    put_text(call, bytes, length);
    json_object_end(&call->json);
    return (int)call->error.code;
}

static int file_get(struct web_call *call)
{
    const char *bytes = "", *name = "";
    size_t length = 0;
    int64_t id;

    if (web_parameter_id(call, 0, &id) || load_bytes(call, id, &bytes, &length, &name)) return (int)call->error.code;
    buffer_bytes(&call->out, bytes, length);
    web_answer_file(call, "application/xml", name, true);
    return 0;
}

const struct web_route gate_admin_routes[] = {
    {"GET", "/api/exchange/gateway", gateway_get, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/api/exchange/messages", messages_get, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/api/exchange/messages/:id", message_get, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/api/exchange/messages/:id/file", file_get, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {0}};
