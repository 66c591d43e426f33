#include "service/upload.h"

#include "base/clock.h"

static int upload_work(void *connection, struct web_call *call, struct error *error)
{
    struct service_upload *upload = call->argument;

    if (doc_write_import(connection, &upload->import, error)) return (int)error->code;
    call->status = 202;
    json_object(&call->json);
    json_put_id(&call->json, "job", upload->import.job);
    json_put_integer(&call->json, upload->counted, (int64_t)upload->import.count);
    json_object_end(&call->json);
    return 0;
}

static void upload_done(struct web_call *call, int code)
{
    struct service_upload *upload = call->argument;

    (void)code;
    arena_free(&upload->arena);
}

int service_upload(struct web_call *call, const char *form, bool bodies, const char *counted, size_t memory, service_take *take, const void *context)
{
    struct service_upload *upload = arena_alloc(&call->arena, sizeof *upload);
    int64_t draft;
    int code;

    if (!upload) return error_internal(&call->error, "out of memory");
    if (web_query_integer(call, "draft", 0, 1, 1, &draft)) return (int)call->error.code;
    upload->counted = counted;
    upload->import = (struct doc_import){.module = &service_of(call)->documents, .principal = caller(call), .form = form, .bodies = bodies,
                                         .submit = !draft, .now = clock_now()};
    arena_init(&upload->arena, memory);
    if (take(call, upload, context)) {
        arena_free(&upload->arena);
        return (int)call->error.code;
    }
    call->work_done = upload_done;
    if ((code = service_write(call, upload_work, upload)) != WEB_LATER) arena_free(&upload->arena); /* refused before it was handed over */
    return code;
}
