/* From the modules' outboxes to message_out: claims, fetches the parts, keeps each with its number, acknowledges. Who dies in between leaves the claim
   to its lease; a part that is kept already is not kept again. */
#include "gateway.h"

#include "base/clock.h"
#include "base/json_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLAIM 20
#define LOOK_MILLISECONDS 5000 /* without being woken: what a program that died had claimed */
#define RETRY_MILLISECONDS 500
#define PARTS_MAXIMUM 1000

struct row { /* of an outbox */
    const char *module, *id, *kind, *agency, *document_no;
    int64_t document, parts;
};

/* The element that each part is; attachments come before it. */
static const char *const kinds[][2] = {{"application", "Application"}, {"request", "Request"}, {"licence", "Licence"}, {"revocation", "Revocation"}};

static const char *element_of(const struct row *row, int64_t part)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(row->kind, kinds[i][0])) return part < row->parts ? "Attachment" : kinds[i][1];
    return NULL;
}

static const struct partner *partner_of(const struct gate *gate, const struct row *row)
{
    bool licence = !strcmp(row->kind, "licence") || !strcmp(row->kind, "revocation");
    return licence ? partners_clearing(gate->partners, row->module) : partners_reviewing(gate->partners, row->module, row->agency);
}

/* Which kinds of a module there is a partner for; "" for none. */
static const char *kinds_of(const struct gate *gate, const char *module)
{
    bool reviewed = false, cleared = partners_clearing(gate->partners, module) != NULL;

    for (size_t i = 0; i < gate->count; i++)
        for (size_t k = 0; k < gate->senders[i].partner->review_count; k++)
            reviewed = reviewed || !strcmp(gate->senders[i].partner->reviews[k].module, module);
    return reviewed && cleared ? "licence,revocation,application,request" : reviewed ? "application,request" : cleared ? "licence,revocation" : "";
}

/* ---- keeping */

struct keeping {
    const struct partner *partner;
    const struct row *row;
    int64_t part;
    const struct buffer *content;
};

static int keep_work(struct store_connection *db, void *argument, struct error *error)
{
    const struct keeping *k = argument;
    const struct row *row = k->row;
    int64_t source = strtoll(row->id, NULL, 10), there = 0;
    struct store_rows rows;
    const struct gate_out out = {.partner = k->partner->name, .kind = element_of(row, k->part), .module = row->module, .document_no = row->document_no,
                                 .content = buffer_string(k->content), .length = k->content->length, .document = row->document,
                                 .source = source, .part = k->part};

    if (store_execute(db, error, NULL, "UPDATE partner_state SET failures = failures WHERE partner = $1", STORE_VALUES(store_string(out.partner))) || /* the lock */
        store_query(db, &rows, error, "SELECT COUNT(id) FROM message_out WHERE module = $1 AND source = $2 AND part = $3 AND source <> 0",
                    STORE_VALUES(store_string(row->module), store_integer(source), store_integer(k->part))))
        return (int)error->code;
    if (store_next(&rows)) there = store_column_integer(&rows, 0);
    if (store_end(&rows) || there) return (int)error->code;
    return gate_out_put(db, &out, error);
}

static int fetch(const struct gate *gate, const struct row *row, int64_t part, struct buffer *content, struct error *error)
{
    char path[120];

    snprintf(path, sizeof path, "/internal/%s/outbox/%s/parts/%lld", row->module, row->id, (long long)part);
    buffer_reset(content);
    return web_internal_request(gate->program->server, "GET", path, NULL, GATE_REQUEST_MILLISECONDS, content, error);
}

static int acknowledge(const struct gate *gate, const struct row *row, struct error *error)
{
    struct buffer answer;
    char path[120];

    buffer_init(&answer, 4096);
    snprintf(path, sizeof path, "/internal/%s/outbox/%s/ack", row->module, row->id);
    web_internal_request(gate->program->server, "POST", path, "{}", GATE_REQUEST_MILLISECONDS, &answer, error);
    buffer_free(&answer);
    return (int)error->code;
}

static int keep(const struct gate *gate, const struct row *row, struct error *error)
{
    const struct partner *partner = partner_of(gate, row);
    struct buffer content;

    if (!partner || !element_of(row, row->parts) || row->parts < 1 || row->parts > PARTS_MAXIMUM)
        return error_internal(error, "%s: outbox row %s (%s, agency %s) has no partner, or no parts", row->module, row->id, row->kind, row->agency);
    buffer_init(&content, ENVELOPE_MAXIMUM);
    for (int64_t part = 1; part <= row->parts && !error->code; part++) {
        struct keeping keeping = {partner, row, part, &content};
        if (!fetch(gate, row, part, &content, error) && !store_write(gate->program->store, keep_work, &keeping, error)) gate_wake((struct gate *)gate, GATE_OUT);
    }
    buffer_free(&content);
    return error->code ? (int)error->code : acknowledge(gate, row, error);
}

/* ---- claiming */

static struct row read_row(const struct json *json, const char *module)
{
    return (struct row){.module = module, .id = json_member_text(json, "id", "0"), .kind = json_member_text(json, "kind", ""),
                        .agency = json_member_text(json, "agency", ""), .document_no = json_member_text(json, "document_no", ""),
                        .document = strtoll(json_member_text(json, "document", "0"), NULL, 10), .parts = json_member_integer(json, "parts", 0)};
}

/* One claim of one module. A row that fails is left to its lease and told; the others of the claim go on, for they are of other documents. */
static int step(const struct gate *gate, const char *module, const char *wanted, bool *more, struct error *error)
{
    struct arena arena;
    struct buffer answer;
    const struct json *list = NULL;
    char path[160];

    arena_init(&arena, 0);
    buffer_init(&answer, GATE_MODULE_MAXIMUM);
    snprintf(path, sizeof path, "/internal/%s/outbox/claim?count=%d&kinds=%s", module, CLAIM, wanted);
    if (!web_internal_request(gate->program->server, "POST", path, "{}", GATE_REQUEST_MILLISECONDS, &answer, error))
        list = json_member(json_tree(buffer_string(&answer), answer.length, &arena, error), "messages");
    JSON_EACH(item, list) {
        struct row row = read_row(item, module);
        struct error own;
        error_clear(&own);
        if (!keep(gate, &row, &own)) continue;
        if (own.code != ERROR_UNAVAILABLE) {
            gate_complain("relay", &own);
            continue;
        }
        *error = own; /* the module, or our database, is away */
        break;
    }
    *more = !error->code && list && list->count == CLAIM;
    buffer_free(&answer);
    arena_free(&arena);
    return (int)error->code;
}

void *gate_relay_run(void *argument)
{
    struct gate *gate = argument;
    const struct program *program = gate->program;
    unsigned seen = 0;
    int wait = 0;

    while (!gate_wait(gate, GATE_RELAY, &seen, wait)) {
        wait = LOOK_MILLISECONDS;
        for (int i = 0; i < program->module_count && !gate->stopping; i++) {
            const char *wanted = kinds_of(gate, program->modules[i]);
            bool more = *wanted != '\0';
            struct error error;
            error_clear(&error);
            while (more && !gate->stopping && !step(gate, program->modules[i], wanted, &more, &error)) ;
            if (!error.code) continue;
            gate_complain("relay", &error);
            wait = RETRY_MILLISECONDS;
        }
    }
    return NULL;
}
