#include "push.h"

#include "base/date.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void put_time(struct json_writer *json, const char *name, int64_t at)
{
    time_t seconds = (time_t)(at / 1000);
    char text[32];
    struct tm utc;

    gmtime_r(&seconds, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    json_put_string(json, name, text);
}

static void event_body(const struct event *event, struct buffer *body)
{
    struct json_writer json;

    json_writer_init(&json, body);
    json_object(&json);
    json_put_string(&json, "type", "document.status_changed");
    put_time(&json, "timestamp", event->at);
    json_name(&json, "data");
    json_object(&json);
    json_put_string(&json, "module", event->module);
    json_put_string(&json, "form", event->form);
    json_put_id(&json, "document", event->document);
    json_put_string(&json, "application_no", event->application_no);
    json_put_string(&json, "form_no", event->form_no);
    json_put_string(&json, "licence_no", event->licence_no);
    json_put_string(&json, "machine", event->machine);
    json_put_string(&json, "from", event->from);
    json_put_string(&json, "to", event->to);
    json_put_words(&json, "label", event->label_zh, event->label_en);
    json_put_string(&json, "opinion", event->opinion);
    json_put_integer(&json, "sequence", event->sequence);
    json_object_end(&json);
    json_object_end(&json);
}

void message_write(const struct event *event, const char *way, const char *language, const char *portal, struct buffer *subject, struct buffer *body)
{
    bool english = !strcmp(language, "en");
    const char *number = *event->application_no ? event->application_no : event->licence_no;

    if (english) buffer_printf(subject, "%s %s: %s", event->title_en, number, event->label_en);
    else buffer_printf(subject, "%s %s：%s", event->title_zh, number, event->label_zh);
    if (!strcmp(way, "webhook") || !strcmp(way, "collect")) event_body(event, body);
    else if (english)
        buffer_printf(body, "%s: the state of your %s %s is now \"%s\"%s%s.", portal, event->title_en, number, event->label_en,
                      *event->licence_no ? ", licence " : "", event->licence_no);
    else
        buffer_printf(body, "【%s】您的%s（%s）状态已变为“%s”%s%s。", portal, event->title_zh, number, event->label_zh,
                      *event->licence_no ? "，证号" : "", event->licence_no);
}
