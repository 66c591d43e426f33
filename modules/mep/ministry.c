#include "ministry.h"

#include "base/clock.h"
#include "base/json_tree.h"
#include "service/input.h"
#include "service/service.h"
#include "trust/gateway.h"

#include <stdio.h>
#include <string.h>

#define REGISTRATION "mep_registration"
#define ANSWER_MAXIMUM 65536

static int wrong_password(struct error *error)
{
    error_set(error, ERROR_INVALID, "wrong_password", "账号或密码不正确，请核对商务部机电产品进口单证申领系统的账号和密码。",
              "The account or the password is not right; check those of the ministry's system.");
    error_field(error, "password");
    return (int)error->code;
}

/* ---- asking */

/* The demo's stand-in: a file of accounts, each with its password and the registration that the ministry would answer. */
static int ask_file(const char *path, const char *account, const char *password, struct arena *arena, struct slice *body, struct error *error)
{
    char *text = arena_alloc(arena, ANSWER_MAXIMUM);
    FILE *file = fopen(path, "re");
    size_t length = file && text ? fread(text, 1, ANSWER_MAXIMUM, file) : 0;
    struct slice entry;

    if (file) fclose(file);
    if (!length) return error_unavailable(error, "%s cannot be read", path);
    if (json_raw_member(text, length, account, arena, &entry, error) &&
        !strcmp(json_member_text(json_tree(entry.text, entry.length, arena, error), "password", ""), password) &&
        json_raw_member(entry.text, entry.length, "registration", arena, body, error))
        return 0;
    return error->code ? (int)error->code : wrong_password(error);
}

static int ask_address(const struct config *config, const char *url, const struct principal *principal, const char *account, const char *password,
                       struct arena *arena, struct slice *body, struct error *error)
{
    struct buffer question, answer;
    struct json_writer json;
    long status = 0;

    buffer_init(&question, 4096);
    buffer_init(&answer, ANSWER_MAXIMUM);
    json_writer_init(&json, &question);
    json_object(&json);
    json_put_string(&json, "account", account);
    json_put_string(&json, "password", password);
    json_put_string(&json, "uscc", principal->uscc);
    json_object_end(&json);
    if (!gateway_ask(url, !strcmp(config_text(config, "gateway_private", "0"), "1"), config_text(config, "ministry_token", NULL),
                     buffer_string(&question), &answer, &status, error)) {
        char *text = arena_copy(arena, answer.data ? answer.data : "", answer.length);
        if (status == 200 && text && json_raw_member(text, answer.length, "registration", arena, body, error)) error_clear(error);
        else if (status == 401 || status == 403 || status == 404 || status == 422) wrong_password(error);
        else error_unavailable(error, "the ministry answers with status %ld", status);
    }
    memset(question.data ? question.data : (char[1]){0}, 0, question.length); /* the password is kept nowhere */
    buffer_free(&question);
    buffer_free(&answer);
    return (int)error->code;
}

static int ask(struct web_call *call, const char *account, const char *password, struct slice *body)
{
    const struct config *config = web_config(call->server);
    const char *ministry = config_text(config, "ministry", NULL);

    if (!ministry)
        return error_set(&call->error, ERROR_CONFLICT, "no_ministry", "本门户没有接入商务部系统，请填写备案信息并申报。",
                         "This portal is not connected to the ministry; fill in the registration and submit it.");
    if (!strncmp(ministry, "file:", 5)) return ask_file(ministry + 5, account, password, &call->arena, body, &call->error);
    return ask_address(config, ministry, caller(call), account, password, &call->arena, body, &call->error);
}

/* ---- storing: the registration as it came, approved */

struct fetching {
    struct doc_save save;
    int64_t existing;
};

static int fetch_work(void *connection, struct web_call *call, struct error *error)
{
    static const struct principal portal = {.kind = PRINCIPAL_SYSTEM, .display_name = "ministry"};
    struct fetching *fetching = call->argument;
    struct form_problems *problems = arena_alloc(&call->arena, sizeof *problems);
    struct doc_act act;

    if (!problems) return error_internal(error, "out of memory");
    if (doc_write_save(connection, &fetching->save, error) ||
        doc_prepare_act(fetching->save.module, connection, &portal, fetching->save.id, -1, "fetched", "", fetching->save.now, &call->arena, problems, &act, error) ||
        doc_write_act(connection, &act, error))
        return (int)error->code;
    json_object(&call->json);
    json_put_id(&call->json, "id", fetching->save.id);
    json_put_string(&call->json, "state", act.state);
    json_object_end(&call->json);
    return 0;
}

static int existing_registration(struct web_call *call, int64_t *id)
{
    struct store_rows rows;

    *id = 0;
    if (store_query(reader_of(call), &rows, &call->error, "SELECT id FROM document WHERE enterprise = $1 AND form = $2",
                    STORE_VALUES(store_integer(principal_owner(caller(call))), store_string(REGISTRATION))))
        return (int)call->error.code;
    if (store_next(&rows)) *id = store_column_integer(&rows, 0);
    return store_end(&rows);
}

static void fetch_done(struct web_call *call, int code)
{
    struct fetching *fetching = call->argument;

    (void)code;
    buffer_free(&fetching->save.body);
}

int ministry_fetch(struct web_call *call)
{
    struct fetching *fetching = arena_alloc(&call->arena, sizeof *fetching);
    struct form_problems *problems = arena_alloc(&call->arena, sizeof *problems);
    struct doc_module *module = &service_of(call)->documents;
    struct service_input input;
    const char *account, *password;
    struct slice body = {NULL, 0};
    int code;

    if (!fetching || !problems) return error_internal(&call->error, "out of memory");
    if (service_input(call, &input) || service_text(call, &input, "account", 20, &account) || service_text(call, &input, "password", 64, &password))
        return (int)call->error.code;
    if (!account || !password) return wrong_password(&call->error);
    if (ask(call, account, password, &body) || existing_registration(call, &fetching->existing)) return (int)call->error.code;
    code = fetching->existing
               ? doc_prepare_save(module, reader_of(call), caller(call), fetching->existing, -1, body.text, body.length, clock_now(), &call->arena, problems, &fetching->save, &call->error)
               : doc_prepare_create(module, reader_of(call), caller(call), REGISTRATION, body.text, body.length, clock_now(), &call->arena, problems, &fetching->save, &call->error);
    if (code) return code;
    call->work_done = fetch_done;
    return service_write(call, fetch_work, fetching);
}
