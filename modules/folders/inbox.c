#include "inbox.h"

#include "base/json_tree.h"
#include "base/log.h"
#include "receipt.h"

#include <stdio.h>
#include <string.h>

#define AT_ONCE 100

/* Asks and reads the answer; what the portal refuses is a defect of one of us. NULL with an error. */
static const struct json *ask(struct portal *portal, const struct portal_request *request, struct arena *arena, struct error *error)
{
    struct buffer answer;
    const struct json *said = NULL;
    long status;

    buffer_init(&answer, PORTAL_ANSWER_MAXIMUM);
    if (!portal_ask(portal, request, &answer, &status, error)) {
        said = json_tree(answer.length ? buffer_string(&answer) : "{}", answer.length ? answer.length : 2, arena, error);
        if (said && status >= 300) error_unavailable(error, "%s %.80s: %ld %.100s", request->method, request->path, status, json_member_text(json_member(said, "message"), "en", ""));
    }
    buffer_free(&answer);
    return error->code ? NULL : said;
}

/* ---- subscribing */

/* ",a,b,": the settings' forms of one module, in their order. */
static void forms_of(const struct settings *settings, const char *module, struct buffer *out)
{
    buffer_reset(out);
    for (int i = 0; i < settings->form_count; i++)
        if (!strcmp(settings->forms[i].module, module)) buffer_printf(out, "%s%s,", out->length ? "" : ",", settings->forms[i].form);
}

static bool is_ours(const struct settings *settings, const struct json *item)
{
    return !strcmp(json_member_text(item, "way", ""), "collect") && !strcmp(json_member_text(item, "address", ""), settings->queue) &&
           !strcmp(json_member_text(item, "state", ""), "active");
}

static bool is_wanted(const struct settings *settings, const struct json *item)
{
    struct buffer forms;
    bool same;

    buffer_init(&forms, 4096);
    forms_of(settings, json_member_text(item, "module", ""), &forms);
    same = forms.length && !strcmp(buffer_string(&forms), json_member_text(item, "forms", "")) && !strcmp(json_member_text(item, "scope", ""), "enterprise");
    buffer_free(&forms);
    return same;
}

static bool is_subscribed(const struct settings *settings, const struct json *items, const char *module)
{
    JSON_EACH(item, items)
        if (is_ours(settings, item) && is_wanted(settings, item) && !strcmp(json_member_text(item, "module", ""), module)) return true;
    return false;
}

static int subscribe(struct portal *portal, const struct settings *settings, const char *module, struct arena *arena, struct error *error)
{
    struct buffer body;
    struct json_writer json;

    buffer_init(&body, 4096);
    json_writer_init(&json, &body);
    json_object(&json);
    json_put_string(&json, "module", module);
    json_put_string(&json, "way", "collect");
    json_put_string(&json, "address", settings->queue);
    json_put_string(&json, "scope", "enterprise");
    json_name(&json, "forms");
    json_array(&json);
    for (int i = 0; i < settings->form_count; i++)
        if (!strcmp(settings->forms[i].module, module)) json_string(&json, settings->forms[i].form);
    json_array_end(&json);
    json_object_end(&json);
    const struct portal_request request = {"POST", "/api/exchange/subscriptions", "application/json", buffer_string(&body), body.length, NULL};
    if (ask(portal, &request, arena, error)) log_line(LOG_INFO, "subscribed", "module=%s queue=%s", module, settings->queue);
    buffer_free(&body);
    return (int)error->code;
}

/* What waits goes with a subscription: it is fetched first. */
static int empty_queue(struct portal *portal, const struct settings *settings, struct error *error)
{
    bool more = true;

    while (more && !inbox_step(portal, settings, &more, error)) ;
    return (int)error->code;
}

static int cancel(struct portal *portal, const struct json *item, struct arena *arena, struct error *error)
{
    char path[100];
    const struct portal_request request = {.method = "DELETE", .path = path};

    snprintf(path, sizeof path, "/api/exchange/subscriptions/%.24s", json_member_text(item, "id", ""));
    ask(portal, &request, arena, error);
    return (int)error->code;
}

static bool is_first_of_module(const struct settings *settings, int index)
{
    for (int i = 0; i < index; i++)
        if (!strcmp(settings->forms[i].module, settings->forms[index].module)) return false;
    return true;
}

int inbox_subscribe(struct portal *portal, const struct settings *settings, struct error *error)
{
    const struct portal_request request = {.method = "GET", .path = "/api/exchange/subscriptions"};
    const struct json *items;
    struct arena arena;
    bool emptied = false;

    arena_init(&arena, 0);
    items = json_member(ask(portal, &request, &arena, error), "items");
    for (int i = 0; i < settings->form_count && !error->code; i++)
        if (is_first_of_module(settings, i) && !is_subscribed(settings, items, settings->forms[i].module)) subscribe(portal, settings, settings->forms[i].module, &arena, error);
    JSON_EACH(item, items) {
        if (error->code || !is_ours(settings, item) || is_wanted(settings, item)) continue;
        if (emptied || !empty_queue(portal, settings, error)) cancel(portal, item, &arena, error);
        emptied = true;
    }
    arena_free(&arena);
    return (int)error->code;
}

/* ---- receipts */

static const struct form_folder *folder_of(const struct settings *settings, const char *form)
{
    for (int i = 0; i < settings->form_count; i++)
        if (!strcmp(settings->forms[i].form, form)) return &settings->forms[i];
    return NULL;
}

/* "20260903T020000Z.<document>.<machine>.<sequence>": the same of the same change, whichever subscription tells it; by name in the order of time. */
static void receipt_id(const struct json *item, char *out, size_t size)
{
    const struct json *data = json_member(item, "data");
    const char *at = json_member_text(item, "timestamp", "");
    char time[32];
    size_t length = 0;

    for (; *at && length + 1 < sizeof time; at++)
        if (strchr("0123456789TZ", *at)) time[length++] = *at;
    time[length] = '\0';
    snprintf(out, size, "%s.%.24s.%.24s.%lld", time, json_member_text(data, "document", ""), json_member_text(data, "machine", ""), json_member_integer(data, "sequence", 0));
}

static bool is_plain(const char *text) { return !text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")]; }

static int write_receipt(const struct settings *settings, const struct json *item, struct error *error)
{
    const struct form_folder *folder = folder_of(settings, json_member_text(json_member(item, "data"), "form", ""));
    char id[120], name[140];
    struct buffer receipt;

    receipt_id(item, id, sizeof id);
    if (!folder || !is_plain(id)) { /* of a form that the settings named before */
        log_line(LOG_WARNING, "passed_over", "delivery=%.24s", json_member_text(item, "id", ""));
        return 0;
    }
    buffer_init(&receipt, 0);
    receipt_of_change(id, item, &receipt);
    snprintf(name, sizeof name, "status.%s.xml", id);
    box_put(folder->path, name, &receipt, error);
    buffer_free(&receipt);
    return (int)error->code;
}

static int acknowledge(struct portal *portal, const struct settings *settings, const struct json *items, size_t count, struct arena *arena, struct error *error)
{
    struct buffer body;
    struct json_writer json;
    char path[100];

    buffer_init(&body, 65536);
    json_writer_init(&json, &body);
    json_object(&json);
    json_name(&json, "ids");
    json_array(&json);
    JSON_EACH(item, items)
        if (count) json_string(&json, json_member_text(item, "id", "")), count--;
    json_array_end(&json);
    json_object_end(&json);
    snprintf(path, sizeof path, "/api/exchange/queues/%s/ack", settings->queue);
    const struct portal_request request = {"POST", path, "application/json", buffer_string(&body), body.length, NULL};
    ask(portal, &request, arena, error);
    buffer_free(&body);
    return (int)error->code;
}

int inbox_step(struct portal *portal, const struct settings *settings, bool *more, struct error *error)
{
    char path[100];
    const struct portal_request request = {.method = "GET", .path = path};
    const struct json *items;
    struct error own;
    struct arena arena;
    size_t written = 0;

    *more = false;
    error_clear(&own);
    arena_init(&arena, 0);
    snprintf(path, sizeof path, "/api/exchange/queues/%s?count=%d", settings->queue, AT_ONCE);
    items = json_member(ask(portal, &request, &arena, error), "items");
    JSON_EACH(item, items)
        if (!own.code && !write_receipt(settings, item, &own)) written++;
    if (written) acknowledge(portal, settings, items, written, &arena, error);
    *more = !own.code && !error->code && written == AT_ONCE;
    if (own.code && !error->code) *error = own;
    arena_free(&arena);
    return (int)error->code;
}
