/* Electronic keys: bound by their users, seen and revoked by administrators, signed in with (R-KEY-1, R-KEY-2). */
#include "keys.h"

#include "base/base64.h"
#include "base/random.h"
#include "trust/signed_info.h"

#include <stdio.h>
#include <string.h>

#define WARNING_MILLISECONDS (30LL * 86400 * 1000)
#define DAY_MILLISECONDS (86400LL * 1000)
#define KEYS_OF_A_USER 10
#define OWNERS (PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON)

static const char *sm2_id(const struct account *account) { return config_text(account->config, "sm2_id", SM2_ID); }

/* ---- lists */

#define COLUMNS "k.id, k.label, k.holder, k.subject, k.issuer, k.serial, k.algorithm, k.valid_from, k.valid_to, k.state, k.bound, k.last_used, k.ended, k.reason"

static const char *state_of(const char *state, int64_t valid_to)
{
    int64_t left = valid_to - clock_now();

    if (strcmp(state, "active") != 0) return state;
    return left < 0 ? "expired" : left < WARNING_MILLISECONDS ? "expiring" : "active";
}

static void write_key(struct web_call *call, struct store_rows *rows)
{
    static const char *const texts[] = {"label", "holder", "subject", "issuer", "serial", "algorithm"};
    struct json_writer *json = &call->json;
    int64_t valid_to = store_column_integer(rows, 8);

    json_put_id(json, "id", store_column_integer(rows, 0));
    for (int i = 0; i < 6; i++) json_put_string(json, texts[i], store_column_text(rows, i + 1, NULL));
    json_put_instant(json, "valid_from", store_column_integer(rows, 7));
    json_put_instant(json, "valid_to", valid_to);
    json_put_integer(json, "days_left", valid_to > clock_now() ? (valid_to - clock_now()) / DAY_MILLISECONDS : 0);
    json_put_string(json, "state", state_of(store_column_text(rows, 9, NULL), valid_to));
    json_put_instant(json, "bound", store_column_integer(rows, 10));
    json_put_instant(json, "last_used", store_column_integer(rows, 11));
    json_put_instant(json, "ended", store_column_integer(rows, 12));
    json_put_string(json, "reason", store_column_text(rows, 13, NULL));
}

static int write_keys(struct web_call *call, struct store_connection *db, struct error *error)
{
    struct store_rows rows;

    json_object(&call->json);
    json_put_boolean(&call->json, "required", service_key_required(account_of(call)->config));
    json_put_boolean(&call->json, "sign_out_on_removal", account_of(call)->key_sign_out);
    json_name(&call->json, "items");
    json_array(&call->json);
    if (store_query(db, &rows, error, "SELECT " COLUMNS " FROM ekey k WHERE k.account = $1 ORDER BY k.ended, k.id DESC LIMIT 50",
                    STORE_VALUES(store_integer(caller(call)->user))))
        return (int)error->code;
    while (store_next(&rows)) {
        json_object(&call->json);
        write_key(call, &rows);
        json_object_end(&call->json);
    }
    json_array_end(&call->json);
    json_object_end(&call->json);
    return store_end(&rows);
}

static int keys_get(struct web_call *call) { return write_keys(call, reader_of(call), &call->error); }

/* ---- binding */

struct binding {
    int64_t id;
    char nonce[NONCE_SIZE];
    const char *label;
    struct key_answer sign_in, sign;
};

static int bind_challenge(struct web_call *call) { return challenge_write(call, "bind", caller(call)->user); }

/* The USCC of the enterprise; of a natural person, who has none, the name. */
static bool is_holder(const struct principal *principal, const struct certificate *certificate)
{
    return principal->enterprise ? *principal->uscc && !strcmp(certificate->holder, principal->uscc) : !strcmp(certificate->name, principal->display_name);
}

static const char *holder_of(const struct web_call *call, const struct certificate *certificate)
{
    return caller(call)->enterprise ? certificate->holder : certificate->name;
}

static int answer_check(struct web_call *call, const struct key_answer *answer, const char *challenge, enum certificate_use use)
{
    struct account *account = account_of(call);
    struct certificate checked;

    if (!certificate_verify(answer->certificate, answer->certificate_length, sm2_id(account), challenge, strlen(challenge), answer->signature, answer->signature_length))
        return error_set(&call->error, ERROR_CONFLICT, "signature_wrong", "电子钥匙的签名不正确，请重试。", "The signature of the key is wrong; please try again.");
    if (certificate_check(account->authorities, answer->certificate, answer->certificate_length, use, clock_now(), &checked, &call->error)) return (int)call->error.code;
    if (is_holder(caller(call), &answer->read)) return 0;
    return error_set(&call->error, ERROR_CONFLICT, "key_wrong_holder", "该电子钥匙的持有人与当前账号的企业不符，请使用本企业的电子钥匙。",
                     "This key belongs to somebody else; use a key of your own enterprise.");
}

static int take_answers(struct web_call *call, const struct service_input *input, struct binding *binding)
{
    const struct json *list = json_member(input->json, "signatures");
    bool both = false;

    JSON_EACH(item, list && list->kind == JSON_ARRAY ? list : NULL) {
        const char *slot = item->kind == JSON_OBJECT ? json_member_text(item, "slot", "") : "";
        struct key_answer *answer = !strcmp(slot, "9A") ? &binding->sign_in : !strcmp(slot, "9C") ? &binding->sign : NULL;
        if (!answer || answer->certificate) return key_answer_take(call, NULL, answer);
        if (key_answer_take(call, item, answer)) return (int)call->error.code;
        both = binding->sign_in.certificate && binding->sign.certificate;
    }
    return both ? 0 : key_answer_take(call, NULL, NULL);
}

/* What the database alone can refuse: a key that was revoked, one that is bound, too many. */
static int may_bind(struct store_connection *db, int64_t user, const struct binding *binding, struct error *error)
{
    struct store_rows rows;
    int64_t own = 0, elsewhere = 0, revoked = 0, count = 0;

    if (store_query(db, &rows, error,
                    "SELECT count(*) FILTER (WHERE state = 'active' AND account = $1), count(*) FILTER (WHERE state = 'active' AND account <> $1), "
                    "count(*) FILTER (WHERE state = 'revoked') FROM ekey WHERE fingerprint IN ($2, $3) OR sign_in_fingerprint IN ($2, $3)",
                    STORE_VALUES(store_integer(user), store_string(binding->sign.read.fingerprint), store_string(binding->sign_in.read.fingerprint))))
        return (int)error->code;
    if (store_next(&rows)) {
        own = store_column_integer(&rows, 0);
        elsewhere = store_column_integer(&rows, 1);
        revoked = store_column_integer(&rows, 2);
    }
    if (store_end(&rows)) return (int)error->code;
    if (revoked) return error_set(error, ERROR_CONFLICT, "key_revoked", "该电子钥匙已被吊销，不能使用。请换用新的电子钥匙。", "This key has been revoked and cannot be used; get a new one.");
    if (elsewhere) return error_set(error, ERROR_CONFLICT, "key_bound_elsewhere", "该电子钥匙已绑定到其他账号，请先在该账号中解绑。", "This key is bound to another account; unbind it there first.");
    if (own) return error_set(error, ERROR_CONFLICT, "key_bound", "该电子钥匙已经绑定到您的账号。", "This key is bound to your account already.");
    if (store_query(db, &rows, error, "SELECT count(*) FROM ekey WHERE account = $1 AND state = 'active'", STORE_VALUES(store_integer(user)))) return (int)error->code;
    if (store_next(&rows)) count = store_column_integer(&rows, 0);
    if (store_end(&rows)) return (int)error->code;
    return count < KEYS_OF_A_USER ? 0 : error_set(error, ERROR_CONFLICT, "too_many_keys", "一个账号最多绑定10个电子钥匙，请先解绑不用的。", "An account has at most 10 keys; unbind one first.");
}

static int insert_key(struct store_connection *db, struct web_call *call, const struct binding *binding, struct error *error)
{
    const struct certificate *read = &binding->sign.read;
    char algorithm[KEY_ALGORITHM_SIZE];

    key_algorithm_name(read, algorithm);
    return store_execute(db, error, NULL,
        "INSERT INTO ekey (id, account, label, sign_in_certificate, certificate, sign_in_fingerprint, fingerprint, holder, subject, issuer, serial, algorithm, "
        "valid_from, valid_to, bound) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        STORE_VALUES(store_integer(binding->id), store_integer(caller(call)->user), store_string(binding->label),
                     store_bytes(binding->sign_in.certificate, binding->sign_in.certificate_length),
                     store_bytes(binding->sign.certificate, binding->sign.certificate_length), store_string(binding->sign_in.read.fingerprint),
                     store_string(read->fingerprint), store_string(holder_of(call, read)), store_string(read->subject), store_string(read->issuer),
                     store_string(read->serial), store_string(algorithm), store_integer(read->not_before), store_integer(read->not_after), store_integer(clock_now())));
}

static int bind_work(void *connection, struct web_call *call, struct error *error)
{
    const struct binding *binding = call->argument;

    if (challenge_use(connection, binding->nonce, error) || may_bind(connection, caller(call)->user, binding, error) ||
        insert_key(connection, call, binding, error) || audit(connection, call, "key_bound", caller(call)->user_name, binding->sign.read.serial, error))
        return (int)error->code;
    call->status = 201;
    return write_keys(call, connection, error);
}

static int bind_key(struct web_call *call)
{
    struct binding *binding = arena_alloc(&call->arena, sizeof *binding);
    struct service_input input;
    const char *challenge;

    if (!binding) return out_of_memory(&call->error);
    if (service_input(call, &input) || take_text(call, &input, "label", 60, false, &binding->label) || take_answers(call, &input, binding) ||
        challenge_take(call, &input, "bind", caller(call)->user, &challenge, binding->nonce) ||
        answer_check(call, &binding->sign_in, challenge, USE_SIGN_IN) || answer_check(call, &binding->sign, challenge, USE_SIGN))
        return (int)call->error.code;
    binding->id = random_id(clock_now());
    return web_write(call, bind_work, binding);
}

static int unbind_work(void *connection, struct web_call *call, struct error *error)
{
    int64_t id, changed = 0;

    if (web_parameter_id(call, 0, &id)) return (int)(*error = call->error).code;
    if (store_execute(connection, error, &changed, "UPDATE ekey SET state = 'unbound', ended = $3, ended_by = $4 WHERE id = $1 AND account = $2 AND state = 'active'",
                      STORE_VALUES(store_integer(id), store_integer(caller(call)->user), store_integer(clock_now()), store_string(caller(call)->user_name))))
        return (int)error->code;
    call->status = 204;
    return changed ? audit(connection, call, "key_unbound", caller(call)->user_name, call->parameter[0], error)
                   : error_set(error, ERROR_NOT_FOUND, "not_found", "没有找到该电子钥匙。", "There is no such key.");
}

static int unbind(struct web_call *call) { return web_write(call, unbind_work, NULL); }

/* ---- administrators */

#define FOUND "(LOWER(u.name) LIKE $ ESCAPE '!' OR LOWER(u.display_name) LIKE $ ESCAPE '!' OR LOWER(k.holder) LIKE $ ESCAPE '!' OR " \
              "LOWER(k.serial) LIKE $ ESCAPE '!' OR LOWER(COALESCE(e.name, '')) LIKE $ ESCAPE '!')"

static void write_owned_key(struct web_call *call, struct store_rows *rows)
{
    write_key(call, rows);
    json_put_string(&call->json, "user", store_column_text(rows, 14, NULL));
    json_put_string(&call->json, "display_name", store_column_text(rows, 15, NULL));
    json_put_string(&call->json, "enterprise", store_column_text(rows, 16, NULL));
}

static int all_keys(struct web_call *call)
{
    static const char from[] = "ekey k JOIN user_account u ON u.id = k.account LEFT JOIN enterprise e ON e.id = u.enterprise";
    struct service_conditions conditions = {.count = 0};

    service_condition(&conditions, FOUND, store_string(store_like(&call->arena, web_query(call, "q"))));
    service_condition_query(call, &conditions, "k.state = $", "state");
    return service_list(call, &(struct service_list){COLUMNS ", u.name, u.display_name, COALESCE(e.name, '')", from, "k.id DESC", &conditions, write_owned_key});
}

static int revoke_work(void *connection, struct web_call *call, struct error *error)
{
    struct store_rows rows;
    int64_t id, account = 0;

    if (web_parameter_id(call, 0, &id)) return (int)(*error = call->error).code;
    if (store_query(connection, &rows, error, "UPDATE ekey SET state = 'revoked', ended = $2, ended_by = $3, reason = $4 WHERE id = $1 AND state <> 'revoked' RETURNING account",
                    STORE_VALUES(store_integer(id), store_integer(clock_now()), store_string(caller(call)->user_name), store_string(call->argument))))
        return (int)error->code;
    if (store_next(&rows)) account = store_column_integer(&rows, 0);
    if (store_end(&rows)) return (int)error->code;
    if (!account) return error_set(error, ERROR_NOT_FOUND, "not_found", "没有找到该电子钥匙，或已被吊销。", "There is no such key, or it is revoked already.");
    call->status = 204;
    /* whoever signed in with it is out */
    return store_execute(connection, error, NULL, "UPDATE user_account SET epoch = epoch + 1 WHERE id = $1", STORE_VALUES(store_integer(account))) ||
           audit(connection, call, "key_revoked", call->parameter[0], call->argument, error) ? (int)error->code : 0;
}

static int revoke(struct web_call *call)
{
    struct service_input input;
    const char *reason;

    if (service_input(call, &input) || take_text(call, &input, "reason", 200, true, &reason)) return (int)call->error.code;
    return web_write(call, revoke_work, (void *)reason);
}

/* ---- signing in */

static int sign_in_challenge(struct web_call *call) { return challenge_write(call, "sign_in", 0); }

struct bound { /* in the arena */
    int64_t id, account;
    const char *certificate;
    size_t length;
};

static int bound_read(struct web_call *call, const char *fingerprint, struct bound *bound)
{
    struct store_rows rows;

    if (store_query(reader_of(call), &rows, &call->error, "SELECT id, account, sign_in_certificate FROM ekey WHERE sign_in_fingerprint = $1 AND state = 'active'",
                    STORE_VALUES(store_string(fingerprint))))
        return (int)call->error.code;
    if (store_next(&rows)) {
        const void *bytes = store_column_bytes(&rows, 2, &bound->length);
        *bound = (struct bound){store_column_integer(&rows, 0), store_column_integer(&rows, 1), arena_copy(&call->arena, bytes, bound->length), bound->length};
    }
    if (store_end(&rows)) return (int)call->error.code;
    if (bound->certificate) return 0;
    return error_set(&call->error, ERROR_CONFLICT, "key_not_bound", "该电子钥匙未绑定账号。请先用账号密码登录，在“我的IC卡”中绑定。",
                     "This key is not bound to an account. Sign in with your password and bind it under “My keys” first.");
}

struct key_sign_in {
    char nonce[NONCE_SIZE];
    int64_t key;
};

/* Used in a transaction of its own before the session is made: a challenge that has served makes no session. */
static int use_work(struct store_connection *db, void *argument, struct error *error)
{
    const struct key_sign_in *sign_in = argument;

    return challenge_use(db, sign_in->nonce, error) ||
           store_execute(db, error, NULL, "UPDATE ekey SET last_used = $2 WHERE id = $1", STORE_VALUES(store_integer(sign_in->key), store_integer(clock_now())))
           ? (int)error->code : 0;
}

static int sign_in_with_key(struct web_call *call)
{
    struct person *person = arena_alloc(&call->arena, sizeof *person);
    struct account *account = account_of(call);
    struct key_answer answer = {0};
    struct bound bound = {0};
    struct key_sign_in sign_in;
    struct service_input input;
    const char *challenge;

    if (!person) return out_of_memory(&call->error);
    if (service_input(call, &input) || key_answer_take(call, json_member(input.json, "signature"), &answer) ||
        challenge_take(call, &input, "sign_in", 0, &challenge, sign_in.nonce) || bound_read(call, answer.read.fingerprint, &bound))
        return (int)call->error.code;
    if (!certificate_verify(bound.certificate, bound.length, sm2_id(account), challenge, strlen(challenge), answer.signature, answer.signature_length))
        return error_set(&call->error, ERROR_CONFLICT, "signature_wrong", "电子钥匙的签名不正确，请重试。", "The signature of the key is wrong; please try again.");
    sign_in.key = bound.id;
    if (certificate_check(account->authorities, bound.certificate, bound.length, USE_SIGN_IN, clock_now(), &answer.read, &call->error) ||
        person_by_id(reader_of(call), &call->arena, bound.account, person, &call->error))
        return (int)call->error.code;
    if (!person->active) return account_locked(&call->error);
    return store_write(account->store, use_work, &sign_in, &call->error) ? (int)call->error.code : sign_in_as(call, person, "key");
}

/* ---- what document modules ask */

static int keys_of_user(struct web_call *call)
{
    struct buffer text;
    struct store_rows rows;
    int64_t user;

    if (web_parameter_id(call, 0, &user)) return (int)call->error.code;
    if (store_query(reader_of(call), &rows, &call->error, "SELECT id, certificate FROM ekey WHERE account = $1 AND state = 'active' ORDER BY id",
                    STORE_VALUES(store_integer(user))))
        return (int)call->error.code;
    json_object(&call->json);
    json_name(&call->json, "keys");
    json_array(&call->json);
    buffer_init(&text, CERTIFICATE_MAXIMUM * 2);
    while (store_next(&rows)) {
        size_t length;
        const void *bytes = store_column_bytes(&rows, 1, &length);
        buffer_reset(&text);
        base64_write(bytes, length, &text);
        json_object(&call->json);
        json_put_id(&call->json, "id", store_column_integer(&rows, 0));
        json_put_string(&call->json, "certificate", buffer_string(&text));
        json_object_end(&call->json);
    }
    buffer_free(&text);
    json_array_end(&call->json);
    json_object_end(&call->json);
    return store_end(&rows);
}

const struct web_route key_routes[] = {
    {"GET", "/api/account/keys", keys_get, OWNERS, 0, 0, LANE_FAST, 0, {0, 0}},
    {"POST", "/api/account/keys/challenge", bind_challenge, OWNERS, 0, 0, LANE_FAST, 1024, {30, 60}},
    {"POST", "/api/account/keys", bind_key, OWNERS, 0, 0, LANE_SLOW, 32768, {30, 60}},
    {"DELETE", "/api/account/keys/:id", unbind, OWNERS, 0, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/api/account/admin/keys", all_keys, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {"POST", "/api/account/admin/keys/:id/revoke", revoke, PRINCIPAL_ADMINISTRATOR, 0, 0, LANE_FAST, 4096, {0, 0}},
    {"POST", "/api/account/session/challenge", sign_in_challenge, 0, 0, WEB_ANONYMOUS, LANE_FAST, 1024, {60, 60}},
    {"POST", "/api/account/session/key", sign_in_with_key, 0, 0, WEB_ANONYMOUS, LANE_SLOW, 32768, {60, 60}},
    {"GET", "/internal/account/users/:id/keys", keys_of_user, PRINCIPAL_SYSTEM, 0, WEB_INTERNAL_ONLY | WEB_NO_CSRF, LANE_FAST, 0, {0, 0}},
    {0}};
