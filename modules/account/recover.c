/* Forgotten passwords and user names: whoever reads the code at the address is believed to own it. */
#include "account.h"

#include "trust/password.h"

#include <string.h>

struct recovery {
    struct web_call *call;
    const char *address, *name, *hash;
    bool found;
};

static int password_work(struct store_connection *db, void *argument, struct error *error)
{
    struct recovery *recovery = argument;
    int64_t changed = 0;
    bool mail = strchr(recovery->address, '@') != NULL;
    if (store_execute(db, error, &changed,
            mail ? "UPDATE user_account SET password = $3, must_change = 0, epoch = epoch + 1 WHERE name = $1 AND email = $2 AND state = 'active'"
                 : "UPDATE user_account SET password = $3, must_change = 0, epoch = epoch + 1 WHERE name = $1 AND mobile = $2 AND state = 'active'",
            STORE_VALUES(store_string(recovery->name), store_string(recovery->address), store_string(recovery->hash))))
        return (int)error->code;
    recovery->found = changed != 0;
    if (!changed)
        return 0;
    if (contact_code_use(db, "recover", recovery->address, "code", error))
        return (int)error->code;
    return audit(db, recovery->call, "password_recovered", recovery->name, NULL, error);
}

static int recover_password(struct web_call *call)
{
    struct service_input input;
    struct recovery recovery = {.call = call};
    const char *code, *password;
    char hash[PASSWORD_HASH_SIZE];
    if (service_input(call, &input) || take_text(call, &input, "name", 64, true, &recovery.name) || take_contact(call, &input, &recovery.address) ||
        take_text(call, &input, "code", 16, true, &code) || take_password(call, &input, "password", recovery.name, &password))
        return (int)call->error.code;
    recovery.name = lower(call, recovery.name);
    recovery.hash = hash;
    if (contact_code_check(call, "recover", recovery.address, code, "code") || password_hash(password, hash, &call->error) ||
        store_write(account_of(call)->store, password_work, &recovery, &call->error))
        return (int)call->error.code;
    if (!recovery.found)
        return refuse(&call->error, "name", "unknown_name", "该邮箱或手机号码没有对应的用户名，请核对或先找回用户名。",
                      "No account of that name has this address; check it, or look up the user name first.");
    call->status = 204;
    return attempt_succeeded(call, recovery.name);
}

static int name_work(struct store_connection *db, void *argument, struct error *error)
{
    struct recovery *recovery = argument;
    if (contact_code_use(db, "recover", recovery->address, "code", error))
        return (int)error->code;
    return audit(db, recovery->call, "name_recovered", NULL, NULL, error);
}

static int names_write(struct web_call *call, const char *address)
{
    struct store_rows rows;
    if (store_query(reader_of(call), &rows, &call->error,
                    strchr(address, '@') ? "SELECT name FROM user_account WHERE email = $1 AND email <> '' AND state = 'active' ORDER BY name LIMIT 20"
                                         : "SELECT name FROM user_account WHERE mobile = $1 AND mobile <> '' AND state = 'active' ORDER BY name LIMIT 20",
                    STORE_VALUES(store_string(address))))
        return (int)call->error.code;
    json_object(&call->json);
    json_name(&call->json, "names");
    json_array(&call->json);
    while (store_next(&rows))
        json_string(&call->json, store_column_text(&rows, 0, NULL));
    json_array_end(&call->json);
    json_object_end(&call->json);
    return store_end(&rows);
}

static int recover_name(struct web_call *call)
{
    struct service_input input;
    struct recovery recovery = {.call = call};
    const char *code;
    if (service_input(call, &input) || take_contact(call, &input, &recovery.address) || take_text(call, &input, "code", 16, true, &code) ||
        contact_code_check(call, "recover", recovery.address, code, "code") ||
        store_write(account_of(call)->store, name_work, &recovery, &call->error))
        return (int)call->error.code;
    return names_write(call, recovery.address);
}

const struct web_route recover_routes[] = {
    {"POST", "/api/account/recoveries/password", recover_password, 0, 0, WEB_ANONYMOUS, LANE_SLOW, 4096, {30, 60}},
    {"POST", "/api/account/recoveries/name", recover_name, 0, 0, WEB_ANONYMOUS, LANE_SLOW, 4096, {30, 60}},
    {0}};
