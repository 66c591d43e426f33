/* Requests to other programs, through nginx's internal server block. */
#include "web/frame.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

/* One handle for each thread: it keeps its connection to nginx open. */
static pthread_key_t handle_key;
static pthread_once_t handle_once = PTHREAD_ONCE_INIT;

static void handle_free(void *handle)
{
    curl_easy_cleanup(handle);
}

static void handle_begin(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    pthread_key_create(&handle_key, handle_free);
}

static CURL *handle_get(void)
{
    pthread_once(&handle_once, handle_begin);
    CURL *handle = pthread_getspecific(handle_key);
    if (!handle && (handle = curl_easy_init()))
        pthread_setspecific(handle_key, handle);
    if (handle)
        curl_easy_reset(handle); /* options only, the connection stays */
    return handle;
}

static size_t receive(char *bytes, size_t size, size_t count, void *context)
{
    struct buffer *answer = context;
    buffer_bytes(answer, bytes, size * count);
    return answer->failed ? 0 : size * count;
}

static int refuse(long status, const char *path, struct error *error)
{
    switch (status) {
    case 401: case 403:
        return error_internal(error, "%s: status %ld", path, status);
    case 404:
        error_set(error, ERROR_NOT_FOUND, "not_found", "没有找到。", "There is no such thing.");
        break;
    case 409:
        error_set(error, ERROR_CONFLICT, "conflict", "状态已改变，请刷新。", "The state has changed. Please refresh.");
        break;
    case 422:
        error_set(error, ERROR_INVALID, "invalid", "内容有误。", "Something is not right in what was sent.");
        break;
    case 429: case 502: case 503: case 504:
        return error_unavailable(error, "%s: status %ld", path, status);
    default:
        return error_internal(error, "%s: status %ld", path, status);
    }
    error_detail(error, "%s: status %ld", path, status);
    return error->code;
}

/* `internal` is unix:<path>, or the address of another node's internal server block. */
static bool prepare(const struct web_server *server, CURL *handle, const char *path, struct buffer *url)
{
    bool local = !strncmp(server->internal, "unix:", 5);
    buffer_text(url, local ? "http://internal" : server->internal);
    buffer_text(url, path);
    if (local)
        curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, server->internal + 5);
    curl_easy_setopt(handle, CURLOPT_URL, buffer_string(url));
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    return !url->failed;
}

int web_internal_request(struct web_server *server, const char *method, const char *path, const char *body, int milliseconds,
                         struct buffer *answer, struct error *error)
{
    CURL *handle = handle_get();
    struct curl_slist *headers = NULL;
    struct buffer url;
    long status = 0;
    buffer_init(&url, 8192);
    if (!handle || !prepare(server, handle, path, &url)) {
        buffer_free(&url);
        return error_internal(error, "no request to %s", path);
    }
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)milliseconds);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, answer);
    if (body) {
        headers = curl_slist_append(headers, "Content-Type: application/json");
        headers = curl_slist_append(headers, "Expect:");
        curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body);
    }
    CURLcode result = curl_easy_perform(handle);
    if (result == CURLE_OK)
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    buffer_free(&url);
    if (result != CURLE_OK)
        return error_unavailable(error, "%s: %s", path, curl_easy_strerror(result));
    return status >= 200 && status < 300 ? 0 : refuse(status, path, error);
}
