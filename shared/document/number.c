/* Gapless numbers: a counter row per series, taken last in the transaction's lock order. */
#include "document/internal.h"

#include "base/date.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct numbering {
    struct doc_module *module;
    const struct form *form;
    const struct form_number *number;
    const struct doc_row *row;
    int64_t year, now;
};

static void series_name(const struct numbering *numbering, char *series, size_t size)
{
    const struct form_number *number = numbering->number;
    size_t length = (size_t)snprintf(series, size, "%s.%s", numbering->form->name, number->name);

    if (number->by_year) length += (size_t)snprintf(series + length, size - length, ".%lld", (long long)numbering->year);
    if (number->by_enterprise) length += (size_t)snprintf(series + length, size - length, ".%lld", (long long)numbering->row->enterprise);
    if (number->by_agency) length += (size_t)snprintf(series + length, size - length, ".%s", numbering->row->agency);
    if (number->by_registration) snprintf(series + length, size - length, ".%s", numbering->row->registration_no);
}

static int take(struct store_connection *db, const char *series, int64_t first, int64_t *value, struct error *error)
{
    struct store_rows rows;

    if (store_query(db, &rows, error,
                    "INSERT INTO counter (series, value) VALUES ($1, $2) ON CONFLICT (series) DO UPDATE SET value = counter.value + 1 "
                    "RETURNING value", STORE_VALUES(store_string(series), store_integer(first))))
        return (int)error->code;
    if (store_next(&rows)) *value = store_column_integer(&rows, 0);
    return store_end(&rows);
}

/* {code:list.column}: the column of the row whose code is the document's agency. */
static struct slice code_column(const struct numbering *numbering, const char *word)
{
    const char *dot = strchr(word, '.');
    char list[48];
    const struct code_table *table;
    const struct code_row *row;
    struct slice agency = {numbering->row->agency, strlen(numbering->row->agency)};
    int column;

    if (!dot) return (struct slice){"", 0};
    snprintf(list, sizeof list, "%.*s", (int)(dot - word), word);
    table = code_set_find(&numbering->module->codes, list);
    row = table ? code_table_find(table, NULL, agency, date_of_instant(numbering->now)) : NULL;
    column = table ? code_table_column(table, dot + 1) : -1;
    return row && column >= 0 ? row->cells[column] : (struct slice){"", 0};
}

/* Writes what one {word} stands for; returns false when the serial does not fit its digits. */
static bool write_word(const struct numbering *numbering, const char *word, int64_t value, struct buffer *out)
{
    int year, month, day, digits;
    char serial[32];
    struct slice text;

    date_parts(date_of_instant(numbering->now), &year, &month, &day);
    if (!strcmp(word, "yyyy")) buffer_printf(out, "%04lld", (long long)numbering->year);
    else if (!strcmp(word, "yy")) buffer_printf(out, "%02lld", (long long)(numbering->year % 100));
    else if (!strcmp(word, "yymmdd")) buffer_printf(out, "%02d%02d%02d", year % 100, month, day);
    else if (!strcmp(word, "enterprise_code")) buffer_text(out, numbering->row->enterprise_code);
    else if (!strcmp(word, "agency")) buffer_text(out, numbering->row->agency);
    else if (!strcmp(word, "column:kind")) buffer_text(out, numbering->row->kind);
    else if (!strcmp(word, "column:registration_no")) buffer_text(out, numbering->row->registration_no);
    else if (!strncmp(word, "code:", 5)) {
        text = code_column(numbering, word + 5);
        buffer_bytes(out, text.text, text.length);
    } else if (!strncmp(word, "seq:", 4)) {
        digits = (int)strtol(word + 4, NULL, 10);
        snprintf(serial, sizeof serial, "%0*lld", digits, (long long)value);
        if (strlen(serial) > (size_t)digits) return false;
        buffer_text(out, serial);
    }
    return true;
}

static bool write_number(const struct numbering *numbering, int64_t value, struct buffer *out)
{
    char word[64];

    for (const char *at = numbering->number->format; *at; at++) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        if (!end || (size_t)(end - at) > sizeof word) {
            buffer_char(out, *at);
            continue;
        }
        snprintf(word, sizeof word, "%.*s", (int)(end - at - 1), at + 1);
        if (!write_word(numbering, word, value, out)) return false;
        at = end;
    }
    return true;
}

static int exhausted(const char *series, struct error *error)
{
    error_set(error, ERROR_CONFLICT, "number_exhausted", "本系列编号已用完，请与门户管理员联系。",
              "The numbers of this series are used up; tell the portal administrator.");
    error_detail(error, "series %s is exhausted", series);
    return (int)error->code;
}

int doc_number(struct store_connection *db, struct doc_module *module, const struct form *form, const struct form_number *number,
               const struct doc_row *row, int64_t year, int64_t now, char *text, size_t size, struct error *error)
{
    struct numbering numbering = {module, form, number, row, year, now};
    struct buffer out;
    char series[160];
    int64_t value = 0;
    bool fits;

    series_name(&numbering, series, sizeof series);
    if (take(db, series, number->first, &value, error)) return (int)error->code;
    if (number->last && value > number->last) return exhausted(series, error);
    buffer_init(&out, 256);
    pthread_rwlock_rdlock(&module->lock);
    fits = write_number(&numbering, value, &out);
    pthread_rwlock_unlock(&module->lock);
    fits = fits && !out.failed && out.length < size;
    if (fits) snprintf(text, size, "%s", buffer_string(&out));
    buffer_free(&out);
    return fits ? 0 : exhausted(series, error);
}

/* ---- how far the series are, for administrators */

/* The largest serial that fits; format_check at start has seen to it that there is {seq:n}. */
static int64_t last_of(const struct form_number *number)
{
    const char *at = strstr(number->format, "{seq:");
    long digits = at ? strtol(at + 5, NULL, 10) : 0;
    int64_t last = 1;

    if (number->last) return number->last;
    for (long i = 0; i < digits && i < 18; i++) last *= 10;
    return last - 1;
}

/* One that belongs to a year that is over needs nobody's attention. */
static bool is_past(const struct form_number *number, const char *rest, int64_t now)
{
    int year, month, day;

    date_parts(date_of_instant(now), &year, &month, &day);
    return number->by_year && strtol(rest, NULL, 10) < year;
}

static void put_series(const struct form *form, const struct form_number *number, struct store_rows *rows, struct json_writer *json)
{
    int64_t value = store_column_integer(rows, 1), last = last_of(number);

    json_object(json);
    json_put_string(json, "series", store_column_text(rows, 0, NULL));
    json_put_string(json, "form", form->name);
    json_put_words(json, "title", form->title.zh, form->title.en);
    json_put_string(json, "number", number->name);
    json_put_id(json, "value", value);
    json_put_id(json, "last", last);
    json_put_id(json, "left", last > value ? last - value : 0);
    json_put_boolean(json, "exhausted", value >= last);
    json_object_end(json);
}

static int write_series(struct store_connection *db, const struct form *form, const struct form_number *number, int64_t now,
                        struct json_writer *json, struct error *error)
{
    struct store_rows rows;
    char name[120];
    size_t length = (size_t)snprintf(name, sizeof name, "%s.%s", form->name, number->name);

    if (store_query(db, &rows, error, "SELECT series, value FROM counter WHERE substr(series, 1, CAST($2 AS INTEGER)) = $1 ORDER BY value DESC, series LIMIT 50",
                    STORE_VALUES(store_string(name), store_integer((int64_t)length))))
        return (int)error->code;
    while (store_next(&rows)) {
        const char *rest = store_column_text(&rows, 0, NULL) + length;
        if ((*rest == '.' && !is_past(number, rest + 1, now)) || !*rest) put_series(form, number, &rows, json);
    }
    return store_end(&rows);
}

int doc_series_write(struct store_connection *db, struct doc_module *module, int64_t now, struct json_writer *json, struct error *error)
{
    int32_t today = date_of_instant(now);

    json_object(json);
    json_name(json, "series");
    json_array(json);
    for (size_t i = 0; i < module->form_count; i++) {
        const struct form *form = module->forms[i];
        if (doc_form(module, form->name, today) != form) continue;
        for (size_t k = 0; k < form->number_count; k++)
            if (write_series(db, form, &form->numbers[k], now, json, error)) return (int)error->code;
    }
    json_array_end(json);
    json_object_end(json);
    return 0;
}
