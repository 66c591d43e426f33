/* Who did what when: a hash chain per document. Each event's hash covers the document, its place in the chain, the hash before
   it, the actor, the time, the states, the opinion and the body as it then was. */
#include "document/internal.h"

#include <stdio.h>
#include <string.h>

/* Lengths stand before texts, so that no two different events give the same bytes. */
static void add_text(struct buffer *out, const char *text)
{
    size_t length = strlen(text);

    buffer_printf(out, "%zu:", length);
    buffer_bytes(out, text, length);
}

int doc_chain_hash(int64_t document, const char *previous, const struct doc_chained *event, char hash[72], struct error *error)
{
    struct buffer out;

    buffer_init(&out, 65536);
    buffer_printf(&out, "%lld:%lld:%lld:%lld:%lld:", (long long)document, (long long)event->sequence, (long long)event->at,
                  (long long)event->actor, (long long)event->actor_kind);
    add_text(&out, previous);
    add_text(&out, event->actor_name);
    add_text(&out, event->action);
    add_text(&out, event->from);
    add_text(&out, event->to);
    add_text(&out, event->opinion);
    add_text(&out, event->body_hash);
    if (!out.failed) digest_sha256(out.data, out.length, hash);
    buffer_free(&out);
    return out.failed ? error_internal(error, "event too large") : 0;
}

int doc_event_append(struct store_connection *db, struct doc_row *row, const struct principal *principal, int64_t now,
                     const struct doc_event *event, struct error *error)
{
    char previous[72];
    struct doc_chained chained = {row->event_sequence + 1, now, principal->user, (int64_t)principal->kind, principal->display_name,
                              event->action, event->from, event->to, event->opinion, event->body_hash};

    snprintf(previous, sizeof previous, "%s", row->event_hash);
    if (doc_chain_hash(row->id, previous, &chained, row->event_hash, error)) return (int)error->code;
    row->event_sequence++;
    return store_execute(db, error, NULL,
        "INSERT INTO document_event (document, sequence, at, actor, actor_kind, actor_name, action, from_state, to_state, opinion, "
        "body_hash, previous_hash, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        STORE_VALUES(store_integer(row->id), store_integer(chained.sequence), store_integer(now), store_integer(chained.actor),
                     store_integer(chained.actor_kind), store_string(chained.actor_name), store_string(event->action),
                     store_string(event->from), store_string(event->to), store_string(event->opinion), store_string(event->body_hash),
                     store_string(previous), store_string(row->event_hash)));
}

/* ---- reading */

static void put_state(struct json_writer *json, const char *name, const struct form *form, const struct form_action *action, const char *code)
{
    const struct form_state *state = form_state_find(form, action ? action->machine : MACHINE_MAIN, code);

    json_name(json, name);
    json_object(json);
    json_put_string(json, "code", code);
    json_put_string(json, "zh", state ? state->words.zh : code);
    json_put_string(json, "en", state ? state->words.en : code);
    json_object_end(json);
}

static void put_label(struct json_writer *json, const struct form_action *action, const char *name)
{
    if (action) json_put_words(json, "label", action->label.zh, action->label.en);
    else if (!strcmp(name, "create")) json_put_words(json, "label", "新建", "Created");
    else json_put_words(json, "label", name, name);
}

/* Of another system's "<title> · <officer>" (service/inbox.c) an applicant sees the title. */
static void put_actor(struct json_writer *json, const char *name, bool whole)
{
    const char *officer = whole ? NULL : strstr(name, " · ");

    json_put_text(json, "actor", name, officer ? (size_t)(officer - name) : strlen(name));
}

/* Applicants see that an agency acted, not who its officer was; saves are no news to them. */
int doc_events_write(struct store_connection *db, const struct doc_module *module, const struct principal *principal,
                     const struct doc_row *row, struct json_writer *json, struct error *error)
{
    struct store_rows rows;
    const struct form *form = doc_form_of(module, row, error);
    bool applicant = principal->kind == PRINCIPAL_ENTERPRISE || principal->kind == PRINCIPAL_PERSON;

    if (!form) return (int)error->code;
    if (store_query(db, &rows, error,
                    "SELECT sequence, at, actor_kind, actor_name, action, from_state, to_state, opinion FROM document_event "
                    "WHERE document = $1 ORDER BY sequence DESC LIMIT 500", STORE_VALUES(store_integer(row->id))))
        return (int)error->code;
    json_array(json);
    while (store_next(&rows)) {
        const char *action_name = store_column_text(&rows, 4, NULL);
        const struct form_action *action = form_action_find(form, action_name);
        bool officer = store_column_integer(&rows, 2) == PRINCIPAL_OFFICER;
        bool partner = store_column_integer(&rows, 2) == PRINCIPAL_PARTNER;
        json_object(json);
        json_put_integer(json, "sequence", store_column_integer(&rows, 0));
        json_put_integer(json, "at", store_column_integer(&rows, 1));
        if (!(officer && applicant)) put_actor(json, store_column_text(&rows, 3, NULL), !(partner && applicant));
        json_put_string(json, "actor_kind", officer ? "agency" : store_column_integer(&rows, 2) == PRINCIPAL_SYSTEM ? "system" :
                        partner ? "partner" : "applicant");
        json_put_string(json, "action", action_name);
        put_label(json, action, action_name);
        put_state(json, "from", form, action, store_column_text(&rows, 5, NULL));
        put_state(json, "to", form, action, store_column_text(&rows, 6, NULL));
        json_put_string(json, "opinion", store_column_text(&rows, 7, NULL));
        json_object_end(json);
    }
    json_array_end(json);
    return store_end(&rows);
}
