#include "batch.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/thread.h"
#include "document.h"
#include "session.h"
#include "settings.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCHES 4

struct batch {
    char id[BATCH_ID_SIZE], origin[ORIGIN_SIZE], key[33];
    char documents[BATCH_DOCUMENTS][NUMBER_SIZE];
    bool used[BATCH_DOCUMENTS], last_try;
    int count, left;
    struct pin *pin;      /* NULL: the batch is over */
    enum refusal because; /* why */
    int64_t until;        /* clock_monotonic; 0 = this place is free */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct batch batches[BATCHES];
    pthread_t thread;
    bool stopping;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- all of these with the lock held */

static void end(struct batch *batch, enum refusal because)
{
    pin_free(batch->pin);
    batch->pin = NULL;
    batch->because = because;
}

static struct batch *find(const char *id, const char *origin)
{
    for (int i = 0; i < BATCHES; i++)
        if (all.batches[i].until && !strcmp(all.batches[i].id, id) && !strcmp(all.batches[i].origin, origin))
            return &all.batches[i];
    return NULL;
}

/* Why nothing can be signed; DONE while it is open. */
static enum refusal why_over(const struct batch *batch)
{
    if (batch && batch->pin)
        return DONE;
    return batch && batch->because ? batch->because : BATCH_OVER;
}

static struct batch *place_free(void)
{
    for (int i = 0; i < BATCHES; i++)
        if (!all.batches[i].until)
            return &all.batches[i];
    for (int i = 0; i < BATCHES; i++)
        if (!all.batches[i].pin)
            return &all.batches[i];
    return NULL;
}

/* ---- time */

/* Ends what is over; when the next one will be (0 = none is open). */
static int64_t sweep(int64_t now)
{
    int64_t next = 0;
    for (int i = 0; i < BATCHES; i++) {
        struct batch *batch = &all.batches[i];
        if (batch->until && batch->until <= now) {
            if (batch->pin)
                log_line(LOG_INFO, "batch-over", "left=%d", batch->left);
            end(batch, BATCH_OVER);
            batch->until = 0;
        }
        if (batch->until && (!next || batch->until < next))
            next = batch->until;
    }
    return next;
}

static void *watch(void *argument)
{
    pthread_mutex_lock(&all.lock);
    while (!all.stopping) {
        int64_t next = sweep(clock_monotonic());
        struct timespec until = {next / 1000, next % 1000 * 1000000};
        if (next)
            pthread_cond_timedwait(&all.changed, &all.lock, &until);
        else
            pthread_cond_wait(&all.changed, &all.lock);
    }
    for (int i = 0; i < BATCHES; i++)
        end(&all.batches[i], BATCH_OVER);
    pthread_mutex_unlock(&all.lock);
    return argument;
}

int batches_start(struct error *error)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&all.changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return thread_start(&all.thread, watch, NULL) ? error_internal(error, "no thread to watch the time") : 0;
}

void batches_stop(void)
{
    pthread_mutex_lock(&all.lock);
    all.stopping = true;
    pthread_cond_broadcast(&all.changed);
    pthread_mutex_unlock(&all.lock);
    pthread_join(all.thread, NULL);
}

/* ---- life of a batch */

static void fill(struct batch *batch, const struct confirmed *confirmed, struct pin *pin, int seconds)
{
    end(batch, DONE);
    random_hex((BATCH_ID_SIZE - 1) / 2, batch->id);
    snprintf(batch->origin, sizeof batch->origin, "%s", confirmed->origin);
    snprintf(batch->key, sizeof batch->key, "%s", confirmed->key);
    memcpy(batch->documents, confirmed->documents, (size_t)confirmed->count * NUMBER_SIZE);
    memset(batch->used, 0, sizeof batch->used);
    batch->count = batch->left = confirmed->count;
    batch->last_try = confirmed->last_try;
    batch->pin = pin;
    batch->until = clock_monotonic() + seconds * 1000LL;
}

enum refusal batch_open(const struct confirmed *confirmed, struct pin *pin, int seconds, char id[BATCH_ID_SIZE])
{
    pthread_mutex_lock(&all.lock);
    sweep(clock_monotonic());
    struct batch *batch = all.stopping ? NULL : place_free();
    if (batch) {
        fill(batch, confirmed, pin, seconds);
        memcpy(id, batch->id, BATCH_ID_SIZE);
        pthread_cond_broadcast(&all.changed);
    }
    pthread_mutex_unlock(&all.lock);
    if (!batch)
        pin_free(pin);
    return batch ? DONE : BUSY;
}

void batch_delete(const char *id, const char *origin)
{
    pthread_mutex_lock(&all.lock);
    struct batch *batch = find(id, origin);
    if (batch)
        end(batch, BATCH_OVER);
    pthread_mutex_unlock(&all.lock);
}

void batches_key_removed(const char *key)
{
    pthread_mutex_lock(&all.lock);
    for (int i = 0; i < BATCHES; i++)
        if (all.batches[i].pin && !strcmp(all.batches[i].key, key))
            end(&all.batches[i], KEY_REMOVED);
    pthread_mutex_unlock(&all.lock);
}

/* ---- signing */

/* What a signature needs of a batch, copied while the lock is held. */
struct turn {
    char key[33];
    struct pin *pin;
    bool last_try;
    int document;
};

/* Reserves the document and copies the PIN; what is wrong with the batch otherwise. */
static enum refusal turn_take(const char *id, const char *origin, const char *number, struct turn *turn)
{
    pthread_mutex_lock(&all.lock);
    sweep(clock_monotonic());
    struct batch *batch = find(id, origin);
    enum refusal refusal = why_over(batch);
    if (!refusal)
        refusal = NOT_IN_BATCH;
    for (int i = 0; refusal == NOT_IN_BATCH && i < batch->count; i++)
        if (!batch->used[i] && !strcmp(batch->documents[i], number)) {
            *turn = (struct turn){.pin = pin_copy(batch->pin), .last_try = batch->last_try, .document = i};
            memcpy(turn->key, batch->key, sizeof turn->key);
            refusal = turn->pin ? DONE : BUSY;
            batch->used[i] = refusal == DONE;
        }
    pthread_mutex_unlock(&all.lock);
    return refusal;
}

/* A document that could not be signed may come again, unless the PIN or the key is gone for good. */
static void turn_give(const char *id, const char *origin, const struct turn *turn, enum refusal result)
{
    pthread_mutex_lock(&all.lock);
    struct batch *batch = find(id, origin);
    if (batch && batch->pin) {
        if (result)
            batch->used[turn->document] = false;
        else if (!--batch->left)
            end(batch, BATCH_OVER);
        if (result == WRONG_PIN || result == PIN_BLOCKED || result == LAST_TRY)
            end(batch, BATCH_OVER);
        else if (result == KEY_REMOVED)
            end(batch, KEY_REMOVED);
    }
    pthread_mutex_unlock(&all.lock);
}

/* VERIFY and the signature right behind it. */
static enum refusal sign(const struct turn *turn, struct session *session, struct batch_signing *signing)
{
    enum refusal refusal = session_verify(session, turn->pin, turn->last_try, &signing->tries);
    if (!refusal)
        refusal = session_sign(session, SLOT_SIGN, signing->signed_info, signing->signed_info_length, signing->signature, &signing->length);
    session_close(session);
    return refusal;
}

/* The algorithm of the batch's key decides which SignedInfo is right. */
static enum refusal check(const char *id, const char *origin, const struct batch_signing *signing, char number[NUMBER_SIZE])
{
    struct key *key = malloc(sizeof *key);
    char known[33] = "";
    pthread_mutex_lock(&all.lock);
    sweep(clock_monotonic());
    const struct batch *batch = find(id, origin);
    enum refusal refusal = why_over(batch);
    if (!refusal)
        memcpy(known, batch->key, sizeof known);
    pthread_mutex_unlock(&all.lock);
    if (!refusal)
        refusal = !key ? CARD_ERROR : key_find(known, key, NULL) ? KEY_REMOVED : DONE;
    if (!refusal)
        refusal = document_check(key->certificates[SLOT_SIGN].read.algorithm, signing->document, signing->document_length, signing->signed_info,
                                 signing->signed_info_length, number);
    free(key);
    return refusal;
}

enum refusal batch_sign(const char *id, struct batch_signing *signing)
{
    char number[NUMBER_SIZE];
    struct turn turn = {0};
    enum refusal refusal = check(id, signing->origin, signing, number);
    if (!refusal)
        refusal = turn_take(id, signing->origin, number, &turn);
    if (refusal)
        return refusal;
    struct session *session = malloc(sizeof *session);
    refusal = session ? session_open(turn.key, session) : CARD_ERROR;
    if (!refusal)
        refusal = sign(&turn, session, signing);
    else if (refusal == NO_KEY)
        refusal = KEY_REMOVED;
    free(session);
    pin_free(turn.pin);
    turn_give(id, signing->origin, &turn, refusal);
    log_line(LOG_INFO, "sign", "result=%s", refusal_words(refusal)->code);
    return refusal;
}
