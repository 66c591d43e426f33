#include "base/csv.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

void csv_init(struct csv *csv, const char *text, size_t length, struct arena *arena)
{
    if (length >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3)) {
        text += 3;
        length -= 3;
    }
    *csv = (struct csv){.at = text, .end = text + length, .arena = arena};
}

static int refuse(struct csv *csv, struct error *error, const char *zh, const char *en)
{
    char words_zh[128], words_en[128];
    snprintf(words_zh, sizeof words_zh, "文件第 %d 行：%s", csv->line, zh);
    snprintf(words_en, sizeof words_en, "Line %d of the file: %s", csv->line, en);
    error_set(error, ERROR_MALFORMED, "csv", words_zh, words_en);
    return -1;
}

/* The field after an opening quote. Doubled quotes are undone in a copy; most fields have none. */
static bool quoted(struct csv *csv, struct slice *field, int *lines)
{
    const char *start = csv->at, *at = start;
    size_t doubled = 0;
    for (; at < csv->end; at++) {
        *lines += *at == '\n';
        if (*at != '"')
            continue;
        if (at + 1 < csv->end && at[1] == '"') {
            doubled++;
            at++;
            continue;
        }
        break;
    }
    if (at >= csv->end)
        return false;
    csv->at = at + 1;
    *field = (struct slice){start, (size_t)(at - start)};
    if (!doubled)
        return true;
    char *copy = arena_alloc(csv->arena, field->length - doubled + 1);
    if (!copy)
        return false;
    size_t length = 0;
    for (const char *from = start; from < at; from++) {
        copy[length++] = *from;
        from += *from == '"';
    }
    *field = (struct slice){copy, length};
    return true;
}

static void plain(struct csv *csv, struct slice *field)
{
    const char *start = csv->at;
    while (csv->at < csv->end && *csv->at != ',' && *csv->at != '\n' && *csv->at != '\r')
        csv->at++;
    *field = (struct slice){start, (size_t)(csv->at - start)};
}

static bool row_end(struct csv *csv)
{
    if (csv->at < csv->end && *csv->at == '\r')
        csv->at++;
    if (csv->at < csv->end && *csv->at != '\n')
        return false;
    if (csv->at < csv->end)
        csv->at++;
    return true;
}

/* What a spreadsheet would take for a formula; behind apostrophes, too, so that writing and reading undo each other. */
static bool is_formula(const char *text, size_t length)
{
    while (length && *text == '\'') {
        text++;
        length--;
    }
    return length && memchr("=+-@\t\r", *text, 6);
}

int csv_row(struct csv *csv, struct slice fields[CSV_COLUMNS], struct error *error)
{
    csv->line++;
    while (csv->at < csv->end && (*csv->at == '\n' || *csv->at == '\r')) {
        csv->line += *csv->at == '\n';
        csv->at++;
    }
    if (csv->at >= csv->end)
        return 0;
    int count = 0, lines = 0;
    for (;;) {
        if (count == CSV_COLUMNS)
            return refuse(csv, error, "列太多。", "too many columns.");
        struct slice *field = &fields[count++];
        if (csv->at < csv->end && *csv->at == '"') {
            csv->at++;
            if (!quoted(csv, field, &lines))
                return refuse(csv, error, "引号没有结束。", "a quote is not closed.");
        } else {
            plain(csv, field);
        }
        if (!utf8_valid(field->text, field->length) || memchr(field->text, 0, field->length))
            return refuse(csv, error, "不是 UTF-8 文字。", "this is not UTF-8 text.");
        if (field->length && *field->text == '\'' && is_formula(field->text, field->length)) {
            field->text++;
            field->length--;
        }
        if (csv->at < csv->end && *csv->at == ',') {
            csv->at++;
            continue;
        }
        if (!row_end(csv))
            return refuse(csv, error, "引号后面有多余的文字。", "text after a closing quote.");
        csv->line += lines;
        return count;
    }
}

static bool is_number(const char *text, size_t length)
{
    size_t at = length && *text == '-', digits = 0, points = 0;
    for (; at < length; at++) {
        if (text[at] >= '0' && text[at] <= '9')
            digits++;
        else if (text[at] != '.' || points++ || !digits)
            return false;
    }
    return digits && text[length - 1] != '.';
}

void csv_field(struct buffer *out, bool first, const char *text, size_t length)
{
    if (!first)
        buffer_char(out, ',');
    bool formula = is_formula(text, length) && !is_number(text, length);
    bool quotes = false;
    for (size_t i = 0; i < length && !quotes; i++)
        quotes = text[i] == ',' || text[i] == '"' || text[i] == '\n' || text[i] == '\r';
    quotes = quotes || (length && (*text == ' ' || text[length - 1] == ' '));
    if (quotes)
        buffer_char(out, '"');
    if (formula)
        buffer_char(out, '\'');
    for (size_t start = 0; start < length;) {
        const char *quote = memchr(text + start, '"', length - start);
        size_t end = quote ? (size_t)(quote - text) + 1 : length;
        buffer_bytes(out, text + start, end - start);
        if (quote)
            buffer_char(out, '"');
        start = end;
    }
    if (quotes)
        buffer_char(out, '"');
}
