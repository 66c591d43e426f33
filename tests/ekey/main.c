/* Puts a PIV card (piv_card.h) into a reader of vsmartcard's vpcd, and does what a test's hand would do:

       piv-card <port of the reader> <control socket>

   Control socket (Unix): a line in, a line out; "ok ..." or "error ...".
       insert <folder>    puts that card in (taking out the one that is there)
       pull               takes it out
       pull-at <n>        takes it out during the n-th signature from now
       counters           ok signatures 3 verifies 4 wrong 0 pin_tries 3 puk_tries 3 present 1
       tries <n>          sets how many tries the PIN has left
   It ends when its standard input ends. */
#include "piv_card.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE 700

static struct piv_card card;
static bool inserted; /* in the person's hand otherwise */
static int reader = -1;
static uint16_t port;

/* T=1, no historical bytes */
static const unsigned char atr[] = {0x3B, 0x80, 0x01, 0x81};

/* ---- the reader: vpcd's protocol, a length of two bytes before every message */

static void reader_close(void)
{
    if (reader >= 0)
        close(reader);
    reader = -1;
    card_reset(&card);
}

static void reader_connect(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    reader = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (reader >= 0 && connect(reader, (const struct sockaddr *)&address, sizeof address))
        reader_close();
    if (reader >= 0)
        setsockopt(reader, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static bool receive(unsigned char *bytes, size_t length)
{
    for (size_t got = 0; got < length;) {
        int one = 1; /* without it the other side's next segment waits 40 ms for our acknowledgement; the kernel forgets it */
        setsockopt(reader, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
        ssize_t part = recv(reader, bytes + got, length - got, 0);
        if (part <= 0)
            return false;
        got += (size_t)part;
    }
    return true;
}

static bool reply(const unsigned char *bytes, size_t length)
{
    unsigned char message[2 + 300];
    message[0] = (unsigned char)(length >> 8);
    message[1] = (unsigned char)length;
    memcpy(message + 2, bytes, length);
    return send(reader, message, length + 2, MSG_NOSIGNAL) == (ssize_t)length + 2;
}

static bool serve(void)
{
    static unsigned char message[APDU_MAXIMUM];
    unsigned char head[2], answer[300];
    if (!receive(head, 2))
        return false;
    size_t length = (size_t)head[0] << 8 | head[1];
    if (!length || length > sizeof message || !receive(message, length))
        return false;
    if (length == 1) {
        if (message[0] == 4)
            return reply(atr, sizeof atr);
        card_reset(&card);
        return true;
    }
    size_t size = card_answer(&card, message, length, answer);
    if (!size)
        inserted = false;
    return size && reply(answer, size);
}

/* ---- the hand */

static void take_out(void)
{
    reader_close();
    card_unload(&card);
    inserted = false;
}

static void command(char *line, char *answer, size_t size)
{
    line[strcspn(line, "\n")] = 0;
    snprintf(answer, size, "ok\n");
    if (!strncmp(line, "insert ", 7)) {
        take_out();
        inserted = card_load(&card, line + 7);
        if (!inserted)
            snprintf(answer, size, "error no card in %s\n", line + 7);
    } else if (!strcmp(line, "pull")) {
        take_out();
    } else if (!strncmp(line, "pull-at ", 8)) {
        card.pull_at = (int)strtol(line + 8, NULL, 10);
    } else if (!strncmp(line, "tries ", 6)) {
        card.pin.tries = (int)strtol(line + 6, NULL, 10);
    } else if (!strcmp(line, "counters")) {
        snprintf(answer, size, "ok signatures %d verifies %d wrong %d pin_tries %d puk_tries %d present %d\n", card.signatures, card.verifies,
                 card.wrong, card.pin.tries, card.puk.tries, inserted);
    } else {
        snprintf(answer, size, "error unknown command\n");
    }
}

static void control_serve(int listener)
{
    char line[LINE + 1], answer[LINE + 64];
    int connection = accept(listener, NULL, NULL);
    ssize_t length = connection < 0 ? -1 : recv(connection, line, LINE, 0);
    if (length > 0) {
        line[length] = 0;
        command(line, answer, sizeof answer);
        send(connection, answer, strlen(answer), MSG_NOSIGNAL);
    }
    if (connection >= 0)
        close(connection);
}

static int control_open(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (strlen(path) >= sizeof address.sun_path || listener < 0)
        return -1;
    memcpy(address.sun_path, path, strlen(path));
    return bind(listener, (const struct sockaddr *)&address, sizeof address) || listen(listener, 8) ? -1 : listener;
}

int main(int argc, char **argv)
{
    int listener = argc == 3 ? control_open(argv[2]) : -1;
    if (listener < 0) {
        fprintf(stderr, "usage: %s <port> <control socket>: %s\n", argv[0], strerror(errno));
        return 2;
    }
    port = (uint16_t)strtol(argv[1], NULL, 10);
    for (;;) {
        if (inserted && reader < 0)
            reader_connect(); /* the reader may not be there yet */
        struct pollfd waits[] = {{listener, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}, {reader, POLLIN, 0}};
        if (poll(waits, 3, inserted && reader < 0 ? 10 : -1) < 0 && errno != EINTR)
            return 1;
        if (waits[1].revents)
            break;
        if (waits[0].revents)
            control_serve(listener);
        else if (waits[2].revents && !serve())
            reader_close();
    }
    take_out();
    close(listener);
    return 0;
}
