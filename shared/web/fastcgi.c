/* The FastCGI protocol, as much of it as nginx speaks to a responder: one request on a connection, read in as few calls as it
   came, answered in one. Every wait has its limit. */
#define _GNU_SOURCE /* accept4 */
#include "web/frame.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
#define PEER_MILLISECONDS 30000 /* nginx has the whole request before it connects: it never keeps us waiting for long */
#define LINGER_MILLISECONDS 2000
#define PARAMETERS_MAXIMUM ((size_t)256 << 10) /* nginx takes 32 KiB of headers */
#define INPUT 16384
#define RECORD 65528 /* bytes in a record of the answer: the largest that needs no padding */
#define PARTS 32     /* records sent at once */

enum record_type { BEGIN_REQUEST = 1, END_REQUEST = 3, PARAMS = 4, STDIN = 5, STDOUT = 6 };
enum { RESPONDER = 1, HEADER = 8 };

/* ---- the listening socket */

static int address_of(const char *path, struct sockaddr_un *address, struct error *error)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path)
        return error_internal(error, "the socket's path is too long: %s", path);
    memcpy(address->sun_path, path, strlen(path) + 1);
    return 0;
}

static bool is_alive(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool alive = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN;
    close(fd);
    return alive;
}

/* Under a name of its own and then renamed, so that nobody sees it before it listens and has its mode. */
static int bind_there(struct web_server *server, const char *path, struct error *error)
{
    struct sockaddr_un address, fresh;
    char other[200];
    struct stat status;
    snprintf(other, sizeof other, "%s.%ld", path, (long)getpid());
    if (address_of(path, &address, error) || address_of(other, &fresh, error))
        return error->code;
    if (is_alive(&address))
        return error_internal(error, "another program listens on %s", path);
    server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(other);
    if (server->listener < 0 || bind(server->listener, (struct sockaddr *)&fresh, sizeof fresh) || chmod(other, 0660) ||
        listen(server->listener, BACKLOG) || rename(other, path) || stat(path, &status)) {
        error_internal(error, "%s: %s", path, strerror(errno));
        unlink(other);
        return error->code;
    }
    server->socket_inode = status.st_ino;
    return 0;
}

int web_listen(struct web_server *server, struct error *error)
{
    char lock[200];
    snprintf(lock, sizeof lock, "%s.lock", server->socket_path);
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX)) {
        error_internal(error, "%s: %s", lock, strerror(errno));
    } else {
        error_clear(error);
        bind_there(server, server->socket_path, error);
    }
    if (fd >= 0)
        close(fd);
    return error->code;
}

int web_poll(const struct web_server *server, int *poll, struct error *error)
{
    *poll = epoll_create1(EPOLL_CLOEXEC);
    if (*poll < 0 ||
        epoll_ctl(*poll, EPOLL_CTL_ADD, server->listener, &(struct epoll_event){.events = EPOLLIN | EPOLLEXCLUSIVE}) ||
        epoll_ctl(*poll, EPOLL_CTL_ADD, server->stop_event, &(struct epoll_event){.events = EPOLLIN}))
        return error_internal(error, "epoll: %s", strerror(errno));
    return 0;
}

void web_unlisten(struct web_server *server)
{
    struct stat status;
    /* the name may belong to a successor by now */
    if (!stat(server->socket_path, &status) && status.st_ino == server->socket_inode)
        unlink(server->socket_path);
}

/* ---- records: header (version, type, id, length, padding), content, padding */

struct input { /* of the request that this thread is reading */
    int fd;
    size_t at, end;
    unsigned char bytes[INPUT];
    struct buffer parameters; /* the stream of PARAMS, as long as it is not complete */
};

struct record {
    enum record_type type;
    unsigned id;
    size_t length, padding; /* not yet read of it */
};

static _Thread_local struct input input;

static bool wait_for(int fd, short events, int milliseconds)
{
    struct pollfd look = {.fd = fd, .events = events};
    int ready;
    do
        ready = poll(&look, 1, milliseconds);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

/* More bytes behind those that are there; false at the end, on an error, or when nothing comes for too long. */
static bool fill(int milliseconds)
{
    if (input.at == input.end)
        input.at = input.end = 0;
    if (input.end == INPUT) {
        memmove(input.bytes, input.bytes + input.at, input.end - input.at);
        input.end -= input.at;
        input.at = 0;
    }
    for (;;) {
        ssize_t got = recv(input.fd, input.bytes + input.end, INPUT - input.end, MSG_DONTWAIT);
        if (got > 0) {
            input.end += (size_t)got;
            return true;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return false;
        if (errno == EAGAIN && !wait_for(input.fd, POLLIN, milliseconds))
            return false;
    }
}

static bool record_read(struct record *record, int milliseconds)
{
    while (input.end - input.at < HEADER)
        if (!fill(milliseconds))
            return false;
    const unsigned char *h = input.bytes + input.at;
    *record = (struct record){.type = h[1], .id = (unsigned)h[2] << 8 | h[3], .length = (size_t)h[4] << 8 | h[5], .padding = h[6]};
    input.at += HEADER;
    return h[0] == 1;
}

/* The next piece of the content, as much as is there; 0 when the record is over, -1 when nothing comes. */
static ssize_t record_take(struct record *record, const unsigned char **bytes, int milliseconds)
{
    size_t *rest = record->length ? &record->length : &record->padding;
    while (*rest) {
        if (input.at == input.end && !fill(milliseconds))
            return -1;
        size_t step = input.end - input.at < *rest ? input.end - input.at : *rest;
        *bytes = input.bytes + input.at;
        input.at += step;
        *rest -= step;
        if (rest == &record->length)
            return (ssize_t)step;
    }
    return 0;
}

static bool record_skip(struct record *record, int milliseconds)
{
    const unsigned char *bytes;
    ssize_t step;
    do
        step = record_take(record, &bytes, milliseconds);
    while (step > 0);
    return step == 0;
}

/* ---- parameters: a stream of (length of name, length of value, name, value); a length is 1 byte, or 4 with the top bit set */

static bool length_read(const unsigned char **at, const unsigned char *end, size_t *length)
{
    const unsigned char *p = *at;
    if (p == end)
        return false;
    if (*p < 128) {
        *length = *p;
        *at = p + 1;
        return true;
    }
    if (end - p < 4)
        return false;
    *length = (size_t)(p[0] & 127) << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    *at = p + 4;
    return true;
}

/* Copies one pair to `out`, each part with a NUL behind it: never longer than it was with its lengths before it. */
static char *pair_read(const unsigned char **at, const unsigned char *end, struct web_pair *pair, char *out)
{
    size_t name, value;
    if (!length_read(at, end, &name) || !length_read(at, end, &value) || name > (size_t)(end - *at) || value > (size_t)(end - *at) - name)
        return NULL;
    pair->name = out;
    pair->length = name;
    memcpy(out, *at, name);
    out[name] = 0;
    pair->value = out + name + 1;
    memcpy(out + name + 1, *at + name, value);
    out[name + 1 + value] = 0;
    *at += name + value;
    return out + name + value + 2;
}

static bool parameters_read(struct web_frame *frame, const unsigned char *at, size_t length)
{
    const unsigned char *end = at + length;
    size_t room = 48;
    frame->pair_count = 0;
    frame->pairs = arena_alloc(&frame->call.arena, room * sizeof *frame->pairs);
    char *out = arena_alloc(&frame->call.arena, length + 1);
    while (at < end && frame->pairs && out) {
        if (frame->pair_count == room) {
            struct web_pair *more = arena_alloc(&frame->call.arena, 2 * room * sizeof *more);
            if (!more)
                return false;
            memcpy(more, frame->pairs, room * sizeof *more);
            frame->pairs = more;
            room *= 2;
        }
        out = pair_read(&at, end, &frame->pairs[frame->pair_count++], out);
    }
    return frame->pairs && out;
}

/* PARAMS records until an empty one. What came in one record and whole is read where it lies. */
static bool parameters_take(struct web_frame *frame)
{
    struct record record;
    const unsigned char *bytes;
    buffer_reset(&input.parameters);
    for (;;) {
        if (!record_read(&record, PEER_MILLISECONDS) || record.type != PARAMS)
            return false;
        if (!record.length)
            break;
        ssize_t step;
        while ((step = record_take(&record, &bytes, PEER_MILLISECONDS)) > 0)
            buffer_bytes(&input.parameters, bytes, (size_t)step);
        if (step < 0 || input.parameters.failed)
            return false;
    }
    bool good = record_skip(&record, PEER_MILLISECONDS) &&
                parameters_read(frame, (const unsigned char *)buffer_string(&input.parameters), input.parameters.length);
    if (input.parameters.capacity > INPUT)
        buffer_free(&input.parameters);
    return good;
}

static bool request_begin(struct web_frame *frame)
{
    struct record record;
    const unsigned char *role;
    if (!record_read(&record, PEER_MILLISECONDS) || record.type != BEGIN_REQUEST || record.length != 8)
        return false;
    frame->fastcgi_id = record.id;
    while (input.end - input.at < 8)
        if (!fill(PEER_MILLISECONDS))
            return false;
    return record_take(&record, &role, PEER_MILLISECONDS) == 8 && role[0] == 0 && role[1] == RESPONDER && record_skip(&record, PEER_MILLISECONDS);
}

/* ---- requests */

int web_accept(struct web_server *server, struct web_frame *frame)
{
    int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return 0;
    frame->fd = input.fd = fd;
    frame->input_over = false;
    input.at = input.end = 0;
    input.parameters.maximum = PARAMETERS_MAXIMUM;
    if (request_begin(frame) && parameters_take(frame))
        return 1;
    close(fd);
    frame->fd = -1;
    return -1;
}

void web_input_free(void)
{
    buffer_free(&input.parameters);
}

const char *web_parameter(const struct web_frame *frame, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < frame->pair_count; i++)
        if (frame->pairs[i].length == length && !memcmp(frame->pairs[i].name, name, length))
            return frame->pairs[i].value;
    return NULL;
}

/* STDIN records until an empty one: the whole body, and not a byte more. Returns how many bytes came. */
static size_t body_take(struct web_frame *frame, char *body, size_t length)
{
    struct record record;
    const unsigned char *bytes;
    size_t got = 0;
    while (record_read(&record, PEER_MILLISECONDS) && record.type == STDIN) {
        if (!record.length) {
            frame->input_over = true;
            break;
        }
        ssize_t step;
        while ((step = record_take(&record, &bytes, PEER_MILLISECONDS)) > 0) {
            if ((size_t)step > length - got)
                return got + (size_t)step;
            memcpy(body + got, bytes, (size_t)step);
            got += (size_t)step;
        }
        if (step < 0)
            break;
    }
    return got;
}

int web_read_body(struct web_frame *frame, size_t length, struct error *error)
{
    char *body = arena_reserve(&frame->call.arena, length + 1);
    if (!body)
        return error_unavailable(error, "no memory for a body of %zu bytes", length);
    size_t got = body_take(frame, body, length);
    if (got != length || !frame->input_over) {
        error_set(error, ERROR_MALFORMED, "body_length", "请求内容不完整，没有保存，请重试。",
                  "The request did not arrive whole. Nothing was stored; please try again.");
        error_detail(error, "%zu of %zu bytes", got, length);
        return error->code;
    }
    body[length] = 0;
    frame->call.body = body;
    frame->call.body_length = length;
    return 0;
}

/* ---- answers */

static bool parts_send(int fd, struct iovec *part, int count)
{
    struct msghdr message = {.msg_iov = part, .msg_iovlen = (size_t)count};
    while (message.msg_iovlen) {
        ssize_t sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno != EAGAIN || !wait_for(fd, POLLOUT, PEER_MILLISECONDS)))
            return false;
        for (size_t rest = sent < 0 ? 0 : (size_t)sent; message.msg_iovlen && rest >= message.msg_iov->iov_len; message.msg_iovlen--) {
            rest -= message.msg_iov->iov_len;
            message.msg_iov++;
            sent = (ssize_t)rest;
        }
        if (message.msg_iovlen && sent > 0) {
            message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + sent;
            message.msg_iov->iov_len -= (size_t)sent;
        }
    }
    return true;
}

static void header_write(unsigned char out[HEADER], enum record_type type, unsigned id, size_t length)
{
    const unsigned char header[HEADER] = {1, (unsigned char)type, (unsigned char)(id >> 8), (unsigned char)id,
                                          (unsigned char)(length >> 8), (unsigned char)length, 0, 0};
    memcpy(out, header, HEADER);
}

/* Head and body as records and, behind the last of them, the end of the request. */
static void answer_write(const struct web_frame *frame, const struct buffer *head, const struct buffer *body)
{
    unsigned char headers[PARTS][HEADER], over[3 * HEADER] = {0};
    struct iovec part[2 * PARTS + 1];
    size_t rest = body ? body->length : 0;
    const char *at = rest ? body->data : NULL;
    bool first = true;
    header_write(over, STDOUT, frame->fastcgi_id, 0);
    header_write(over + HEADER, END_REQUEST, frame->fastcgi_id, HEADER);
    do {
        int count = 0;
        for (int i = 0; i < PARTS && (first || rest); i++, first = false) {
            size_t length = first ? head->length : rest < RECORD ? rest : RECORD;
            header_write(headers[i], STDOUT, frame->fastcgi_id, length);
            part[count++] = (struct iovec){headers[i], HEADER};
            part[count++] = (struct iovec){first ? head->data : (char *)at, length};
            if (first)
                continue;
            at += length;
            rest -= length;
        }
        if (!rest)
            part[count++] = (struct iovec){over, sizeof over};
        if (!parts_send(frame->fd, part, count))
            return;
    } while (rest);
}

/* Closing over unread bytes would take the answer along: what the peer still sends is read and dropped until it closes, too. */
static void linger(const struct web_frame *frame)
{
    struct record record;
    int64_t end = clock_monotonic() + LINGER_MILLISECONDS;
    if (input.fd != frame->fd)
        return;
    /* mostly all of it is here already: the empty record that ends a request without a body */
    if (input.end - input.at == HEADER && record_read(&record, 0) && record.type == STDIN && !record.length)
        return;
    shutdown(frame->fd, SHUT_WR);
    for (int64_t left = LINGER_MILLISECONDS; left > 0; left = end - clock_monotonic()) {
        input.at = input.end = 0;
        if (!fill((int)left))
            break;
    }
}

void web_send(struct web_frame *frame, const struct buffer *head, const struct buffer *body)
{
    answer_write(frame, head, body);
    if (!frame->input_over)
        linger(frame);
    close(frame->fd);
    frame->fd = -1;
}
