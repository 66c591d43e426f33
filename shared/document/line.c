/* Goods lines: rows of document_line, kept in the transaction that stores the body they come from. */
#include "document/internal.h"

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
