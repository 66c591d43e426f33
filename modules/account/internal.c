/* What the other programs ask: whether a session still counts, who a user is, whom an API key belongs to; and what they tell: who did what. */
#include "account.h"

#include <stdlib.h>
#include <string.h>

static int epoch_read(struct store_connection *db, int64_t user, int64_t *epoch, bool *alive, struct error *error)
{
    struct store_rows rows;
    *epoch = 0;
    *alive = false;
    if (store_query(db, &rows, error, "SELECT epoch, state FROM user_account WHERE id = $1", STORE_VALUES(store_integer(user))))
        return (int)error->code;
    if (store_next(&rows)) {
        *epoch = store_column_integer(&rows, 0);
        *alive = !strcmp(store_column_text(&rows, 1, NULL), "active");
    }
    return store_end(&rows);
}

int epoch_source(void *context, int64_t user, int64_t *epoch, bool *alive, struct error *error)
{
    struct account *account = context;
    pthread_mutex_lock(&account->epoch_lock);
    int code = epoch_read(account->epoch_reader, user, epoch, alive, error);
    pthread_mutex_unlock(&account->epoch_lock);
    return code;
}

static int user_epoch(struct web_call *call)
{
    int64_t id, epoch;
    bool alive;
    if (web_parameter_id(call, 0, &id) || epoch_read(reader_of(call), id, &epoch, &alive, &call->error))
        return (int)call->error.code;
    json_object(&call->json);
    json_put_integer(&call->json, "epoch", epoch);
    json_put_boolean(&call->json, "alive", alive);
    json_object_end(&call->json);
    return 0;
}

static int user_get(struct web_call *call)
{
    struct person person;
    int64_t id;
    if (web_parameter_id(call, 0, &id) || person_by_id(reader_of(call), &call->arena, id, &person, &call->error))
        return (int)call->error.code;
    if (!person.active)
        return error_set(&call->error, ERROR_NOT_FOUND, "not_found", "该用户已停用。", "This user is locked.");
    json_object(&call->json);
    json_put_id(&call->json, "id", person.id);
    json_put_string(&call->json, "display_name", person.display_name);
    json_put_string(&call->json, "agency", person.agency);
    json_put_string(&call->json, "kind", kind_word(person.kind));
    json_object_end(&call->json);
    return 0;
}

/* When a key was last used is noted once a minute. */
#define NOTE_MILLISECONDS 60000

struct key { int64_t id, last_used; const char *name; };

int api_key_unknown(struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "not_found", "没有这个密钥。", "There is no such key.");
}

void put_grants(struct web_call *call, const struct grants *grants)
{
    const struct account *account = account_of(call);
    json_name(&call->json, "rights");
    json_object(&call->json);
    for (int i = 0; i < account->module_count; i++)
        if (grants->rights[i])
            json_put_integer(&call->json, account->modules[i], grants->rights[i]);
    json_object_end(&call->json);
}

static int user_rights(struct web_call *call)
{
    struct person person;
    struct grants grants = {{0}};
    int64_t id;
    if (web_parameter_id(call, 0, &id) || person_by_id(reader_of(call), &call->arena, id, &person, &call->error) ||
        rights_of(reader_of(call), account_of(call), &person, &grants, &call->error))
        return (int)call->error.code;
    json_object(&call->json);
    json_put_boolean(&call->json, "alive", person.active);
    put_grants(call, &grants);
    json_object_end(&call->json);
    return 0;
}

static int key_write(struct web_call *call, struct store_connection *db, const struct key *key, struct error *error)
{
    struct account *account = account_of(call);
    struct grants grants;
    if (rights_load(db, account, key->id, &grants, error))
        return (int)error->code;
    json_object(&call->json);
    json_put_string(&call->json, "kind", "partner");
    json_put_id(&call->json, "user", key->id);
    json_put_string(&call->json, "name", key->name);
    json_put_string(&call->json, "display_name", key->name);
    put_grants(call, &grants);
    json_object_end(&call->json);
    return 0;
}

static int key_work(void *connection, struct web_call *call, struct error *error)
{
    const struct key *key = call->argument;
    if (store_execute(connection, error, NULL, "UPDATE partner SET last_used = $2 WHERE id = $1",
                      STORE_VALUES(store_integer(key->id), store_integer(clock_now()))))
        return (int)error->code;
    return key_write(call, connection, key, error);
}

/* A partner's key or an enterprise's. The key itself never travels: its hash does. Rights as bits, as in sessions. */
static int key_get(struct web_call *call)
{
    struct store_rows rows;
    struct key *key = arena_alloc(&call->arena, sizeof *key);
    if (!key)
        return out_of_memory(&call->error);
    if (store_query(reader_of(call), &rows, &call->error, "SELECT id, name, last_used FROM partner WHERE key_hash = $1 AND revoked = 0",
                    STORE_VALUES(store_string(call->parameter[0]))))
        return (int)call->error.code;
    if (store_next(&rows))
        *key = (struct key){store_column_integer(&rows, 0), store_column_integer(&rows, 2), arena_text(&call->arena, store_column_text(&rows, 1, NULL))};
    if (store_end(&rows))
        return (int)call->error.code;
    if (!key->id)
        return api_key_answer(call, call->parameter[0]);
    if (clock_now() - key->last_used < NOTE_MILLISECONDS)
        return key_write(call, reader_of(call), key, &call->error);
    return web_write(call, key_work, key);
}

/* ---- what administrators and officers do in other programs */

struct note { int64_t actor; const char *actor_name, *address, *action, *subject, *detail; };

static int audit_work(void *connection, struct web_call *call, struct error *error)
{
    const struct note *note = call->argument;
    call->status = 204;
    return audit_by(connection, note->actor, note->actor_name, 0, note->address, note->action, note->subject, note->detail, error);
}

static int audit_post(struct web_call *call)
{
    struct service_input input;
    struct note *note = arena_alloc(&call->arena, sizeof *note);
    const char *actor;
    if (!note)
        return out_of_memory(&call->error);
    if (service_input(call, &input) || service_text(call, &input, "actor", 20, &actor) || service_text(call, &input, "actor_name", 64, &note->actor_name) ||
        service_text(call, &input, "address", 64, &note->address) || service_text(call, &input, "action", 48, &note->action) ||
        service_text(call, &input, "subject", 200, &note->subject) || service_text(call, &input, "detail", 200, &note->detail))
        return (int)call->error.code;
    if (!actor || !note->actor_name || !note->address || !note->action)
        return error_set(&call->error, ERROR_INVALID, "required", "缺少操作者或操作。", "Who did what is missing.");
    note->actor = strtoll(actor, NULL, 10);
    return web_write(call, audit_work, note);
}

#define INTERNAL (WEB_INTERNAL_ONLY | WEB_NO_CSRF)

const struct web_route internal_routes[] = {
    {"GET", "/internal/account/users/:id/epoch", user_epoch, PRINCIPAL_SYSTEM, 0, INTERNAL, LANE_FAST, 0, {0, 0}},
    {"GET", "/internal/account/users/:id/rights", user_rights, PRINCIPAL_SYSTEM, 0, INTERNAL, LANE_FAST, 0, {0, 0}},
    {"GET", "/internal/account/users/:id", user_get, PRINCIPAL_SYSTEM, 0, INTERNAL, LANE_FAST, 0, {0, 0}},
    {"POST", "/internal/account/audit", audit_post, PRINCIPAL_SYSTEM, 0, INTERNAL, LANE_FAST, 8192, {0, 0}},
    {"GET", "/internal/account/keys/:hash", key_get, PRINCIPAL_SYSTEM, 0, INTERNAL, LANE_FAST, 0, {0, 0}},
    {0}};
