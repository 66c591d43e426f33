/* Sending by HTTPS: each thread keeps its connection to the partner. */
#include "gateway.h"

/* Only these say something of the message itself; what else is no success is the system's, or its proxy's, and passes. */
static bool is_refusal(long status) { return status == 400 || status == 409 || status == 413 || status == 415 || status == 422; }

static void judge(struct gate_sending *s, long status, const struct buffer *answer)
{
    s->result = status >= 200 && status < 300 ? SENT : is_refusal(status) ? FAILED : status == 408 || status == 425 || status == 429 ? LATER : PAUSE;
    if (s->result != SENT) gate_say(s->answer, sizeof s->answer, "status %ld%s%s", status, answer->length ? ": " : "", buffer_string(answer));
}

static void attempt(struct gate_sending *s, struct gateway_link **link)
{
    const struct partner *partner = s->sender->partner;
    const struct gateway_link_settings settings = {partner->url, partner->authorities, partner->certificate, partner->key, partner->allow_private,
                                                    &s->gate->stopping};
    struct buffer answer;
    struct error error;
    long status = 0;

    error_clear(&error);
    buffer_init(&answer, 1024);
    if ((!*link && gateway_link_open(&settings, link, &error)) ||
        gateway_link_post(*link, "application/xml", buffer_string(&s->text), s->text.length, &answer, &status, &error)) {
        s->result = PAUSE;
        gate_say(s->answer, sizeof s->answer, "%s", error.detail[0] ? error.detail : error.en);
    } else {
        judge(s, status, &answer);
    }
    buffer_free(&answer);
}

void *gate_https_run(void *argument)
{
    const struct gate_worker *worker = argument;
    struct gate *gate = worker->gate;
    struct store_connection *reader = NULL;
    struct gateway_link *link = NULL;
    struct gate_sending sending;
    struct error error;
    unsigned seen = 0;

    gate_sending_init(&sending, worker);
    do {
        do {
            error_clear(&error);
            sending.found = false;
            if ((reader || !store_reader(gate->program->store, &reader, &error)) && !gate_claim(&sending, reader, &error) && sending.found) {
                attempt(&sending, &link);
                gate_note(&sending, &error);
            }
            if (error.code) gate_complain("send", &error);
        } while (sending.found && !error.code && !gate->stopping);
    } while (!gate_wait(gate, GATE_OUT, &seen, GATE_LOOK_MILLISECONDS));
    gate_sending_free(&sending);
    gateway_link_close(link);
    if (reader) store_reader_close(reader);
    return NULL;
}
