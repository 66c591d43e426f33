/* What partners send by HTTPS, and keeping whatever comes until it is looked at. nginx has checked that the client certificate is of one of the
   authorities that it trusts; whose it is is decided here. */
#include "gateway.h"

#include "base/clock.h"
#include "base/random.h"

#include <ctype.h>
#include <string.h>

#define BEGINNING 65536 /* what is kept of a message that is too large */

/* Messages of a partner that nobody has settled. More are not taken: a partner that sends without end, or wrongly without end, fills no disk, and what it
   has not got rid of it keeps. */
#define OPEN_MAXIMUM 10000
#define LARGE_MAXIMUM 500 /* of more than 64 KiB, as the index message_in_large says */

static int check_room(struct store_connection *db, const char *partner, struct error *error)
{
    struct store_rows rows;
    bool full = false;

    if (store_query(db, &rows, error,
                    "SELECT (SELECT COUNT(id) FROM message_in WHERE partner = $1 AND state IN ('waiting', 'dead', 'received')), "
                    "(SELECT COUNT(id) FROM message_in WHERE partner = $1 AND state IN ('waiting', 'dead', 'received') AND LENGTH(bytes) > 65536)",
                    STORE_VALUES(store_string(partner))))
        return (int)error->code;
    if (store_next(&rows)) full = store_column_integer(&rows, 0) >= OPEN_MAXIMUM || store_column_integer(&rows, 1) >= LARGE_MAXIMUM;
    if (store_end(&rows) || !full) return (int)error->code;
    error_set(error, ERROR_UNAVAILABLE, "too_many_open", "贵方尚有大量报文未处理，请稍后再发。", "Too many of your messages are not settled here; send again later.");
    error_detail(error, "%s has too many messages here that are not settled: nothing more is taken from it", partner);
    error->retry_after = 60;
    return (int)error->code;
}

int gate_receive(struct store_connection *db, const struct gate_received *received, struct error *error)
{
    int64_t now = clock_now();
    /* one byte more than is allowed says that there was more */
    size_t length = received->length > ENVELOPE_MAXIMUM ? BEGINNING : received->length;

    if (store_execute(db, error, NULL, "UPDATE partner_state SET last_heard = $2 WHERE partner = $1", STORE_VALUES(store_string(received->partner), store_integer(now))) ||
        check_room(db, received->partner, error))
        return (int)error->code;
    return store_execute(db, error, NULL,
        "INSERT INTO message_in (id, partner, way, file, origin, bytes, received, answer) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
        "ON CONFLICT (partner, origin) WHERE origin <> '' DO NOTHING",
        STORE_VALUES(store_integer(random_id(clock_lease())), store_string(received->partner), store_string(received->way), store_string(received->file),
                     store_string(received->origin), store_bytes(received->bytes, length), store_integer(now),
                     store_string(length < received->length ? "too_large" : "")));
}

/* ---- HTTPS */

static int forbidden(struct error *error)
{
    return error_set(error, ERROR_FORBIDDEN, "unknown_certificate", "客户端证书未登记。", "This client certificate is not known here.");
}

/* nginx's escaped PEM as it was. */
static char *unescaped(struct web_call *call, const char *text)
{
    char *plain = arena_text(&call->arena, text), *out = plain;

    for (const char *at = plain; at && *at; at++) {
        unsigned high = isxdigit((unsigned char)at[1]) ? (unsigned char)at[1] : 0, low = high && isxdigit((unsigned char)at[2]) ? (unsigned char)at[2] : 0;
        if (*at == '%' && low) {
            *out++ = (char)((high <= '9' ? high - '0' : (high | 32) - 'a' + 10) << 4 | (low <= '9' ? low - '0' : (low | 32) - 'a' + 10));
            at += 2;
        } else {
            *out++ = *at;
        }
    }
    if (out) *out = '\0';
    return plain;
}

static const struct gate_sender *sender_of(struct web_call *call)
{
    const struct gate *gate = program_of(call)->gate;
    const char *given = web_client_certificate(call);
    char *pem = given ? unescaped(call, given) : NULL;
    unsigned char der[CERTIFICATE_MAXIMUM];
    char fingerprint[DIGEST_SIZE];
    struct error ignored;
    size_t length;

    error_clear(&ignored);
    if (!gate || !pem || gate_certificate(pem, strlen(pem), der, &length, &ignored)) return NULL;
    digest_sha256(der, length, fingerprint);
    for (size_t i = 0; i < gate->count; i++)
        if (gate_has_client(&gate->senders[i], fingerprint)) return &gate->senders[i];
    return NULL;
}

static int keep_work(void *connection, struct web_call *call, struct error *error)
{
    const struct gate_received *received = call->argument;

    call->status = 202;
    call->answer_type = "text/plain";
    return gate_receive(connection, received, error);
}

static void kept(struct web_call *call, int code)
{
    if (!code) gate_wake(program_of(call)->gate, GATE_IN);
}

static int message_post(struct web_call *call)
{
    const struct gate_sender *sender = sender_of(call);
    struct gate_received *received = arena_alloc(&call->arena, sizeof *received);

    if (!received) return error_internal(&call->error, "out of memory");
    if (!sender) return forbidden(&call->error);
    if (!call->body_length) return error_set(&call->error, ERROR_MALFORMED, "empty", "没有内容。", "There is no message.");
    *received = (struct gate_received){sender->partner->name, "https", "", "", call->body, call->body_length};
    call->work_done = kept;
    return web_write(call, keep_work, received);
}

const struct web_route gate_routes[] = {
    {"POST", "/messages", message_post, 0, 0, WEB_PARTNER_ONLY | WEB_BY_CERTIFICATE | WEB_ANONYMOUS | WEB_NO_CSRF | WEB_RAW_BODY, LANE_FAST, ENVELOPE_MAXIMUM, {1000000, 60}},
    {0}};
