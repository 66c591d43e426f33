/* Bodies of two licence types: read as a request, evaluated as at a save, written, published. What was accepted is canonical: read again,
   as stored and as sent, it is accepted and writes the same bytes. The first byte chooses the licence type. */
#include "../lib/checkout.h"

#include <stdint.h>

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static struct form *forms[2];
static struct code_set set;
static struct form_problems problems;

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count;
    (void)arguments;
    forms[0] = checkout_form("schema/forms/export_licence.1.json");
    forms[1] = checkout_form("tests/fixtures/forms/unseen_permit.1.json");
    checkout_tables(&set);
    return 0;
}

static struct form_body *accept(const struct form *form, const char *text, size_t length, bool stored, struct arena *arena)
{
    struct form_codes codes = code_set_codes(&set);
    struct form_context context = {.today = CHECKOUT_TODAY, .codes = &codes};
    struct form_body *body = NULL;
    struct error error;

    problems.count = problems.errors = 0;
    if (form_read(form, text, length, stored, arena, &problems, &body, &error)) {
        if (!error.code) abort();
        return NULL;
    }
    form_evaluate(body, &context, FORM_SAVE, &problems);
    return problems.errors ? NULL : body;
}

static bool has_large_ids(const struct form_block *block, const struct form_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->rows[i].row_id > 900000) return true;
        for (size_t b = 0; b < block->block_count; b++)
            if (has_large_ids(block->blocks[b], &rows->rows[i].children[b])) return true;
    }
    return false;
}

static void must_be_the_same(const struct form *form, const struct buffer *written, bool stored, struct arena *arena)
{
    struct form_body *body = accept(form, written->data, written->length, stored, arena);
    struct buffer again;
    struct json_writer json;

    if (!body) {
        fprintf(stderr, "%s: refused %s %s\n", stored ? "stored" : "sent", problems.list[0].field, problems.list[0].rule);
        abort();
    }
    buffer_init(&again, 0);
    json_writer_init(&json, &again);
    form_write(body, &json, NULL, CHECKOUT_TODAY);
    if (again.length != written->length || memcmp(again.data, written->data, again.length)) {
        fprintf(stderr, "%.*s\n%.*s\n", (int)written->length, written->data, (int)again.length, again.data);
        abort();
    }
    buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const struct form *form = forms[length ? bytes[0] & 1 : 0];
    struct form_codes codes = code_set_codes(&set);
    struct form_context context = {.today = CHECKOUT_TODAY, .codes = &codes};
    struct arena arena;
    struct form_body *body;
    struct buffer written;
    struct json_writer json;

    if (!length) return 0;
    arena_init(&arena, 64 << 20);
    if ((body = accept(form, (const char *)bytes + 1, length - 1, false, &arena))) {
        bool large = false;
        for (size_t i = 0; i < form->top_count; i++) large = large || has_large_ids(form->top[i], &body->top[i]);
        form_number_rows(body);
        buffer_init(&written, 0);
        form_write_xml(body, &written);
        buffer_free(&written);
        buffer_init(&written, 0);
        json_writer_init(&json, &written);
        form_write(body, &json, &codes, CHECKOUT_TODAY); /* with names: frozen at submission */
        buffer_free(&written);
        buffer_init(&written, 0);
        json_writer_init(&json, &written);
        form_write(body, &json, NULL, CHECKOUT_TODAY);
        if (!large) must_be_the_same(form, &written, true, &arena);
        if (!large) must_be_the_same(form, &written, false, &arena);
        buffer_free(&written);
        form_evaluate(body, &context, FORM_SUBMIT, &problems);
    }
    arena_free(&arena);
    return 0;
}
