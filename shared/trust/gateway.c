#include "trust/gateway.h"

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/library.h"
#include "base/random.h"

#define CURL_DISABLE_TYPECHECK /* its checks know the functions, not pointers to them */
#include <curl/curl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SECONDS 10L
#define LINE 16L /* bytes a millisecond: the slowest line that a long message still passes */

/* ---- libcurl, loaded when the first message leaves */

#define FUNCTIONS(X) X(curl_easy_cleanup) X(curl_easy_getinfo) X(curl_easy_init) X(curl_easy_perform) X(curl_easy_setopt) \
    X(curl_easy_strerror) X(curl_global_init) X(curl_slist_append) X(curl_slist_free_all)

static struct {
    FUNCTIONS(LIBRARY_POINTER)
} curl;
static struct error curl_missing;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void begin(void)
{
#define FUNCTION(name) LIBRARY_FUNCTION(curl, name)
    static const struct library_function functions[] = {FUNCTIONS(FUNCTION)};
    if (!library_load("libcurl.so.4", functions, sizeof functions / sizeof *functions, &curl_missing))
        curl.curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Keeps what a counterpart answers, up to the buffer's maximum (a longer answer ends the request), or nothing of it. */
static size_t take(char *bytes, size_t size, size_t count, void *context)
{
    struct buffer *answer = context;
    if (answer)
        buffer_bytes(answer, bytes, size * count);
    return answer && answer->failed ? 0 : size * count;
}

static int handle_get(CURL **handle, struct error *error)
{
    pthread_once(&once, begin);
    if (curl_missing.code)
        return (int)(*error = curl_missing).code;
    *handle = curl.curl_easy_init();
    if (!*handle)
        return error_unavailable(error, "no gateway");
    curl.curl_easy_setopt(*handle, CURLOPT_WRITEFUNCTION, take);
    curl.curl_easy_setopt(*handle, CURLOPT_TIMEOUT, SECONDS);
    return 0;
}

static bool has_scheme(const char *url, const char *const *schemes)
{
    for (; *schemes; schemes++)
        if (!strncmp(url, *schemes, strlen(*schemes)))
            return true;
    return false;
}

int gateway_read(const struct config *config, struct gateway *gateway, struct error *error)
{
    static const char *const mail[] = {"smtp://", "smtps://", NULL}, *const sms[] = {"https://", NULL}, *const near[] = {"https://", "http://", NULL};
    *gateway = (struct gateway){config_text(config, "mail_gateway", NULL), config_text(config, "mail_from", NULL),
                                config_text(config, "sms_gateway", NULL), config_text(config, "sms_token", NULL),
                                config_text(config, "wechat_gateway", NULL), config_text(config, "wechat_token", NULL),
                                config_text(config, "wechat_link", NULL),
                                !strcmp(config_text(config, "gateway_private", "0"), "1")};
    if (gateway->mail && !has_scheme(gateway->mail, mail))
        return error_internal(error, "mail_gateway must begin with smtp:// or smtps://");
    if (gateway->mail && (!gateway->mail_from || !strchr(gateway->mail_from, '@')))
        return error_internal(error, "mail_gateway needs mail_from, an e-mail address");
    if (gateway->mail_from && strpbrk(gateway->mail_from, "<>\r\n \t"))
        return error_internal(error, "mail_from is an e-mail address and nothing else");
    if (gateway->sms && !has_scheme(gateway->sms, gateway->may_be_private ? near : sms))
        return error_internal(error, "sms_gateway must begin with https:// (or http://, with gateway_private = 1)");
    if (gateway->wechat && !has_scheme(gateway->wechat, gateway->may_be_private ? near : sms))
        return error_internal(error, "wechat_gateway must begin with https:// (or http://, with gateway_private = 1)");
    return 0;
}

bool gateway_has(const struct gateway *gateway, enum gateway_way way)
{
    return (way == GATEWAY_MAIL ? gateway->mail : way == GATEWAY_SMS ? gateway->sms : gateway->wechat) != NULL;
}

/* ---- where a gateway may stand */

static bool public_4(uint32_t a) /* in host order; what the registry of special addresses keeps for itself is not public */
{
    static const struct { uint32_t net; int bits; } special[] = {
        {0x00000000, 8}, {0x0A000000, 8}, {0x64400000, 10}, {0x7F000000, 8}, {0xA9FE0000, 16}, {0xAC100000, 12}, {0xC0000000, 24},
        {0xC0000200, 24}, {0xC0586300, 24}, {0xC0A80000, 16}, {0xC6120000, 15}, {0xC6336400, 24}, {0xCB007100, 24}, {0xE0000000, 3}};
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (a >> (32 - special[i].bits) == special[i].net >> (32 - special[i].bits))
            return false;
    return true;
}

/* Only global unicast, and there not what carries an IPv4 address (6to4, Teredo) or is for documents. */
static bool public_6(const uint8_t *a)
{
    if ((a[0] & 0xe0) != 0x20 || (a[0] == 0x20 && a[1] == 0x02))
        return false;
    return !(a[0] == 0x20 && a[1] == 0x01 && (a[2] < 2 || (a[2] == 0x0d && a[3] == 0xb8))) && !(a[0] == 0x3f && a[1] == 0xff);
}

bool gateway_address_public(const void *address)
{
    sa_family_t family;
    memcpy(&family, (const char *)address + offsetof(struct sockaddr, sa_family), sizeof family);
    if (family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return public_4(ntohl(in.sin_addr.s_addr));
    }
    if (family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        return public_6(in6.sin6_addr.s6_addr);
    }
    return false;
}

struct connecting {
    bool may_be_private, refused;
};

/* Called with the address that is connected to next: nobody can change a name in between. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct connecting *connecting = context;
    (void)purpose;
    if (!connecting->may_be_private && !gateway_address_public(&address->addr)) {
        connecting->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Keeps the beginning of an answer and hears the rest. */
static size_t take_beginning(char *bytes, size_t size, size_t count, void *context)
{
    struct buffer *answer = context;
    size_t room = answer->maximum - answer->length, length = size * count;
    buffer_bytes(answer, bytes, length < room ? length : room);
    return length;
}

/* The status is told; nothing but a connection that failed is an error here. */
static int perform(CURL *handle, bool may_be_private, const char *what, struct buffer *answer, long *status, struct error *error)
{
    struct connecting connecting = {may_be_private, false};
    curl.curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl.curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, &connecting);
    curl.curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl.curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl.curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl.curl_easy_setopt(handle, CURLOPT_WRITEDATA, answer);
    CURLcode result = curl.curl_easy_perform(handle);
    if (connecting.refused)
        return error_unavailable(error, "%s gateway: it stands at a private address (gateway_private = 1 allows that)", what);
    if (result != CURLE_OK)
        return error_unavailable(error, "%s gateway: %s", what, curl.curl_easy_strerror(result));
    curl.curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, status);
    return 0;
}

static int accepted(int code, long status, const char *what, struct error *error)
{
    return code || (status >= 200 && status < 300) ? code : error_unavailable(error, "%s gateway: status %ld", what, status);
}

/* ---- mail */

struct reading {
    const char *at;
    size_t left;
};

static size_t give(char *bytes, size_t size, size_t count, void *context)
{
    struct reading *reading = context;
    size_t length = size * count < reading->left ? size * count : reading->left;
    memcpy(bytes, reading->at, length);
    reading->at += length;
    reading->left -= length;
    return length;
}

/* Base64 in lines: no line of a message can then be taken for a header or an end. */
static void base64(struct buffer *out, const char *text, size_t line)
{
    unsigned char part[80];
    size_t length = strlen(text);
    for (size_t at = 0; at < length; at += line) {
        size_t take = length - at < line ? length - at : line;
        int size = EVP_EncodeBlock(part, (const unsigned char *)text + at, (int)take);
        buffer_bytes(out, part, (size_t)size);
        buffer_text(out, "\r\n");
    }
}

static void mail_write(struct buffer *out, const struct gateway *gateway, const char *to, const char *subject, const char *text, const char *id)
{
    char fresh[33];
    struct buffer word;
    random_hex(16, fresh);
    if (!id)
        id = fresh;
    buffer_init(&word, 4096);
    base64(&word, subject, 45);
    buffer_printf(out, "From: <%s>\r\nTo: <%s>\r\nMessage-ID: <%s@%s>\r\nSubject: ", gateway->mail_from, to, id, strchr(gateway->mail_from, '@') + 1);
    for (char *at = word.data, *end; at && (end = strstr(at, "\r\n")); at = end + 2)
        buffer_printf(out, "%s=?UTF-8?B?%.*s?=", at == word.data ? "" : "\r\n ", (int)(end - at), at);
    buffer_text(out, "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    base64(out, text, 57);
    buffer_free(&word);
}

static int mail_send(const struct gateway *gateway, CURL *handle, const char *to, const char *subject, const char *text, const char *id,
                     struct error *error)
{
    struct buffer message;
    struct reading reading;
    struct curl_slist *recipients = curl.curl_slist_append(NULL, to);
    buffer_init(&message, 65536);
    mail_write(&message, gateway, to, subject, text, id);
    reading = (struct reading){message.data, message.length};
    curl.curl_easy_setopt(handle, CURLOPT_URL, gateway->mail);
    /* a code that opens an account does not cross the internet in the clear */
    curl.curl_easy_setopt(handle, CURLOPT_USE_SSL, (long)(gateway->may_be_private ? CURLUSESSL_TRY : CURLUSESSL_ALL));
    curl.curl_easy_setopt(handle, CURLOPT_MAIL_FROM, gateway->mail_from);
    curl.curl_easy_setopt(handle, CURLOPT_MAIL_RCPT, recipients);
    curl.curl_easy_setopt(handle, CURLOPT_READFUNCTION, give);
    curl.curl_easy_setopt(handle, CURLOPT_READDATA, &reading);
    curl.curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    long status = 0;
    int code = message.failed ? error_internal(error, "the message is too long") : perform(handle, gateway->may_be_private, "mail", NULL, &status, error);
    curl.curl_slist_free_all(recipients);
    buffer_free(&message);
    return accepted(code, status, "mail", error);
}

/* ---- JSON over HTTP */

static int post_json(CURL *handle, const char *url, bool may_be_private, const char *token, const char *const *more, const char *json, const char *what,
                     struct buffer *answer, long *status, struct error *error)
{
    struct buffer authorization;
    struct curl_slist *headers = curl.curl_slist_append(NULL, "Content-Type: application/json");
    for (; more && *more; more++)
        headers = curl.curl_slist_append(headers, *more);
    buffer_init(&authorization, 1024);
    if (token) {
        buffer_printf(&authorization, "Authorization: Bearer %s", token);
        headers = curl.curl_slist_append(headers, buffer_string(&authorization));
    }
    curl.curl_easy_setopt(handle, CURLOPT_URL, url);
    curl.curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl.curl_easy_setopt(handle, CURLOPT_POSTFIELDS, json);
    int code = authorization.failed ? error_internal(error, "the message is too long") : perform(handle, may_be_private, what, answer, status, error);
    curl.curl_slist_free_all(headers);
    buffer_free(&authorization);
    return code;
}

static int text_send(const struct gateway *gateway, enum gateway_way way, CURL *handle, const char *to, const char *text, const char *id,
                     struct error *error)
{
    bool sms = way == GATEWAY_SMS;
    const char *what = sms ? "sms" : "wechat", *more[2] = {NULL, NULL};
    char header[128];
    if (id) {
        snprintf(header, sizeof header, "Idempotency-Key: %s", id);
        more[0] = header;
    }
    struct buffer body;
    struct json_writer json;
    long status = 0;
    buffer_init(&body, 8192);
    json_writer_init(&json, &body);
    json_object(&json);
    json_put_string(&json, "to", to);
    json_put_string(&json, "text", text);
    json_object_end(&json);
    int code = body.failed ? error_internal(error, "the message is too long")
                           : post_json(handle, sms ? gateway->sms : gateway->wechat, gateway->may_be_private,
                                       sms ? gateway->sms_token : gateway->wechat_token, more, buffer_string(&body), what, NULL, &status, error);
    buffer_free(&body);
    return accepted(code, status, what, error);
}

int gateway_ask(const char *url, bool may_be_private, const char *token, const char *json, struct buffer *answer, long *status, struct error *error)
{
    CURL *handle;
    *status = 0;
    if (handle_get(&handle, error))
        return error->code;
    int code = post_json(handle, url, may_be_private, token, NULL, json, "partner", answer, status, error);
    curl.curl_easy_cleanup(handle);
    return code;
}

int gateway_post(const char *url, bool may_be_private, const char *const *headers, const char *json, long *status, struct error *error)
{
    struct buffer answer;
    CURL *handle;
    *status = 0;
    if (handle_get(&handle, error))
        return error->code;
    buffer_init(&answer, 4096);
    int code = post_json(handle, url, may_be_private, NULL, headers, json, "webhook", &answer, status, error);
    buffer_free(&answer);
    curl.curl_easy_cleanup(handle);
    return code;
}

int gateway_send(const struct gateway *gateway, enum gateway_way way, const char *to, const char *subject, const char *text, const char *id,
                 struct error *error)
{
    CURL *handle;
    if (handle_get(&handle, error))
        return error->code;
    int code = way == GATEWAY_MAIL ? mail_send(gateway, handle, to, subject, text, id, error) : text_send(gateway, way, handle, to, text, id, error);
    curl.curl_easy_cleanup(handle);
    return code;
}

/* ---- a connection that is kept */

struct gateway_link {
    CURL *handle;
    bool may_be_private;
};

/* Anything but 0 ends the request. */
static int look_up(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const atomic_bool *stopping = context;
    (void)a, (void)b, (void)c, (void)d;
    return stopping && *stopping;
}

int gateway_link_open(const struct gateway_link_settings *settings, struct gateway_link **link, struct error *error)
{
    CURL *handle;
    *link = NULL;
    if (handle_get(&handle, error))
        return error->code;
    *link = calloc(1, sizeof **link);
    if (!*link) {
        curl.curl_easy_cleanup(handle);
        return error_internal(error, "out of memory");
    }
    **link = (struct gateway_link){handle, settings->may_be_private};
    curl.curl_easy_setopt(handle, CURLOPT_URL, settings->url);
    curl.curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "https");
    curl.curl_easy_setopt(handle, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    curl.curl_easy_setopt(handle, CURLOPT_CAINFO, settings->authorities);
    curl.curl_easy_setopt(handle, CURLOPT_CAPATH, NULL); /* or all that this machine trusts would count, too */
    curl.curl_easy_setopt(handle, CURLOPT_SSLCERT, settings->certificate);
    curl.curl_easy_setopt(handle, CURLOPT_SSLKEY, settings->key);
    curl.curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_beginning);
    curl.curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, look_up);
    curl.curl_easy_setopt(handle, CURLOPT_XFERINFODATA, (void *)settings->stopping);
    curl.curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl.curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, SECONDS);
    curl.curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L); /* who says nothing for so long is not there */
    curl.curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, SECONDS);
    return 0;
}

int gateway_link_post(struct gateway_link *link, const char *type, const char *bytes, size_t length, struct buffer *answer, long *status, struct error *error)
{
    char header[100];
    struct curl_slist *headers;
    *status = 0;
    snprintf(header, sizeof header, "Content-Type: %s", type);
    headers = curl.curl_slist_append(NULL, header);
    headers = curl.curl_slist_append(headers, "Expect:"); /* no waiting for a permission to send */
    curl.curl_easy_setopt(link->handle, CURLOPT_HTTPHEADER, headers);
    curl.curl_easy_setopt(link->handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
    curl.curl_easy_setopt(link->handle, CURLOPT_POSTFIELDS, bytes);
    curl.curl_easy_setopt(link->handle, CURLOPT_TIMEOUT_MS, 1000 * SECONDS + (long)length / LINE);
    int code = perform(link->handle, link->may_be_private, "partner", answer, status, error);
    curl.curl_easy_setopt(link->handle, CURLOPT_HTTPHEADER, NULL);
    curl.curl_slist_free_all(headers);
    return code;
}

void gateway_link_close(struct gateway_link *link)
{
    if (!link)
        return;
    curl.curl_easy_cleanup(link->handle);
    free(link);
}
