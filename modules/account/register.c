/* Registration: an enterprise with its administrator, or a natural person. */
#include "account.h"

#include "base/random.h"
#include "form/check.h"
#include "trust/password.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct registration {
    struct account *account;
    struct new_person person;
    const char *address;          /* of this client, for the audit */
    const char *verified;         /* the mobile number or e-mail address that a code has confirmed, or NULL */
    const char *code_field;       /* where that code stood */
    const char *name, *code, *uscc, *street, *contact, *phone, *region; /* of the enterprise */
};

static const char *upper(struct web_call *call, const char *text)
{
    char *copy = arena_text(&call->arena, text);
    for (char *at = copy; at && *at; at++)
        *at = (char)toupper((unsigned char)*at);
    return copy ? copy : "";
}

/* Fields of the enterprise are named enterprise/<field> in problems. */
static int within_enterprise(struct web_call *call)
{
    char field[96];
    if (*call->error.field && strcmp(call->error.field, "enterprise")) {
        snprintf(field, sizeof field, "enterprise/%.80s", call->error.field);
        error_field(&call->error, field);
    }
    return (int)call->error.code;
}

/* The last nine characters are the organisation code, with a check character of its own. */
static int code_check(struct web_call *call, const char *code)
{
    bool warning;
    if (strspn(code, "0123456789") >= 4 && !check_text("organisation_code", (struct slice){code + 4, 9}, &warning))
        return 0;
    return refuse(&call->error, "enterprise_code", "enterprise_code", "企业代码为4位地区代码加9位组织机构代码，请核对校验位。",
                  "An enterprise code is 4 digits of the region and the 9 of the organisation code; please verify its check character.");
}

static int take_enterprise(struct web_call *call, const struct service_input *input, struct registration *r)
{
    struct service_input enterprise = {json_member(input->json, "enterprise")};
    if (!enterprise.json || enterprise.json->kind != JSON_OBJECT)
        return refuse(&call->error, "enterprise", "required", "请填写企业资料。", "Please give the enterprise's data.");
    if (take_text(call, &enterprise, "name", 240, true, &r->name) ||
        take_text(call, &enterprise, "enterprise_code", 20, true, &r->code) || take_text(call, &enterprise, "uscc", 24, true, &r->uscc) ||
        take_text(call, &enterprise, "address", 400, false, &r->street) || take_text(call, &enterprise, "contact", 120, false, &r->contact) ||
        take_checked(call, &enterprise, "phone", "phone", false, &r->phone) || take_text(call, &enterprise, "region", 120, false, &r->region))
        return (int)call->error.code;
    r->code = upper(call, r->code);
    r->uscc = upper(call, r->uscc);
    bool warning;
    const struct form_words *words = check_text("uscc", (struct slice){r->uscc, strlen(r->uscc)}, &warning);
    if (words && !warning)
        return refuse(&call->error, "uscc", "uscc", words->zh, words->en);
    words = check_text("enterprise_code", (struct slice){r->code, strlen(r->code)}, &warning);
    return words ? refuse(&call->error, "enterprise_code", "enterprise_code", words->zh, words->en) : code_check(call, r->code);
}

static int take_person(struct web_call *call, const struct service_input *input, struct new_person *person, const char **password)
{
    if (take_name(call, input, "name", &person->name) || take_password(call, input, "password", person->name, password) ||
        take_text(call, input, "display_name", 120, true, &person->display_name) ||
        take_checked(call, input, "mobile", "mobile", false, &person->mobile) || take_checked(call, input, "email", "email", false, &person->email))
        return (int)call->error.code;
    person->email = lower(call, person->email);
    if (*person->mobile || *person->email)
        return 0;
    return refuse(&call->error, "mobile", "required", "请填写手机号码或邮箱，否则无法找回密码。",
                  "Please give a mobile number or an e-mail address: without one a forgotten password cannot be replaced.");
}

/* ---- storing */

static int taken(struct error *error, const char *field)
{
    return refuse(error, field, "enterprise_exists", "该企业已注册，请联系本企业管理员为您开设账号。",
                  "This enterprise is registered already; ask its administrator for an account.");
}

static int enterprise_insert(struct store_connection *db, const struct registration *r, int64_t id, struct error *error)
{
    int64_t now = clock_now(), changed = 0;
    struct store_rows rows;
    if (store_query(db, &rows, error, "SELECT code FROM enterprise WHERE code = $1 OR uscc = $2", STORE_VALUES(store_string(r->code), store_string(r->uscc))))
        return (int)error->code;
    bool found = store_next(&rows), code = found && !strcmp(store_column_text(&rows, 0, NULL), r->code);
    if (store_end(&rows))
        return (int)error->code;
    if (found)
        return taken(error, code ? "enterprise/enterprise_code" : "enterprise/uscc");
    if (store_execute(db, error, &changed,
            "INSERT INTO enterprise (id, code, organisation_code, uscc, name, address, contact, phone, region, created, updated) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) ON CONFLICT DO NOTHING",
            STORE_VALUES(store_integer(id), store_string(r->code), store_string(r->code + 4), store_string(r->uscc), store_string(r->name),
                         store_string(r->street), store_string(r->contact), store_string(r->phone), store_string(r->region), store_integer(now))))
        return (int)error->code;
    return changed ? 0 : taken(error, "enterprise/enterprise_code"); /* somebody was quicker */
}

static int registration_work(struct store_connection *db, void *argument, struct error *error)
{
    struct registration *r = argument;
    struct new_person *person = &r->person;
    if (person->enterprise && enterprise_insert(db, r, person->enterprise, error))
        return (int)error->code;
    if (person_insert(db, r->account, person, error) || (r->verified && contact_code_use(db, "register", r->verified, r->code_field, error)))
        return (int)error->code;
    return audit_by(db, person->id, person->name, person->enterprise, r->address, "register", person->enterprise ? r->code : person->name, NULL, error);
}

static int code_confirm(struct web_call *call, const struct service_input *input, struct registration *r)
{
    static const struct { const char *field; bool mail; } codes[] = {{"mobile_code", false}, {"email_code", true}};
    for (int i = 0; i < 2; i++) {
        const char *code, *address;
        if (take_text(call, input, codes[i].field, 16, false, &code))
            return (int)call->error.code;
        address = codes[i].mail || !*r->person.mobile ? r->person.email : r->person.mobile;
        if (!*code)
            continue;
        if (contact_code_check(call, "register", address, code, codes[i].field))
            return (int)call->error.code;
        r->verified = address;
        r->code_field = codes[i].field;
    }
    return 0;
}

static int registration_post(struct web_call *call)
{
    struct service_input input;
    struct registration r = {.account = account_of(call), .address = call->remote_address};
    const char *kind = "", *password = "";
    char hash[PASSWORD_HASH_SIZE];
    if (service_input(call, &input) || take_text(call, &input, "kind", 16, true, &kind))
        return (int)call->error.code;
    bool enterprise = !strcmp(kind, "enterprise");
    if (!enterprise && strcmp(kind, "person"))
        return refuse(&call->error, "kind", "kind", "请选择企业用户或自然人。", "Choose an enterprise or a person.");
    if (take_person(call, &input, &r.person, &password))
        return (int)call->error.code;
    if (enterprise && take_enterprise(call, &input, &r))
        return within_enterprise(call);
    if (captcha_check(call, &input) || code_confirm(call, &input, &r) || password_hash(password, hash, &call->error))
        return (int)call->error.code;
    r.person.id = random_id(clock_now());
    r.person.kind = enterprise ? PRINCIPAL_ENTERPRISE : PRINCIPAL_PERSON;
    r.person.enterprise = enterprise ? random_id(clock_now()) : 0;
    r.person.enterprise_administrator = enterprise;
    r.person.password_hash = hash;
    if (store_write(r.account->store, registration_work, &r, &call->error))
        return (int)call->error.code;
    call->status = 201;
    json_object(&call->json);
    json_put_string(&call->json, "name", r.person.name);
    json_object_end(&call->json);
    return 0;
}

const struct web_route register_routes[] = {
    {"POST", "/api/account/registrations", registration_post, 0, 0, WEB_ANONYMOUS, LANE_SLOW, 16384, {60, 60}},
    {0}};
