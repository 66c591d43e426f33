/* People whom somebody else looks after: operators by the administrator of their enterprise; officers, customs users and portal
   administrators by a portal administrator. */
#include "account.h"

#include "base/date.h"
#include "base/random.h"
#include "trust/password.h"

#include <stdio.h>
#include <string.h>

#define PORTAL_KINDS (PRINCIPAL_OFFICER | PRINCIPAL_CUSTOMS | PRINCIPAL_ADMINISTRATOR)

static int forbidden(struct error *error)
{
    return error_set(error, ERROR_FORBIDDEN, "forbidden", "您没有这项权限。", "You do not have the right to do this.");
}

/* Whether the caller looks after somebody: everybody else does not exist. */
static bool in_scope(struct web_call *call, const struct person *person)
{
    if (caller(call)->kind == PRINCIPAL_ENTERPRISE)
        return person->kind == PRINCIPAL_ENTERPRISE && person->enterprise == caller(call)->enterprise && !person->enterprise_administrator;
    return (person->kind & PORTAL_KINDS) != 0;
}

static bool may_manage(struct web_call *call)
{
    return caller(call)->kind == PRINCIPAL_ADMINISTRATOR || (caller(call)->kind == PRINCIPAL_ENTERPRISE && caller(call)->enterprise_administrator);
}

/* ---- lists */

static void write_rights(struct web_call *call, struct store_connection *db, int64_t id)
{
    struct account *account = account_of(call);
    struct grants grants;
    struct error error;
    error_clear(&error);
    json_name(&call->json, "rights");
    json_object(&call->json);
    for (int i = 0; !rights_load(db, account, id, &grants, &error) && i < account->module_count; i++)
        if (grants.rights[i])
            put_rights(&call->json, account->modules[i], grants.rights[i]);
    json_object_end(&call->json);
}

static void write_members(struct web_call *call, struct store_connection *db, const struct person *person)
{
    struct json_writer *json = &call->json;
    struct slice agency = agency_name(account_of(call), person->agency);
    json_put_id(json, "id", person->id);
    json_put_string(json, "name", person->name);
    json_put_string(json, "display_name", person->display_name);
    json_put_string(json, "kind", kind_word(person->kind));
    json_put_string(json, "agency", person->agency);
    json_put_text(json, "agency_name", agency.text, agency.length);
    json_put_string(json, "mobile", person->mobile);
    json_put_string(json, "email", person->email);
    json_put_boolean(json, "locked", !person->active);
    json_put_boolean(json, "must_change_password", person->must_change);
    json_put_instant(json, "created", person->created);
    json_put_instant(json, "last_sign_in", person->last_sign_in);
    json_put_integer(json, "version", person->version);
    write_rights(call, db, person->id);
}

static void write_row(struct web_call *call, struct store_rows *rows)
{
    struct person person = {0};
    struct error error;
    error_clear(&error);
    /* a page is 100 at most: one look for each is cheap, and there is one place that reads a person */
    if (!person_by_id(reader_of(call), &call->arena, store_column_integer(rows, 0), &person, &error))
        write_members(call, reader_of(call), &person);
}

static int operators_get(struct web_call *call)
{
    struct service_conditions conditions = {.count = 0};
    if (!caller(call)->enterprise_administrator)
        return forbidden(&call->error);
    service_condition(&conditions, "enterprise = $ AND enterprise_administrator = 0", store_integer(caller(call)->enterprise));
    return service_list(call, &(struct service_list){"id", "user_account", "name", &conditions, write_row});
}

static void write_colleague(struct web_call *call, struct store_rows *rows)
{
    json_put_id(&call->json, "id", store_column_integer(rows, 0));
    json_put_string(&call->json, "name", store_column_text(rows, 1, NULL));
    json_put_string(&call->json, "display_name", store_column_text(rows, 2, NULL));
    json_put_string(&call->json, "kind", "officer");
    json_put_string(&call->json, "agency", store_column_text(rows, 3, NULL));
    json_put_boolean(&call->json, "locked", false);
}

static bool manages_somewhere(const struct principal *principal)
{
    for (int i = 0; i < principal->grant_count; i++)
        if (principal->grants[i].rights & RIGHT_MANAGE)
            return true;
    return false;
}

/* For reassigning: an officer who manages sees the colleagues of the own agency, by name only. */
static int colleagues_get(struct web_call *call, const char *agency)
{
    struct service_conditions conditions = {.count = 0};
    if (!manages_somewhere(caller(call)) || (*agency && strcmp(agency, caller(call)->agency)))
        return forbidden(&call->error);
    service_condition(&conditions, "kind = 4 AND state = 'active' AND agency = $", store_string(caller(call)->agency));
    return service_list(call, &(struct service_list){"id, name, display_name, agency", "user_account", "name", &conditions, write_colleague});
}

static int officers_get(struct web_call *call)
{
    struct service_conditions conditions = {.count = 0};
    const char *agency = web_query(call, "agency");
    if (caller(call)->kind == PRINCIPAL_OFFICER)
        return colleagues_get(call, agency ? agency : "");
    service_condition(&conditions, "kind IN (4, 8, 16) AND (LOWER(name) LIKE $ ESCAPE '!' OR LOWER(display_name) LIKE $ ESCAPE '!')",
                      store_string(store_like(&call->arena, web_query(call, "q"))));
    service_condition_query(call, &conditions, "agency = $", "agency");
    return service_list(call, &(struct service_list){"id", "user_account", "name", &conditions, write_row});
}

static int agencies_get(struct web_call *call)
{
    const struct code_table *table = account_of(call)->agencies;
    json_object(&call->json);
    json_name(&call->json, "items");
    json_array(&call->json);
    for (size_t i = 0; i < table->row_count; i++) {
        json_object(&call->json);
        json_put_text(&call->json, "code", table->rows[i].cells[0].text, table->rows[i].cells[0].length);
        json_put_text(&call->json, "name", table->rows[i].cells[1].text, table->rows[i].cells[1].length);
        json_object_end(&call->json);
    }
    json_array_end(&call->json);
    json_object_end(&call->json);
    return 0;
}

/* ---- making and changing */

struct task {
    struct new_person person;
    char password[PASSWORD_MADE_SIZE], hash[PASSWORD_HASH_SIZE];
    const char *action, *state; /* of lock and unlock */
    bool rights_given;
};

static int write_one(struct web_call *call, struct store_connection *db, int64_t id, const char *password, struct error *error)
{
    struct person person = {0};
    if (person_by_id(db, &call->arena, id, &person, error))
        return (int)error->code;
    json_object(&call->json);
    write_members(call, db, &person);
    if (password)
        json_put_string(&call->json, "password", password); /* shown once, kept nowhere */
    json_object_end(&call->json);
    return 0;
}

static int take_kind(struct web_call *call, const struct service_input *input, struct new_person *person)
{
    const char *kind;
    if (caller(call)->kind == PRINCIPAL_ENTERPRISE) {
        person->kind = PRINCIPAL_ENTERPRISE;
        person->enterprise = caller(call)->enterprise;
        return 0;
    }
    if (take_text(call, input, "kind", 16, true, &kind))
        return (int)call->error.code;
    person->kind = !strcmp(kind, "officer") ? PRINCIPAL_OFFICER : !strcmp(kind, "customs") ? PRINCIPAL_CUSTOMS
                 : !strcmp(kind, "administrator") ? PRINCIPAL_ADMINISTRATOR : PRINCIPAL_NONE;
    return person->kind ? 0 : refuse(&call->error, "kind", "kind", "请选择人员类别。", "Choose what kind of user this is.");
}

static int take_agency(struct web_call *call, const struct service_input *input, struct new_person *person)
{
    person->agency = "";
    if (person->kind != PRINCIPAL_OFFICER)
        return 0;
    if (take_text(call, input, "agency", 15, true, &person->agency))
        return (int)call->error.code;
    return agency_name(account_of(call), person->agency).length
               ? 0 : refuse(&call->error, "agency", "unknown_agency", "没有这个发证机构，请从列表中选择。", "There is no such agency; choose from the list.");
}

static unsigned rights_allowed(enum principal_kind kind)
{
    return kind == PRINCIPAL_ENTERPRISE ? APPLICANT_RIGHTS : kind == PRINCIPAL_OFFICER ? OFFICER_RIGHTS : RIGHT_VIEW;
}

static int take_members(struct web_call *call, const struct service_input *input, struct new_person *person)
{
    if (take_agency(call, input, person) || take_text(call, input, "display_name", 120, true, &person->display_name) ||
        take_checked(call, input, "mobile", "mobile", false, &person->mobile) || take_checked(call, input, "email", "email", false, &person->email) ||
        take_rights(call, input, rights_allowed(person->kind), &person->grants))
        return (int)call->error.code;
    person->email = lower(call, person->email);
    return 0;
}

static int create_work(void *connection, struct web_call *call, struct error *error)
{
    const struct task *task = call->argument;
    call->status = 201;
    if (person_insert(connection, account_of(call), &task->person, error) ||
        audit(connection, call, "user_created", task->person.name, kind_word(task->person.kind), error))
        return (int)error->code;
    return write_one(call, connection, task->person.id, task->password, error);
}

static struct task *task_new(struct web_call *call)
{
    struct task *task = arena_alloc(&call->arena, sizeof *task);
    if (!task)
        out_of_memory(&call->error);
    else if (!may_manage(call))
        forbidden(&call->error);
    return call->error.code ? NULL : task;
}

static int password_new(struct web_call *call, struct task *task)
{
    password_make(task->password);
    task->person.password_hash = task->hash;
    return password_hash(task->password, task->hash, &call->error);
}

/* web_write, not service_write: an answer with a password is kept nowhere. */
static int person_post(struct web_call *call)
{
    struct service_input input;
    struct task *task = task_new(call);
    if (!task || service_input(call, &input) || take_kind(call, &input, &task->person) || take_name(call, &input, "name", &task->person.name) ||
        take_members(call, &input, &task->person) || password_new(call, task))
        return (int)call->error.code;
    task->person.id = random_id(clock_now());
    task->person.must_change = true;
    return web_write(call, create_work, task);
}

static int person_find(struct web_call *call, struct store_connection *db, struct person *person, struct error *error)
{
    int64_t id;
    int code = web_parameter_id(call, 0, &id);
    if (!code)
        code = person_by_id(db, &call->arena, id, person, error);
    if (!code && in_scope(call, person))
        return 0;
    if (code && code != ERROR_NOT_FOUND)
        return code;
    error_set(error, ERROR_NOT_FOUND, "not_found", "没有找到该用户。", "There is no such user.");
    return ERROR_NOT_FOUND;
}

/* Sessions carry rights: when these change, the sessions end. */
static int change_work(void *connection, struct web_call *call, struct error *error)
{
    const struct task *task = call->argument;
    const struct new_person *new = &task->person;
    struct account *account = account_of(call);
    struct grants before;
    struct person person = {0};
    if (person_find(call, connection, &person, error) || rights_load(connection, account, person.id, &before, error))
        return (int)error->code;
    bool other = (task->rights_given && memcmp(&before, &new->grants, sizeof before)) || strcmp(person.agency, new->agency);
    if (store_execute(connection, error, NULL,
            "UPDATE user_account SET display_name = $2, mobile = $3, email = $4, agency = $5, epoch = epoch + $6, updated = $7, version = version + 1 "
            "WHERE id = $1",
            STORE_VALUES(store_integer(person.id), store_string(new->display_name), store_string(new->mobile), store_string(new->email),
                         store_string(new->agency), store_integer(other), store_integer(clock_now()))) ||
        (task->rights_given && rights_replace(connection, account, person.id, &new->grants, error)) ||
        audit(connection, call, other ? "rights_changed" : "user_changed", person.name, NULL, error))
        return (int)error->code;
    return write_one(call, connection, person.id, NULL, error);
}

static int person_put(struct web_call *call)
{
    struct service_input input;
    struct person person = {0};
    struct task *task = task_new(call);
    if (!task || service_input(call, &input) || person_find(call, reader_of(call), &person, &call->error))
        return (int)call->error.code;
    task->person.kind = (enum principal_kind)person.kind;
    task->rights_given = json_member(input.json, "rights") != NULL;
    if (take_members(call, &input, &task->person))
        return (int)call->error.code;
    return web_write(call, change_work, task);
}

/* ---- lock, unlock, new password */

static int state_work(void *connection, struct web_call *call, struct error *error)
{
    const struct task *task = call->argument;
    struct person person = {0};
    if (person_find(call, connection, &person, error) ||
        store_execute(connection, error, NULL, "UPDATE user_account SET state = $2, epoch = epoch + 1, updated = $3, version = version + 1 WHERE id = $1",
                      STORE_VALUES(store_integer(person.id), store_string(task->state), store_integer(clock_now()))) ||
        audit(connection, call, task->action, person.name, NULL, error))
        return (int)error->code;
    return write_one(call, connection, person.id, NULL, error);
}

static int state_post(struct web_call *call, const char *state, const char *action)
{
    struct task *task = task_new(call);
    int64_t id;
    if (!task || web_parameter_id(call, 0, &id))
        return (int)call->error.code;
    if (id == caller(call)->user)
        return error_set(&call->error, ERROR_CONFLICT, "own_account", "不能对自己的账号进行此操作。", "This cannot be done to one's own account.");
    task->state = state;
    task->action = action;
    return web_write(call, state_work, task);
}

static int lock_post(struct web_call *call) { return state_post(call, "locked", "user_locked"); }
static int unlock_post(struct web_call *call) { return state_post(call, "active", "user_unlocked"); }

static int reset_work(void *connection, struct web_call *call, struct error *error)
{
    const struct task *task = call->argument;
    struct person person = {0};
    if (person_find(call, connection, &person, error) ||
        store_execute(connection, error, NULL,
                      "UPDATE user_account SET password = $2, must_change = 1, epoch = epoch + 1, updated = $3, version = version + 1 WHERE id = $1",
                      STORE_VALUES(store_integer(person.id), store_string(task->hash), store_integer(clock_now()))) ||
        audit(connection, call, "password_reset", person.name, NULL, error))
        return (int)error->code;
    return write_one(call, connection, person.id, task->password, error);
}

static int reset_post(struct web_call *call)
{
    struct person person = {0};
    struct task *task = task_new(call);
    if (!task || person_find(call, reader_of(call), &person, &call->error) || password_new(call, task))
        return (int)call->error.code;
    return web_write(call, reset_work, task);
}

#define PEOPLE(path, kinds, list, readers) \
    {"GET", path, list, readers, 0, 0, LANE_FAST, 0, {0, 0}}, \
    {"POST", path, person_post, kinds, 0, 0, LANE_SLOW, 8192, {60, 60}}, \
    {"PUT", path "/:id", person_put, kinds, 0, 0, LANE_FAST, 8192, {0, 0}}, \
    {"POST", path "/:id/lock", lock_post, kinds, 0, 0, LANE_FAST, 64, {0, 0}}, \
    {"POST", path "/:id/unlock", unlock_post, kinds, 0, 0, LANE_FAST, 64, {0, 0}}, \
    {"POST", path "/:id/reset-password", reset_post, kinds, 0, 0, LANE_SLOW, 64, {60, 60}}

const struct web_route people_routes[] = {
    PEOPLE("/api/account/operators", PRINCIPAL_ENTERPRISE, operators_get, PRINCIPAL_ENTERPRISE),
    PEOPLE("/api/account/officers", PRINCIPAL_ADMINISTRATOR, officers_get, PRINCIPAL_ADMINISTRATOR | PRINCIPAL_OFFICER),
    {"GET", "/api/account/agencies", agencies_get, SIGNED_IN, 0, 0, LANE_FAST, 0, {0, 0}},
    {0}};
