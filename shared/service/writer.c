#include "service/writer.h"

_Static_assert(sizeof(struct store_task) <= WEB_WRITER_ROOM, "a task fits into the room that a call has for it");

static int work(struct store_connection *connection, void *argument, struct error *error)
{
    return web_work(argument, connection, error);
}

static void done(struct store_task *task, int code)
{
    struct web_call *call = task->argument;
    if (code == ERROR_UNDONE) /* a dry run: its answer is good */
        code = 0;
    if (code)
        call->error = task->error;
    web_written(call, code);
}

static void submit(void *context, struct web_call *call)
{
    struct store_task *task = (struct store_task *)call->writer_room;
    task->work = work;
    task->argument = call;
    task->done = done;
    store_submit(context, task);
}

static int reader_open(void *context, void **reader, struct error *error)
{
    struct store_connection *connection;
    int code = store_reader(context, &connection, error);
    *reader = connection;
    return code;
}

static void reader_close(void *reader)
{
    store_reader_close(reader);
}

struct web_writer service_writer(struct store *store)
{
    return (struct web_writer){.context = store, .submit = submit, .reader_open = reader_open, .reader_close = reader_close};
}
