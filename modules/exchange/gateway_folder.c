/* A partner that exchanges files: messages are placed in its OutBox, and what becomes of them there is looked at. Its folders (OutBox, SentBox,
   FailBox, InBox) are made by the operator and not here: a share that is not mounted must not look like one from which all was taken. */
#include "gateway.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_MILLISECONDS 500
#define NAME_SIZE (GATE_ID_SIZE + 16)
#define SETTLED_MILLISECONDS 1000 /* how long the reason of a failure may come after the file */
#define BATCH 100

static int unavailable(const struct partner *partner, const char *box, struct error *error)
{
    return error_unavailable(error, "%s/%s: %s", partner->folder, box, strerror(errno));
}

/* -1: not there. */
static int open_box(const struct partner *partner, const char *box)
{
    char path[1400];

    snprintf(path, sizeof path, "%s/%s", partner->folder, box);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* ---- placing */

static bool write_all(int file, const char *bytes, size_t length)
{
    while (length) {
        ssize_t done = write(file, bytes, length);
        if (done < 0 && errno != EINTR) return false;
        if (done > 0) bytes += done, length -= (size_t)done;
    }
    return true;
}

/* Whole or not at all, and durable. A file of that name is this message, placed before a crash. */
static bool place_file(int box, const char *id, const struct buffer *text)
{
    char name[NAME_SIZE], temporary[NAME_SIZE];
    struct stat there;
    bool good;

    snprintf(name, sizeof name, "%s.xml", id);
    snprintf(temporary, sizeof temporary, ".%s.new", id);
    if (!fstatat(box, name, &there, AT_SYMLINK_NOFOLLOW)) return true;
    int file = openat(box, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0660);
    if (file < 0) return false;
    good = write_all(file, text->data, text->length) && !fsync(file);
    if (close(file)) good = false;
    return good && !renameat(box, temporary, box, name) && !fsync(box);
}

static void place(struct gate_sending *s, struct error *error)
{
    const struct partner *partner = s->sender->partner;
    char id[GATE_ID_SIZE];
    int box = open_box(partner, "OutBox");

    gate_message_id(partner->name, s->number, id);
    s->result = box >= 0 && place_file(box, id, &s->text) ? PLACED : PAUSE;
    if (s->result == PAUSE) {
        struct error why;
        unavailable(partner, "OutBox", &why);
        snprintf(s->answer, sizeof s->answer, "%.200s", why.detail);
    }
    if (box >= 0) close(box);
    gate_note(s, error);
}

/* ---- what has become of it */

struct settled {
    const char *partner;
    int64_t numbers[BATCH];
    size_t count;
};

static int sent_work(struct store_connection *db, void *argument, struct error *error)
{
    const struct settled *sent = argument;

    for (size_t i = 0; i < sent->count; i++)
        if (store_execute(db, error, NULL, "UPDATE message_out SET state = 'sent', placed = 0, finished = $3 WHERE partner = $1 AND number = $2 AND state = 'waiting' AND placed = 1",
                          STORE_VALUES(store_string(sent->partner), store_integer(sent->numbers[i]), store_integer(clock_now()))))
            return (int)error->code;
    return 0;
}

struct failure {
    const char *partner;
    int64_t number;
    char reason[400];
};

static int failed_work(struct store_connection *db, void *argument, struct error *error)
{
    const struct failure *failure = argument;
    return gate_out_failed(db, failure->partner, failure->number, failure->reason, error);
}

/* The text that the partner has put beside the message, in one line; "" for none. */
static void read_reason(int box, const char *id, char *out, size_t size)
{
    char name[NAME_SIZE];
    ssize_t length;
    int file;

    snprintf(name, sizeof name, "%s.xml.txt", id);
    *out = '\0';
    file = openat(box, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return;
    length = read(file, out, size - 1);
    close(file);
    if (length < 0) length = 0;
    for (ssize_t i = 0; i < length; i++)
        if ((unsigned char)out[i] < ' ') out[i] = ' ';
    out[utf8_cut(out, (size_t)length, (size_t)length)] = '\0';
    if (!utf8_valid(out, strlen(out))) snprintf(out, size, "(the reason is no UTF-8)");
}

static bool has_reason(int box, const char *id)
{
    char name[NAME_SIZE];
    struct stat about;

    snprintf(name, sizeof name, "%s.xml.txt", id);
    return !fstatat(box, name, &about, AT_SYMLINK_NOFOLLOW);
}

/* One file of the FailBox, if it is ours: noted, then removed. */
static int take_failed(struct gate *gate, const struct partner *partner, int box, const char *name, struct error *error)
{
    struct failure failure = {.partner = partner->name};
    char id[GATE_ID_SIZE], beside[NAME_SIZE];
    struct stat about;
    size_t length = strlen(name);

    if (length < 5 || length - 4 >= GATE_ID_SIZE || strcmp(name + length - 4, ".xml") != 0) return 0;
    snprintf(id, sizeof id, "%.*s", (int)(length - 4), name);
    failure.number = gate_number(partner->name, id);
    if (!failure.number || fstatat(box, name, &about, AT_SYMLINK_NOFOLLOW)) return 0;
    if (!has_reason(box, id) && clock_lease() - 1000 * (int64_t)about.st_ctim.tv_sec - about.st_ctim.tv_nsec / 1000000 < SETTLED_MILLISECONDS) return 0;
    read_reason(box, id, failure.reason, sizeof failure.reason);
    if (!*failure.reason) snprintf(failure.reason, sizeof failure.reason, "FailBox");
    if (store_write(gate->program->store, failed_work, &failure, error)) return (int)error->code;
    snprintf(beside, sizeof beside, "%s.xml.txt", id);
    unlinkat(box, name, 0);
    unlinkat(box, beside, 0);
    gate_wake(gate, GATE_IN);
    return 0;
}

static int look_at_failed(struct gate *gate, const struct partner *partner, struct error *error)
{
    int box = open_box(partner, "FailBox");
    DIR *folder = box >= 0 ? fdopendir(box) : NULL;
    const struct dirent *entry;

    if (!folder) {
        if (box >= 0) close(box);
        return unavailable(partner, "FailBox", error);
    }
    while (!error->code && (entry = readdir(folder))) take_failed(gate, partner, box, entry->d_name, error);
    closedir(folder);
    return (int)error->code;
}

/* Messages that have left the OutBox, wherever to. */
static int find_gone(struct store_connection *reader, const struct partner *partner, int box, struct settled *sent, struct error *error)
{
    struct store_rows rows;
    char id[GATE_ID_SIZE], name[NAME_SIZE];
    struct stat about;

    if (store_query(reader, &rows, error, "SELECT number FROM message_out WHERE partner = $1 AND state = 'waiting' AND placed = 1 ORDER BY number",
                    STORE_VALUES(store_string(partner->name))))
        return (int)error->code;
    while (sent->count < BATCH && store_next(&rows)) {
        int64_t number = store_column_integer(&rows, 0);
        gate_message_id(partner->name, number, id);
        snprintf(name, sizeof name, "%s.xml", id);
        if (fstatat(box, name, &about, AT_SYMLINK_NOFOLLOW) && errno == ENOENT) sent->numbers[sent->count++] = number;
    }
    return store_end(&rows);
}

/* The OutBox is looked at first: what is on its way from there to the FailBox is found in one of both. */
static int look(struct gate *gate, struct store_connection *reader, const struct partner *partner, struct error *error)
{
    struct settled gone = {.partner = partner->name};
    int box = open_box(partner, "OutBox");

    if (box < 0) return unavailable(partner, "OutBox", error);
    if (!find_gone(reader, partner, box, &gone, error) && !look_at_failed(gate, partner, error) && gone.count) {
        if (!store_write(gate->program->store, sent_work, &gone, error)) gate_wake(gate, GATE_OUT);
    }
    close(box);
    return (int)error->code;
}

/* ---- the thread */

struct heard {
    const char *partner;
    const char *answer; /* "" when all is well again */
};

static int heard_work(struct store_connection *db, void *argument, struct error *error)
{
    const struct heard *heard = argument;
    return store_execute(db, error, NULL, "UPDATE partner_state SET answer = $2 WHERE partner = $1", STORE_VALUES(store_string(heard->partner), store_string(heard->answer)));
}

/* Says once that the folder cannot be used, and once that it can again. */
static void tell(struct gate *gate, const struct partner *partner, const struct error *error, bool *away)
{
    struct heard heard = {partner->name, error->code ? error->detail : ""};
    struct error ignored;

    if (*away == (error->code != 0)) return;
    *away = error->code != 0;
    if (*away) gate_complain("folder", error);
    error_clear(&ignored);
    store_write(gate->program->store, heard_work, &heard, &ignored);
}

void *gate_folder_run(void *argument)
{
    const struct gate_worker *worker = argument;
    struct gate *gate = worker->gate;
    const struct partner *partner = worker->sender->partner;
    struct store_connection *reader = NULL;
    struct gate_sending sending;
    bool away = false;
    unsigned seen = 0;

    gate_sending_init(&sending, worker);
    do {
        struct error in, out;
        error_clear(&in);
        error_clear(&out);
        sending.found = true;
        gate_inbox_look(gate, worker->sender, &in);
        if ((reader || !store_reader(gate->program->store, &reader, &out)) && !look(gate, reader, partner, &out))
            while (sending.found && !out.code && !gate->stopping)
                if (!gate_claim(&sending, reader, &out) && sending.found) place(&sending, &out);
        tell(gate, partner, out.code ? &out : &in, &away);
    } while (!gate_wait(gate, GATE_OUT, &seen, LOOK_MILLISECONDS));
    gate_sending_free(&sending);
    if (reader) store_reader_close(reader);
    return NULL;
}
