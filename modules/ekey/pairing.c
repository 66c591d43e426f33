#include "pairing.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "prompt.h"
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EACH 8 /* secrets of an origin: as many browsers */
#define PAIRINGS (ORIGINS * EACH)
#define FILE_MAXIMUM (2 * PAIRINGS * (ORIGIN_SIZE + DIGEST_SIZE + 2))
#define REFUSALS_IN_A_ROW 3
#define PAUSE 60000 /* ms */

struct pairing {
    char origin[ORIGIN_SIZE], hash[DIGEST_SIZE];
};

static struct {
    pthread_mutex_t lock;
    struct pairing pairings[PAIRINGS]; /* the oldest first */
    int count;
    int refused;       /* in a row */
    int64_t not_before; /* clock_monotonic */
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void drop(int index)
{
    known.count--;
    memmove(&known.pairings[index], &known.pairings[index + 1], (size_t)(known.count - index) * sizeof known.pairings[0]);
}

/* Makes room for one more of this origin. */
static void make_room(const char *origin)
{
    int same = 0, oldest = -1;
    for (int i = known.count - 1; i >= 0; i--)
        if (!strcmp(known.pairings[i].origin, origin)) {
            same++;
            oldest = i;
        }
    if (same >= EACH)
        drop(oldest);
    if (known.count == PAIRINGS)
        drop(0);
}

static void add(const char *origin, const char *hash)
{
    make_room(origin);
    struct pairing *pairing = &known.pairings[known.count++];
    snprintf(pairing->origin, sizeof pairing->origin, "%s", origin);
    snprintf(pairing->hash, sizeof pairing->hash, "%s", hash);
}

static int line_read(char *line, const char *path, struct error *error)
{
    char *space = strchr(line, ' ');
    if (!space || space - line >= ORIGIN_SIZE || strlen(space + 1) != DIGEST_SIZE - 1 || strspn(space + 1, "0123456789abcdef") != DIGEST_SIZE - 1)
        return error_internal(error, "%s: a line that is none of ours; remove the file to pair anew", path);
    *space = 0;
    add(line, space + 1);
    return 0;
}

int pairings_open(struct error *error)
{
    char path[600];
    struct buffer text;
    int code = 0;
    snprintf(path, sizeof path, "%s/pairings", settings.state);
    if (access(path, F_OK) && errno == ENOENT)
        return 0;
    buffer_init(&text, FILE_MAXIMUM);
    if (file_read(path, &text, error)) {
        buffer_free(&text);
        return (int)error->code;
    }
    char *rest = text.data;
    for (char *line; !code && (line = strsep(&rest, "\n"));)
        if (*line)
            code = line_read(line, path, error);
    buffer_free(&text);
    return code;
}

/* Written beside and renamed: whole or not at all. */
static bool store(void)
{
    char path[600], fresh[610];
    struct buffer text;
    snprintf(path, sizeof path, "%s/pairings", settings.state);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    buffer_init(&text, FILE_MAXIMUM);
    for (int i = 0; i < known.count; i++)
        buffer_printf(&text, "%s %s\n", known.pairings[i].origin, known.pairings[i].hash);
    int file = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = file >= 0 && write(file, buffer_string(&text), text.length) == (ssize_t)text.length && !fsync(file);
    if (file >= 0)
        close(file);
    buffer_free(&text);
    good = good && !rename(fresh, path);
    if (!good)
        log_line(LOG_ERROR, "pairings", "reason=\"%s: %s\"", path, strerror(errno));
    return good;
}

static enum refusal consent(const char *origin)
{
    if (!settings.prompt)
        return DONE; /* who wrote `prompt = none` beside the portal's name has agreed there */
    pthread_mutex_lock(&known.lock);
    bool wait = clock_monotonic() < known.not_before;
    pthread_mutex_unlock(&known.lock);
    if (wait)
        return TOO_MANY;
    enum refusal refusal = prompt_pairing(origin);
    pthread_mutex_lock(&known.lock);
    known.refused = refusal == REFUSED ? known.refused + 1 : refusal ? known.refused : 0;
    if (known.refused >= REFUSALS_IN_A_ROW) {
        known.refused = 0;
        known.not_before = clock_monotonic() + PAUSE;
    }
    pthread_mutex_unlock(&known.lock);
    return refusal;
}

enum refusal pairing_ask(const char *origin, char secret[SECRET_SIZE])
{
    char hash[DIGEST_SIZE];
    enum refusal refusal = consent(origin);
    log_line(LOG_INFO, "pairing", "origin=%s result=%s", origin, refusal_words(refusal)->code);
    if (refusal)
        return refusal;
    random_hex((SECRET_SIZE - 1) / 2, secret);
    digest_sha256(secret, SECRET_SIZE - 1, hash);
    pthread_mutex_lock(&known.lock);
    add(origin, hash);
    store(); /* when it cannot be stored the pairing lasts as long as this program */
    pthread_mutex_unlock(&known.lock);
    return DONE;
}

bool pairing_known(const char *origin, const char *secret)
{
    char hash[DIGEST_SIZE];
    bool found = false;
    digest_sha256(secret, strlen(secret), hash);
    pthread_mutex_lock(&known.lock);
    for (int i = 0; i < known.count; i++)
        found = (!strcmp(known.pairings[i].origin, origin) && digest_same(known.pairings[i].hash, hash)) || found;
    pthread_mutex_unlock(&known.lock);
    return found;
}
