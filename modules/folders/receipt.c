#include "receipt.h"

#include "exchange/envelope.h"

#include <string.h>

static void begin(struct buffer *out, const char *id, const char *form)
{
    buffer_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Receipt xmlns=\"" RECEIPT_NAMESPACE "\">");
    envelope_put(out, "ReceiptId", id);
    envelope_put(out, "Form", form);
}

static void end(struct buffer *out) { buffer_text(out, "</Receipt>\n"); }

static void put_words(struct buffer *out, const char *zh, const char *en, const struct json *words)
{
    envelope_put(out, zh, json_member_text(words, "zh", ""));
    envelope_put(out, en, json_member_text(words, "en", ""));
}

/* ---- what is wrong */

static void put_problem(struct buffer *out, const struct json *problem, const char *rule)
{
    long long line = json_member_integer(problem, "line", 0);
    bool warning = !strcmp(json_member_text(problem, "level", ""), "warning");

    envelope_open(out, "Problem");
    envelope_put(out, "Level", warning ? "warning" : "error");
    envelope_put(out, "Rule", rule);
    envelope_put(out, "Field", json_member_text(problem, "field", ""));
    if (line > 0) envelope_put_integer(out, "Line", line);
    envelope_put(out, "Element", json_member_text(problem, "element", ""));
    put_words(out, "Text", "TextEn", json_member(problem, "message"));
    envelope_close(out, "Problem");
}

static void put_problems(struct buffer *out, const struct json *problems)
{
    JSON_EACH(problem, problems) put_problem(out, problem, json_member_text(problem, "rule", ""));
}

/* ---- a file */

static void put_result(struct buffer *out, const struct json *result, long long place)
{
    bool ok = json_member_true(result, "ok");
    const char *row = json_member_text(result, "row", json_member_text(result, "file", ""));

    envelope_open(out, "Item");
    if (*row) envelope_put(out, "Name", row);
    else envelope_put_integer(out, "Name", place);
    envelope_put(out, "Taken", ok ? "true" : "false");
    if (ok) envelope_put(out, "DocumentId", json_member_text(result, "id", ""));
    envelope_put(out, "ApplicationNo", json_member_text(result, "application_no", ""));
    envelope_put(out, "StatusCode", json_member_text(result, "state", ""));
    put_problems(out, json_member(result, "problems"));
    envelope_close(out, "Item");
}

void receipt_of_job(const char *id, const char *form, const char *file, const struct json *job, struct buffer *out, int *made)
{
    long long place = 0;

    *made = 0;
    begin(out, id, form);
    envelope_open(out, "File");
    envelope_put(out, "FileName", file);
    JSON_EACH(result, json_member(job, "results")) {
        put_result(out, result, ++place);
        *made += json_member_true(result, "ok");
    }
    envelope_close(out, "File");
    end(out);
}

void receipt_of_refusal(const char *id, const char *form, const char *file, const struct json *problem, struct buffer *out)
{
    const char *type = json_member_text(problem, "type", ""), *slash = strrchr(type, '/');

    begin(out, id, form);
    envelope_open(out, "File");
    envelope_put(out, "FileName", file);
    put_problem(out, problem, slash ? slash + 1 : type);
    put_problems(out, json_member(problem, "errors"));
    envelope_close(out, "File");
    end(out);
}

/* ---- a document */

void receipt_of_change(const char *id, const struct json *item, struct buffer *out)
{
    const struct json *data = json_member(item, "data");

    begin(out, id, json_member_text(data, "form", ""));
    envelope_open(out, "Status");
    envelope_put(out, "DocumentId", json_member_text(data, "document", ""));
    envelope_put(out, "ApplicationNo", json_member_text(data, "application_no", ""));
    envelope_put(out, "FormNo", json_member_text(data, "form_no", ""));
    envelope_put(out, "LicenceNo", json_member_text(data, "licence_no", ""));
    envelope_put(out, "Machine", json_member_text(data, "machine", ""));
    envelope_put(out, "StatusCode", json_member_text(data, "to", ""));
    put_words(out, "StatusName", "StatusNameEn", json_member(data, "label"));
    envelope_put(out, "Opinion", json_member_text(data, "opinion", ""));
    envelope_put(out, "Time", json_member_text(item, "timestamp", ""));
    envelope_close(out, "Status");
    end(out);
}
