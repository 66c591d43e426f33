/* Requests to other programs, through the internal server block of this machine's nginx: HTTP/1.0 over its Unix socket, one connection for
   each request (nginx is a few microseconds away and closes it itself). */
#define _GNU_SOURCE /* strcasestr */
#include "web/frame.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAD_MAXIMUM 16384

static int refuse(long status, const char *path, struct error *error)
{
    switch (status) {
    case 401: case 403:
        return error_internal(error, "%s: status %ld", path, status);
    case 404:
        error_set(error, ERROR_NOT_FOUND, "not_found", "没有找到。", "There is no such thing.");
        break;
    case 409:
        error_set(error, ERROR_CONFLICT, "conflict", "状态已改变，请刷新。", "The state has changed. Please refresh.");
        break;
    case 422:
        error_set(error, ERROR_INVALID, "invalid", "内容有误。", "Something is not right in what was sent.");
        break;
    case 429: case 502: case 503: case 504:
        return error_unavailable(error, "%s: status %ld", path, status);
    default:
        return error_internal(error, "%s: status %ld", path, status);
    }
    error_detail(error, "%s: status %ld", path, status);
    return error->code;
}

static int dial(const char *where)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = strlen(where) < sizeof address.sun_path ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
    if (fd < 0)
        return -1;
    memcpy(address.sun_path, where, strlen(where) + 1);
    if (!connect(fd, (const struct sockaddr *)&address, sizeof address))
        return fd;
    close(fd);
    return -1;
}

/* Until the socket is ready or time is over. */
static bool ready(int fd, short events, int64_t until)
{
    struct pollfd look = {.fd = fd, .events = events};
    int found, left;
    do {
        left = (int)(until - clock_monotonic());
        found = left > 0 ? poll(&look, 1, left) : 0;
    } while (found < 0 && errno == EINTR);
    return found > 0;
}

static bool send_all(int fd, const struct buffer *request, int64_t until)
{
    size_t at = 0;
    while (at < request->length) {
        ssize_t sent = send(fd, request->data + at, request->length - at, MSG_NOSIGNAL);
        if (sent > 0)
            at += (size_t)sent;
        else if (errno != EINTR && !((errno == EAGAIN || errno == EWOULDBLOCK) && ready(fd, POLLOUT, until)))
            return false;
    }
    return true;
}

/* Everything until the other side closes. */
static bool receive_all(int fd, struct buffer *reply, int64_t until)
{
    char part[8192];
    for (;;) {
        ssize_t got = recv(fd, part, sizeof part, 0);
        if (!got)
            return true;
        if (got > 0) {
            buffer_bytes(reply, part, (size_t)got);
            if (reply->failed)
                return false;
        } else if (errno != EINTR && !((errno == EAGAIN || errno == EWOULDBLOCK) && ready(fd, POLLIN, until)))
            return false;
    }
}

/* The status, and the body behind the head; 0 for what is cut short or no answer. */
static long take_answer(const struct buffer *reply, struct buffer *answer)
{
    const char *text = buffer_string((struct buffer *)reply), *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "\r\nContent-Length:");
    if (strncmp(text, "HTTP/1.", 7) || !end)
        return 0;
    size_t size = reply->length - (size_t)(end + 4 - text);
    if (length && length < end && strtoul(length + 17, NULL, 10) != size)
        return 0;
    buffer_bytes(answer, end + 4, size);
    return answer->failed ? 0 : strtol(text + 9, NULL, 10);
}

static void write_request(struct buffer *request, const char *method, const char *path, const char *body)
{
    request->failed = strpbrk(path, " \r\n") != NULL; /* paths are written by us; a mistake there shall not write headers */
    buffer_printf(request, "%s %s HTTP/1.0\r\nHost: internal\r\n", method, path);
    if (body)
        buffer_printf(request, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    buffer_text(request, "\r\n");
    if (body)
        buffer_text(request, body);
}

int web_internal_request(struct web_server *server, const char *method, const char *path, const char *body, int milliseconds,
                         struct buffer *answer, struct error *error)
{
    int64_t until = clock_monotonic() + milliseconds;
    struct buffer request, reply;
    long status = 0;
    buffer_init(&request, 0);
    buffer_init(&reply, answer->maximum ? answer->maximum + HEAD_MAXIMUM : 0);
    write_request(&request, method, path, body);
    int fd = request.failed ? -1 : dial(server->internal);
    if (fd >= 0 && send_all(fd, &request, until) && receive_all(fd, &reply, until))
        status = take_answer(&reply, answer);
    if (fd >= 0)
        close(fd);
    buffer_free(&request);
    buffer_free(&reply);
    if (!status)
        return error_unavailable(error, "%s: no answer", path);
    return status >= 200 && status < 300 ? 0 : refuse(status, path, error);
}
