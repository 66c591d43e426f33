/* Definitions: any bytes are refused with a reason or compile, and what compiled can be published, filled, computed, checked, written and
   read again. */
#include "../lib/checkout.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void use(const struct form *form, struct arena *arena)
{
    struct form_context context = {.today = CHECKOUT_TODAY};
    static struct form_problems problems;
    struct form_body *body = form_body_new(form, arena);
    struct buffer out;
    struct json_writer json;
    struct error error;

    if (!body) abort();
    problems.count = problems.errors = 0;
    form_fill_new(body, &context);
    form_evaluate(body, &context, FORM_SUBMIT, &problems);
    form_number_rows(body);
    form_decide(body, &context);
    for (size_t i = 0; i < COLUMN_COUNT; i++) form_column_value(body, (enum form_column)i);
    buffer_init(&out, 0);
    form_write_xsd(form, &out);
    form_write_json_schema(form, &out);
    form_write_xml(body, &out);
    buffer_free(&out);
    buffer_init(&out, 0);
    json_writer_init(&json, &out);
    form_write(body, &json, NULL, context.today);
    if (form_read(form, out.data, out.length, true, arena, &problems, &body, &error)) abort();
    form_write_marks(body, &context, &json);
    buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct error error;
    struct arena arena;
    struct form *form;

    error_clear(&error);
    form = form_compile((const char *)bytes, length, &error);
    if (!form) {
        if (!error.code) abort();
        return 0;
    }
    arena_init(&arena, 16 << 20);
    use(form, &arena);
    arena_free(&arena);
    form_free(form);
    return 0;
}
