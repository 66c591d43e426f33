#include "document/status.h"

#include "base/clock.h"
#include "base/date.h"
#include "base/random.h"
#include "document/internal.h"

#include <stdio.h>
#include <string.h>

static int add(struct store_connection *db, const struct doc_row *row, int machine, const char *from, const char *opinion, int64_t now,
               struct error *error)
{
    return store_execute(db, error, NULL,
        "INSERT INTO status_event (id, document, owner, creator, agency, form, application_no, form_no, licence_no, machine, from_state, to_state, "
        "sequence, opinion, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        STORE_VALUES(store_integer(random_id(now)), store_integer(row->id), store_integer(row->enterprise), store_integer(row->creator),
                     store_string(row->agency), store_string(row->form), store_string(row->application_no), store_string(row->form_no),
                     store_string(row->licence_no), store_integer(machine), store_string(from), store_string(row->state[machine]),
                     store_integer(row->event_sequence), store_string(opinion), store_integer(now)));
}

int doc_status_add(struct store_connection *db, const struct doc_row *row, char (*before)[32], const char *opinion, int64_t now, struct error *error)
{
    for (int machine = 0; machine < MACHINE_COUNT; machine++)
        if (strcmp(before[machine], row->state[machine]) && add(db, row, machine, before[machine], opinion, now, error)) return (int)error->code;
    return 0;
}

int status_waits(struct store_connection *reader, bool *waits, struct error *error)
{
    struct store_rows rows;

    *waits = false;
    if (store_query(reader, &rows, error, "SELECT 1 FROM status_event WHERE lease < $1 LIMIT 1", STORE_VALUES(store_integer(clock_lease()))))
        return (int)error->code;
    *waits = store_next(&rows);
    return store_end(&rows);
}

static void write_words(const struct form *form, int machine, const char *to, struct json_writer *json)
{
    const struct form_state *state = form ? form_state_find(form, (enum form_machine)machine, to) : NULL;

    json_put_words(json, "title", form ? form->title.zh : "", form ? form->title.en : "");
    json_put_words(json, "label", state ? state->words.zh : to, state ? state->words.en : to);
}

static void write_event(struct store_rows *rows, const struct doc_module *module, struct json_writer *json)
{
    int64_t stored = store_column_integer(rows, 8);
    int machine = stored >= 0 && stored < MACHINE_COUNT ? (int)stored : MACHINE_MAIN;

    json_object(json);
    json_put_id(json, "id", store_column_integer(rows, 0));
    json_put_id(json, "document", store_column_integer(rows, 1));
    json_put_integer(json, "owner", store_column_integer(rows, 2));
    json_put_id(json, "creator", store_column_integer(rows, 3));
    json_put_string(json, "agency", store_column_text(rows, 4, NULL));
    json_put_string(json, "form", store_column_text(rows, 5, NULL));
    json_put_string(json, "application_no", store_column_text(rows, 6, NULL));
    json_put_string(json, "licence_no", store_column_text(rows, 7, NULL));
    json_put_string(json, "machine", form_machine_names[machine]);
    json_put_string(json, "from", store_column_text(rows, 9, NULL));
    json_put_string(json, "to", store_column_text(rows, 10, NULL));
    json_put_integer(json, "at", store_column_integer(rows, 11));
    json_put_integer(json, "sequence", store_column_integer(rows, 12));
    json_put_string(json, "form_no", store_column_text(rows, 13, NULL));
    json_put_string(json, "opinion", store_column_text(rows, 14, NULL));
    write_words(doc_form(module, store_column_text(rows, 5, NULL), date_of_instant(clock_now())), machine, store_column_text(rows, 10, NULL), json);
    json_object_end(json);
}

int status_claim(struct store_connection *db, const struct doc_module *module, int64_t count, struct json_writer *json, struct error *error)
{
    struct store_rows rows;
    int64_t now = clock_lease();

    if (store_query(db, &rows, error,
                    "UPDATE status_event SET lease = $1 WHERE id IN (SELECT id FROM status_event WHERE lease < $2 ORDER BY id LIMIT $3 "
                    "{for update} {skip locked}) RETURNING id, document, owner, creator, agency, form, application_no, licence_no, machine, "
                    "from_state, to_state, at, sequence, form_no, opinion",
                    STORE_VALUES(store_integer(now + STATUS_LEASE_MILLISECONDS), store_integer(now), store_integer(count))))
        return (int)error->code;
    json_object(json);
    json_name(json, "events");
    json_array(json);
    while (store_next(&rows)) write_event(&rows, module, json);
    json_array_end(json);
    json_object_end(json);
    return store_end(&rows);
}

int status_acknowledge(struct store_connection *db, const int64_t *ids, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++)
        if (store_execute(db, error, NULL, "DELETE FROM status_event WHERE id = $1", STORE_VALUES(store_integer(ids[i])))) return (int)error->code;
    return 0;
}
