/* Pages of lists. */
#include "account.h"

#include "base/utf8.h"

#include <ctype.h>
#include <string.h>

#define VALUES_MAXIMUM 8

int take_page(struct web_call *call, struct page *page)
{
    if (web_query_integer(call, "page", 1, 100000, 1, &page->number))
        return (int)call->error.code;
    return web_query_integer(call, "size", 1, PAGE_MAXIMUM, 20, &page->size);
}

const char *like_pattern(struct web_call *call, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    char *pattern = arena_alloc(&call->arena, 2 * length + 3), *out = pattern;
    if (!pattern)
        return "";
    *out++ = '%';
    for (size_t i = 0; i < length; i++) {
        if (strchr("%_!", text[i]))
            *out++ = '!';
        *out++ = (char)tolower((unsigned char)text[i]);
    }
    *out++ = '%';
    return pattern;
}

int write_list(struct web_call *call, const struct page *page, const char *count_sql, const char *sql, const struct store_value *values,
               size_t count, void (*write)(struct web_call *call, struct store_rows *rows))
{
    struct store_value all[VALUES_MAXIMUM];
    struct store_rows rows;
    int64_t total = 0;
    if (count + 2 > VALUES_MAXIMUM)
        return error_internal(&call->error, "too many values");
    if (store_query(reader_of(call), &rows, &call->error, count_sql, values, count))
        return (int)call->error.code;
    if (store_next(&rows))
        total = store_column_integer(&rows, 0);
    if (store_end(&rows))
        return (int)call->error.code;
    if (count)
        memcpy(all, values, count * sizeof *values);
    all[count] = store_integer(page->size);
    all[count + 1] = store_integer((page->number - 1) * page->size);
    if (store_query(reader_of(call), &rows, &call->error, sql, all, count + 2))
        return (int)call->error.code;
    json_object(&call->json);
    json_put_id(&call->json, "total", total);
    json_name(&call->json, "items");
    json_array(&call->json);
    while (store_next(&rows)) {
        json_object(&call->json);
        write(call, &rows);
        json_object_end(&call->json);
    }
    json_array_end(&call->json);
    json_object_end(&call->json);
    return store_end(&rows);
}
