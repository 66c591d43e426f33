/* Sending what waits. A delivery is claimed under a lease, sent outside of any transaction, and its result noted. Whoever dies in between leaves
   it to the lease; it is then sent again under the same id, by which whoever receives it can tell that he has it.

   Only one at a time goes to an address, and after a failure all that is for it pauses: what is down holds up nobody else. */
#include "push.h"

#include "base/clock.h"
#include "base/json_tree.h"
#include "base/log.h"
#include "base/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS 3
#define LOOK_MILLISECONDS 1000
#define LEASE_MILLISECONDS 60000
#define GIVE_UP_MILLISECONDS (24 * 3600 * INT64_C(1000))
#define REQUEST_MILLISECONDS 3000

struct deliver {
    struct program *program;
    pthread_t threads[THREADS];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool woken, stopping;
};

struct delivery {
    struct program *program;
    bool found;
    int64_t id, subscription, account, begun, attempts;
    char way[12], module[16], address[512], secret[SECRET_SIZE];
    char *subject, *body;
    struct arena arena;
    const char *state; /* the result: sent, waiting, dropped */
    char answer[200];
};

/* ---- claiming */

static int claim(struct store_connection *db, void *argument, struct error *error)
{
    struct delivery *d = argument;
    struct store_rows rows;
    int64_t lease = clock_lease(), now = clock_now();

    arena_reset(&d->arena);
    d->found = false;
    if (store_query(db, &rows, error,
                    "UPDATE delivery SET lease = $1, attempts = attempts + 1 WHERE id IN (SELECT d.id FROM delivery d WHERE d.state = 'waiting' AND "
                    "d.next_at <= $2 AND d.lease < $3 AND NOT EXISTS (SELECT 1 FROM delivery o WHERE o.state = 'waiting' AND o.lease > 0 AND o.lease >= $3 "
                    "AND o.address = d.address) ORDER BY d.next_at, d.id LIMIT 1 {for update} {skip locked}) "
                    "RETURNING id, subscription, account, way, address, subject, body, begun, attempts, module",
                    STORE_VALUES(store_integer(lease + LEASE_MILLISECONDS), store_integer(now), store_integer(lease))))
        return (int)error->code;
    if (store_next(&rows)) {
        d->found = true;
        d->id = store_column_integer(&rows, 0);
        d->subscription = store_column_integer(&rows, 1);
        d->account = store_column_integer(&rows, 2);
        snprintf(d->way, sizeof d->way, "%s", store_column_text(&rows, 3, NULL));
        snprintf(d->address, sizeof d->address, "%s", store_column_text(&rows, 4, NULL));
        d->subject = arena_text(&d->arena, store_column_text(&rows, 5, NULL));
        d->body = arena_text(&d->arena, store_column_text(&rows, 6, NULL));
        d->begun = store_column_integer(&rows, 7);
        d->attempts = store_column_integer(&rows, 8);
        snprintf(d->module, sizeof d->module, "%s", store_column_text(&rows, 9, NULL));
        if (!d->subject || !d->body) error_internal(error, "out of memory");
    }
    if (store_end(&rows) || !d->found) return (int)error->code;
    if (store_query(db, &rows, error, "SELECT secret FROM subscription WHERE id = $1", STORE_VALUES(store_integer(d->subscription))))
        return (int)error->code;
    *d->secret = 0;
    if (store_next(&rows)) snprintf(d->secret, sizeof d->secret, "%s", store_column_text(&rows, 0, NULL));
    return store_end(&rows);
}

/* ---- sending */

/* Whoever may no longer sign in, or no longer view documents of the module, is told nothing more. NULL: may; or nobody can say now. */
static const char *why_not(struct delivery *d)
{
    const struct json *user;
    struct buffer answer;
    struct error error;
    char path[80];
    const char *why = NULL;

    error_clear(&error);
    buffer_init(&answer, 4096);
    snprintf(path, sizeof path, "/internal/account/users/%lld/rights", (long long)d->account);
    if (!web_internal_request(d->program->server, "GET", path, NULL, REQUEST_MILLISECONDS, &answer, &error) &&
        (user = json_tree(buffer_string(&answer), answer.length, &d->arena, &error))) {
        if (!json_member_true(user, "alive")) why = "the subscriber may not sign in any more";
        else if (!(json_member_integer(json_member(user, "rights"), d->module, 0) & RIGHT_VIEW)) why = "the subscriber may not view this module any more";
    }
    buffer_free(&answer);
    return why;
}

/* Without a gateway an administrator finds it in the local mailbox. */
static int into_mailbox(struct delivery *d, struct error *error)
{
    struct buffer request, answer;
    struct json_writer json;

    buffer_init(&request, 8192);
    buffer_init(&answer, 4096);
    json_writer_init(&json, &request);
    json_object(&json);
    json_put_string(&json, "to", d->address);
    json_put_string(&json, "subject", d->subject);
    json_put_string(&json, "text", d->body);
    json_object_end(&json);
    web_internal_request(d->program->server, "POST", "/internal/account/mailbox", buffer_string(&request), REQUEST_MILLISECONDS, &answer, error);
    buffer_free(&request);
    buffer_free(&answer);
    if (!error->code) snprintf(d->answer, sizeof d->answer, "mailbox");
    return (int)error->code;
}

static int send_to_person(struct delivery *d, const char *id, struct error *error)
{
    const struct gateway *gateway = &d->program->gateway;
    enum gateway_way way = !strcmp(d->way, "mail") ? GATEWAY_MAIL : !strcmp(d->way, "sms") ? GATEWAY_SMS : GATEWAY_WECHAT;

    if (!gateway_has(gateway, way) && way != GATEWAY_WECHAT) return into_mailbox(d, error);
    if (!gateway_has(gateway, way)) return error_unavailable(error, "there is no gateway");
    snprintf(d->answer, sizeof d->answer, "ok");
    return gateway_send(gateway, way, d->address, d->subject, d->body, id, error);
}

static int send_to_program(struct delivery *d, const char *id, struct error *error)
{
    long status = 0;

    if (webhook_post(d->program, d->address, d->secret, id, d->body, clock_now(), &status, error)) return (int)error->code;
    snprintf(d->answer, sizeof d->answer, "status %ld", status);
    if (status == 410) d->state = "dropped"; /* it says that it wants no more of this */
    return (status >= 200 && status < 300) || status == 410 ? 0 : error_unavailable(error, "status %ld", status);
}

static void attempt(struct delivery *d)
{
    struct error error;
    char id[40];

    error_clear(&error);
    snprintf(id, sizeof id, "msg_%lld", (long long)d->id);
    d->state = "sent";
    *d->answer = 0;
    const char *why = why_not(d);
    if (why) {
        d->state = "dropped";
        snprintf(d->answer, sizeof d->answer, "%s", why);
    } else if (!strcmp(d->way, "webhook") ? send_to_program(d, id, &error) : send_to_person(d, id, &error)) {
        d->state = "waiting";
        snprintf(d->answer, sizeof d->answer, "%.*s", (int)sizeof d->answer - 1, error.detail[0] ? error.detail : error.en);
    }
}

/* ---- the result */

static int64_t pause_after(int64_t attempts)
{
    static const int64_t seconds[] = {30, 120, 600, 3600};
    return 1000 * seconds[attempts < 4 ? attempts - 1 : 3];
}

static int note(struct store_connection *db, void *argument, struct error *error)
{
    const struct delivery *d = argument;
    int64_t now = clock_now(), next = now + pause_after(d->attempts > 0 ? d->attempts : 1);
    bool waits = !strcmp(d->state, "waiting"), over = waits && next - d->begun > GIVE_UP_MILLISECONDS;

    if (store_execute(db, error, NULL, "UPDATE delivery SET lease = 0, state = $2, answer = $3, next_at = $4, finished = $5 WHERE id = $1",
                      STORE_VALUES(store_integer(d->id), store_string(over ? "failed" : d->state), store_string(d->answer), store_integer(next),
                                   store_integer(waits && !over ? 0 : now))))
        return (int)error->code;
    return waits ? store_execute(db, error, NULL, "UPDATE delivery SET next_at = $2 WHERE address = $1 AND state = 'waiting' AND next_at < $2",
                                 STORE_VALUES(store_string(d->address), store_integer(now + pause_after(1)))) : 0;
}

/* ---- the threads */

static void wait_for_work(struct deliver *deliver)
{
    struct timespec until;
    int code = 0;

    thread_deadline(LOOK_MILLISECONDS, &until);
    pthread_mutex_lock(&deliver->lock);
    while (!deliver->woken && !deliver->stopping && !code) code = pthread_cond_timedwait(&deliver->changed, &deliver->lock, &until);
    deliver->woken = false;
    pthread_mutex_unlock(&deliver->lock);
}

/* Looking costs a transaction only when something is due. */
static bool is_due(struct store_connection *reader)
{
    struct store_rows rows;
    struct error error;
    bool due = false;

    error_clear(&error);
    if (store_query(reader, &rows, &error, "SELECT 1 FROM delivery WHERE state = 'waiting' AND next_at <= $1 AND lease < $2 LIMIT 1",
                    STORE_VALUES(store_integer(clock_now()), store_integer(clock_lease()))))
        return false;
    due = store_next(&rows);
    store_end(&rows);
    return due;
}

static void *run(void *argument)
{
    struct deliver *deliver = argument;
    struct program *program = deliver->program;
    struct store_connection *reader = NULL;
    struct delivery delivery = {.program = program};
    struct error error;

    arena_init(&delivery.arena, 1u << 20);
    while (!web_stopping(program->server, 0)) {
        error_clear(&error);
        delivery.found = false;
        if ((reader || !store_reader(program->store, &reader, &error)) && is_due(reader) && !store_write(program->store, claim, &delivery, &error) &&
            delivery.found) {
            attempt(&delivery);
            store_write(program->store, note, &delivery, &error);
        }
        if (error.code) log_line(LOG_ERROR, "deliver", "reason=\"%s\"", error.detail[0] ? error.detail : error.en);
        if (!delivery.found) wait_for_work(deliver);
    }
    arena_free(&delivery.arena);
    if (reader) store_reader_close(reader);
    return NULL;
}

int deliver_start(struct program *program, struct error *error)
{
    static struct deliver deliver;

    deliver.program = program;
    pthread_mutex_init(&deliver.lock, NULL);
    thread_condition(&deliver.changed);
    program->deliver = &deliver;
    for (int i = 0; i < THREADS; i++)
        if (thread_start(&deliver.threads[i], run, &deliver)) return error_internal(error, "no thread for deliveries");
    return 0;
}

static void tell(struct deliver *deliver, bool stopping)
{
    pthread_mutex_lock(&deliver->lock);
    deliver->woken = true;
    deliver->stopping |= stopping;
    pthread_cond_broadcast(&deliver->changed);
    pthread_mutex_unlock(&deliver->lock);
}

void deliver_wake(struct program *program) { tell(program->deliver, false); }

void deliver_stop(struct program *program)
{
    tell(program->deliver, true);
    for (int i = 0; i < THREADS; i++) pthread_join(program->deliver->threads[i], NULL);
}
