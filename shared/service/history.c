/* Licences issued elsewhere, loaded by the enterprise from CSV so that they stand in the history and can be copied. */
#include "service/internal.h"

#include "base/clock.h"
#include "base/csv.h"
#include "base/date.h"

#include <stdio.h>
#include <string.h>

#define ROWS_MAXIMUM 1000
#define FILE_MAXIMUM (1u << 20)

struct loading {
    struct doc_save *saves; /* ROWS_MAXIMUM */
    size_t count;
    struct form_problems *problems;
    int columns[CSV_COLUMNS]; /* form columns, or -1 and below */
};

enum { CELL_IGNORED = -1, CELL_LICENCE = -2, CELL_ISSUED = -3, CELL_SOURCE = -4 };

static int cell_of(struct slice name)
{
    if (slice_is(name, "licence_no")) return CELL_LICENCE;
    if (slice_is(name, "issued")) return CELL_ISSUED;
    if (slice_is(name, "source")) return CELL_SOURCE;
    for (int i = 0; i < COLUMN_COUNT; i++)
        if (slice_is(name, form_column_names[i])) return i;
    return CELL_IGNORED;
}

static void row_problem(struct web_call *call, struct loading *loading, int line, const char *rule, const char *field, const char *zh, const char *en)
{
    form_problem_add(loading->problems, arena_printf(&call->arena, "line/%d%s%s", line, *field ? "/" : "", field), rule, false,
                     arena_printf(&call->arena, "第 %d 行：%s", line, zh), arena_printf(&call->arena, "Line %d: %s", line, en));
}

static void load_row(struct web_call *call, struct loading *loading, const char *form, const struct slice *cells, int count, int line)
{
    struct slice columns[COLUMN_COUNT] = {{NULL, 0}};
    const char *texts[3] = {"", "", "其他"};
    int32_t day;

    for (int i = 0; i < count; i++) {
        int cell = loading->columns[i];
        if (cell >= 0) columns[cell] = cells[i];
        else if (cell < CELL_IGNORED && cells[i].length && cells[i].length < 60) texts[CELL_LICENCE - cell] = arena_copy(&call->arena, cells[i].text, cells[i].length);
    }
    if (!*texts[0] || strlen(texts[0]) > 20 || !date_parse(texts[1], strlen(texts[1]), &day)) {
        row_problem(call, loading, line, "required", "", "需要许可证号和签发日期。", "licence_no and issued are needed.");
        return;
    }
    if (doc_prepare_loaded(&service_of(call)->documents, caller(call), form, columns, texts[0], texts[1], texts[2], clock_now(), &call->arena,
                           &loading->saves[loading->count], &call->error)) {
        row_problem(call, loading, line, call->error.name, call->error.field, call->error.zh, call->error.en);
        error_clear(&call->error);
        return;
    }
    loading->count++;
}

static int load_work(void *connection, struct web_call *call, struct error *error)
{
    struct loading *loading = call->argument;

    for (size_t i = 0; i < loading->count; i++)
        if (doc_write_save(connection, &loading->saves[i], error)) {
            if (error->code == ERROR_CONFLICT)
                error_set(error, ERROR_CONFLICT, "loaded_already", "其中有已导入过的许可证，没有导入任何一行。", "One of these licences was loaded before; nothing was loaded.");
            return (int)error->code;
        }
    json_object(&call->json);
    json_put_integer(&call->json, "rows", (int64_t)loading->count);
    json_object_end(&call->json);
    return 0;
}

static void free_saves(struct loading *loading)
{
    for (size_t i = 0; i < loading->count; i++) buffer_free(&loading->saves[i].body);
}

static void load_done(struct web_call *call, int code)
{
    (void)code;
    free_saves(call->argument);
}

/* All or nothing: every wrong line is told, and nothing is stored while there is one. */
static int load(struct web_call *call)
{
    struct loading *loading = arena_alloc(&call->arena, sizeof *loading);
    struct slice cells[CSV_COLUMNS];
    struct csv csv;
    int count, line = 0;

    if (!loading || !(loading->problems = new_problems(call)) ||
        !(loading->saves = arena_alloc(&call->arena, ROWS_MAXIMUM * sizeof *loading->saves)))
        return error_internal(&call->error, "out of memory");
    csv_init(&csv, call->body, call->body_length, &call->arena);
    if ((count = csv_row(&csv, cells, &call->error)) <= 0)
        return call->error.code ? (int)call->error.code : error_set(&call->error, ERROR_INVALID, "empty_file", "文件是空的。", "The file is empty.");
    for (int i = 0; i < count; i++) loading->columns[i] = cell_of(cells[i]);
    for (int width = count; (count = csv_row(&csv, cells, &call->error)) > 0;) {
        line = csv.line;
        if (loading->count == ROWS_MAXIMUM) row_problem(call, loading, line, "too_many_rows", "", "最多1000行。", "at most 1,000 lines.");
        else if (count != width) row_problem(call, loading, line, "columns", "", "列数不对。", "another number of columns.");
        else load_row(call, loading, call->parameter[0], cells, count, line);
    }
    if (count < 0 || loading->problems->count) {
        if (!call->error.code) error_set(&call->error, ERROR_INVALID, "invalid", "文件中有错误，没有导入任何一行。", "The file has errors; nothing was loaded.");
        free_saves(loading);
        return answer_problems(call, loading->problems);
    }
    call->work_done = load_done;
    return service_write(call, load_work, loading);
}

const struct web_route history_routes[] = {
    {"POST", "/history/:form", load, PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON, RIGHT_EDIT, WEB_RAW_BODY, LANE_SLOW, FILE_MAXIMUM, {0, 0}},
    {0}};
