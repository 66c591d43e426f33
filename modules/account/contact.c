/* Codes sent by mail or SMS, and the messages themselves: through a gateway, or into the local mailbox. */
#include "account.h"

#include "base/thread.h"
#include "base/log.h"
#include "base/random.h"
#include "base/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIFE_MILLISECONDS (10 * 60 * INT64_C(1000))
#define PAUSE_MILLISECONDS (60 * INT64_C(1000))
#define TRIES 5
#define QUEUE 64
#define SUBSCRIBE "subscribe" /* the purpose of codes that confirm where somebody wants to be told of changes */

struct message {
    char to[104], subject[128], text[512];
};

/* ---- the courier: whoever asks for a code does not wait for a gateway, so its time tells nothing about who is known */

struct courier {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct message queue[QUEUE];
    unsigned first, count;
    bool stopping;
};

static enum gateway_way way_of(const char *to) { return strchr(to, '@') ? GATEWAY_MAIL : GATEWAY_SMS; }

static int mailbox_insert(struct store_connection *db, void *argument, struct error *error)
{
    const struct message *message = argument;
    int64_t now = clock_now();
    return store_execute(db, error, NULL, "INSERT INTO mailbox (id, at, way, address, subject, body) VALUES ($1, $2, $3, $4, $5, $6)",
        STORE_VALUES(store_integer(random_id(now)), store_integer(now), store_string(way_of(message->to) == GATEWAY_MAIL ? "mail" : "sms"),
                     store_string(message->to), store_string(message->subject), store_string(message->text)));
}

/* What no gateway takes, or is still waiting at the end of the program, an administrator finds in the mailbox. */
static void deliver(struct account *account, struct message *message, bool stopping)
{
    char text[300];
    struct error error;
    error_clear(&error);
    if (!stopping && !gateway_send(&account->gateway, way_of(message->to), message->to, message->subject, message->text, NULL, &error))
        return;
    log_line(LOG_ERROR, "gateway", "detail=%s", log_quote(stopping ? "not sent: the program ends" : error.detail, text, sizeof text));
    if (store_write(account->store, mailbox_insert, message, &error))
        log_line(LOG_ERROR, "mailbox", "detail=%s", log_quote(error.detail, text, sizeof text));
}

static void *courier_run(void *argument)
{
    struct account *account = argument;
    struct courier *courier = account->courier;
    struct message message;
    pthread_mutex_lock(&courier->lock);
    for (;;) {
        while (!courier->count && !courier->stopping)
            pthread_cond_wait(&courier->changed, &courier->lock);
        if (!courier->count)
            break;
        message = courier->queue[courier->first];
        courier->first = (courier->first + 1) % QUEUE;
        courier->count--;
        bool stopping = courier->stopping;
        pthread_mutex_unlock(&courier->lock);
        deliver(account, &message, stopping);
        pthread_mutex_lock(&courier->lock);
    }
    pthread_mutex_unlock(&courier->lock);
    return NULL;
}

int courier_start(struct account *account, struct error *error)
{
    struct courier *courier = account->courier = calloc(1, sizeof *courier);
    if (!courier)
        return out_of_memory(error);
    pthread_mutex_init(&courier->lock, NULL);
    pthread_cond_init(&courier->changed, NULL);
    return thread_start(&courier->thread, courier_run, account) ? error_internal(error, "no thread for messages") : 0;
}

void courier_stop(struct account *account)
{
    struct courier *courier = account->courier;
    pthread_mutex_lock(&courier->lock);
    courier->stopping = true;
    pthread_cond_broadcast(&courier->changed);
    pthread_mutex_unlock(&courier->lock);
    pthread_join(courier->thread, NULL);
    free(courier);
}

/* A full queue must not tell who is known: then the message goes straight into the mailbox. */
static int courier_take(struct account *account, struct message *message, struct error *error)
{
    struct courier *courier = account->courier;
    pthread_mutex_lock(&courier->lock);
    bool room = courier->count < QUEUE;
    if (room) {
        courier->queue[(courier->first + courier->count++) % QUEUE] = *message;
        pthread_cond_broadcast(&courier->changed);
    }
    pthread_mutex_unlock(&courier->lock);
    return room ? 0 : store_write(account->store, mailbox_insert, message, error);
}

/* ---- codes */

static void code_hash(const struct account *account, const char *purpose, const char *address, const char *code, char hash[DIGEST_SIZE])
{
    char text[256];
    int length = snprintf(text, sizeof text, "%s\n%s\n%s", purpose, address, code);
    digest_hmac(account->secret, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1, hash);
}

struct sending {
    struct account *account;
    const char *purpose, *address, *hash;
    struct message *mailbox; /* NULL: nobody is known there, or a gateway takes it */
    bool too_soon;
};

static int sending_work(struct store_connection *db, void *argument, struct error *error)
{
    struct sending *sending = argument;
    int64_t now = clock_now(), changed = 0;
    sending->too_soon = false;
    if (store_execute(db, error, NULL, "DELETE FROM contact_code WHERE sent < $1", STORE_VALUES(store_integer(now - LIFE_MILLISECONDS))) ||
        store_execute(db, error, &changed,
            "INSERT INTO contact_code (purpose, address, code_hash, sent, tries) VALUES ($1, $2, $3, $4, 0) ON CONFLICT (purpose, address) "
            "DO UPDATE SET code_hash = excluded.code_hash, sent = excluded.sent, tries = 0 WHERE contact_code.sent <= $5",
            STORE_VALUES(store_string(sending->purpose), store_string(sending->address), store_string(sending->hash), store_integer(now),
                         store_integer(now - PAUSE_MILLISECONDS))))
        return (int)error->code;
    sending->too_soon = !changed;
    return changed && sending->mailbox ? mailbox_insert(db, sending->mailbox, error) : 0;
}

static int address_known(struct web_call *call, const char *address, bool *known)
{
    struct store_rows rows;
    if (store_query(reader_of(call), &rows, &call->error,
                    strchr(address, '@') ? "SELECT 1 FROM user_account WHERE email = $1 AND email <> '' AND state = 'active' LIMIT 1"
                                         : "SELECT 1 FROM user_account WHERE mobile = $1 AND mobile <> '' AND state = 'active' LIMIT 1",
                    STORE_VALUES(store_string(address))))
        return (int)call->error.code;
    *known = store_next(&rows);
    return store_end(&rows);
}

static void code_make(char code[8])
{
    unsigned value;
    do
        random_bytes(&value, sizeof value);
    while (value >= 4294000000u); /* so that no code is likelier than another */
    snprintf(code, 8, "%06u", value % 1000000);
}

static int code_send(struct web_call *call, const char *purpose, const char *address)
{
    struct account *account = account_of(call);
    char code[8], hash[DIGEST_SIZE];
    struct message message;
    bool known = true;
    if (!strcmp(purpose, "recover") && address_known(call, address, &known))
        return (int)call->error.code;
    code_make(code);
    code_hash(account, purpose, address, code, hash);
    snprintf(message.to, sizeof message.to, "%s", address);
    snprintf(message.subject, sizeof message.subject, "%s 验证码 / Verification code", account->portal_zh);
    snprintf(message.text, sizeof message.text, "您的验证码是 %s，10分钟内有效。如非本人操作，请忽略。\nYour verification code is %s, valid for 10 minutes. "
             "If you did not ask for it, ignore this message.", code, code);
    bool gateway = gateway_has(&account->gateway, way_of(address));
    struct sending sending = {account, purpose, address, hash, known && !gateway ? &message : NULL, false};
    if (store_write(account->store, sending_work, &sending, &call->error))
        return (int)call->error.code;
    if (sending.too_soon) {
        error_set(&call->error, ERROR_LIMITED, "too_soon", "验证码已发送，请一分钟后再试。", "A code has been sent; ask again in a minute.");
        call->error.retry_after = 60;
        return ERROR_LIMITED;
    }
    return known && gateway ? courier_take(account, &message, &call->error) : 0;
}

int take_contact(struct web_call *call, const struct service_input *input, const char **address)
{
    const char *email, *mobile;
    if (take_checked(call, input, "email", "email", false, &email) || take_checked(call, input, "mobile", "mobile", false, &mobile))
        return (int)call->error.code;
    if (!*email == !*mobile)
        return refuse(&call->error, "email", "required", "请填写邮箱或手机号码其中一项。", "Please give an e-mail address or a mobile number.");
    *address = *email ? lower(call, email) : mobile;
    return 0;
}

static int contact_code_post(struct web_call *call)
{
    struct service_input input;
    const char *purpose = "", *address = "";
    if (service_input(call, &input) || take_text(call, &input, "purpose", 16, true, &purpose) || take_contact(call, &input, &address) ||
        captcha_check(call, &input))
        return (int)call->error.code;
    if (strcmp(purpose, "register") && strcmp(purpose, "recover") && ((strcmp(purpose, "change") && strcmp(purpose, SUBSCRIBE)) || !call->signed_in))
        return refuse(&call->error, "purpose", "purpose", "用途有误。", "This purpose is unknown.");
    call->status = 204;
    return code_send(call, purpose, address);
}

struct checking { const char *purpose, *address, *hash; bool right; };

static int checking_work(struct store_connection *db, void *argument, struct error *error)
{
    struct checking *checking = argument;
    struct store_rows rows;
    checking->right = false;
    if (store_query(db, &rows, error,
            "UPDATE contact_code SET tries = tries + 1 WHERE purpose = $1 AND address = $2 AND sent > $3 AND tries < $4 RETURNING code_hash",
            STORE_VALUES(store_string(checking->purpose), store_string(checking->address), store_integer(clock_now() - LIFE_MILLISECONDS),
                         store_integer(TRIES))))
        return (int)error->code;
    if (store_next(&rows))
        checking->right = digest_same(store_column_text(&rows, 0, NULL), checking->hash);
    return store_end(&rows);
}

static int wrong_code(struct error *error, const char *field)
{
    return refuse(error, field, "contact_code", "验证码不正确或已过期，请重新获取。", "The code is wrong or too old; please ask for a new one.");
}

int contact_code_check(struct web_call *call, const char *purpose, const char *address, const char *code, const char *field)
{
    char hash[DIGEST_SIZE];
    if (attempt_allowed(call, address)) /* a new code brings new tries: only growing delays slow guessing down */
        return (int)call->error.code;
    code_hash(account_of(call), purpose, address, code, hash);
    struct checking checking = {purpose, address, hash, false};
    if (store_write(account_of(call)->store, checking_work, &checking, &call->error))
        return (int)call->error.code;
    if (checking.right)
        return attempt_succeeded(call, address);
    return attempt_failed(call, address) ? (int)call->error.code : wrong_code(&call->error, field);
}

int contact_code_use(struct store_connection *db, const char *purpose, const char *address, const char *field, struct error *error)
{
    int64_t changed = 0;
    if (store_execute(db, error, &changed, "DELETE FROM contact_code WHERE purpose = $1 AND address = $2",
                      STORE_VALUES(store_string(purpose), store_string(address))))
        return (int)error->code;
    return changed ? 0 : wrong_code(error, field);
}

/* ---- for other programs: an address that is this person's own, and messages without a gateway */

struct contact { const char *address; bool with_code; };

static int contact_work(void *connection, struct web_call *call, struct error *error)
{
    const struct contact *contact = call->argument;
    if (contact->with_code && contact_code_use(connection, SUBSCRIBE, contact->address, "code", error))
        return (int)error->code;
    json_object(&call->json);
    json_put_string(&call->json, "address", contact->address);
    json_object_end(&call->json);
    return 0;
}

/* What stands in the profile was confirmed when it was put there; another address needs a code that was sent to it. */
static int contact_post(struct web_call *call)
{
    struct service_input input;
    struct person person;
    const char *user, *way, *address, *code;
    struct contact *contact = arena_alloc(&call->arena, sizeof *contact);
    if (!contact)
        return out_of_memory(&call->error);
    if (service_input(call, &input) || take_text(call, &input, "user", 20, true, &user) || take_text(call, &input, "way", 8, true, &way) ||
        take_text(call, &input, "code", 8, false, &code) ||
        take_checked(call, &input, "address", !strcmp(way, "mail") ? "email" : "mobile", false, &address) ||
        person_by_id(reader_of(call), &call->arena, strtoll(user, NULL, 10), &person, &call->error))
        return (int)call->error.code;
    const char *own = !strcmp(way, "mail") ? person.email : person.mobile;
    *contact = (struct contact){*address ? lower(call, address) : own, false};
    if (!*contact->address)
        return refuse(&call->error, "address", "required", "您的账户没有登记此联系方式，请填写。", "Your account has no such address; please give one.");
    contact->with_code = strcmp(contact->address, own) != 0;
    if (contact->with_code && contact_code_check(call, SUBSCRIBE, contact->address, code, "code"))
        return (int)call->error.code;
    return web_write(call, contact_work, contact);
}

static int mailbox_work(void *connection, struct web_call *call, struct error *error)
{
    call->status = 204;
    return mailbox_insert(connection, call->argument, error);
}

static int mailbox_post(struct web_call *call)
{
    struct service_input input;
    const char *to, *subject, *text;
    struct message *message = arena_alloc(&call->arena, sizeof *message);
    if (!message)
        return out_of_memory(&call->error);
    if (service_input(call, &input) || take_text(call, &input, "to", sizeof message->to - 1, true, &to) ||
        take_text(call, &input, "subject", sizeof message->subject - 1, false, &subject) ||
        take_text(call, &input, "text", sizeof message->text - 1, true, &text))
        return (int)call->error.code;
    snprintf(message->to, sizeof message->to, "%s", to);
    snprintf(message->subject, sizeof message->subject, "%s", subject);
    snprintf(message->text, sizeof message->text, "%s", text);
    return web_write(call, mailbox_work, message);
}

#define INTERNAL (WEB_INTERNAL_ONLY | WEB_NO_CSRF)

const struct web_route contact_routes[] = {
    {"POST", "/internal/account/contacts", contact_post, PRINCIPAL_SYSTEM, 0, INTERNAL, LANE_SLOW, 4096, {0, 0}},
    {"POST", "/internal/account/mailbox", mailbox_post, PRINCIPAL_SYSTEM, 0, INTERNAL, LANE_FAST, 8192, {0, 0}},
    {"POST", "/api/account/contact-codes", contact_code_post, 0, 0, WEB_ANONYMOUS, LANE_SLOW, 4096, {60, 60}},
    {0}};
