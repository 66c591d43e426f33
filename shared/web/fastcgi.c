/* libfcgi, and around it what it does not do well: its own listening socket, accepting without waiting, time limits. */
#define _GNU_SOURCE /* accept4 */
#include "web/frame.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
#define PEER_SECONDS 30 /* nginx has the whole request before it connects: it never keeps us waiting for long */

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
    if (error->code)
        return error->code;
    server->poll = epoll_create1(EPOLL_CLOEXEC);
    /* exclusive: a connection wakes one thread, not all */
    if (server->poll < 0 ||
        epoll_ctl(server->poll, EPOLL_CTL_ADD, server->listener, &(struct epoll_event){.events = EPOLLIN | EPOLLEXCLUSIVE}) ||
        epoll_ctl(server->poll, EPOLL_CTL_ADD, server->stop_event, &(struct epoll_event){.events = EPOLLIN}))
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

/* ---- requests */

/* FCGX_Accept_r would wait in accept and then look with select for two seconds whether anything comes, and nothing limits its
   reads. Given a connection (keepConnection lets it survive the end of the request before) it reads the request only; with
   the listening socket -1 it cannot accept another one on its own. */
int web_accept(struct web_server *server, struct web_frame *frame)
{
    int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return 0;
    const struct timeval limit = {.tv_sec = PEER_SECONDS};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    FCGX_InitRequest(&frame->request, -1, 0);
    frame->request.ipcFd = fd;
    frame->request.keepConnection = 1;
    if (FCGX_Accept_r(&frame->request) < 0)
        return -1;
    return 1;
}

const char *web_parameter(const struct web_frame *frame, const char *name)
{
    size_t length = strlen(name);
    for (char **at = frame->request.envp; *at; at++)
        if (!strncmp(*at, name, length) && (*at)[length] == '=')
            return *at + length + 1;
    return NULL;
}

int web_read_body(struct web_frame *frame, size_t length, struct error *error)
{
    char *body = arena_alloc(&frame->call.arena, length + 1), more;
    if (!body)
        return error_unavailable(error, "no memory for a body of %zu bytes", length);
    size_t got = 0;
    while (got < length) {
        size_t rest = length - got;
        int step = FCGX_GetStr(body + got, rest > 1 << 20 ? 1 << 20 : (int)rest, frame->request.in);
        if (step <= 0)
            break;
        got += (size_t)step;
    }
    /* one byte more also takes the end of the stream out of the socket */
    bool whole = got == length && FCGX_GetStr(&more, 1, frame->request.in) == 0;
    if (FCGX_GetError(frame->request.in) || !whole) {
        error_set(error, ERROR_MALFORMED, "body_length", "请求内容不完整，没有保存，请重试。",
                  "The request did not arrive whole. Nothing was stored; please try again.");
        error_detail(error, "%zu of %zu bytes", got, length);
        return error->code;
    }
    frame->body_read = true;
    frame->call.body = body;
    frame->call.body_length = length;
    return 0;
}

void web_send(struct web_frame *frame, const struct buffer *head, const struct buffer *body)
{
    FCGX_PutStr(buffer_string(head), (int)head->length, frame->request.out);
    if (body && body->length)
        FCGX_PutStr(body->data, (int)body->length, frame->request.out);
    /* detached: closed at once. Otherwise it waits for the peer to close and drops what it still sends: needed when the body
       was not read, for closing over unread bytes would take the answer along. */
    if (frame->body_read)
        FCGX_Detach(&frame->request);
    FCGX_Finish_r(&frame->request);
}
