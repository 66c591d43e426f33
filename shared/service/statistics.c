/* Statistics of licences issued, as JSON or as a sheet. */
#include "service/internal.h"

#include "base/clock.h"
#include "base/date.h"
#include "document/list.h"
#include "service/sheet.h"

#include <stdio.h>
#include <string.h>

struct statistics_output {
    struct web_call *call;
    const struct code_table *names, *units;
    struct sheet sheet;
    bool as_sheet;
    int64_t count;
    decimal amount_usd;
};

static struct slice name_of(const struct code_table *table, const char *code)
{
    const struct slice key = {code, strlen(code)};

    for (size_t i = 0; table && i < table->row_count; i++) /* whatever its validity: this is for showing */
        if (table->rows[i].cells[0].length == key.length && !memcmp(table->rows[i].cells[0].text, key.text, key.length)) return table->rows[i].cells[1];
    return key;
}

/* What a row is of, in JSON; the caller writes its sums and closes it. */
static void open_row(struct json_writer *json, const char *key, struct slice label, struct slice unit)
{
    json_object(json);
    json_put_string(json, "key", key);
    json_put_text(json, "label", label.text, label.length);
    json_put_text(json, "unit", unit.text, unit.length);
}

static void statistics_row(void *context, const char *key, const char *unit, int64_t count, decimal quantity, decimal amount_usd)
{
    struct statistics_output *output = context;
    struct json_writer *json = &output->call->json;
    struct slice label = name_of(output->names, key), unit_name = name_of(output->units, unit);
    char text[DECIMAL_TEXT_SIZE];

    output->count += count;
    output->amount_usd += amount_usd;
    if (output->as_sheet) {
        sheet_text(&output->sheet, key, strlen(key));
        sheet_text(&output->sheet, label.text, label.length);
        sheet_number(&output->sheet, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)count));
        sheet_number(&output->sheet, text, decimal_format(quantity, 0, text));
        sheet_text(&output->sheet, unit_name.text, unit_name.length);
        sheet_number(&output->sheet, text, decimal_format(amount_usd, 0, text));
        sheet_row_end(&output->sheet);
        return;
    }
    open_row(json, key, label, unit_name);
    json_put_integer(json, "count", count);
    json_put_decimal(json, "quantity", quantity, 0);
    json_put_decimal(json, "amount_usd", amount_usd, 0);
    json_object_end(json);
}

static void put_sheet_number(struct sheet *sheet, decimal number)
{
    char text[DECIMAL_TEXT_SIZE];

    sheet_number(sheet, text, decimal_format(number, 0, text));
}

static const char *list_of_dimension(const struct form *form, const char *dimension)
{
    JSON_EACH(item, json_member(json_member(form->json, "statistics"), "dimensions"))
        if (!strcmp(json_member_text(item, "column", ""), dimension)) return json_member_text(item, "list", NULL);
    return NULL;
}

static int statistics_each(struct statistics_output *output, const struct doc_statistics *statistics)
{
    struct doc_module *module = &service_of(output->call)->documents;
    const char *list = list_of_dimension(statistics->form, statistics->dimension);
    int code;

    output->units = doc_codes_read_lock(module, "unit");
    output->names = list ? code_set_find(&module->codes, list) : NULL;
    code = doc_statistics_each(reader_of(output->call), statistics, statistics_row, output, &output->call->error);
    doc_codes_unlock(module);
    return code;
}

/* Closes the sheet, whether or not its rows could be read (`code`), and answers it. */
static int answer_sheet(struct statistics_output *output, int code, const char *what, const char *of, const char *format)
{
    struct web_call *call = output->call;
    struct error failed = call->error;
    char name[100];

    if (sheet_close(&output->sheet, &call->out, &call->error) && !code) return (int)call->error.code;
    if (code) {
        buffer_reset(&call->out);
        call->error = failed;
        return code;
    }
    snprintf(name, sizeof name, "%s-%s.%s", what, of, format);
    web_answer_file(call, !strcmp(format, "xlsx") ? "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" : "text/csv; charset=utf-8", name, true);
    return 0;
}

static void sheet_heads(struct sheet *sheet, const char *const heads[], size_t count)
{
    for (size_t i = 0; i < count; i++) sheet_text(sheet, heads[i], strlen(heads[i]));
    sheet_row_end(sheet);
}

static bool is_sheet(const char *format) { return format && (!strcmp(format, "csv") || !strcmp(format, "xlsx")); }

static int statistics_sheet(struct statistics_output *output, const struct doc_statistics *statistics, const char *format)
{
    static const char *const heads[] = {"代码", "名称", "份数", "数量", "单位", "金额(美元)"};

    output->as_sheet = true;
    sheet_open(&output->sheet, !strcmp(format, "xlsx"));
    sheet_heads(&output->sheet, heads, sizeof heads / sizeof *heads);
    return answer_sheet(output, statistics_each(output, statistics), "statistics", statistics->dimension, format);
}

static int statistics(struct web_call *call)
{
    struct statistics_output output = {.call = call};
    struct doc_statistics statistics = {.principal = caller(call)};
    const char *format = web_query(call, "format");

    statistics.form = doc_form(&service_of(call)->documents, call->parameter[0], date_of_instant(clock_now()));
    if (!statistics.form) return error_set(&call->error, ERROR_NOT_FOUND, "unknown_form", "没有这种单据。", "There is no such kind of document.");
    statistics.dimension = web_query(call, "dimension") ? web_query(call, "dimension") : "year";
    if (service_dates(call, &statistics.from, &statistics.to)) return (int)call->error.code;
    if (is_sheet(format)) return statistics_sheet(&output, &statistics, format);
    json_object(&call->json);
    json_name(&call->json, "rows");
    json_array(&call->json);
    if (statistics_each(&output, &statistics)) return (int)call->error.code;
    json_array_end(&call->json);
    json_name(&call->json, "total");
    json_object(&call->json);
    json_put_integer(&call->json, "count", output.count);
    json_put_decimal(&call->json, "amount_usd", output.amount_usd, 0);
    json_object_end(&call->json);
    json_object_end(&call->json);
    return 0;
}

/* ---- a month beside the year up to it */

static void put_month(struct json_writer *json, const char *name, const struct doc_month *sums)
{
    json_name(json, name);
    json_object(json);
    json_put_decimal(json, "quantity", sums->quantity, 0);
    json_put_decimal(json, "amount_usd", sums->amount_usd, 0);
    json_put_integer(json, "count", sums->count);
    json_object_end(json);
}

static void monthly_row(void *context, const char *key, const char *unit, const struct doc_month *month, const struct doc_month *year)
{
    struct statistics_output *output = context;
    struct json_writer *json = &output->call->json;
    struct slice label = name_of(output->names, key), unit_name = name_of(output->units, unit);

    if (output->as_sheet) {
        sheet_text(&output->sheet, key, strlen(key));
        sheet_text(&output->sheet, label.text, label.length);
        sheet_text(&output->sheet, unit_name.text, unit_name.length);
        for (int i = 0; i < 2; i++) {
            const struct doc_month *sums = i ? year : month;
            put_sheet_number(&output->sheet, sums->quantity);
            put_sheet_number(&output->sheet, sums->amount_usd);
            put_sheet_number(&output->sheet, sums->count * DECIMAL_ONE);
        }
        sheet_row_end(&output->sheet);
        return;
    }
    open_row(json, key, label, unit_name);
    put_month(json, "month", month);
    put_month(json, "year", year);
    json_object_end(json);
}

static int monthly_each(struct statistics_output *output, const struct doc_monthly *monthly)
{
    struct doc_module *module = &service_of(output->call)->documents;
    const char *list = json_member_text(doc_monthly_by(monthly->form, monthly->by), "list", NULL);
    int code;

    output->units = doc_codes_read_lock(module, "unit");
    output->names = list ? code_set_find(&module->codes, list) : NULL;
    code = doc_monthly_each(reader_of(output->call), monthly, monthly_row, output, &output->call->error);
    doc_codes_unlock(module);
    return code;
}

static int monthly_sheet(struct statistics_output *output, const struct doc_monthly *monthly, const char *format)
{
    static const char *const heads[] = {"代码", "名称", "单位", "当月数量", "当月金额(美元)", "当月份数", "累计数量", "累计金额(美元)", "累计份数"};

    output->as_sheet = true;
    sheet_open(&output->sheet, !strcmp(format, "xlsx"));
    sheet_heads(&output->sheet, heads, sizeof heads / sizeof *heads);
    return answer_sheet(output, monthly_each(output, monthly), "monthly", monthly->month, format);
}

static const char *parameter_or(struct web_call *call, const char *name, const char *fallback)
{
    const char *value = web_query(call, name);

    return value && *value ? value : fallback;
}

static int monthly(struct web_call *call)
{
    struct statistics_output output = {.call = call};
    char today[DATE_TEXT_SIZE], month[8];
    const struct form *form = doc_form(&service_of(call)->documents, call->parameter[0], date_of_instant(clock_now()));
    const char *format = web_query(call, "format");

    if (!form || !doc_monthly_by(form, NULL))
        return error_set(&call->error, ERROR_NOT_FOUND, "unknown_form", "没有这种单据的月度统计。", "There are no monthly statistics of this kind of document.");
    date_format(date_of_instant(clock_now()), today);
    snprintf(month, sizeof month, "%.7s", today);
    const struct doc_monthly query = {.form = form, .principal = caller(call), .month = parameter_or(call, "month", month),
                                      .by = parameter_or(call, "by", json_member_text(doc_monthly_by(form, NULL), "column", "")),
                                      .agency = parameter_or(call, "agency", ""), .trade_mode = parameter_or(call, "trade_mode", ""),
                                      .country = parameter_or(call, "country", "")};
    if (is_sheet(format)) return monthly_sheet(&output, &query, format);
    json_object(&call->json);
    json_put_string(&call->json, "month", query.month);
    json_name(&call->json, "rows");
    json_array(&call->json);
    if (monthly_each(&output, &query)) return (int)call->error.code;
    json_array_end(&call->json);
    json_object_end(&call->json);
    return 0;
}

#define READERS (PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON | PRINCIPAL_OFFICER | PRINCIPAL_ADMINISTRATOR)

const struct web_route statistics_routes[] = {
    {"GET", "/statistics/:form", statistics, READERS, 0, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/statistics/:form/monthly", monthly, READERS, 0, 0, LANE_SLOW, 0, {0, 0}},
    {0}};
