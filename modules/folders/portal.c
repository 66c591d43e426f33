#include "portal.h"

#include "base/json_tree.h"
#include "stop.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_SECONDS 10L
#define REQUEST_SECONDS 120L

struct portal {
    const struct settings *settings;
    CURL *curl;
};

int portal_open(const struct settings *settings, struct portal **portal, struct error *error)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    *portal = calloc(1, sizeof **portal);
    if (!*portal || !((*portal)->curl = curl_easy_init())) return error_internal(error, "out of memory");
    (*portal)->settings = settings;
    return 0;
}

void portal_close(struct portal *portal)
{
    if (!portal) return;
    curl_easy_cleanup(portal->curl);
    free(portal);
    curl_global_cleanup();
}

void portal_escape(struct buffer *out, const char *text)
{
    for (; *text; text++) {
        if (isalnum((unsigned char)*text) || strchr("-._~", *text)) buffer_char(out, *text);
        else buffer_printf(out, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

/* ---- one request */

static size_t take(char *bytes, size_t size, size_t count, void *context)
{
    struct buffer *answer = context;

    buffer_bytes(answer, bytes, size * count);
    return answer->failed ? 0 : size * count;
}

static int look_up(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)context, (void)a, (void)b, (void)c, (void)d;
    return stop_asked();
}

static struct curl_slist *headers_of(const struct portal *portal, const struct portal_request *request)
{
    char header[200];
    struct curl_slist *headers;

    snprintf(header, sizeof header, "Authorization: Bearer %s", portal->settings->key);
    headers = curl_slist_append(NULL, header);
    headers = curl_slist_append(headers, "Expect:");
    if (request->type) {
        snprintf(header, sizeof header, "Content-Type: %s", request->type);
        headers = curl_slist_append(headers, header);
    }
    if (request->idempotency_key) {
        snprintf(header, sizeof header, "Idempotency-Key: %s", request->idempotency_key);
        headers = curl_slist_append(headers, header);
    }
    return headers;
}

static void set_options(CURL *curl, const struct settings *settings, const struct portal_request *request, struct buffer *answer)
{
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, REQUEST_SECONDS);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_up);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    if (*settings->authorities) curl_easy_setopt(curl, CURLOPT_CAINFO, settings->authorities);
    if (!request->bytes) return;
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->length);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->bytes);
}

/* What the portal says of it, for the log. */
static void not_now(const struct portal_request *request, const struct buffer *answer, long status, struct error *error)
{
    struct arena arena;
    struct error ignored;
    const struct json *problem;

    arena_init(&arena, 0);
    error_clear(&ignored);
    problem = json_tree(buffer_string(answer), answer->length, &arena, &ignored);
    error_unavailable(error, "%s %.80s: %ld %.100s", request->method, request->path, status, json_member_text(json_member(problem, "message"), "en", ""));
    arena_free(&arena);
}

static bool is_of_content(long status) { return status == 400 || status == 409 || status == 413 || status == 415 || status == 422; }

int portal_ask(struct portal *portal, const struct portal_request *request, struct buffer *answer, long *status, struct error *error)
{
    struct curl_slist *headers = headers_of(portal, request);
    char url[2048];
    curl_off_t wait = 0;
    CURLcode code;

    *status = 0;
    buffer_reset(answer);
    snprintf(url, sizeof url, "%s%s", portal->settings->portal, request->path);
    set_options(portal->curl, portal->settings, request, answer);
    curl_easy_setopt(portal->curl, CURLOPT_URL, url);
    curl_easy_setopt(portal->curl, CURLOPT_HTTPHEADER, headers);
    code = curl_easy_perform(portal->curl);
    curl_easy_getinfo(portal->curl, CURLINFO_RESPONSE_CODE, status);
    curl_easy_getinfo(portal->curl, CURLINFO_RETRY_AFTER, &wait);
    curl_slist_free_all(headers);
    if (!code && ((*status >= 200 && *status < 300) || is_of_content(*status))) return 0;
    if (code) error_unavailable(error, "%s %.80s: %s", request->method, request->path, curl_easy_strerror(code));
    else not_now(request, answer, *status, error);
    error->retry_after = wait > 0 && wait < 3600 ? (int)wait : 0;
    return (int)error->code;
}
