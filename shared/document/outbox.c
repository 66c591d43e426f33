#include "document/outbox.h"

#include "base/clock.h"
#include "base/random.h"
#include "document/internal.h"
#include "exchange/partners.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {"licence", "revocation", "application", "request"};
enum { KINDS = sizeof kind_names / sizeof *kind_names };

/* ---- adding */

int doc_outbox_add(struct store_connection *db, const struct doc_act *act, const char *kind, struct error *error)
{
    return store_execute(db, error, NULL, "INSERT INTO outbox (id, kind, document, created, sequence, opinion) VALUES ($1, $2, $3, $4, $5, $6)",
                         STORE_VALUES(store_integer(random_id(act->now)), store_string(kind), store_integer(act->id), store_integer(act->now),
                                      store_integer(act->row.event_sequence), store_string(act->opinion)));
}

/* Some documents have no application number: they are known by the number that they get when they are submitted. */
static const char *number_of(const struct doc_row *row) { return *row->application_no ? row->application_no : row->licence_no; }

static bool awaits_review(const struct form *form, const struct doc_row *row)
{
    for (size_t i = 0; i < form->action_count; i++) {
        const struct form_action *action = &form->actions[i];
        if (action->by == ACTOR_AGENCY && action->machine == MACHINE_MAIN && action->kind == ACTION_TRANSITION &&
            (action->right & (RIGHT_FIRST_REVIEW | RIGHT_SECOND_REVIEW)) && form_action_allowed_from(action, row->state[MACHINE_MAIN]))
            return true;
    }
    return false;
}

static int write_enterprise(struct store_connection *db, const struct doc_act *act, struct json_writer *json, struct error *error)
{
    struct store_rows rows;

    if (store_query(db, &rows, error, "SELECT enterprise_name FROM document WHERE id = $1", STORE_VALUES(store_integer(act->id)))) return (int)error->code;
    json_put_string(json, "enterprise_name", store_next(&rows) ? store_column_text(&rows, 0, NULL) : "");
    return store_end(&rows);
}

static int write_files(struct store_connection *db, const struct doc_act *act, struct json_writer *json, int64_t *count, struct error *error)
{
    struct store_rows rows;

    json_name(json, "files");
    json_array(json);
    if (store_query(db, &rows, error, "SELECT id, type, block, row_id, file_name, media_type, size, sha256 FROM attachment WHERE document = $1 ORDER BY id",
                    STORE_VALUES(store_integer(act->id))))
        return (int)error->code;
    for (*count = 0; store_next(&rows); ++*count) {
        json_object(json);
        json_put_id(json, "id", store_column_integer(&rows, 0));
        json_put_string(json, "type", store_column_text(&rows, 1, NULL));
        json_put_string(json, "block", store_column_text(&rows, 2, NULL));
        json_put_integer(json, "row_id", store_column_integer(&rows, 3));
        json_put_string(json, "file_name", store_column_text(&rows, 4, NULL));
        json_put_string(json, "media_type", store_column_text(&rows, 5, NULL));
        json_put_integer(json, "size", store_column_integer(&rows, 6));
        json_put_string(json, "sha256", store_column_text(&rows, 7, NULL));
        json_object_end(json);
    }
    json_array_end(json);
    return store_end(&rows);
}

static int write_details(struct store_connection *db, const struct doc_act *act, struct json_writer *json, int64_t *files, struct error *error)
{
    const struct doc_row *row = &act->row;

    json_object(json);
    json_put_string(json, "form", act->form->name);
    json_put_integer(json, "form_version", act->form->version);
    json_put_string(json, "form_no", row->form_no);
    json_put_string(json, "enterprise_code", row->enterprise_code);
    json_put_string(json, "uscc", act->principal->uscc);
    json_put_string(json, "applicant", principal_person(act->principal));
    if (write_enterprise(db, act, json, error)) return (int)error->code;
    if (act->body.length && write_files(db, act, json, files, error)) return (int)error->code;
    json_object_end(json);
    return 0;
}

static int remember_number(struct store_connection *db, const struct doc_act *act, struct error *error)
{
    return store_execute(db, error, NULL, "INSERT INTO application_sent (application_no, document) VALUES ($1, $2) ON CONFLICT (application_no) DO NOTHING",
                         STORE_VALUES(store_string(number_of(&act->row)), store_integer(act->id)));
}

static int insert(struct store_connection *db, const struct doc_act *act, const char *kind, const struct buffer *details, int64_t parts, struct error *error)
{
    return store_execute(db, error, NULL,
        "INSERT INTO outbox (id, kind, document, created, sequence, agency, document_no, action, opinion, parts, details, body) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        STORE_VALUES(store_integer(random_id(act->now)), store_string(kind), store_integer(act->id), store_integer(act->now),
                     store_integer(act->row.event_sequence), store_string(act->row.agency), store_string(number_of(&act->row)),
                     store_string(act->action->name), store_string(act->opinion), store_integer(parts), store_text(details->data, details->length),
                     store_text(act->body.length ? act->body.data : "", act->body.length)));
}

/* Of what was submitted before the authority was asked it knows nothing: the desk had it. */
static int was_asked(struct store_connection *db, const struct doc_act *act, bool *asked, struct error *error)
{
    struct store_rows rows;

    if (store_query(db, &rows, error, "SELECT 1 FROM application_sent WHERE application_no = $1", STORE_VALUES(store_string(number_of(&act->row)))))
        return (int)error->code;
    *asked = store_next(&rows);
    return store_end(&rows);
}

int doc_outbox_review(struct store_connection *db, const struct doc_act *act, struct error *error)
{
    const struct form_action *action = act->action;
    bool application = action->complete && awaits_review(act->form, &act->row);
    bool request = !action->complete && action->by == ACTOR_APPLICANT && (action->machine == MACHINE_MAIN || action->machine == MACHINE_WITHDRAW);
    struct json_writer json;
    struct buffer details;
    int64_t files = 0;
    int code;

    if (!partners_reviewing(act->module->partners, act->module->name, act->row.agency)) return 0;
    if (request && was_asked(db, act, &request, error)) return (int)error->code;
    if (!application && !request) return 0;
    buffer_init(&details, 0);
    json_writer_init(&json, &details);
    code = write_details(db, act, &json, &files, error);
    if (!code && details.failed) code = error_internal(error, "out of memory");
    if (!code && application) code = remember_number(db, act, error);
    if (!code) code = insert(db, act, application ? "application" : "request", &details, files + 1, error);
    buffer_free(&details);
    return code;
}

/* ---- claiming */

unsigned outbox_kinds(const char *text)
{
    unsigned kinds = 0;

    for (;;) {
        size_t length = strcspn(text, ",");
        int found = 0;
        while (found < KINDS && (strlen(kind_names[found]) != length || strncmp(kind_names[found], text, length) != 0)) found++;
        if (found == KINDS) return 0;
        kinds |= 1u << found;
        if (!text[length]) return kinds;
        text += length + 1;
    }
}

static struct store_value kind_value(unsigned kinds, int kind) { return store_string(kinds & 1u << kind ? kind_names[kind] : ""); }

int outbox_waits(struct store_connection *reader, unsigned kinds, bool *waits, struct error *error)
{
    struct store_rows rows;

    *waits = false;
    if (store_query(reader, &rows, error, "SELECT 1 FROM outbox WHERE lease < $1 AND kind IN ($2, $3, $4, $5) LIMIT 1",
                    STORE_VALUES(store_integer(clock_lease()), kind_value(kinds, 0), kind_value(kinds, 1), kind_value(kinds, 2), kind_value(kinds, 3))))
        return (int)error->code;
    *waits = store_next(&rows);
    return store_end(&rows);
}

struct claimed {
    int64_t id, document, parts, quantity;
    char kind[16], agency[16], document_no[40], unit[16], issued[12], valid_until[12];
    bool licence; /* or its revocation: what is known of it stands in the document */
};

#define COPY(target, column) snprintf(target, sizeof target, "%s", store_column_text(&rows, column, NULL))

static int by_id(const void *a, const void *b)
{
    const struct claimed *one = a, *other = b;
    return one->id < other->id ? -1 : one->id > other->id;
}

/* Of each document the oldest of these kinds, however long it has been claimed: the next waits until that one is acknowledged. */
static int claim(struct store_connection *db, unsigned kinds, int64_t most, struct claimed *claimed, size_t *count, struct error *error)
{
    struct store_rows rows;
    int64_t now = clock_lease();

    *count = 0;
    if (store_query(db, &rows, error,
                    "UPDATE outbox SET lease = $1, attempts = attempts + 1 WHERE id IN (SELECT o.id FROM outbox o WHERE o.lease < $2 AND o.kind IN ($4, $5, $6, $7) "
                    "AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.document = o.document AND e.kind IN ($4, $5, $6, $7) AND "
                    "(e.sequence < o.sequence OR (e.sequence = o.sequence AND e.id < o.id))) ORDER BY o.id LIMIT $3 {for update} {skip locked}) "
                    "RETURNING id, kind, document, agency, document_no, parts",
                    STORE_VALUES(store_integer(now + OUTBOX_LEASE_MILLISECONDS), store_integer(now), store_integer(most), kind_value(kinds, 0),
                                 kind_value(kinds, 1), kind_value(kinds, 2), kind_value(kinds, 3))))
        return (int)error->code;
    while (store_next(&rows) && *count < OUTBOX_CLAIM_MAXIMUM) {
        struct claimed *one = &claimed[(*count)++];
        *one = (struct claimed){.id = store_column_integer(&rows, 0), .document = store_column_integer(&rows, 2), .parts = store_column_integer(&rows, 5)};
        COPY(one->kind, 1);
        COPY(one->agency, 3);
        COPY(one->document_no, 4);
        one->licence = !strcmp(one->kind, "licence") || !strcmp(one->kind, "revocation");
    }
    if (store_end(&rows)) return (int)error->code;
    qsort(claimed, *count, sizeof *claimed, by_id);
    return 0;
}

static int read_licence(struct store_connection *db, struct claimed *one, struct error *error)
{
    struct store_rows rows;

    if (store_query(db, &rows, error, "SELECT licence_no, quantity, unit, issued, valid_until, agency FROM document WHERE id = $1",
                    STORE_VALUES(store_integer(one->document))))
        return (int)error->code;
    if (store_next(&rows)) {
        COPY(one->document_no, 0);
        one->quantity = store_column_integer(&rows, 1);
        COPY(one->unit, 2);
        COPY(one->issued, 3);
        COPY(one->valid_until, 4);
        COPY(one->agency, 5);
    }
    return store_end(&rows);
}

static void write_message(const struct claimed *one, struct json_writer *json)
{
    json_object(json);
    json_put_id(json, "id", one->id);
    json_put_string(json, "kind", one->kind);
    json_put_id(json, "document", one->document);
    json_put_string(json, "agency", one->agency);
    json_put_string(json, "document_no", one->document_no);
    json_put_integer(json, "parts", one->parts);
    json_object_end(json);
}

static void write_licence(const struct claimed *one, struct json_writer *json)
{
    char name[24];

    snprintf(name, sizeof name, "%lld", (long long)one->document);
    json_name(json, name);
    json_object(json);
    json_put_string(json, "licence_no", one->document_no);
    json_put_decimal(json, "quantity", one->quantity, 0);
    json_put_string(json, "unit", one->unit);
    json_put_string(json, "issued", one->issued);
    json_put_string(json, "valid_until", one->valid_until);
    json_object_end(json);
}

int outbox_claim(struct store_connection *db, unsigned kinds, int64_t count, struct json_writer *json, struct error *error)
{
    struct claimed claimed[OUTBOX_CLAIM_MAXIMUM];
    size_t found;

    if (claim(db, kinds, count, claimed, &found, error)) return (int)error->code;
    for (size_t i = 0; i < found; i++)
        if (claimed[i].licence && read_licence(db, &claimed[i], error)) return (int)error->code;
    json_object(json);
    json_name(json, "messages");
    json_array(json);
    for (size_t i = 0; i < found; i++) write_message(&claimed[i], json);
    json_array_end(json);
    json_name(json, "licences");
    json_object(json);
    for (size_t i = 0; i < found; i++)
        if (claimed[i].licence) write_licence(&claimed[i], json);
    json_object_end(json);
    json_object_end(json);
    return 0;
}

int outbox_acknowledge(struct store_connection *db, int64_t id, struct error *error)
{
    return store_execute(db, error, NULL, "DELETE FROM outbox WHERE id = $1", STORE_VALUES(store_integer(id)));
}
