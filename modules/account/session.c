/* Signing in and out, captchas. */
#include "account.h"

#include "base/date.h"
#include "base/random.h"
#include "trust/captcha.h"
#include "trust/password.h"

#include <stdio.h>
#include <string.h>

#define CAPTCHA_SECONDS 180

/* ---- captchas */

static int captcha_new(struct web_call *call)
{
    char id[33], key[64], answer[CAPTCHA_SIZE] = "TEST";
    random_hex(16, id);
    if (!account_of(call)->fixed_captcha)
        captcha_make(answer);
    snprintf(key, sizeof key, "captcha:%s", id);
    if (session_put(call->sessions, key, answer, CAPTCHA_SECONDS, &call->error))
        return (int)call->error.code;
    struct buffer image;
    buffer_init(&image, 1 << 17);
    if (!captcha_draw(answer, &image, &call->error)) {
        json_object(&call->json);
        json_put_string(&call->json, "id", id);
        json_put_string(&call->json, "image", buffer_string(&image));
        json_object_end(&call->json);
    }
    buffer_free(&image);
    return (int)call->error.code;
}

int captcha_check(struct web_call *call, const struct service_input *input)
{
    const char *id, *given;
    char key[64], answer[CAPTCHA_SIZE];
    bool found;
    if (service_text(call, input, "captcha_id", 64, &id) || service_text(call, input, "captcha", 16, &given))
        return (int)call->error.code;
    if (!id || !given || !*given)
        return refuse(&call->error, "captcha", "captcha", "请输入验证码。", "Please enter the characters of the picture.");
    found = strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32;
    snprintf(key, sizeof key, "captcha:%.32s", id);
    if (found && session_take(call->sessions, key, answer, sizeof answer, &found, &call->error))
        return (int)call->error.code;
    if (found && captcha_same(answer, given))
        return 0;
    return refuse(&call->error, "captcha", "captcha", "验证码不正确或已过期，请重新输入。", "The characters are wrong or too old. Please try the new picture.");
}

/* ---- the answer about a session */

static void write_user(struct web_call *call, const struct principal *principal, bool must_change)
{
    struct json_writer *json = &call->json;
    json_name(json, "user");
    json_object(json);
    json_put_id(json, "id", principal->user);
    json_put_string(json, "name", principal->user_name);
    json_put_string(json, "display_name", principal->display_name);
    json_put_string(json, "kind", kind_word(principal->kind));
    json_put_boolean(json, "enterprise_administrator", principal->enterprise_administrator);
    json_put_boolean(json, "must_change_password", must_change);
    json_name(json, "rights");
    json_object(json);
    for (int i = 0; i < principal->grant_count; i++)
        put_rights(json, principal->grants[i].module, principal->grants[i].rights);
    json_object_end(json);
    json_object_end(json);
}

static void write_where(struct json_writer *json, const struct principal *principal)
{
    if (principal->enterprise) {
        json_name(json, "enterprise");
        json_object(json);
        json_put_string(json, "code", principal->enterprise_code);
        json_put_string(json, "name", principal->enterprise_name);
        json_put_string(json, "uscc", principal->uscc);
        json_object_end(json);
    }
    if (*principal->agency) {
        json_name(json, "agency");
        json_object(json);
        json_put_string(json, "code", principal->agency);
        json_put_string(json, "name", principal->agency_name);
        json_object_end(json);
    }
}

static int64_t expires(const struct web_call *call)
{
    struct error ignored;
    long seconds;
    if (config_integer(account_of((struct web_call *)call)->config, "session_absolute_seconds", 1, 86400 * 30, 43200, &seconds, &ignored))
        seconds = 0;
    return call->session.created + seconds * 1000;
}

void write_session(struct web_call *call, bool must_change)
{
    struct account *account = account_of(call);
    char csrf[WEB_CSRF_SIZE], today[DATE_TEXT_SIZE];
    web_csrf(call, csrf);
    date_format(date_of_instant(clock_now()), today);
    json_object(&call->json);
    json_put_boolean(&call->json, "signed_in", call->signed_in);
    json_put_string(&call->json, "csrf", csrf);
    json_put_boolean(&call->json, "demo", account->demo);
    json_put_string(&call->json, "ekey", service_key_required(account->config) ? "required" : "optional");
    json_put_boolean(&call->json, "sign_out_on_removal", account->key_sign_out);
    json_put_words(&call->json, "portal", account->portal_zh, account->portal_en);
    json_put_string(&call->json, "today", today);
    if (call->signed_in) {
        write_user(call, caller(call), must_change);
        write_where(&call->json, caller(call));
        json_put_instant(&call->json, "expires", expires(call));
    }
    json_object_end(&call->json);
}

static int session_get(struct web_call *call)
{
    struct person person = {0};
    if (call->signed_in && person_by_id(reader_of(call), &call->arena, caller(call)->user, &person, &call->error))
        return (int)call->error.code;
    write_session(call, person.must_change);
    return 0;
}

int session_refresh(struct web_call *call)
{
    struct person person;
    if (person_by_id(reader_of(call), &call->arena, caller(call)->user, &person, &call->error))
        return (int)call->error.code;
    if (person.epoch != caller(call)->epoch) /* ended elsewhere a moment ago: it must not come to life again */
        return error_set(&call->error, ERROR_UNAUTHENTICATED, "unauthenticated", "登录已失效，请重新登录。",
                         "You are not signed in any more. Please sign in again.");
    if (principal_make(reader_of(call), account_of(call), &person, &call->session.principal, &call->error))
        return (int)call->error.code;
    return session_update(call->sessions, &call->session, &call->error);
}

/* ---- signing in */

struct failure { struct web_call *call; const struct person *person; };

static int failure_work(struct store_connection *db, void *argument, struct error *error)
{
    struct failure *failure = argument;
    const struct person *p = failure->person;
    /* an unknown name is not kept: people type passwords into the wrong field */
    return audit_by(db, p->id, p->id ? p->name : "", p->enterprise, failure->call->remote_address, "sign_in_failed", p->id ? p->name : "", NULL, error);
}

/* The same answer whether the name or the password was wrong. */
static int sign_in_failed(struct web_call *call, const struct person *person, const char *name)
{
    struct failure failure = {call, person};
    if (attempt_failed(call, name) || store_write(account_of(call)->store, failure_work, &failure, &call->error))
        return (int)call->error.code;
    return refuse(&call->error, "password", "wrong_credentials", "用户名或密码不正确。", "The user name or the password is wrong.");
}

struct signing_in { const struct person *person; const char *how; };

static int sign_in_work(void *connection, struct web_call *call, struct error *error)
{
    const struct signing_in *signing_in = call->argument;
    const struct person *person = signing_in->person;
    if (store_execute(connection, error, NULL, "UPDATE user_account SET last_sign_in = $2, last_address = $3 WHERE id = $1",
                      STORE_VALUES(store_integer(person->id), store_integer(clock_now()), store_string(call->remote_address))) ||
        audit(connection, call, "sign_in", person->name, signing_in->how, error))
        return (int)error->code;
    write_session(call, person->must_change);
    return 0;
}

int account_locked(struct error *error)
{
    return error_set(error, ERROR_FORBIDDEN, "locked", "该账号已停用，请联系管理员。", "This account is locked. Please ask your administrator.");
}

/* A new token for the new state: a token that somebody planted before is worth nothing. */
int sign_in_as(struct web_call *call, struct person *person, const char *how)
{
    struct signing_in *signing_in = arena_alloc(&call->arena, sizeof *signing_in);
    char token[SESSION_TOKEN_SIZE];
    struct principal principal;
    if (!signing_in)
        return out_of_memory(&call->error);
    *signing_in = (struct signing_in){person, how};
    if (principal_make(reader_of(call), account_of(call), person, &principal, &call->error))
        return (int)call->error.code;
    if (call->signed_in && session_delete(call->sessions, &call->session, &call->error))
        return (int)call->error.code;
    if (session_create(call->sessions, &principal, &call->session, token, &call->error))
        return (int)call->error.code;
    call->signed_in = true;
    web_answer_cookie(call, WEB_SESSION_COOKIE, token);
    return web_write(call, sign_in_work, signing_in);
}

/* Loads the person if there is one; whether or not, a hash is computed. */
static int credentials_check(struct web_call *call, const char *name, const char *password, struct person *person, bool *right)
{
    int code = person_by_name(reader_of(call), &call->arena, name, person, &call->error);
    if (code && code != ERROR_NOT_FOUND)
        return code;
    error_clear(&call->error);
    return password_verify(password, code ? NULL : person->password, right, &call->error);
}

static int sign_in(struct web_call *call)
{
    struct service_input input;
    struct person *person = arena_alloc(&call->arena, sizeof *person);
    const char *name, *password;
    bool right;
    if (!person)
        return out_of_memory(&call->error);
    if (service_input(call, &input) || take_text(call, &input, "name", 64, true, &name) ||
        service_text(call, &input, "password", PASSWORD_MAXIMUM, &password))
        return (int)call->error.code;
    if (!password || !*password)
        return refuse(&call->error, "password", "required", "请输入密码。", "Please enter your password.");
    name = lower(call, name);
    if (captcha_check(call, &input) || attempt_allowed(call, name) || credentials_check(call, name, password, person, &right))
        return (int)call->error.code;
    if (!right)
        return sign_in_failed(call, person, name);
    if (!person->active)
        return account_locked(&call->error);
    if (attempt_succeeded(call, name))
        return (int)call->error.code;
    return sign_in_as(call, person, NULL);
}

/* ---- signing out */

static int sign_out_work(void *connection, struct web_call *call, struct error *error)
{
    call->status = 204;
    return audit(connection, call, "sign_out", caller(call)->user_name, NULL, error);
}

static int sign_out(struct web_call *call)
{
    call->status = 204;
    if (!call->signed_in)
        return 0;
    if (session_delete(call->sessions, &call->session, &call->error))
        return (int)call->error.code;
    web_answer_cookie(call, WEB_SESSION_COOKIE, NULL);
    return web_write(call, sign_out_work, NULL);
}

static int sign_out_everywhere_work(void *connection, struct web_call *call, struct error *error)
{
    call->status = 204;
    if (store_execute(connection, error, NULL, "UPDATE user_account SET epoch = epoch + 1 WHERE id = $1", STORE_VALUES(store_integer(caller(call)->user))))
        return (int)error->code;
    return audit(connection, call, "sign_out_everywhere", caller(call)->user_name, NULL, error);
}

/* The epoch decides, Redis only helps: the session here ends even when Redis brings old data back. */
static int sign_out_everywhere(struct web_call *call)
{
    if (session_delete(call->sessions, &call->session, &call->error))
        return (int)call->error.code;
    web_answer_cookie(call, WEB_SESSION_COOKIE, NULL);
    return web_write(call, sign_out_everywhere_work, NULL);
}

const struct web_route session_routes[] = {
    {"GET", "/api/account/session", session_get, 0, 0, WEB_ANONYMOUS, LANE_FAST, 0, {0, 0}},
    {"POST", "/api/account/session", sign_in, 0, 0, WEB_ANONYMOUS, LANE_SLOW, 4096, {240, 60}},
    {"DELETE", "/api/account/session", sign_out, 0, 0, WEB_ANONYMOUS, LANE_FAST, 0, {0, 0}},
    {"DELETE", "/api/account/sessions", sign_out_everywhere, SIGNED_IN, 0, 0, LANE_FAST, 0, {0, 0}},
    {"POST", "/api/account/captcha", captcha_new, 0, 0, WEB_ANONYMOUS, LANE_FAST, 1024, {300, 60}},
    {0}};
