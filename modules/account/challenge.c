/* Challenges that keys sign, and the answers of keys. */
#include "keys.h"

#include "base/base64.h"
#include "base/date.h"
#include "base/random.h"

#include <stdio.h>
#include <string.h>

#define CHALLENGE_SECONDS 300
#define CHALLENGE_MAXIMUM 600
#define USED_MILLISECONDS 86400000
#define NONCE_LINE "\nnonce: "

/* scheme://host[:port] of the portal: pages of other origins get no signature over it from the client control. */
static int origin_length(const char *url)
{
    const char *host = strstr(url, "://");

    return host ? (int)(host + 3 + strcspn(host + 3, "/") - url) : (int)strlen(url);
}

static void place_of(const char *nonce, char key[96]) { snprintf(key, 96, "key-challenge:%s", nonce); }

int challenge_write(struct web_call *call, const char *use, int64_t user)
{
    const char *url = config_text(account_of(call)->config, "public_url", "");
    char nonce[NONCE_SIZE], key[96], text[CHALLENGE_MAXIMUM], kept[CHALLENGE_MAXIMUM + 32], now[INSTANT_TEXT_SIZE];

    random_hex(32, nonce);
    instant_format(clock_now(), now);
    snprintf(text, sizeof text, "single window key challenge\nportal: %.*s\nuse: %s" NONCE_LINE "%s\ntime: %s\n", origin_length(url), url, use, nonce, now);
    snprintf(kept, sizeof kept, "%lld\n%s", (long long)user, text);
    place_of(nonce, key);
    if (session_put(call->sessions, key, kept, CHALLENGE_SECONDS, &call->error)) return (int)call->error.code;
    json_object(&call->json);
    json_put_string(&call->json, "challenge", text);
    json_put_instant(&call->json, "expires", clock_now() + CHALLENGE_SECONDS * 1000);
    json_object_end(&call->json);
    return 0;
}

static int over(struct error *error)
{
    return error_set(error, ERROR_CONFLICT, "challenge_over", "本次验证已失效，请重新操作。", "This challenge is over; please begin again.");
}

int challenge_take(struct web_call *call, const struct service_input *input, const char *use, int64_t user, const char **challenge, char nonce[NONCE_SIZE])
{
    char key[96], kept[CHALLENGE_MAXIMUM + 32], begin[80];
    const char *line;
    bool found;

    if (service_text(call, input, "challenge", CHALLENGE_MAXIMUM - 1, challenge)) return (int)call->error.code;
    line = *challenge ? strstr(*challenge, NONCE_LINE) : NULL;
    if (!line || strspn(line + strlen(NONCE_LINE), "0123456789abcdef") != NONCE_SIZE - 1) return over(&call->error);
    snprintf(nonce, NONCE_SIZE, "%s", line + strlen(NONCE_LINE));
    place_of(nonce, key);
    if (session_take(call->sessions, key, kept, sizeof kept, &found, &call->error)) return (int)call->error.code;
    int owner = snprintf(begin, sizeof begin, "%lld\n", (long long)user);
    snprintf(begin + owner, sizeof begin - (size_t)owner, "\nuse: %s\n", use);
    if (!found || strncmp(kept, begin, (size_t)owner) || strcmp(kept + owner, *challenge) != 0 || !strstr(kept, begin + owner)) return over(&call->error);
    return 0;
}

int challenge_use(struct store_connection *db, const char *nonce, struct error *error)
{
    int64_t changed = 0;

    if (store_execute(db, error, NULL, "DELETE FROM key_challenge WHERE used < $1", STORE_VALUES(store_integer(clock_now() - USED_MILLISECONDS))) ||
        store_execute(db, error, &changed, "INSERT INTO key_challenge (nonce, used) VALUES ($1, $2) ON CONFLICT (nonce) DO NOTHING",
                      STORE_VALUES(store_string(nonce), store_integer(clock_now()))))
        return (int)error->code;
    return changed ? 0 : over(error);
}

static const char *bytes_of(struct web_call *call, const struct json *json, const char *name, size_t most, size_t *length)
{
    const char *text = json_member_text(json, name, "");
    const char *bytes = strlen(text) <= most * 4 / 3 + 4 ? base64_read(text, strlen(text), &call->arena, length) : NULL;

    return bytes && *length && *length <= most ? bytes : NULL;
}

int key_answer_take(struct web_call *call, const struct json *json, struct key_answer *answer)
{
    if (json && json->kind == JSON_OBJECT) {
        answer->certificate = bytes_of(call, json, "certificate", CERTIFICATE_MAXIMUM, &answer->certificate_length);
        answer->signature = bytes_of(call, json, "signature", SIGNATURE_BYTES, &answer->signature_length);
        if (answer->certificate && answer->signature)
            return certificate_read(answer->certificate, answer->certificate_length, &answer->read, &call->error);
    }
    return refuse(&call->error, "signatures", "signature_unreadable", "电子钥匙返回的内容无法读取，请重试。", "What the key answered cannot be read; please try again.");
}
