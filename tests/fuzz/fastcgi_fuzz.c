/* What nginx, or whoever reaches the socket, sends: the first byte says in pieces of which size it arrives, the rest are the bytes of one
   connection. The reader takes exactly what a plain reading of the same bytes gives, however they are cut, and what it answers is
   well-formed records. */
#define _GNU_SOURCE
#include "web/frame.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define MOST 16000 /* a piece is then never longer than what the reader asks for */
#define PIECES 100 /* what the kernel keeps for a connection */

enum { BEGIN = 1, END = 3, PARAMS = 4, STDIN = 5, STDOUT = 6 };

struct source {
    const uint8_t *at, *end;
};

struct taken {
    uint8_t bytes[MOST];
    size_t length;
};

/* ---- the plain reading */

static bool record(struct source *source, int *type, const uint8_t **content, size_t *length)
{
    if (source->end - source->at < 8 || source->at[0] != 1) return false;
    *type = source->at[1];
    *length = (size_t)source->at[4] << 8 | source->at[5];
    *content = source->at + 8;
    return true;
}

static bool record_over(struct source *source, size_t length)
{
    size_t whole = 8 + length + source->at[6];

    if ((size_t)(source->end - source->at) < whole) return false;
    source->at += whole;
    return true;
}

static bool plain_begin(struct source *source)
{
    const uint8_t *content;
    size_t length;
    int type;

    return record(source, &type, &content, &length) && type == BEGIN && length == 8 && record_over(source, 8) && content[0] == 0 && content[1] == 1;
}

static bool plain_parameters(struct source *source, struct taken *taken)
{
    const uint8_t *content;
    size_t length;
    int type;

    for (taken->length = 0; record(source, &type, &content, &length) && type == PARAMS; taken->length += length) {
        if (!record_over(source, length)) return false;
        if (!length) return true;
        memcpy(taken->bytes + taken->length, content, length);
    }
    return false;
}

/* Whether exactly `wanted` bytes come, and then an empty record. */
static bool plain_body(struct source *source, size_t wanted, struct taken *taken)
{
    const uint8_t *content;
    size_t length;
    int type;

    for (taken->length = 0; record(source, &type, &content, &length) && type == STDIN; taken->length += length) {
        if (!length) return taken->length == wanted;
        if (!record_over(source, length)) return false;
        memcpy(taken->bytes + taken->length, content, length);
    }
    return false;
}

static bool plain_length(struct source *source, size_t *length)
{
    size_t size = source->at == source->end ? 0 : *source->at & 128 ? 4 : 1;

    if (!size || (size_t)(source->end - source->at) < size) return false;
    *length = size == 1 ? *source->at
                        : (size_t)(source->at[0] & 127) << 24 | (size_t)source->at[1] << 16 | (size_t)source->at[2] << 8 | source->at[3];
    source->at += size;
    return true;
}

static bool plain_pair(struct source *source, struct source *name, struct source *value)
{
    size_t first, second;

    if (!plain_length(source, &first) || !plain_length(source, &second) || first + second > (size_t)(source->end - source->at)) return false;
    *name = (struct source){source->at, source->at + first};
    *value = (struct source){source->at + first, source->at + first + second};
    source->at += first + second;
    return true;
}

static size_t plain_pairs(const struct taken *taken, bool *good)
{
    struct source source = {taken->bytes, taken->bytes + taken->length}, name, value;
    size_t count = 0;

    for (*good = true; *good && source.at < source.end; count++) *good = plain_pair(&source, &name, &value);
    return count;
}

static bool same(const char *text, const struct source *expected)
{
    size_t length = (size_t)(expected->end - expected->at);

    return !memcmp(text, expected->at, length) && !text[length];
}

static void pairs_compare(const struct web_frame *frame, const struct taken *taken)
{
    struct source source = {taken->bytes, taken->bytes + taken->length}, name, value;

    for (size_t i = 0; i < frame->pair_count; i++) {
        if (!plain_pair(&source, &name, &value)) abort();
        if (frame->pairs[i].length != (size_t)(name.end - name.at)) abort();
        if (!same(frame->pairs[i].name, &name) || !same(frame->pairs[i].value, &value)) abort();
    }
    if (source.at != source.end) abort();
}

/* ---- the connection: packets, for a stream would put the pieces together again */

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t address_length;

static int listener(void)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    address_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                                 (size_t)snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "singlewindow-fuzz-%ld", (long)getpid()));
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, address_length) || listen(fd, 4)) {
        perror("fastcgi_fuzz");
        exit(2);
    }
    return fd;
}

static int send_pieces(const uint8_t *bytes, size_t length, size_t piece)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, address_length)) {
        perror("fastcgi_fuzz");
        exit(2);
    }
    if (piece < length / PIECES + 1) piece = length / PIECES + 1;
    for (size_t at = 0, step; at < length; at += step) {
        step = length - at < piece ? length - at : piece;
        if (send(fd, bytes + at, step, MSG_NOSIGNAL) != (ssize_t)step) abort();
    }
    shutdown(fd, SHUT_WR);
    return fd;
}

static void answer_check(int fd, unsigned id, size_t head, size_t body)
{
    uint8_t answer[4096];
    size_t got = 0, output = 0;
    ssize_t step;
    const uint8_t *content;
    int type = 0;

    while ((step = recv(fd, answer + got, sizeof answer - got, 0)) > 0 || (step < 0 && errno == ECONNRESET))
        got += step > 0 ? (size_t)step : 0;
    struct source source = {answer, answer + got};
    for (size_t length; type != END; output += type == STDOUT ? length : 0)
        if (!record(&source, &type, &content, &length) || (unsigned)(content[-6] << 8 | content[-5]) != id || !record_over(&source, length)) abort();
    if (output != head + body || source.at != source.end) abort();
}

static void request(struct web_frame *frame, int peer, struct source *source)
{
    static struct taken expected;
    struct error error;
    struct buffer head, body;
    const char *said = web_parameter(frame, "CONTENT_LENGTH");
    size_t wanted = said ? strtoul(said, NULL, 10) % MOST : 0;

    if (said) {
        error_clear(&error);
        int code = web_read_body(frame, wanted, &error);
        if (!code != plain_body(source, wanted, &expected)) abort();
        if (!code && (frame->call.body_length != wanted || memcmp(frame->call.body, expected.bytes, wanted) || frame->call.body[wanted])) abort();
    }
    buffer_init(&head, 4096);
    buffer_init(&body, 4096);
    buffer_text(&head, "Status: 200 OK\r\n\r\n");
    if (wanted & 1) buffer_text(&body, "{}");
    size_t lengths[] = {head.length, body.length};
    web_send(frame, &head, &body);
    answer_check(peer, frame->fastcgi_id, lengths[0], lengths[1]);
    buffer_free(&head);
    buffer_free(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static struct web_server server = {.listener = -1};
    static struct taken expected;
    struct web_frame *frame;
    bool good;

    if (!length || length > MOST) return 0;
    if (server.listener < 0) server.listener = listener();
    if (!(frame = calloc(1, sizeof *frame))) return 0;
    arena_init(&frame->call.arena, 4 << 20);
    struct source source = {bytes + 1, bytes + length};
    int peer = send_pieces(source.at, length - 1, 1u + bytes[0]);
    int got = web_accept(&server, frame);
    bool request_here = plain_begin(&source) && plain_parameters(&source, &expected);
    if (request_here) plain_pairs(&expected, &good);
    if ((got == 1) != (request_here && good) || (got != 1 && (got != -1 || frame->fd != -1))) abort();
    if (got == 1) {
        pairs_compare(frame, &expected);
        request(frame, peer, &source);
    }
    close(peer);
    arena_free(&frame->call.arena);
    free(frame);
    return 0;
}
