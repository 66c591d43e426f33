#include "gateway.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "trust/xml_signature.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- the settings */

static int read_settings(struct gate *gate, struct error *error)
{
    const struct config *config = gate->program->config;

    if (config_integer(config, "gateway_retry_seconds", 1, 600, 30, &gate->retry_seconds, error) ||
        config_integer(config, "folder_quiet_seconds", 1, 86400, 30, &gate->quiet_seconds, error) ||
        config_integer(config, "gateway_keep_days", 1, 36500, 400, &gate->keep_days, error))
        return (int)error->code;
    if (seals_open(config_text(config, "seals", NULL), &gate->seals, error)) return (int)error->code;
    gate->seal = seal_of(gate->seals, "portal");
    return gate->seal ? 0 : error_internal(error, "partners want the portal's seal: a line \"portal = ...\" in the file of the setting seals");
}

/* Another partner that has one of these client certificates; NULL for none. */
static const struct gate_sender *same_client(const struct gate *gate, size_t count, const struct gate_sender *sender)
{
    for (size_t i = 0; i < count; i++)
        for (int k = 0; k < GATE_CLIENTS && *sender->clients[k]; k++)
            if (gate_has_client(&gate->senders[i], sender->clients[k])) return &gate->senders[i];
    return NULL;
}

static int open_senders(struct gate *gate, struct error *error)
{
    const struct gate_sender *other;

    gate->count = partners_count(gate->partners);
    gate->senders = calloc(gate->count, sizeof *gate->senders);
    gate->workers = calloc(gate->count * GATE_SENDERS, sizeof *gate->workers);
    gate->rejected_until = calloc(gate->count, sizeof *gate->rejected_until);
    if (!gate->senders || !gate->workers || !gate->rejected_until) return error_internal(error, "out of memory");
    for (size_t i = 0; i < gate->count; i++) {
        struct gate_sender *sender = &gate->senders[i];
        if (gate_sender_open(partners_at(gate->partners, i), sender, error)) return (int)error->code;
        if ((other = same_client(gate, i, sender)))
            return error_internal(error, "%s and %s have the same client certificate", other->partner->name, sender->partner->name);
    }
    return 0;
}

/* Each partner has its row from the start on, which is what is locked first. What lay in the OutBox of one that has HTTPS now is sent that way. */
static int make_states(struct store_connection *db, void *argument, struct error *error)
{
    const struct gate *gate = argument;

    for (size_t i = 0; i < gate->count; i++) {
        const struct partner *partner = gate->senders[i].partner;
        if (store_execute(db, error, NULL, "INSERT INTO partner_state (partner) VALUES ($1) ON CONFLICT (partner) DO NOTHING", STORE_VALUES(store_string(partner->name))) ||
            (partner->url && store_execute(db, error, NULL, "UPDATE message_out SET placed = 0 WHERE partner = $1 AND state = 'waiting' AND placed = 1",
                                           STORE_VALUES(store_string(partner->name)))))
            return (int)error->code;
    }
    return 0;
}

int gate_open(struct program *program, struct error *error)
{
    struct partners *partners;
    struct gate *gate;

    if (partners_read(config_text(program->config, "partners", NULL), &partners, error) || !partners_count(partners)) return (int)error->code;
    gate = calloc(1, sizeof *gate);
    if (!gate) return error_internal(error, "out of memory");
    program->gate = gate;
    gate->program = program;
    gate->partners = partners;
    pthread_mutex_init(&gate->lock, NULL);
    for (int i = 0; i < GATE_TOPICS; i++) thread_condition(&gate->changed[i]);
    return xml_signature_start(error) || read_settings(gate, error) || open_senders(gate, error) || gate_schema_open(&gate->schema, error)
               ? (int)error->code : 0;
}

/* ---- the threads */

int gate_start(struct program *program, struct error *error)
{
    struct gate *gate = program->gate;

    if (!gate) return 0;
    if (store_write(program->store, make_states, gate, error)) return (int)error->code;
    if (thread_start(&gate->relay, gate_relay_run, gate) || thread_start(&gate->in, gate_in_run, gate)) return error_internal(error, "no thread for the gateway");
    for (size_t i = 0; i < gate->count; i++) {
        bool folder = gate->senders[i].partner->folder != NULL;
        for (int n = 0; n < (folder ? 1 : GATE_SENDERS); n++) {
            struct gate_worker *worker = &gate->workers[gate->worker_count];
            *worker = (struct gate_worker){.gate = gate, .sender = &gate->senders[i]};
            if (thread_start(&worker->thread, folder ? gate_folder_run : gate_https_run, worker)) return error_internal(error, "no thread for a partner");
            gate->worker_count++;
        }
    }
    return 0;
}

void gate_stop(struct program *program)
{
    struct gate *gate = program->gate;

    if (!gate) return;
    pthread_mutex_lock(&gate->lock);
    gate->stopping = true;
    for (int i = 0; i < GATE_TOPICS; i++) pthread_cond_broadcast(&gate->changed[i]);
    pthread_mutex_unlock(&gate->lock);
    pthread_join(gate->relay, NULL);
    pthread_join(gate->in, NULL);
    for (size_t i = 0; i < gate->worker_count; i++) pthread_join(gate->workers[i].thread, NULL);
    for (size_t i = 0; i < gate->count; i++) gate_sender_free(&gate->senders[i]);
    gate_schema_close(gate->schema);
    seals_close(gate->seals);
    partners_free(gate->partners);
    free(gate->senders);
    free(gate->rejected_until);
    free(gate->workers);
    free(gate);
    program->gate = NULL;
}

void gate_wake(struct gate *gate, enum gate_topic topic)
{
    if (!gate) return;
    pthread_mutex_lock(&gate->lock);
    gate->news[topic]++;
    pthread_cond_broadcast(&gate->changed[topic]);
    pthread_mutex_unlock(&gate->lock);
}

bool gate_wait(struct gate *gate, enum gate_topic topic, unsigned *seen, int milliseconds)
{
    struct timespec until;
    bool stopping;
    int code = 0;

    thread_deadline(milliseconds, &until);
    pthread_mutex_lock(&gate->lock);
    while (gate->news[topic] == *seen && !gate->stopping && !code) code = pthread_cond_timedwait(&gate->changed[topic], &gate->lock, &until);
    *seen = gate->news[topic];
    stopping = gate->stopping;
    pthread_mutex_unlock(&gate->lock);
    return stopping;
}

/* ---- what all of them need */

struct gate_sender *gate_sender_named(const struct gate *gate, const char *partner)
{
    for (size_t i = 0; gate && i < gate->count; i++)
        if (!strcmp(gate->senders[i].partner->name, partner)) return &gate->senders[i];
    return NULL;
}

int64_t gate_back_off(const struct gate *gate, int64_t attempt)
{
    int64_t wait = 1000 * (int64_t)gate->retry_seconds;

    for (int64_t i = 1; i < attempt && wait < GATE_LONGEST_MILLISECONDS; i++) wait *= 2;
    return wait < GATE_LONGEST_MILLISECONDS ? wait : GATE_LONGEST_MILLISECONDS;
}

void gate_complain(const char *what, const struct error *error)
{
    char text[300];

    log_line(error->code == ERROR_UNAVAILABLE ? LOG_WARNING : LOG_ERROR, what, "reason=%s", log_quote(error->detail[0] ? error->detail : error->en, text, sizeof text));
}
