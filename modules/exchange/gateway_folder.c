/* A partner that exchanges files: messages are placed in its OutBox, and what becomes of them there is looked at. Its folders (OutBox, SentBox,
   FailBox, InBox) are made by the operator and not here: a share that is not mounted must not look like one from which all was taken. */
#include "gateway.h"

#include "base/clock.h"
#include "base/file.h"

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
#define LIE_MAXIMUM 1000 /* files in an OutBox; more wait here, so that one who is away makes no folder that nobody can list */

/* Never through a link: who may change the partner's folder must not lead us into another's. */
int gate_box_open(const struct partner *partner, const char *box, struct error *error)
{
    char path[1400];
    int folder;

    snprintf(path, sizeof path, "%s/%s", partner->folder, box);
    folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) error_unavailable(error, "%s: %s", path, strerror(errno));
    return folder;
}

/* ---- placing */

/* Whether a file of that name lies there; *same: it is this message, placed before a crash. */
static bool lies_there(int box, const char *name, const struct buffer *text, bool *same)
{
    int file = openat(box, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct buffer found;
    struct stat about;
    ssize_t got = 1;

    *same = false;
    if (file < 0) return errno != ENOENT;
    buffer_init(&found, text->length + 1);
    if (!fstat(file, &about) && about.st_size == (off_t)text->length) {
        while (got > 0 && buffer_reserve(&found, text->length + 1 - found.length)) {
            got = read(file, found.data + found.length, text->length + 1 - found.length);
            if (got > 0) found.length += (size_t)got;
        }
        *same = found.length == text->length && !memcmp(found.data, text->data, found.length);
    }
    buffer_free(&found);
    close(file);
    return true;
}

/* NULL or what is wrong. */
static const char *place_file(int box, const char *id, const struct buffer *text)
{
    char name[NAME_SIZE];
    bool same;

    snprintf(name, sizeof name, "%s.xml", id);
    if (lies_there(box, name, text, &same)) return same ? NULL : "a file of this name lies there that is another";
    return file_put(box, name, text->data, text->length) ? NULL : strerror(errno);
}

static void place(struct gate_sending *s, struct error *error)
{
    const struct partner *partner = s->sender->partner;
    char id[GATE_ID_SIZE];
    const char *why;
    struct error own;
    int box;

    error_clear(&own);
    box = gate_box_open(partner, "OutBox", &own);
    gate_message_id(partner->name, s->number, id);
    why = box >= 0 ? place_file(box, id, &s->text) : own.detail;
    s->result = !why ? PLACED : box >= 0 ? LATER : PAUSE;
    if (why) gate_say(s->answer, sizeof s->answer, "%s/OutBox/%s.xml: %s", partner->folder, id, why);
    if (box >= 0) close(box);
    gate_note(s, error);
}

/* ---- what has become of it */

struct settled {
    const char *partner;
    int64_t numbers[LIE_MAXIMUM];
    size_t count, lie; /* those that are gone; how many still lie there */
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

/* The text that the partner has put beside the message, in one line; false when there is none. */
static bool read_reason(int box, const char *id, char *out, size_t size)
{
    char name[NAME_SIZE], text[400];
    ssize_t length;
    int file;

    snprintf(name, sizeof name, "%s.xml.txt", id);
    file = openat(box, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return false;
    length = read(file, text, sizeof text);
    close(file);
    gate_say(out, size, "%.*s", length > 0 ? (int)length : 0, text);
    return true;
}

/* A moment ago by the folder's clock, which may be another than ours. */
static bool is_fresh(const struct stat *about)
{
    int64_t age = clock_lease() - 1000 * (int64_t)about->st_ctim.tv_sec - about->st_ctim.tv_nsec / 1000000;
    return age < SETTLED_MILLISECONDS && age > -60 * SETTLED_MILLISECONDS;
}

/* What cannot be removed would fail again and again. */
static int remove_failed(const struct partner *partner, int box, const char *id, struct error *error)
{
    char name[NAME_SIZE], beside[NAME_SIZE];

    snprintf(name, sizeof name, "%s.xml", id);
    snprintf(beside, sizeof beside, "%s.xml.txt", id);
    if (unlinkat(box, beside, 0) && errno != ENOENT) return error_unavailable(error, "%s/FailBox/%s cannot be removed: %s", partner->folder, beside, strerror(errno));
    if (unlinkat(box, name, 0) && errno != ENOENT) return error_unavailable(error, "%s/FailBox/%s cannot be removed: %s", partner->folder, name, strerror(errno));
    return 0;
}

/* One file of the FailBox, if it is ours: noted, then removed. */
static int take_failed(struct gate *gate, const struct partner *partner, int box, const char *name, struct error *error)
{
    struct failure failure = {.partner = partner->name};
    char id[GATE_ID_SIZE];
    struct stat about;
    size_t length = strlen(name);

    if (length < 5 || length - 4 >= GATE_ID_SIZE || strcmp(name + length - 4, ".xml") != 0) return 0;
    snprintf(id, sizeof id, "%.*s", (int)(length - 4), name);
    failure.number = gate_number(partner->name, id);
    if (!failure.number || fstatat(box, name, &about, AT_SYMLINK_NOFOLLOW) || !S_ISREG(about.st_mode)) return 0;
    if (!read_reason(box, id, failure.reason, sizeof failure.reason) && is_fresh(&about)) return 0;
    if (!*failure.reason) snprintf(failure.reason, sizeof failure.reason, "FailBox");
    if (store_write(gate->program->store, failed_work, &failure, error)) return (int)error->code;
    gate_wake(gate, GATE_IN);
    return remove_failed(partner, box, id, error);
}

static int look_at_failed(struct gate *gate, const struct partner *partner, int box, struct error *error)
{
    int again = openat(box, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = again >= 0 ? fdopendir(again) : NULL;
    const struct dirent *entry;

    if (!folder) {
        if (again >= 0) close(again);
        return error_unavailable(error, "%s/FailBox: %s", partner->folder, strerror(errno));
    }
    while (!error->code && (entry = readdir(folder))) take_failed(gate, partner, box, entry->d_name, error);
    closedir(folder);
    return (int)error->code;
}

static bool is_there(int box, const char *name)
{
    struct stat about;
    return !fstatat(box, name, &about, AT_SYMLINK_NOFOLLOW) || errno != ENOENT;
}

/* Messages that have left the OutBox and have not failed. In this order: what is on its way from there to the FailBox is found in one of both. */
static int find_gone(struct store_connection *reader, int out, int fail, struct settled *sent, struct error *error)
{
    struct store_rows rows;
    char id[GATE_ID_SIZE], name[NAME_SIZE];

    if (store_query(reader, &rows, error, "SELECT number FROM message_out WHERE partner = $1 AND state = 'waiting' AND placed = 1 ORDER BY number",
                    STORE_VALUES(store_string(sent->partner))))
        return (int)error->code;
    while (store_next(&rows)) {
        int64_t number = store_column_integer(&rows, 0);
        gate_message_id(sent->partner, number, id);
        snprintf(name, sizeof name, "%s.xml", id);
        if (sent->count == LIE_MAXIMUM || is_there(out, name) || is_there(fail, name)) sent->lie++;
        else sent->numbers[sent->count++] = number;
    }
    return store_end(&rows);
}

/* *room: how many more may lie in the OutBox. */
static int look(struct gate *gate, struct store_connection *reader, const struct partner *partner, size_t *room, struct error *error)
{
    struct settled gone = {.partner = partner->name};
    int out = gate_box_open(partner, "OutBox", error), fail = out < 0 ? -1 : gate_box_open(partner, "FailBox", error);

    if (fail >= 0 && !find_gone(reader, out, fail, &gone, error)) look_at_failed(gate, partner, fail, error);
    if (gone.count) {
        struct error own;
        error_clear(&own);
        if (!store_write(gate->program->store, sent_work, &gone, &own)) gate_wake(gate, GATE_OUT);
        if (!error->code) *error = own;
    }
    if (fail >= 0) close(fail);
    if (out >= 0) close(out);
    *room = gone.lie < LIE_MAXIMUM ? LIE_MAXIMUM - gone.lie : 0;
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

/* Says what is wrong with the folders when that is something else than before; `told` is what was said last. */
static void tell(struct gate *gate, const struct partner *partner, const struct error *error, struct error *told)
{
    struct heard heard = {partner->name, error->code ? error->detail : ""};
    struct error ignored;

    if (!strcmp(told->detail, heard.answer)) return;
    if (error->code) gate_complain("folder", error);
    error_clear(&ignored);
    if (!store_write(gate->program->store, heard_work, &heard, &ignored)) *told = *error;
}

/* Places what may leave, as long as there is room. */
static void place_all(struct gate *gate, struct gate_sending *sending, struct store_connection *reader, size_t room, struct error *error)
{
    for (sending->found = true; sending->found && room && !error->code && !gate->stopping; room--)
        if (!gate_claim(sending, reader, error) && sending->found) place(sending, error);
}

void *gate_folder_run(void *argument)
{
    const struct gate_worker *worker = argument;
    struct gate *gate = worker->gate;
    const struct partner *partner = worker->sender->partner;
    struct store_connection *reader = NULL;
    struct gate_sending sending;
    struct gate_inbox inbox = {NULL, 0};
    size_t room = 0;
    struct error told = {.detail = "?"}; /* of before the start nobody knows */
    unsigned seen = 0;

    gate_sending_init(&sending, worker);
    do {
        struct error in, out;
        error_clear(&in);
        error_clear(&out);
        gate_inbox_look(gate, worker->sender, &inbox, &in);
        if ((reader || !store_reader(gate->program->store, &reader, &out)) && !look(gate, reader, partner, &room, &out))
            place_all(gate, &sending, reader, room, &out);
        tell(gate, partner, out.code ? &out : &in, &told);
    } while (!gate_wait(gate, GATE_OUT, &seen, LOOK_MILLISECONDS));
    gate_sending_free(&sending);
    free(inbox.files);
    if (reader) store_reader_close(reader);
    return NULL;
}
