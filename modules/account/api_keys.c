/* API keys of enterprises: their own systems (ERP) call the routes of documents with them. 256 random bits, shown once; the database has
   only their hash. A key acts in the name of the administrator who made it, and no longer than that user may. */
#include "account.h"

#include "base/date.h"
#include "base/digest.h"
#include "base/random.h"

#include <stdio.h>
#include <string.h>

#define MARK "sw_" /* programs that look for secrets in files find ours by it */
#define SHOWN (sizeof MARK - 1 + 8)
#define KEYS_MAXIMUM 50 /* of an enterprise at a time */
#define PER_MINUTE 600
#define PER_MINUTE_MAXIMUM 6000
#define MONTHS_MAXIMUM 24
#define NAME_MAXIMUM 100 /* bytes; "<name> (API)" is an actor's name in events */
#define NOTE_MILLISECONDS 60000 /* when a key was last used is noted once a minute */

static int administrators_only(struct web_call *call)
{
    if (caller(call)->enterprise_administrator)
        return 0;
    return error_set(&call->error, ERROR_FORBIDDEN, "forbidden", "接口密钥由企业管理员管理。", "API keys are managed by the enterprise's administrator.");
}

/* ---- the list */

static const char *state_word(struct store_rows *rows, int64_t now)
{
    if (store_column_integer(rows, 7))
        return "revoked";
    return store_column_integer(rows, 4) <= now ? "expired" : "active";
}

static void write_key(struct web_call *call, struct store_rows *rows)
{
    struct account *account = account_of(call);
    struct grants grants;
    struct error error;
    char date[DATE_TEXT_SIZE];
    error_clear(&error);
    date_format(date_of_instant(store_column_integer(rows, 4) - 1), date);
    json_put_id(&call->json, "id", store_column_integer(rows, 0));
    json_put_string(&call->json, "name", store_column_text(rows, 1, NULL));
    json_put_string(&call->json, "prefix", store_column_text(rows, 2, NULL));
    json_put_integer(&call->json, "per_minute", store_column_integer(rows, 3));
    json_put_string(&call->json, "expires", date);
    json_put_instant(&call->json, "created", store_column_integer(rows, 5));
    json_put_instant(&call->json, "last_used", store_column_integer(rows, 6));
    json_put_string(&call->json, "creator", store_column_text(rows, 8, NULL));
    json_put_string(&call->json, "state", state_word(rows, clock_now()));
    json_name(&call->json, "rights");
    json_object(&call->json);
    for (int i = 0; !rights_load(reader_of(call), account, store_column_integer(rows, 0), &grants, &error) && i < account->module_count; i++)
        if (grants.rights[i])
            put_rights(&call->json, account->modules[i], grants.rights[i]);
    json_object_end(&call->json);
}

static int keys_get(struct web_call *call)
{
    struct service_conditions conditions = {.count = 0};
    if (administrators_only(call))
        return (int)call->error.code;
    service_condition(&conditions, "k.enterprise = $", store_integer(caller(call)->enterprise));
    return service_list(call, &(struct service_list){"k.id, k.name, k.key_prefix, k.per_minute, k.expires, k.created, k.last_used, k.revoked, u.display_name",
                                                     "api_key k JOIN user_account u ON u.id = k.creator", "k.id DESC", &conditions, write_key});
}

/* ---- a new one */

struct new_key {
    int64_t id, per_minute, expires;
    const char *name;
    char key[sizeof MARK + 64], hash[DIGEST_SIZE], prefix[SHOWN + 1];
    struct grants grants;
};

/* The last day on which it counts: today at the earliest, in two years at the latest. */
static int take_expiry(struct web_call *call, const struct service_input *input, int64_t *expires)
{
    const char *text;
    int32_t day, today = date_of_instant(clock_now());
    if (take_text(call, input, "expires", 10, true, &text))
        return (int)call->error.code;
    if (!date_parse(text, strlen(text), &day))
        return refuse(&call->error, "expires", "date", "日期格式为YYYY-MM-DD。", "A date is written YYYY-MM-DD.");
    if (day < today || day > date_add_months(today, MONTHS_MAXIMUM))
        return refuse(&call->error, "expires", "expiry", "有效期从今天起，最长两年。", "A key is good for two years at most, and for today at least.");
    *expires = date_begin(day + 1);
    return 0;
}

static int take_scopes(struct web_call *call, const struct service_input *input, struct grants *grants)
{
    unsigned any = 0;
    if (take_rights(call, input, APPLICANT_RIGHTS, grants))
        return (int)call->error.code;
    for (int i = 0; i < account_of(call)->module_count; i++)
        any |= grants->rights[i];
    return any ? 0 : refuse(&call->error, "rights", "required", "请至少选择一项权限。", "Choose at least one right.");
}

static int room_for_one(struct store_connection *db, int64_t enterprise, struct error *error)
{
    struct store_rows rows;
    int64_t count = 0;
    if (store_query(db, &rows, error, "SELECT COUNT(id) FROM api_key WHERE enterprise = $1 AND revoked = 0 AND expires > $2",
                    STORE_VALUES(store_integer(enterprise), store_integer(clock_now()))))
        return (int)error->code;
    if (store_next(&rows))
        count = store_column_integer(&rows, 0);
    if (store_end(&rows) || count < KEYS_MAXIMUM)
        return (int)error->code;
    return error_set(error, ERROR_CONFLICT, "too_many_keys", "一家企业最多50个有效的接口密钥，请先停用不用的。", "An enterprise has at most 50 keys that count. Withdraw one that is not used.");
}

static int create_work(void *connection, struct web_call *call, struct error *error)
{
    const struct new_key *key = call->argument;
    const struct principal *who = caller(call);
    if (room_for_one(connection, who->enterprise, error) ||
        store_execute(connection, error, NULL,
                      "INSERT INTO api_key (id, enterprise, creator, name, key_hash, key_prefix, per_minute, expires, created) "
                      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                      STORE_VALUES(store_integer(key->id), store_integer(who->enterprise), store_integer(who->user), store_string(key->name),
                                   store_string(key->hash), store_string(key->prefix), store_integer(key->per_minute), store_integer(key->expires),
                                   store_integer(clock_now()))) ||
        rights_replace(connection, account_of(call), key->id, &key->grants, error) ||
        audit(connection, call, "api_key_created", key->name, key->prefix, error))
        return (int)error->code;
    call->status = 201;
    json_object(&call->json);
    json_put_id(&call->json, "id", key->id);
    json_put_string(&call->json, "name", key->name);
    json_put_string(&call->json, "prefix", key->prefix);
    json_put_string(&call->json, "key", key->key);
    json_object_end(&call->json);
    return 0;
}

/* web_write, not service_write: an answer with a key is kept nowhere. */
static int key_post(struct web_call *call)
{
    struct service_input input;
    struct new_key *key = arena_alloc(&call->arena, sizeof *key);
    if (!key)
        return out_of_memory(&call->error);
    if (administrators_only(call) || service_input(call, &input) || take_text(call, &input, "name", NAME_MAXIMUM, true, &key->name) ||
        take_scopes(call, &input, &key->grants) || take_expiry(call, &input, &key->expires) ||
        service_number(call, &input, "per_minute", 1, PER_MINUTE_MAXIMUM, PER_MINUTE, &key->per_minute))
        return (int)call->error.code;
    key->id = random_id(clock_now());
    memcpy(key->key, MARK, sizeof MARK);
    random_hex(32, key->key + sizeof MARK - 1);
    digest_sha256(key->key, strlen(key->key), key->hash);
    snprintf(key->prefix, sizeof key->prefix, "%.*s", (int)SHOWN, key->key);
    return web_write(call, create_work, key);
}

/* ---- withdrawing */

static int revoke_work(void *connection, struct web_call *call, struct error *error)
{
    int64_t id, changed = 0;
    if (web_parameter_id(call, 0, &id))
        return (int)(*error = call->error).code;
    if (store_execute(connection, error, &changed, "UPDATE api_key SET revoked = $3 WHERE id = $1 AND enterprise = $2 AND revoked = 0",
                      STORE_VALUES(store_integer(id), store_integer(caller(call)->enterprise), store_integer(clock_now()))))
        return (int)error->code;
    call->status = 204;
    return changed ? audit(connection, call, "api_key_revoked", call->parameter[0], NULL, error)
                   : error_set(error, ERROR_NOT_FOUND, "not_found", "没有找到该密钥。", "There is no such key.");
}

static int key_delete(struct web_call *call) { return administrators_only(call) ? (int)call->error.code : web_write(call, revoke_work, NULL); }

/* ---- whom a key belongs to, for other programs */

struct known { int64_t id, enterprise, creator, per_minute, last_used; const char *name; };

static int known_read(struct web_call *call, const char *hash, struct known *known)
{
    struct store_rows rows;
    if (store_query(reader_of(call), &rows, &call->error,
                    "SELECT id, enterprise, creator, per_minute, last_used, name FROM api_key WHERE key_hash = $1 AND revoked = 0 AND expires > $2",
                    STORE_VALUES(store_string(hash), store_integer(clock_now()))))
        return (int)call->error.code;
    if (store_next(&rows))
        *known = (struct known){store_column_integer(&rows, 0), store_column_integer(&rows, 1), store_column_integer(&rows, 2),
                                store_column_integer(&rows, 3), store_column_integer(&rows, 4), arena_text(&call->arena, store_column_text(&rows, 5, NULL))};
    return store_end(&rows);
}

static int known_write(struct web_call *call, struct store_connection *db, const struct known *known, struct error *error)
{
    struct account *account = account_of(call);
    struct person person;
    struct principal principal;
    struct grants grants;
    char name[NAME_MAXIMUM + 8];
    if (person_by_id(db, &call->arena, known->creator, &person, error) || principal_make(db, account, &person, &principal, error) ||
        rights_load(db, account, known->id, &grants, error))
        return (int)error->code;
    if (!person.active || person.enterprise != known->enterprise || !person.enterprise_administrator)
        return api_key_unknown(error);
    snprintf(name, sizeof name, "%s (API)", known->name);
    json_object(&call->json);
    json_put_string(&call->json, "kind", "enterprise");
    json_put_id(&call->json, "key", known->id);
    json_put_integer(&call->json, "per_minute", known->per_minute);
    json_put_id(&call->json, "user", person.id);
    json_put_string(&call->json, "name", person.name);
    json_put_string(&call->json, "display_name", name);
    json_put_string(&call->json, "person", person.display_name);
    json_put_id(&call->json, "enterprise", known->enterprise);
    json_put_string(&call->json, "enterprise_code", principal.enterprise_code);
    json_put_string(&call->json, "organisation_code", principal.organisation_code);
    json_put_string(&call->json, "uscc", principal.uscc);
    json_put_string(&call->json, "enterprise_name", principal.enterprise_name);
    put_grants(call, &grants);
    json_object_end(&call->json);
    return 0;
}

static int note_work(void *connection, struct web_call *call, struct error *error)
{
    const struct known *known = call->argument;
    if (store_execute(connection, error, NULL, "UPDATE api_key SET last_used = $2 WHERE id = $1", STORE_VALUES(store_integer(known->id), store_integer(clock_now()))))
        return (int)error->code;
    return known_write(call, connection, known, error);
}

int api_key_answer(struct web_call *call, const char *hash)
{
    struct known *known = arena_alloc(&call->arena, sizeof *known);
    if (!known)
        return out_of_memory(&call->error);
    if (known_read(call, hash, known))
        return (int)call->error.code;
    if (!known->id)
        return api_key_unknown(&call->error);
    if (clock_now() - known->last_used < NOTE_MILLISECONDS)
        return known_write(call, reader_of(call), known, &call->error);
    return web_write(call, note_work, known);
}

const struct web_route api_key_routes[] = {
    {"GET", "/api/account/api-keys", keys_get, PRINCIPAL_ENTERPRISE, 0, 0, LANE_FAST, 0, {0, 0}},
    {"POST", "/api/account/api-keys", key_post, PRINCIPAL_ENTERPRISE, 0, 0, LANE_FAST, 4096, {30, 60}},
    {"DELETE", "/api/account/api-keys/:id", key_delete, PRINCIPAL_ENTERPRISE, 0, 0, LANE_FAST, 0, {0, 0}},
    {0}};
