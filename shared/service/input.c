#include "service/internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

const struct principal *caller(const struct web_call *call) { return &call->session.principal; }
struct store_connection *reader_of(const struct web_call *call) { return call->reader; }
struct service *service_of(struct web_call *call) { return call->application; }

struct form_problems *new_problems(struct web_call *call)
{
    struct form_problems *problems = arena_reserve(&call->arena, sizeof *problems); /* room for 200, mostly for none */

    if (problems) problems->count = problems->errors = problems->more = 0;
    else error_internal(&call->error, "out of memory");
    return problems;
}

int answer_problems(struct web_call *call, const struct form_problems *problems)
{
    struct json_writer json;
    struct buffer text;

    if (call->error.code != ERROR_INVALID || !problems->count) return (int)call->error.code;
    buffer_init(&text, 0);
    json_writer_init(&json, &text);
    form_write_problems(problems, &json);
    web_answer_problems(call, buffer_string(&text), text.length);
    buffer_free(&text);
    return (int)call->error.code;
}

/* ---- small JSON objects */

int service_input(struct web_call *call, struct service_input *input)
{
    input->json = NULL;
    if (!call->body_length) return 0;
    input->json = json_tree(call->body, call->body_length, &call->arena, &call->error);
    if (input->json && input->json->kind != JSON_OBJECT)
        error_set(&call->error, ERROR_MALFORMED, "no_object", "请求内容应为JSON对象。", "The request must be a JSON object.");
    return (int)call->error.code;
}

static int wrong(struct web_call *call, const char *field, const char *name, const char *zh, const char *en)
{
    error_set(&call->error, ERROR_INVALID, name, zh, en);
    error_field(&call->error, field);
    return (int)call->error.code;
}

int service_text(struct web_call *call, const struct service_input *input, const char *name, size_t most, const char **text)
{
    const struct json *member = json_member(input->json, name);

    *text = NULL;
    if (!member || member->kind == JSON_NULL) return 0;
    if (member->kind != JSON_STRING) return wrong(call, name, "type", "值的类型不对。", "A value of another kind is expected.");
    if (member->text.length > most) return wrong(call, name, "too_long", "内容太长。", "The text is too long.");
    for (size_t i = 0; i < member->text.length; i++)
        if ((unsigned char)member->text.text[i] < 0x20 && !strchr("\n\t", member->text.text[i]))
            return wrong(call, name, "control_character", "不能包含控制字符。", "Control characters are not allowed.");
    *text = member->text.text;
    return 0;
}

int service_number(struct web_call *call, const struct service_input *input, const char *name, int64_t least, int64_t most,
                   int64_t fallback, int64_t *number)
{
    const struct json *member = json_member(input->json, name);

    *number = fallback;
    if (!member || member->kind == JSON_NULL) return 0;
    *number = json_member_integer(input->json, name, least - 1);
    if (*number >= least && *number <= most) return 0;
    return wrong(call, name, "number", "数字超出范围。", "The number is out of range.");
}

/* Ids are strings of digits: they are larger than what a JavaScript number holds. */
int service_ids(struct web_call *call, const struct service_input *input, size_t most, int64_t **ids, size_t *count)
{
    const struct json *list = json_member(input->json, "ids");

    *count = 0;
    if (!list || list->kind != JSON_ARRAY || !list->count || list->count > most)
        return wrong(call, "ids", "ids", "请选择要办理的单据，数量不要超过上限。", "Choose documents, not more than the limit.");
    if (!(*ids = arena_alloc(&call->arena, list->count * sizeof **ids))) return error_internal(&call->error, "out of memory");
    JSON_EACH(item, list) {
        char *end;
        int64_t id = item->kind == JSON_STRING && item->text.length < 20 ? strtoll(item->text.text, &end, 10) : 0;
        if (id <= 0 || *end) return wrong(call, "ids", "ids", "单据编号有误。", "An id is wrong.");
        for (size_t i = 0; i < *count; i++)
            if ((*ids)[i] == id) return wrong(call, "ids", "ids", "同一单据出现了两次。", "The same document stands twice.");
        (*ids)[(*count)++] = id;
    }
    return 0;
}

/* ---- audit */

#define AUDIT_MILLISECONDS 2000

int service_audit(struct web_call *call, const char *action, const char *subject, const char *detail)
{
    struct buffer request, answer;
    struct json_writer json;

    buffer_init(&request, 8192);
    buffer_init(&answer, 8192);
    json_writer_init(&json, &request);
    json_object(&json);
    json_put_id(&json, "actor", caller(call)->user);
    json_put_string(&json, "actor_name", caller(call)->user_name);
    json_put_string(&json, "address", call->remote_address);
    json_put_string(&json, "action", action);
    json_put_string(&json, "subject", arena_printf(&call->arena, "%s/%s", service_of(call)->module, subject));
    json_put_string(&json, "detail", detail);
    json_object_end(&json);
    if (request.failed) error_internal(&call->error, "what should be noted is too long");
    else web_internal_request(call->server, "POST", "/internal/account/audit", buffer_string(&request), AUDIT_MILLISECONDS, &answer, &call->error);
    buffer_free(&request);
    buffer_free(&answer);
    return (int)call->error.code;
}

bool service_key_required(const struct config *config)
{
    bool demo = !strcmp(config_text(config, "demo", "0"), "1");

    return strcmp(config_text(config, "ekey", demo ? "optional" : "required"), "optional") != 0;
}

/* ---- idempotency */

#define KEEP_MILLISECONDS (24 * 3600 * INT64_C(1000))

static void request_hash(struct web_call *call, char hash[72])
{
    struct buffer text;

    buffer_init(&text, 32u << 20); /* more than any body */
    buffer_printf(&text, "%s %s?%s\n", call->method, call->path, call->query);
    buffer_bytes(&text, call->body, call->body_length);
    digest_sha256(text.data, text.length, hash);
    buffer_free(&text);
}

/* Whose Idempotency-Keys are one set: a user's, an API key's. */
static int64_t requester(const struct web_call *call) { return caller(call)->api_key ? caller(call)->api_key : caller(call)->user; }

static int replay(struct web_call *call, struct store_connection *db, const char *key, const char *hash, struct error *error)
{
    struct store_rows rows;
    bool same = false;
    size_t length;

    if (store_query(db, &rows, error, "SELECT request_hash, status, answer FROM idempotency WHERE owner = $1 AND name = $2",
                    STORE_VALUES(store_integer(requester(call)), store_string(key))))
        return (int)error->code;
    if (store_next(&rows) && (same = !strcmp(store_column_text(&rows, 0, NULL), hash))) {
        call->status = (int)store_column_integer(&rows, 1);
        const char *answer = store_column_text(&rows, 2, &length);
        buffer_bytes(&call->out, answer, length);
    }
    if (store_end(&rows)) return (int)error->code;
    return same ? 0 : error_set(error, ERROR_INVALID, "idempotency_key_reused", "同一Idempotency-Key的请求内容不同。",
                                "This Idempotency-Key was used for another request.");
}

/* The key is taken before the work: who sends the same at the same time waits for this answer and gets it. */
static int idempotent_work(void *connection, struct web_call *call, struct error *error)
{
    const char *key = web_header(call, "Idempotency-Key");
    char hash[72];
    int64_t now = clock_now(), taken = 0;

    request_hash(call, hash);
    if (store_execute(connection, error, NULL, "DELETE FROM idempotency WHERE created < $1", STORE_VALUES(store_integer(now - KEEP_MILLISECONDS))) ||
        store_execute(connection, error, &taken,
            "INSERT INTO idempotency (owner, name, request_hash, status, answer, created) VALUES ($1, $2, $3, 0, '', $4) "
            "ON CONFLICT (owner, name) DO NOTHING",
            STORE_VALUES(store_integer(requester(call)), store_string(key), store_string(hash), store_integer(now))))
        return (int)error->code;
    if (!taken) return replay(call, connection, key, hash, error);
    if (call->wrapped(connection, call, error)) return (int)error->code;
    return store_execute(connection, error, NULL, "UPDATE idempotency SET status = $3, answer = $4 WHERE owner = $1 AND name = $2",
        STORE_VALUES(store_integer(requester(call)), store_string(key), store_integer(call->status), store_text(call->out.data, call->out.length)));
}

int service_write(struct web_call *call, int (*work)(void *connection, struct web_call *call, struct error *error), void *argument)
{
    const char *key = web_header(call, "Idempotency-Key");

    if (!key || strcmp(call->method, "POST")) return web_write(call, work, argument);
    if (!*key || strlen(key) > 64) return wrong(call, "Idempotency-Key", "idempotency_key", "Idempotency-Key最多64个字符。", "An Idempotency-Key has at most 64 characters.");
    call->wrapped = work;
    return web_write(call, idempotent_work, argument);
}

/* ---- dry runs */

int service_dry_run(struct web_call *call, bool *dry)
{
    int64_t asked;

    *dry = false;
    if (web_query_integer(call, "dry_run", 0, 1, 0, &asked)) return (int)call->error.code;
    *dry = asked;
    return 0;
}

static int undone_work(void *connection, struct web_call *call, struct error *error)
{
    if (call->wrapped(connection, call, error)) return (int)error->code;
    return error_set(error, ERROR_UNDONE, "dry_run", "", "");
}

int service_write_or_try(struct web_call *call, int (*work)(void *connection, struct web_call *call, struct error *error), void *argument)
{
    bool dry;

    if (service_dry_run(call, &dry)) return (int)call->error.code;
    if (!dry) return service_write(call, work, argument);
    web_answer_header(call, "X-Dry-Run", "1");
    call->wrapped = work;
    return web_write(call, undone_work, argument);
}
