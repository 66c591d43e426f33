/* The partner gateway: signed messages to and from the systems of issuing authorities and customs (exchange/partners.h, exchange/envelope.h).
   Without partners nothing of it runs.

   Out: relay (from the modules' outboxes, numbered) -> message_out -> one or two threads of each partner sign, send, note (HTTPS) or place
   in its OutBox and look what becomes of it (folder).
   In: HTTPS or InBox -> message_in as it came (received) -> one thread reads, puts into the order of its document, gives it to the module.

   Whatever is done outside of a transaction can be done again: messages keep their id and their bytes, and modules know what they have had. */
#ifndef EXCHANGE_GATEWAY_H
#define EXCHANGE_GATEWAY_H

#include "gateway_read.h"
#include "program.h"

#include "trust/seal.h"

#include <stdatomic.h>

#define GATE_ID_SIZE (ENVELOPE_ID_MAXIMUM + 1)
#define GATE_SENDERS 2         /* threads for an HTTPS partner; who is slow keeps only its own */
#define GATE_LOOK_MILLISECONDS 1000
#define GATE_REJECTIONS 5000   /* to a partner at once; then one each: */
#define GATE_REJECTION_MILLISECONDS INT64_C(10000)
#define GATE_REQUEST_MILLISECONDS 10000
#define GATE_MODULE_MAXIMUM (8u << 20) /* bytes of a module's answer */
#define GATE_LONGEST_MILLISECONDS 600000 /* between two attempts at anything, and of a lease */
/* SQL: whether the instant in a column is over at `now`, a parameter. One that is further away than anything waits is of a time before the clock was set back. */
#define GATE_OVER(column, now) "(" column " <= " now " OR " column " > " now " + 600000)"

enum gate_topic { GATE_RELAY, GATE_OUT, GATE_IN, GATE_TOPICS };

struct gate_worker { /* a thread of one partner */
    struct gate *gate;
    struct gate_sender *sender;
    pthread_t thread;
};

struct gate {
    struct program *program;
    struct partners *partners;
    struct gate_sender *senders; /* one for each partner, in their order */
    int64_t *rejected_until;     /* of each, by clock_monotonic: further ahead, the more Rejections it was sent lately */
    size_t count;
    struct seals *seals;
    const struct seal *seal;     /* the portal's */
    struct gate_schema *schema;
    long retry_seconds, quiet_seconds, keep_days;
    pthread_t relay, in;
    struct gate_worker *workers;
    size_t worker_count;
    pthread_mutex_t lock;
    pthread_cond_t changed[GATE_TOPICS];
    unsigned news[GATE_TOPICS];  /* counts up with each gate_wake */
    atomic_bool stopping;
};

extern const struct web_route gate_routes[], gate_admin_routes[], gate_handle_routes[], gate_xsd_routes[];

/* ---- gateway.c */

/* Reads partners, certificates, the portal's seal and the settings. program->gate stays NULL where there are no partners. */
int gate_open(struct program *program, struct error *error);
int gate_start(struct program *program, struct error *error);
void gate_stop(struct program *program); /* the threads end, and all is freed; also of what was not started */

/* There is something to do; wait for that, at most so long. *seen is the waiter's own, from 0 on. True: stop. */
void gate_wake(struct gate *gate, enum gate_topic topic);
bool gate_wait(struct gate *gate, enum gate_topic topic, unsigned *seen, int milliseconds);

struct gate_sender *gate_sender_named(const struct gate *gate, const char *partner);
/* Milliseconds until the n-th attempt (from 1) is repeated: `gateway_retry_seconds` doubling to ten minutes. */
int64_t gate_back_off(const struct gate *gate, int64_t attempt);
/* Logs what went wrong at `what`. */
void gate_complain(const char *what, const struct error *error);

/* ---- gateway_queue.c: rows; all within a transaction */

struct gate_out {
    const char *partner, *kind, *module, *document_no, *content;
    size_t length;
    int64_t document, source, part, next_at;
};

/* MessageId of our message of this number. */
void gate_message_id(const char *partner, int64_t number, char id[GATE_ID_SIZE]);
/* The other way round; 0 for what is none of ours. */
int64_t gate_number(const char *partner, const char *id);

/* Keeps a message to be sent, with its number and sequence. */
int gate_out_put(struct store_connection *db, const struct gate_out *out, struct error *error);
/* A Rejection of what came in, unless it was a Rejection itself, or the partner has been sent too many. Of the thread that takes what comes. */
int gate_reject(struct gate *gate, struct store_connection *db, const char *partner, const char *file, const struct gate_message *message, struct error *error);
/* Our message `number` has failed at the partner; a licence's module will be told. What has not been sent or has failed already stays as it is. */
int gate_out_failed(struct store_connection *db, const char *partner, int64_t number, const char *answer, struct error *error);

/* A message that came in and cannot be settled, which is a defect, is looked at again in a minute; the others go on: clears the error and logs it. Does
   nothing for ERROR_UNAVAILABLE. Not within a transaction. */
void gate_in_put_off(struct gate *gate, int64_t id, struct error *error);

/* `sequence` is settled, taken or dropped: the next of that document that is there may go on. */
int gate_in_advance(struct store_connection *db, const char *partner, const char *module, const char *document_no, int64_t sequence, struct error *error);

/* ---- gateway_relay.c, gateway_out.c, gateway_folder.c, gateway_in.c: the threads */

void *gate_relay_run(void *gate);
void *gate_https_run(void *worker);
void *gate_folder_run(void *worker);
void *gate_in_run(void *gate);

/* ---- gateway_out.c */

struct gate_sending {
    struct gate *gate;
    struct gate_sender *sender;
    bool found;
    int64_t id, number, sequence, created, attempts;
    char kind[ENVELOPE_NAME_MAXIMUM], module[16], document_no[160];
    struct buffer content, text; /* `text` is signed */
    int64_t begun;               /* by clock_lease */
    enum { SENT, PLACED, LATER, PAUSE, FAILED } result;
    char answer[400];
};

void gate_sending_init(struct gate_sending *sending, const struct gate_worker *worker);
void gate_sending_free(struct gate_sending *sending);
/* The next message of the partner that may leave now, signed; !found: there is none. */
int gate_claim(struct gate_sending *sending, struct store_connection *reader, struct error *error);
/* Keeps what became of it. */
int gate_note(struct gate_sending *sending, struct error *error);

/* ---- gateway_xsd.c: GET /api/exchange/message.xsd, with or without partners */

void gate_xsd_open(const struct program *program);

/* ---- gateway_receive.c: what comes, durably, before it is looked at */

struct gate_received {
    const char *partner, *way, *file, *origin, *bytes;
    size_t length;
};
int gate_receive(struct store_connection *db, const struct gate_received *received, struct error *error);

/* ---- gateway_folder.c */

/* OutBox, InBox or FailBox of a partner: to be closed. -1 and ERROR_UNAVAILABLE when it is not there, or a link. */
int gate_box_open(const struct partner *partner, const char *box, struct error *error);

/* ---- gateway_inbox.c */

struct gate_inbox { /* what lay in an InBox at the last look; .files is freed by who has it */
    struct found *files;
    size_t count;
};

/* Takes what lies in the partner's InBox. ERROR_UNAVAILABLE when the folder, or a file in it, cannot be read or removed; the other files are taken nevertheless. */
int gate_inbox_look(struct gate *gate, const struct gate_sender *sender, struct gate_inbox *inbox, struct error *error);

/* ---- gateway_order.c, gateway_take.c: one message after the other */

/* Reads the oldest message that has come and puts it into its order. *more: there was one. */
int gate_order_next(struct gate *gate, struct store_connection *reader, bool *more, struct error *error);
/* Gives the next one whose turn it is to its module. */
int gate_take_next(struct gate *gate, struct store_connection *reader, bool *more, struct error *error);
/* Tells a module of a licence that could not be sent. */
int gate_tell_next(struct gate *gate, struct store_connection *reader, bool *more, struct error *error);
/* A licence once more, as a new message; of the transaction of what asks for it. */
int gate_renew(struct store_connection *db, int64_t id, int64_t next_at, struct error *error);

#endif
