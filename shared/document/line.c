/* Goods lines: rows of document_line, kept in the transaction that stores the body they come from. */
#include "document/internal.h"
#include "document/list.h"

#include <string.h>

#include <stdio.h>

static const enum form_column columns_of_line[LINE_COLUMNS] = {
    [LINE_GOODS] = COLUMN_GOODS, [LINE_GOODS_NAME] = COLUMN_GOODS_NAME, [LINE_GOODS_CLASS] = COLUMN_GOODS_CLASS, [LINE_UNIT] = COLUMN_UNIT,
    [LINE_QUANTITY] = COLUMN_QUANTITY, [LINE_AMOUNT] = COLUMN_AMOUNT, [LINE_AMOUNT_USD] = COLUMN_AMOUNT_USD};

static bool is_text(int i) { return i < LINE_QUANTITY; }

void doc_lines_of(const struct form_body *body, struct arena *arena, struct doc_columns *columns)
{
    const struct form_rows *rows = form_lines(body);

    columns->has_lines = rows != NULL;
    columns->line_count = 0;
    columns->lines = rows && rows->count ? arena_alloc(arena, rows->count * sizeof *columns->lines) : NULL;
    for (size_t r = 0; columns->lines && r < rows->count; r++) {
        struct form_value *values = columns->lines[columns->line_count++].value;
        for (int i = 0; i < LINE_COLUMNS; i++) {
            enum form_column column = columns_of_line[i];
            if (body->form->lines.slot[column] >= 0) values[i] = form_line_value(body, &rows->rows[r], column);
            else if (is_text(i)) values[i] = columns->value[column];
            if (values[i].kind == VALUE_TEXT) values[i].text.text = arena_copy(arena, values[i].text.text, values[i].text.length);
        }
    }
}

static struct store_value parameter(const struct doc_line *line, int i)
{
    struct form_value value = line->value[i];

    if (!is_text(i)) return value.kind == VALUE_NUMBER ? store_integer(value.number) : store_null();
    return value.kind == VALUE_TEXT ? store_text(value.text.text, value.text.length) : store_string("");
}

#define AT_ONCE 16 /* lines of one statement */
#define PARAMETERS (LINE_COLUMNS + 2)

static int insert_lines(struct store_connection *db, int64_t document, const struct doc_line *lines, size_t first, size_t count, struct error *error)
{
    struct store_value values[AT_ONCE * PARAMETERS];
    char sql[2048];
    size_t used = 0, length;

    length = (size_t)snprintf(sql, sizeof sql, "INSERT INTO document_line (document, line, goods, goods_name, goods_class, unit, quantity, amount, "
                              "amount_usd) VALUES ");
    for (size_t r = 0; r < count; r++) {
        values[used++] = store_integer(document);
        values[used++] = store_integer((int64_t)(first + r + 1));
        for (int i = 0; i < LINE_COLUMNS; i++) values[used++] = parameter(&lines[first + r], i);
        for (size_t i = used - PARAMETERS; i < used; i++)
            length += (size_t)snprintf(sql + length, sizeof sql - length, "%s$%zu", i + PARAMETERS > used ? ", " : r ? ", (" : "(", i + 1);
        length += (size_t)snprintf(sql + length, sizeof sql - length, ")");
    }
    return store_execute(db, error, NULL, sql, values, used);
}

int doc_write_lines(struct store_connection *db, int64_t document, const struct doc_columns *columns, bool again, struct error *error)
{
    size_t step;

    if (!columns->has_lines) return 0;
    if (again && store_execute(db, error, NULL, "DELETE FROM document_line WHERE document = $1", STORE_VALUES(store_integer(document))))
        return (int)error->code;
    for (size_t done = 0; done < columns->line_count; done += step) { /* few different statements: each is prepared once */
        size_t left = columns->line_count - done;
        step = left >= AT_ONCE ? AT_ONCE : left >= 4 ? 4 : 1;
        if (insert_lines(db, document, columns->lines, done, step, error)) return (int)error->code;
    }
    return 0;
}

/* ---- what was entered the last time */

static const struct json *remembered_row(const struct json *body, const char *block, const char *by, const char *goods, const char *proof)
{
    const struct json *part = json_member(body, block);

    JSON_EACH(row, part && part->kind == JSON_OBJECT ? json_member(part, "rows") : part)
        if (!strcmp(json_member_text(row, by, ""), goods) && json_member(row, proof)) return row;
    return NULL;
}

static void write_recalled(const struct json *recall, const struct json *row, struct json_writer *json)
{
    static const char *const lists[] = {"fields", "blocks"};

    for (int i = 0; i < 2; i++)
        JSON_EACH(name, json_member(recall, lists[i])) {
            const struct json *value = json_member(row, name->text.text);
            if (!value) continue;
            json_name(json, name->text.text);
            json_tree_write(value, "row_id", json);
        }
}

int doc_recall_write(struct store_connection *db, const struct principal *principal, const struct form *form, const char *goods, struct arena *arena,
                     struct json_writer *json, struct error *error)
{
    const struct form_block *block = form->lines.block;
    const struct json *recall = block ? json_member(block->json, "recall") : NULL, *found = NULL;
    const char *by = json_member_text(recall, "by", ""), *proof = recall ? json_member(recall, "fields")->first->text.text : "";
    struct store_rows rows;

    if (!recall) return error_set(error, ERROR_NOT_FOUND, "unknown_form", "没有这种单据。", "There is no such kind of document.");
    if (store_query(db, &rows, error,
                    "SELECT b.body FROM document d JOIN document_line l ON l.document = d.id JOIN document_body b ON b.document = d.id "
                    "WHERE d.enterprise = $1 AND d.form = $2 AND l.goods = $3 ORDER BY d.id DESC LIMIT 20",
                    STORE_VALUES(store_integer(principal_owner(principal)), store_string(form->name), store_string(goods))))
        return (int)error->code;
    while (!found && store_next(&rows)) {
        size_t length;
        const char *text = store_column_text(&rows, 0, &length);
        const struct json *body = json_tree(text, length, arena, error);
        found = body ? remembered_row(body, block->name, by, goods, proof) : NULL;
    }
    if (store_end(&rows)) return (int)error->code;
    json_object(json);
    if (found) {
        json_name(json, "row");
        json_object(json);
        write_recalled(recall, found, json);
        json_object_end(json);
    }
    json_object_end(json);
    return 0;
}
