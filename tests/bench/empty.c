/* The yardstick: a FastCGI program that answers 300 bytes and does nothing else. usage: empty <socket> <threads> */
#include <fcgiapp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int listener;

static void *serve(void *unused)
{
    FCGX_Request request;
    char answer[300];

    (void)unused;
    memset(answer, 'x', sizeof answer);
    FCGX_InitRequest(&request, listener, 0);
    while (FCGX_Accept_r(&request) >= 0) {
        FCGX_FPrintF(request.out, "Content-Type: text/plain\r\nContent-Length: 300\r\n\r\n");
        FCGX_PutStr(answer, sizeof answer, request.out);
        FCGX_Finish_r(&request);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread;

    if (argc != 3) return 2;
    FCGX_Init();
    unlink(argv[1]);
    listener = FCGX_OpenSocket(argv[1], 1024);
    chmod(argv[1], 0666);
    for (int i = 1; i < atoi(argv[2]); i++) pthread_create(&thread, NULL, serve, NULL);
    serve(NULL);
    return 0;
}
