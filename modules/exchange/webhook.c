#include "push.h"

#include "base/base64.h"
#include "base/random.h"

#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "whsec_"
#define KEY_BYTES 24

void webhook_secret(char secret[SECRET_SIZE])
{
    unsigned char key[KEY_BYTES];
    struct buffer text;

    random_bytes(key, sizeof key);
    buffer_init(&text, 64);
    base64_write(key, sizeof key, &text);
    snprintf(secret, SECRET_SIZE, PREFIX "%s", buffer_string(&text));
    buffer_free(&text);
}

static int wrong_address(struct error *error)
{
    error_set(error, ERROR_INVALID, "address", "地址须以https://开头，不超过500个字符。", "The address must begin with https:// and has at most 500 characters.");
    error_field(error, "address");
    return ERROR_INVALID;
}

int webhook_address(const struct program *program, const char *address, struct error *error)
{
    bool plain = program->gateway.may_be_private && !strncmp(address, "http://", 7);
    size_t host = plain ? 7 : 8, end;

    if ((!plain && strncmp(address, "https://", 8)) || strlen(address) > 500) return wrong_address(error);
    for (const char *at = address; *at; at++)
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 127) return wrong_address(error);
    end = strcspn(address + host, "/?#");
    return end && !memchr(address + host, '@', end) ? 0 : wrong_address(error);
}

/* v1,base64(HMAC-SHA256(key, "id.timestamp.body")) */
static int sign(const char *secret, const char *id, int64_t seconds, const char *body, struct buffer *header, struct error *error)
{
    struct arena arena;
    struct buffer text;
    unsigned char code[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    size_t size = 0;

    arena_init(&arena, 0);
    buffer_init(&text, 65536);
    const char *key = strncmp(secret, PREFIX, strlen(PREFIX)) ? NULL : base64_read(secret + strlen(PREFIX), strlen(secret) - strlen(PREFIX), &arena, &size);
    buffer_printf(&text, "%s.%lld.%s", id, (long long)seconds, body);
    if (!key || text.failed || !HMAC(EVP_sha256(), key, (int)size, (const unsigned char *)text.data, text.length, code, &length))
        error_internal(error, "a webhook cannot be signed");
    buffer_text(header, "Webhook-Signature: v1,");
    base64_write(code, length, header);
    buffer_free(&text);
    arena_free(&arena);
    return (int)error->code;
}

int webhook_post(const struct program *program, const char *address, const char *secret, const char *id, const char *body, int64_t now, long *status,
                 struct error *error)
{
    char one[64], two[64];
    struct buffer signature;

    buffer_init(&signature, 512);
    snprintf(one, sizeof one, "Webhook-Id: %s", id);
    snprintf(two, sizeof two, "Webhook-Timestamp: %lld", (long long)(now / 1000));
    if (!sign(secret, id, now / 1000, body, &signature, error)) {
        const char *const headers[] = {one, two, buffer_string(&signature), NULL};
        gateway_post(address, program->gateway.may_be_private, headers, body, status, error);
    }
    buffer_free(&signature);
    return (int)error->code;
}
