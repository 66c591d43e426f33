/* Whole lives of a licence through HTTP: save, attach the contract, submit, first review, second review, wait until the licence is
   made, customs' receipt, write-off. A fixed number of connections; a life that waits for its licence occupies none, but no new
   life begins while too many wait.

   usage: lives <port> <seconds> <connections> <waiting at most> <who> <body>
   <who>: lines "applicant|first|second|partner <headers, joined by a vertical bar>"; <body>: the file to save. Prints one line of
   name=value pairs. */
#define _GNU_SOURCE /* strcasestr */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_CONNECTIONS 256
#define MOST_LIVES 200000
#define ANSWER (1 << 18)
#define POLL_MILLISECONDS 20 /* after a look in vain nobody looks for so long */
#define DRAIN_SECONDS 60

enum step { SAVE, ATTACH, SUBMIT, FIRST, SECOND, LOOK, RECEIPT, WRITE_OFF, STEPS };
static const char *const step_name[] = {"save", "attach", "submit", "first", "second", "look", "receipt", "write_off"};

struct life {
    enum step step;
    char id[24], licence[24];
    double begun, asked, approved;
    struct life *next;
};

struct connection {
    int fd;
    struct life *life;
    char *out, *in;
    size_t out_length, out_done, in_length, expected;
};

static struct connection connections[MOST_CONNECTIONS];
static char who[4][1024];
static char *body;
static size_t body_length;
static int port, poll_fd, active, waiting, waiting_most;
static struct life *first_waiting, **last_waiting = &first_waiting;
static double *whole, *made, *took[STEPS];
static long whole_count, made_count, approved_count, took_count[STEPS], failures, begun_count, most_waiting;
static double finish, look_at;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void die(const char *what)
{
    fprintf(stderr, "lives: %s: %s\n", what, strerror(errno));
    exit(1);
}

static char *slurp(const char *path, size_t *length)
{
    FILE *file = fopen(path, "re");
    char *text = malloc(1 << 20);
    if (!file || !text) die(path);
    *length = fread(text, 1, (1 << 20) - 1, file);
    text[*length] = 0;
    fclose(file);
    return text;
}

static void read_who(const char *path)
{
    static const char *const names[] = {"applicant ", "first ", "second ", "partner "};
    size_t length;
    char *text = slurp(path, &length), *line;
    while ((line = strsep(&text, "\n")))
        for (int i = 0; i < 4; i++)
            if (!strncmp(line, names[i], strlen(names[i]))) {
                char *out = who[i];
                for (const char *at = line + strlen(names[i]); *at; at++)
                    if (*at == '|') out += sprintf(out, "\r\n");
                    else *out++ = *at;
                strcpy(out, "\r\n");
            }
}

static void request(struct connection *c, const char *method, const char *path, int as, const char *type, const char *data, size_t length)
{
    int head = sprintf(c->out, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s%s%s%s", method, path, port, who[as], type ? "Content-Type: " : "",
                       type ? type : "", type ? "\r\n" : "");
    if (type) head += sprintf(c->out + head, "Content-Length: %zu\r\n", length);
    head += sprintf(c->out + head, "\r\n");
    if (length) memcpy(c->out + head, data, length);
    c->out_length = (size_t)head + length;
    c->out_done = c->in_length = c->expected = 0;
}

static void ask(struct connection *c)
{
    static const char pdf[] = "%PDF-1.4\ncontract\n%%EOF\n";
    static long serial;
    struct life *life = c->life;
    char path[200], data[600];
    life->asked = now();
    switch (life->step) {
    case SAVE: request(c, "POST", "/api/export/documents", 0, "application/json", body, body_length); break;
    case ATTACH:
        sprintf(path, "/api/export/documents/%s/attachments?type=01&name=contract.pdf", life->id);
        request(c, "POST", path, 0, "application/octet-stream", pdf, sizeof pdf - 1);
        break;
    case SUBMIT: case FIRST: case SECOND:
        sprintf(path, "/api/export/documents/%s/actions/%s", life->id, life->step == SUBMIT ? "submit" : life->step == FIRST ? "first_pass" : "second_pass");
        request(c, "POST", path, life->step - SUBMIT, "application/json", "{}", 2);
        break;
    case LOOK:
        sprintf(path, "/api/export/documents/%s", life->id);
        request(c, "GET", path, 0, NULL, NULL, 0);
        break;
    case RECEIPT:
        sprintf(data, "{\"message_id\":\"s%s\",\"licence_no\":\"%s\",\"status\":\"STORED\"}", life->id, life->licence);
        request(c, "POST", "/partner/export/customs-status", 3, "application/json", data, strlen(data));
        break;
    default:
        sprintf(data, "{\"message_id\":\"w%s\",\"licence_no\":\"%s\",\"declaration_no\":\"%018ld\",\"quantity\":\"5\",\"unit\":\"035\",\"released\":\"2026-09-10\"}",
                life->id, life->licence, ++serial);
        request(c, "POST", "/partner/export/write-offs", 3, "application/json", data, strlen(data));
    }
}

static void push(struct connection *c)
{
    while (c->out_done < c->out_length) {
        ssize_t n = send(c->fd, c->out + c->out_done, c->out_length - c->out_done, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) break;
        if (n < 0) die("send");
        c->out_done += (size_t)n;
    }
    struct epoll_event event = {.events = EPOLLIN | (c->out_done < c->out_length ? (unsigned)EPOLLOUT : 0), .data.ptr = c};
    static unsigned had[MOST_CONNECTIONS];
    unsigned *before = &had[c - connections];
    if (*before != event.events) epoll_ctl(poll_fd, EPOLL_CTL_MOD, c->fd, &event);
    *before = event.events;
}

static void member(const char *json, const char *name, char *out, size_t size)
{
    char key[40];
    sprintf(key, "\"%s\":\"", name);
    const char *at = strstr(json, key);
    *out = 0;
    if (at) {
        at += strlen(key);
        size_t length = strcspn(at, "\"");
        if (length < size) {
            memcpy(out, at, length);
            out[length] = 0;
        }
    }
}

/* Licences are made in the order of approval: only the first in the queue is looked for. */
static void park(struct life *life, bool in_vain)
{
    if (in_vain) {
        look_at = now() + POLL_MILLISECONDS;
        if (!(life->next = first_waiting)) last_waiting = &life->next;
        first_waiting = life;
    } else {
        life->next = NULL;
        *last_waiting = life;
        last_waiting = &life->next;
    }
    if (++waiting > most_waiting) most_waiting = waiting;
}

/* What this connection does next: a life whose licence may be made by now, or a new one. */
static void work(struct connection *c)
{
    double time = now();
    if (first_waiting && look_at <= time) {
        c->life = first_waiting;
        if (!(first_waiting = c->life->next)) last_waiting = &first_waiting;
        waiting--;
    } else if (time < finish && waiting < waiting_most) {
        c->life = calloc(1, sizeof *c->life);
        c->life->begun = time;
        begun_count++;
    } else {
        return;
    }
    active++;
    ask(c);
    push(c);
}

static void answered(struct connection *c, int status)
{
    struct life *life = c->life;
    const char *json = strstr(c->in, "\r\n\r\n");
    double time = now();
    char state[32];
    if (took_count[life->step] < MOST_LIVES) took[life->step][took_count[life->step]++] = time - life->asked;
    active--;
    c->life = NULL;
    if (status < 200 || status > 299) {
        if (failures++ < 5) fprintf(stderr, "lives: %s: %d %.300s\n", step_name[life->step], status, json ? json + 4 : "");
        free(life);
        return;
    }
    if (life->step == SAVE) member(json, "id", life->id, sizeof life->id);
    if (life->step == SECOND) {
        member(json, "licence_no", life->licence, sizeof life->licence);
        life->approved = time;
        approved_count++;
    }
    if (life->step == SECOND || life->step == LOOK) {
        member(json, "state", state, sizeof state);
        if (strcmp(state, "PRINTED")) {
            bool in_vain = life->step == LOOK;
            life->step = LOOK;
            park(life, in_vain);
            return;
        }
        if (made_count < MOST_LIVES) made[made_count++] = time - life->approved;
        life->step = LOOK;
    }
    if (life->step == WRITE_OFF) {
        if (whole_count < MOST_LIVES) whole[whole_count++] = time - life->begun;
        free(life);
        return;
    }
    life->step++;
    c->life = life;
    active++;
    ask(c);
    push(c);
}

static void pull(struct connection *c)
{
    ssize_t n = recv(c->fd, c->in + c->in_length, ANSWER - 1 - c->in_length, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) die("the server closed a connection");
    c->in_length += (size_t)n;
    c->in[c->in_length] = 0;
    if (!c->expected) {
        const char *end = strstr(c->in, "\r\n\r\n"), *length = strcasestr(c->in, "\r\nContent-Length:");
        if (!end) return;
        c->expected = (size_t)(end + 4 - c->in) + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
    }
    if (c->in_length >= c->expected && c->life) answered(c, atoi(c->in + 9));
}

static void join(struct connection *c)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address)) die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->out = malloc(1 << 17);
    c->in = malloc(ANSWER);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &event);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(double *values, long count, double part)
{
    if (!count) return 0;
    qsort(values, (size_t)count, sizeof *values, ascending);
    return values[(long)((double)(count - 1) * part)];
}

int main(int argc, char **argv)
{
    struct epoll_event events[64];
    if (argc != 7) return 2;
    port = atoi(argv[1]);
    int count = atoi(argv[3]);
    waiting_most = atoi(argv[4]);
    read_who(argv[5]);
    body = slurp(argv[6], &body_length);
    if (count > MOST_CONNECTIONS) count = MOST_CONNECTIONS;
    poll_fd = epoll_create1(0);
    for (int i = 0; i < STEPS; i++) took[i] = calloc(MOST_LIVES, sizeof(double));
    whole = calloc(MOST_LIVES, sizeof(double));
    made = calloc(MOST_LIVES, sizeof(double));
    for (int i = 0; i < count; i++) join(&connections[i]);
    double begun = now(), last = begun, approved_in_time = 0;
    finish = begun + atof(argv[2]) * 1e3;
    while (now() < finish + DRAIN_SECONDS * 1e3 && (now() < finish || active || waiting)) {
        for (int i = 0; i < count; i++)
            if (!connections[i].life) work(&connections[i]);
        int n = epoll_wait(poll_fd, events, 64, 5);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (c->out_done < c->out_length) push(c);
            if (events[i].events & EPOLLIN) pull(c);
        }
        if (whole_count) last = now();
        if (now() < finish) approved_in_time = (double)approved_count;
    }
    double seconds = (last - begun) / 1e3;
    printf("lives=%ld seconds=%.2f lives_per_second=%.1f approved_per_second=%.1f failures=%ld unfinished=%ld most_waiting=%ld", whole_count, seconds,
           (double)whole_count / seconds, approved_in_time / atof(argv[2]), failures, begun_count - whole_count - failures, most_waiting);
    printf(" p50=%.1f p99=%.1f made_p50=%.1f made_p99=%.1f", percentile(whole, whole_count, 0.5), percentile(whole, whole_count, 0.99),
           percentile(made, made_count, 0.5), percentile(made, made_count, 0.99));
    for (int i = 0; i < STEPS; i++) printf(" %s_p50=%.2f %s_p99=%.2f", step_name[i], percentile(took[i], took_count[i], 0.5), step_name[i], percentile(took[i], took_count[i], 0.99));
    printf("\n");
    return failures || whole_count + failures < begun_count;
}
