#include "http.h"

#include "base/json_write.h"
#include "base/log.h"
#include "routes.h"
#include "settings.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_MAXIMUM (1024u * 1024)
#define CONNECTIONS 64
#define IDLE_SECONDS 30
#define CONNECTION_MEMORY 32768

static struct MHD_Daemon *server;

struct request {
    const char *origin; /* of the settings */
    char *body;         /* may hold a PIN: zeroed whenever it is given back */
    size_t length, capacity;
    bool too_large;
};

/* ---- who may ask */

struct found {
    const char *name, *value;
    int count;
};

static enum MHD_Result header_found(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct found *found = context;
    (void)kind;
    if (!strcasecmp(name, found->name)) {
        found->value = value;
        found->count++;
    }
    return MHD_YES;
}

/* The header's only value; NULL when it is absent or stands there twice. */
static const char *header(struct MHD_Connection *connection, const char *name)
{
    struct found found = {.name = name};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, header_found, &found);
    return found.count == 1 ? found.value : NULL;
}

static bool host_is_ours(struct MHD_Connection *connection)
{
    char numeric[32], named[32];
    const char *host = header(connection, "Host");
    snprintf(numeric, sizeof numeric, "127.0.0.1:%d", settings.port);
    snprintf(named, sizeof named, "localhost:%d", settings.port);
    return host && (!strcmp(host, numeric) || !strcmp(host, named));
}

static const char *origin_of(struct MHD_Connection *connection)
{
    const char *origin = header(connection, "Origin");
    for (int i = 0; origin && i < settings.origin_count; i++)
        if (!strcmp(origin, settings.origins[i]))
            return settings.origins[i];
    return NULL;
}

/* ---- answers */

static enum MHD_Result reply(struct MHD_Connection *connection, struct MHD_Response *response, unsigned status)
{
    enum MHD_Result result = response ? MHD_queue_response(connection, status, response) : MHD_NO;
    if (response)
        MHD_destroy_response(response);
    return result;
}

static enum MHD_Result reply_nothing(struct MHD_Connection *connection, unsigned status)
{
    return reply(connection, MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT), status);
}

static void allow(struct MHD_Response *response, const char *origin)
{
    MHD_add_response_header(response, "Access-Control-Allow-Origin", origin);
    MHD_add_response_header(response, "Vary", "Origin");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
}

/* Whether a browser may ask at all: Fetch; Private Network Access, and Local Network Access, which is to follow it. */
static enum MHD_Result preflight(struct MHD_Connection *connection, const char *origin)
{
    static const char *const networks[][2] = {{"Access-Control-Request-Private-Network", "Access-Control-Allow-Private-Network"},
                                              {"Access-Control-Request-Local-Network", "Access-Control-Allow-Local-Network"}};
    struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (!response)
        return MHD_NO;
    allow(response, origin);
    MHD_add_response_header(response, "Access-Control-Allow-Methods", "GET, POST, DELETE");
    MHD_add_response_header(response, "Access-Control-Allow-Headers", "Authorization, Content-Type");
    MHD_add_response_header(response, "Access-Control-Max-Age", "600");
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        const char *asked = header(connection, networks[i][0]);
        if (asked && !strcmp(asked, "true"))
            MHD_add_response_header(response, networks[i][1], "true");
    }
    return reply(connection, response, MHD_HTTP_NO_CONTENT);
}

static void refusal_write(enum refusal refusal, int tries, struct buffer *out)
{
    const struct refusal_words *words = refusal_words(refusal);
    struct json_writer json;
    buffer_reset(out);
    json_writer_init(&json, out);
    json_object(&json);
    json_put_string(&json, "code", words->code);
    json_put_words(&json, "message", words->zh, words->en);
    if ((refusal == WRONG_PIN || refusal == LAST_TRY || refusal == PIN_BLOCKED) && tries >= 0)
        json_put_integer(&json, "tries", tries);
    json_object_end(&json);
}

static enum MHD_Result answer(struct MHD_Connection *connection, const char *origin, enum refusal refusal, const struct buffer *out)
{
    unsigned status = refusal ? refusal_words(refusal)->status : out->length ? MHD_HTTP_OK : MHD_HTTP_NO_CONTENT;
    struct MHD_Response *response = MHD_create_response_from_buffer(out->length, out->data, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    allow(response, origin);
    if (out->length)
        MHD_add_response_header(response, "Content-Type", "application/json");
    if (refusal == TOO_MANY)
        MHD_add_response_header(response, "Retry-After", "60");
    return reply(connection, response, status);
}

/* ---- requests */

/* Takes a part of the body and zeroes it where the server keeps it: that memory is not const, and nobody reads it again. */
static void body_add(struct request *request, const char *part, size_t length)
{
    size_t wanted = request->length + length + 1;
    if (wanted > BODY_MAXIMUM + 1)
        request->too_large = true;
    if (!request->too_large && wanted > request->capacity) {
        size_t capacity = request->capacity ? request->capacity : 4096;
        while (capacity < wanted)
            capacity *= 2;
        char *larger = OPENSSL_clear_realloc(request->body, request->capacity, capacity);
        request->too_large = !larger;
        if (larger) {
            request->body = larger;
            request->capacity = capacity;
        }
    }
    if (!request->too_large) {
        memcpy(request->body + request->length, part, length);
        request->length += length;
        request->body[request->length] = 0;
    }
    OPENSSL_cleanse((char *)(uintptr_t)part, length);
}

static bool is_json(struct MHD_Connection *connection)
{
    const char *type = header(connection, "Content-Type");
    return type && !strncasecmp(type, "application/json", 16) && (!type[16] || type[16] == ';' || type[16] == ' ');
}

static void body_free(struct request *request)
{
    OPENSSL_clear_free(request->body, request->capacity);
    request->body = NULL;
    request->length = request->capacity = 0;
}

static enum MHD_Result perform(struct MHD_Connection *connection, struct request *request, const char *path, const char *method)
{
    const char *authorization = header(connection, "Authorization");
    struct buffer out;
    buffer_init(&out, 0);
    struct call call = {.method = method,
                        .path = path,
                        .origin = request->origin,
                        .secret = authorization && !strncmp(authorization, "Bearer ", 7) ? authorization + 7 : NULL,
                        .after = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "after"),
                        .body = request->body ? request->body : "",
                        .body_length = request->length,
                        .answer = &out,
                        .tries = -1};
    /* a person may think longer than a connection may idle; switched on again, the time counts from then */
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
    enum refusal refusal = request->too_large ? TOO_LARGE : !strcmp(method, "POST") && !is_json(connection) ? BAD_JSON : route(&call);
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)IDLE_SECONDS);
    body_free(request); /* before anybody has an answer */
    if (refusal)
        refusal_write(refusal, call.tries, &out);
    enum MHD_Result result = out.failed ? MHD_NO : answer(connection, request->origin, refusal, &out);
    if (out.data)
        OPENSSL_cleanse(out.data, out.capacity); /* a new pairing's secret */
    buffer_free(&out);
    return result;
}

/* Called first with the head alone, then for each part of the body, then once more. */
static enum MHD_Result serve(void *context, struct MHD_Connection *connection, const char *path, const char *method, const char *version,
                             const char *part, size_t *length, void **memory)
{
    struct request *request = *memory;
    (void)context;
    (void)version;
    if (!request) {
        const char *origin = origin_of(connection);
        if (!host_is_ours(connection))
            return reply_nothing(connection, MHD_HTTP_MISDIRECTED_REQUEST);
        if (!origin)
            return reply_nothing(connection, MHD_HTTP_FORBIDDEN);
        if (!strcmp(method, "OPTIONS"))
            return preflight(connection, origin);
        *memory = request = calloc(1, sizeof *request);
        if (request)
            request->origin = origin;
        return request ? MHD_YES : MHD_NO;
    }
    if (*length) {
        body_add(request, part, *length);
        *length = 0;
        return MHD_YES;
    }
    return perform(connection, request, path, method);
}

static void completed(void *context, struct MHD_Connection *connection, void **memory, enum MHD_RequestTerminationCode code)
{
    struct request *request = *memory;
    (void)context;
    (void)connection;
    (void)code;
    if (request)
        body_free(request);
    free(request);
    *memory = NULL;
}

static void complaint(void *context, const char *format, va_list arguments)
{
    char text[200], quoted[260];
    (void)context;
    vsnprintf(text, sizeof text, format, arguments);
    log_line(LOG_DEBUG, "http", "text=%s", log_quote(text, quoted, sizeof quoted));
}

int http_start(struct error *error)
{
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)settings.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    server = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ERROR_LOG,
                              (uint16_t)settings.port, NULL, NULL, serve, NULL, MHD_OPTION_EXTERNAL_LOGGER, complaint, NULL,
                              MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                              (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                              MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    return server ? 0 : error_internal(error, "cannot listen on 127.0.0.1:%d: is the control running already?", settings.port);
}

void http_stop(void)
{
    MHD_stop_daemon(server);
}
