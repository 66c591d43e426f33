/* Mappings: what does not fit the form is refused with its line. Tables: letters of columns. Archives: limits. */
#include "../lib/checkout.h"
#include "tap.h"

#include "exchange/archive.h"
#include "exchange/exchange.h"
#include "exchange/table.h"

static void refused(const struct form *form, const char *elements, const char *detail, const char *name)
{
    struct buffer text;
    struct error error;
    struct exchange *exchange;

    buffer_init(&text, 0);
    buffer_printf(&text, "{\"form\": \"certificate_of_origin\",\n\"root\": \"R\",\n\"elements\": %s}", elements);
    exchange = exchange_compile(buffer_string(&text), text.length, form, &error);
    ok(!exchange, "%s is refused", name);
    is_text(exchange ? "" : error.detail, detail, "with line and reason");
    exchange_free(exchange);
    buffer_free(&text);
}

static void mappings(void)
{
    struct form *form = checkout_form("schema/forms/certificate_of_origin.1.json");
    struct error error;
    size_t length;
    char *text = checkout_file("schema/exchange/certificate.json", &length);
    struct exchange *exchange = exchange_compile(text, length, form, &error);

    ok(exchange != NULL, "the mapping of certificates fits its form");
    exchange_free(exchange);
    free(text);
    refused(form, "[{\"name\": \"A\",\n\"field\": \"basics/nothing\"}]", "line 3: no field basics/nothing", "a field that is not there");
    refused(form, "[{\"name\": \"A\", \"pass\": true},\n{\"name\": \"A\", \"pass\": true}]", "line 4: A stands twice", "an element twice");
    refused(form, "[\n{\"name\": \"A\"}]", "line 4: A: says neither what it is nor that it is passed over", "an element that says nothing");
    refused(form, "[{\"name\": \"A\", \"rows\": \"basics\", \"elements\": [{\"name\": \"B\", \"pass\": true}]}]", "line 3: no row block basics", "rows of a plain block");
    refused(form, "[]", "line 3: \"elements\" is a list", "a message of nothing");
    refused(form, "[{\"name\": \"A\", \"field\": \"basics/invoice_no\", \"by\": \"name\"}]", "line 3: A: only codes have a column", "a text with a code's column");
    form_free(form);
}

static void letters(void)
{
    char text[8];

    table_letters(0, text);
    is_text(text, "A", "the first column");
    table_letters(25, text);
    is_text(text, "Z", "the last of one letter");
    table_letters(26, text);
    is_text(text, "AA", "the first of two");
    table_letters(63, text);
    is_text(text, "BL", "the last that is read");
}

static void names(void)
{
    struct arena arena;
    size_t length;

    arena_init(&arena, 0);
    is_text(archive_utf8("abc", 3, &arena, &length), "abc", "UTF-8 stays as it is");
    is_text(archive_utf8("\xd6\xa4\xca\xe9", 4, &arena, &length), "证书", "GB18030 is converted");
    ok(!archive_utf8("\xff\xff", 2, &arena, &length), "other bytes are no text");
    arena_free(&arena);
}

int main(void)
{
    mappings();
    letters();
    names();
    return done_testing();
}
