/* Other systems with an API key: 256 random bits, shown once; the database has only their hash. */
#include "account.h"

#include "base/random.h"
#include "base/digest.h"

#include <stdio.h>
#include <string.h>

#define PREFIX 8

struct partner {
    int64_t id;
    const char *name;
    char key[65], hash[DIGEST_SIZE], prefix[PREFIX + 1];
    struct grants grants;
};

/* Rights of partners are written module:customs: they report what customs did (RIGHT_EDIT in that module). */
static void write_partner(struct web_call *call, struct store_rows *rows)
{
    struct account *account = account_of(call);
    struct grants grants;
    struct error error;
    char text[32];
    error_clear(&error);
    json_put_id(&call->json, "id", store_column_integer(rows, 0));
    json_put_string(&call->json, "name", store_column_text(rows, 1, NULL));
    json_put_string(&call->json, "prefix", store_column_text(rows, 2, NULL));
    json_put_instant(&call->json, "created", store_column_integer(rows, 3));
    json_put_instant(&call->json, "last_used", store_column_integer(rows, 4));
    json_name(&call->json, "rights");
    json_array(&call->json);
    for (int i = 0; !rights_load(reader_of(call), account, store_column_integer(rows, 0), &grants, &error) && i < account->module_count; i++) {
        snprintf(text, sizeof text, "%s:customs", account->modules[i]);
        if (grants.rights[i])
            json_string(&call->json, text);
    }
    json_array_end(&call->json);
}

static int partners_get(struct web_call *call)
{
    struct service_conditions conditions = {.count = 0};
    service_condition(&conditions, "revoked = $", store_integer(0));
    return service_list(call, &(struct service_list){"id, name, key_prefix, created, last_used", "partner", "id DESC", &conditions, write_partner});
}

static int take_partner_rights(struct web_call *call, const struct service_input *input, struct grants *grants)
{
    struct account *account = account_of(call);
    const struct json *list = json_member(input->json, "rights");
    char text[32];
    bool any = false;
    if (list && list->kind == JSON_OBJECT)
        return take_rights(call, input, RIGHT_EDIT, grants);
    JSON_EACH(item, list && list->kind == JSON_ARRAY ? list : NULL) {
        bool found = false;
        for (int i = 0; i < account->module_count; i++) {
            snprintf(text, sizeof text, "%s:customs", account->modules[i]);
            if (item->kind == JSON_STRING && slice_is(item->text, text)) {
                grants->rights[i] = RIGHT_EDIT;
                any = found = true;
            }
        }
        if (!found)
            return refuse(&call->error, "rights", "rights", "权限有误，请从列表中选择。", "These rights cannot be given; choose from the list.");
    }
    return any ? 0 : refuse(&call->error, "rights", "required", "请至少选择一项权限。", "Choose at least one right.");
}

static int create_work(void *connection, struct web_call *call, struct error *error)
{
    const struct partner *partner = call->argument;
    if (store_execute(connection, error, NULL, "INSERT INTO partner (id, name, key_hash, key_prefix, created) VALUES ($1, $2, $3, $4, $5)",
                      STORE_VALUES(store_integer(partner->id), store_string(partner->name), store_string(partner->hash), store_string(partner->prefix),
                                   store_integer(clock_now()))) ||
        rights_replace(connection, account_of(call), partner->id, &partner->grants, error) ||
        audit(connection, call, "partner_created", partner->name, partner->prefix, error))
        return (int)error->code;
    call->status = 201;
    json_object(&call->json);
    json_put_id(&call->json, "id", partner->id);
    json_put_string(&call->json, "name", partner->name);
    json_put_string(&call->json, "prefix", partner->prefix);
    json_put_string(&call->json, "key", partner->key);
    json_object_end(&call->json);
    return 0;
}

/* web_write, not service_write: an answer with a key is kept nowhere. */
static int partner_post(struct web_call *call)
{
    struct service_input input;
    struct partner *partner = arena_alloc(&call->arena, sizeof *partner);
    if (!partner)
        return out_of_memory(&call->error);
    if (service_input(call, &input) || take_text(call, &input, "name", 180, true, &partner->name) || take_partner_rights(call, &input, &partner->grants))
        return (int)call->error.code;
    partner->id = random_id(clock_now());
    random_hex(32, partner->key);
    digest_sha256(partner->key, strlen(partner->key), partner->hash);
    memcpy(partner->prefix, partner->key, PREFIX);
    return web_write(call, create_work, partner);
}

static int revoke_work(void *connection, struct web_call *call, struct error *error)
{
    int64_t id, changed = 0;
    if (web_parameter_id(call, 0, &id))
        return (int)(*error = call->error).code;
    if (store_execute(connection, error, &changed, "UPDATE partner SET revoked = $2 WHERE id = $1 AND revoked = 0",
                      STORE_VALUES(store_integer(id), store_integer(clock_now()))))
        return (int)error->code;
    call->status = 204;
    return changed ? audit(connection, call, "partner_revoked", call->parameter[0], NULL, error)
                   : error_set(error, ERROR_NOT_FOUND, "not_found", "没有找到该合作方。", "There is no such partner.");
}

static int partner_delete(struct web_call *call) { return web_write(call, revoke_work, NULL); }

const struct web_route partner_routes_of_account[] = {
    {"GET", "/api/account/partners", partners_get, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {"POST", "/api/account/partners", partner_post, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_FAST, 4096, {30, 60}},
    {"DELETE", "/api/account/partners/:id", partner_delete, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {0}};
