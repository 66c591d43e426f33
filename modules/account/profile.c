/* What people change themselves: profile, password, and an administrator the enterprise. */
#include "account.h"

#include "trust/password.h"

#include <string.h>

/* ---- profile */

static int profile_get(struct web_call *call)
{
    struct person person;
    struct json_writer *json = &call->json;
    if (person_by_id(reader_of(call), &call->arena, caller(call)->user, &person, &call->error))
        return (int)call->error.code;
    web_answer_version(call, person.version);
    json_object(json);
    json_put_id(json, "id", person.id);
    json_put_string(json, "name", person.name);
    json_put_string(json, "display_name", person.display_name);
    json_put_string(json, "kind", kind_word(person.kind));
    json_put_string(json, "mobile", person.mobile);
    json_put_string(json, "email", person.email);
    json_put_boolean(json, "must_change_password", person.must_change);
    json_put_instant(json, "created", person.created);
    json_put_instant(json, "last_sign_in", person.last_sign_in);
    json_object_end(json);
    return 0;
}

struct change {
    struct web_call *call;
    int64_t id, version; /* -1: whatever there is */
    const char *display_name, *mobile, *email;
    const char *name, *address, *contact, *phone, *region, *code; /* of the enterprise */
};

/* If-Match is checked when it is sent; forms with a single owner need not send it. */
static int take_version(struct web_call *call, int64_t *version)
{
    *version = -1;
    return web_header(call, "If-Match") ? web_expected_version(call, version) : 0;
}

static int stale(struct error *error)
{
    return error_set(error, ERROR_STALE, "stale_version", "内容已被别人修改，请重新打开。", "Somebody has changed this in the meantime. Please open it again.");
}

static int profile_work(struct store_connection *db, void *argument, struct error *error)
{
    const struct change *change = argument;
    int64_t changed = 0;
    if (store_execute(db, error, &changed,
            "UPDATE user_account SET display_name = $2, mobile = $3, email = $4, updated = $5, version = version + 1 "
            "WHERE id = $1 AND (CAST($6 AS BIGINT) = -1 OR version = CAST($6 AS BIGINT))",
            STORE_VALUES(store_integer(change->id), store_string(change->display_name), store_string(change->mobile), store_string(change->email),
                         store_integer(clock_now()), store_integer(change->version))))
        return (int)error->code;
    return changed ? audit(db, change->call, "profile_changed", caller(change->call)->user_name, NULL, error) : stale(error);
}

/* A code is checked when one is given for the new address. */
static int codes_check(struct web_call *call, const struct service_input *input, const struct change *change)
{
    const char *mobile, *email;
    if (take_text(call, input, "mobile_code", 16, false, &mobile) || take_text(call, input, "email_code", 16, false, &email))
        return (int)call->error.code;
    if (*mobile && contact_code_check(call, "change", change->mobile, mobile, "mobile_code"))
        return (int)call->error.code;
    return *email ? contact_code_check(call, "change", change->email, email, "email_code") : 0;
}

static int profile_put(struct web_call *call)
{
    struct service_input input;
    struct change change = {.call = call, .id = caller(call)->user};
    if (service_input(call, &input) || take_version(call, &change.version) || take_text(call, &input, "display_name", 120, true, &change.display_name) ||
        take_checked(call, &input, "mobile", "mobile", false, &change.mobile) || take_checked(call, &input, "email", "email", false, &change.email))
        return (int)call->error.code;
    change.email = lower(call, change.email);
    if (codes_check(call, &input, &change) || store_write(account_of(call)->store, profile_work, &change, &call->error) || session_refresh(call))
        return (int)call->error.code;
    return profile_get(call);
}

/* ---- password */

struct new_password {
    struct web_call *call;
    const char *hash;
    int64_t epoch; /* afterwards */
};

static int password_work(struct store_connection *db, void *argument, struct error *error)
{
    struct new_password *new = argument;
    struct store_rows rows;
    if (store_query(db, &rows, error, "UPDATE user_account SET password = $2, must_change = 0, epoch = epoch + 1, updated = $3 WHERE id = $1 RETURNING epoch",
                    STORE_VALUES(store_integer(caller(new->call)->user), store_string(new->hash), store_integer(clock_now()))))
        return (int)error->code;
    if (store_next(&rows))
        new->epoch = store_column_integer(&rows, 0);
    if (store_end(&rows))
        return (int)error->code;
    return audit(db, new->call, "password_changed", caller(new->call)->user_name, NULL, error);
}

/* All sessions end; this one goes on under a new token, with the rights that waited for the new password. */
static int session_renew(struct web_call *call)
{
    char token[SESSION_TOKEN_SIZE];
    struct person person;
    struct principal principal;
    if (person_by_id(reader_of(call), &call->arena, caller(call)->user, &person, &call->error) ||
        principal_make(reader_of(call), account_of(call), &person, &principal, &call->error) ||
        session_delete(call->sessions, &call->session, &call->error) ||
        session_create(call->sessions, &principal, &call->session, token, &call->error))
        return (int)call->error.code;
    web_answer_cookie(call, WEB_SESSION_COOKIE, token);
    write_session(call, false);
    return 0;
}

static int password_put(struct web_call *call)
{
    struct service_input input;
    struct new_password new = {.call = call};
    struct person person;
    const char *old, *password;
    char hash[PASSWORD_HASH_SIZE];
    bool right;
    if (service_input(call, &input) || service_text(call, &input, "old", PASSWORD_MAXIMUM, &old))
        return (int)call->error.code;
    if (!old || !*old)
        return refuse(&call->error, "old", "required", "请输入原密码。", "Please enter your old password.");
    if (take_password(call, &input, "new", caller(call)->user_name, &password) || attempt_allowed(call, caller(call)->user_name) ||
        person_by_id(reader_of(call), &call->arena, caller(call)->user, &person, &call->error) ||
        password_verify(old, person.password, &right, &call->error))
        return (int)call->error.code;
    if (!right)
        return attempt_failed(call, caller(call)->user_name) ? (int)call->error.code
                                                             : refuse(&call->error, "old", "wrong_password", "原密码不正确。", "The old password is wrong.");
    if (!strcmp(old, password))
        return refuse(&call->error, "new", "same_password", "新密码不能与原密码相同。", "The new password must differ from the old one.");
    new.hash = hash;
    if (password_hash(password, hash, &call->error) || store_write(account_of(call)->store, password_work, &new, &call->error))
        return (int)call->error.code;
    return session_renew(call);
}

/* ---- enterprise */

static int enterprise_get(struct web_call *call)
{
    static const char *const names[] = {"enterprise_code", "organisation_code", "uscc", "name", "address", "contact", "phone", "region"};
    struct store_rows rows;
    if (store_query(reader_of(call), &rows, &call->error,
                    "SELECT code, organisation_code, uscc, name, address, contact, phone, region, version, created FROM enterprise WHERE id = $1",
                    STORE_VALUES(store_integer(caller(call)->enterprise))))
        return (int)call->error.code;
    bool found = store_next(&rows);
    json_object(&call->json);
    for (int i = 0; found && i < 8; i++)
        json_put_string(&call->json, names[i], store_column_text(&rows, i, NULL));
    if (found) {
        web_answer_version(call, store_column_integer(&rows, 8));
        json_put_instant(&call->json, "registered", store_column_integer(&rows, 9));
    }
    json_object_end(&call->json);
    if (store_end(&rows) || found)
        return (int)call->error.code;
    return error_set(&call->error, ERROR_NOT_FOUND, "not_found", "没有企业资料。", "There is no enterprise.");
}

static int enterprise_work(struct store_connection *db, void *argument, struct error *error)
{
    const struct change *change = argument;
    int64_t changed = 0;
    if (store_execute(db, error, &changed,
            "UPDATE enterprise SET name = $2, address = $3, contact = $4, phone = $5, region = $6, updated = $7, version = version + 1 "
            "WHERE id = $1 AND (CAST($8 AS BIGINT) = -1 OR version = CAST($8 AS BIGINT))",
            STORE_VALUES(store_integer(change->id), store_string(change->name), store_string(change->address), store_string(change->contact),
                         store_string(change->phone), store_string(change->region), store_integer(clock_now()), store_integer(change->version))))
        return (int)error->code;
    return changed ? audit(db, change->call, "enterprise_changed", caller(change->call)->enterprise_code, change->name, error) : stale(error);
}

static int enterprise_put(struct web_call *call)
{
    struct service_input input;
    struct change change = {.call = call, .id = caller(call)->enterprise};
    if (!caller(call)->enterprise_administrator)
        return error_set(&call->error, ERROR_FORBIDDEN, "forbidden", "只有企业管理员可以修改企业资料。", "Only the enterprise's administrator may change this.");
    if (service_input(call, &input) || take_version(call, &change.version) || take_text(call, &input, "name", 240, true, &change.name) ||
        take_text(call, &input, "address", 400, false, &change.address) || take_text(call, &input, "contact", 120, false, &change.contact) ||
        take_checked(call, &input, "phone", "phone", false, &change.phone) || take_text(call, &input, "region", 120, false, &change.region) ||
        store_write(account_of(call)->store, enterprise_work, &change, &call->error) || session_refresh(call))
        return (int)call->error.code;
    return enterprise_get(call);
}

const struct web_route profile_routes[] = {
    {"GET", "/api/account/profile", profile_get, SIGNED_IN, 0, 0, LANE_FAST, 0, {0, 0}},
    {"PUT", "/api/account/profile", profile_put, SIGNED_IN, 0, 0, LANE_SLOW, 4096, {60, 60}},
    {"PUT", "/api/account/password", password_put, SIGNED_IN, 0, 0, LANE_SLOW, 4096, {30, 60}},
    {"GET", "/api/account/enterprise", enterprise_get, PRINCIPAL_ENTERPRISE, 0, 0, LANE_FAST, 0, {0, 0}},
    {"PUT", "/api/account/enterprise", enterprise_put, PRINCIPAL_ENTERPRISE, 0, 0, LANE_SLOW, 8192, {60, 60}},
    {0}};
