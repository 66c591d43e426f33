#define _GNU_SOURCE /* pthread_tryjoin_np */
#include "reader.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "session.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <winscard.h>

#define READERS 8
#define LOOK_AGAIN 5000 /* ms: how long readers are waited for at most before their list is asked for anew */
#define TRY_AGAIN 500   /* ms: when another program has a card for itself, or PC/SC is away */
#define NEW_READER "\\\\?PnP?\\Notification"

struct reader {
    struct place place;
    DWORD state; /* as PC/SC gave it last */
    bool present, busy;
    struct key *key; /* owned; NULL = none, or not one of ours */
};

struct list {
    size_t count;
    struct reader readers[READERS];
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct list list;
    int64_t change;
    bool stopping, awake;
    SCARDCONTEXT context;
    pthread_t thread;
    void (*removed)(const char *key);
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- what is shown */

static const char *instant(int64_t milliseconds, char out[32])
{
    time_t seconds = (time_t)(milliseconds / 1000);
    struct tm parts;
    if (!gmtime_r(&seconds, &parts) || !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts))
        out[0] = 0;
    return out;
}

static void certificate_write(struct json_writer *json, const char *slot, const struct card_certificate *certificate)
{
    char text[32];
    struct buffer der;
    buffer_init(&der, 0);
    base64_write(certificate->der, certificate->length, &der);
    json_object(json);
    json_put_string(json, "slot", slot);
    json_put_string(json, "certificate", buffer_string(&der));
    json_put_string(json, "algorithm", card_algorithm(&certificate->read));
    json_put_string(json, "subject", certificate->read.subject);
    json_put_string(json, "issuer", certificate->read.issuer);
    json_put_string(json, "serial", certificate->read.serial);
    json_put_string(json, "not_before", instant(certificate->read.not_before, text));
    json_put_string(json, "not_after", instant(certificate->read.not_after, text));
    json_object_end(json);
    buffer_free(&der);
}

static void key_write(struct json_writer *json, const struct key *key)
{
    json_name(json, "key");
    if (!key) {
        json_null(json);
        return;
    }
    json_object(json);
    json_put_string(json, "id", key->id);
    json_put_string(json, "label", key->label);
    json_put_string(json, "driver", key->driver->name);
    json_put_integer(json, "pin_tries", key->tries);
    json_name(json, "certificates");
    json_array(json);
    for (int slot = 0; slot < SLOTS; slot++)
        if (key->certificates[slot].length)
            certificate_write(json, key->driver->slots[slot], &key->certificates[slot]);
    json_array_end(json);
    json_object_end(json);
}

void readers_write(struct json_writer *json)
{
    pthread_mutex_lock(&seen.lock);
    json_put_integer(json, "change", seen.change);
    json_name(json, "readers");
    json_array(json);
    for (size_t i = 0; i < seen.list.count; i++) {
        const struct reader *reader = &seen.list.readers[i];
        json_object(json);
        json_put_string(json, "name", reader->place.reader);
        json_put_boolean(json, "present", reader->present);
        key_write(json, reader->key);
        json_object_end(json);
    }
    json_array_end(json);
    pthread_mutex_unlock(&seen.lock);
}

static struct timespec deadline(int64_t milliseconds)
{
    int64_t until = clock_monotonic() + milliseconds;
    return (struct timespec){until / 1000, until % 1000 * 1000000};
}

void readers_wait(int64_t number, int64_t milliseconds)
{
    struct timespec until = deadline(milliseconds);
    pthread_mutex_lock(&seen.lock);
    while (seen.change == number && !seen.awake && !pthread_cond_timedwait(&seen.changed, &seen.lock, &until))
        continue;
    pthread_mutex_unlock(&seen.lock);
}

void readers_wake(void)
{
    pthread_mutex_lock(&seen.lock);
    seen.awake = true;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

/* ---- looking up; both with the lock held */

static struct reader *reader_of(const char *key)
{
    for (size_t i = 0; i < seen.list.count; i++)
        if (seen.list.readers[i].key && !strcmp(seen.list.readers[i].key->id, key))
            return &seen.list.readers[i];
    return NULL;
}

static void change(void)
{
    seen.change++;
    pthread_cond_broadcast(&seen.changed);
}

enum refusal key_find(const char *id, struct key *key, struct place *place)
{
    pthread_mutex_lock(&seen.lock);
    const struct reader *reader = reader_of(id);
    if (reader) {
        *key = *reader->key;
        if (place)
            *place = reader->place;
    }
    pthread_mutex_unlock(&seen.lock);
    return reader ? DONE : NO_KEY;
}

void key_note_tries(const char *id, int tries)
{
    pthread_mutex_lock(&seen.lock);
    struct reader *reader = reader_of(id);
    if (reader && reader->key->tries != tries) {
        reader->key->tries = tries;
        change();
    }
    pthread_mutex_unlock(&seen.lock);
}

/* ---- watching */

/* Reads a card that has come. */
static void card_read(struct reader *reader)
{
    struct session session;
    enum refusal refusal = session_connect(&reader->place, &session);
    reader->busy = refusal == BUSY;
    if (refusal)
        return;
    struct key *key = session.key.driver ? malloc(sizeof *key) : NULL;
    if (key) {
        *key = session.key;
        refusal = key->driver->read(&session.card, key);
        log_line(LOG_INFO, "key", "driver=%s read=%s", key->driver->name, refusal_words(refusal)->code);
    } else {
        log_line(LOG_INFO, "key", "reason=\"no driver knows this card\"");
    }
    session_close(&session);
    if (refusal) {
        free(key);
        key = NULL;
    }
    reader->key = key;
}

static struct reader *same_insertion(struct list *list, const struct place *place)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->readers[i].place.insertion == place->insertion && !strcmp(list->readers[i].place.reader, place->reader))
            return &list->readers[i];
    return NULL;
}

/* What is in a reader now: as before, unless a card came. The old list's key moves over. */
static void reader_fill(struct reader *reader, struct list *old)
{
    struct reader *before = same_insertion(old, &reader->place);
    if (before && before->present == reader->present && !before->busy) {
        reader->key = before->key;
        before->key = NULL;
    } else if (reader->present) {
        card_read(reader);
    }
}

static bool lists_differ(const struct list *a, const struct list *b, const bool *moved)
{
    bool differ = a->count != b->count;
    for (size_t i = 0; i < a->count && !differ; i++)
        differ = strcmp(a->readers[i].place.reader, b->readers[i].place.reader) || a->readers[i].present != b->readers[i].present ||
                 a->readers[i].place.insertion != b->readers[i].place.insertion || (b->readers[i].key && !moved[i]);
    return differ;
}

/* Puts a new list in the place of the old one; tells whose keys are gone. Keys that stayed are the same pointers, known by `moved`. */
static void publish(struct list *next)
{
    struct key *gone[READERS];
    size_t count = 0;
    pthread_mutex_lock(&seen.lock);
    bool moved[READERS] = {false};
    for (size_t i = 0; i < seen.list.count; i++) {
        struct key *key = seen.list.readers[i].key;
        bool kept = false;
        for (size_t j = 0; j < next->count && key; j++)
            if (next->readers[j].key == key)
                kept = moved[j] = true;
        if (key && !kept)
            gone[count++] = key;
    }
    if (lists_differ(&seen.list, next, moved) || count)
        change();
    seen.list = *next;
    pthread_mutex_unlock(&seen.lock);
    for (size_t i = 0; i < count; i++) {
        seen.removed(gone[i]->id);
        free(gone[i]);
    }
}

/* The watching thread alone writes the list, so it may read its own copy without the lock. */
static void look(const SCARD_READERSTATE *states, size_t count)
{
    struct list next = {.count = count}, old = seen.list;
    for (size_t i = 0; i < count; i++) {
        struct reader *reader = &next.readers[i];
        size_t length = strnlen(states[i].szReader, READER_NAME - 1);
        memcpy(reader->place.reader, states[i].szReader, length);
        reader->state = states[i].dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
        reader->place.insertion = (unsigned)(states[i].dwEventState >> 16);
        reader->present = states[i].dwEventState & SCARD_STATE_PRESENT && !(states[i].dwEventState & SCARD_STATE_MUTE);
        reader_fill(reader, &old);
    }
    publish(&next);
}

/* The names of the readers, one after the other; how many. -1 when PC/SC is away. */
static int names(char *text, size_t size, const char *list[READERS])
{
    DWORD length = size;
    int count = 0;
    LONG code = SCardListReaders(seen.context, NULL, text, &length);
    if (code == SCARD_E_NO_READERS_AVAILABLE)
        return 0;
    if (code != SCARD_S_SUCCESS)
        return -1;
    for (const char *name = text; *name && count < READERS; name += strlen(name) + 1)
        if (strlen(name) < READER_NAME)
            list[count++] = name;
    return count;
}

/* One wait for news; false when PC/SC is away. */
static bool wait_and_look(void)
{
    char text[READERS * READER_NAME * 2];
    const char *list[READERS];
    SCARD_READERSTATE states[READERS + 1];
    bool busy = false;
    int count = names(text, sizeof text, list);
    if (count < 0)
        return false;
    memset(states, 0, sizeof states);
    for (int i = 0; i < count; i++) {
        states[i].szReader = list[i];
        for (size_t j = 0; j < seen.list.count; j++)
            if (!strcmp(seen.list.readers[j].place.reader, list[i])) {
                states[i].dwCurrentState = seen.list.readers[j].state;
                busy = busy || seen.list.readers[j].busy;
            }
    }
    states[count].szReader = NEW_READER;
    LONG code = SCardGetStatusChange(seen.context, busy ? TRY_AGAIN : LOOK_AGAIN, states, (DWORD)count + 1);
    if (code == SCARD_S_SUCCESS || (code == SCARD_E_TIMEOUT && (busy || (size_t)count != seen.list.count)))
        look(states, (size_t)count);
    return code == SCARD_S_SUCCESS || code == SCARD_E_TIMEOUT || code == SCARD_E_CANCELLED || code == SCARD_E_UNKNOWN_READER;
}

static bool stopping(void)
{
    pthread_mutex_lock(&seen.lock);
    bool stop = seen.stopping;
    pthread_mutex_unlock(&seen.lock);
    return stop;
}

static void pause_while_away(void)
{
    struct timespec until = deadline(TRY_AGAIN);
    look(NULL, 0);
    pthread_mutex_lock(&seen.lock);
    while (!seen.stopping && !pthread_cond_timedwait(&seen.changed, &seen.lock, &until))
        continue;
    pthread_mutex_unlock(&seen.lock);
}

static void *watch(void *argument)
{
    while (!stopping()) {
        SCARDCONTEXT context;
        if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != SCARD_S_SUCCESS) {
            pause_while_away();
            continue;
        }
        pthread_mutex_lock(&seen.lock);
        seen.context = context;
        pthread_mutex_unlock(&seen.lock);
        while (!stopping() && wait_and_look())
            continue;
        pthread_mutex_lock(&seen.lock);
        seen.context = 0;
        pthread_mutex_unlock(&seen.lock);
        SCardReleaseContext(context);
        if (!stopping())
            pause_while_away();
    }
    look(NULL, 0);
    return argument;
}

int readers_start(void (*removed)(const char *key), struct error *error)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&seen.changed, &attributes);
    pthread_condattr_destroy(&attributes);
    seen.removed = removed;
    seen.change = clock_now() / 1000; /* a page that has seen an earlier run of this program sees that it is another one */
    return thread_start(&seen.thread, watch, NULL) ? error_internal(error, "no thread to watch the readers") : 0;
}

void readers_stop(void)
{
    const struct timespec pause = {0, 20000000};
    pthread_mutex_lock(&seen.lock);
    seen.stopping = true;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
    /* a cancellation that comes before the wait begins is lost */
    while (pthread_tryjoin_np(seen.thread, NULL)) {
        pthread_mutex_lock(&seen.lock);
        if (seen.context)
            SCardCancel(seen.context);
        pthread_mutex_unlock(&seen.lock);
        nanosleep(&pause, NULL);
    }
}
