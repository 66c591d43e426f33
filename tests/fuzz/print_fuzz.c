/* Print layouts: refused with a reason, or a PDF comes out or an error; never anything else. */
#include "../lib/checkout.h"
#include "print/draw.h"
#include "print/print.h"

#include <stdint.h>

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static struct form *form;
static struct arena arena;
static struct form_body *body;
static const char text[] = "{\"head\":{\"purpose\":\"civil\",\"agency\":\"AA\",\"country\":\"142\",\"start\":\"2026-08-31\"},\"items\":{\"variant\":\"solid\",\"rows\":"
                           "[{\"item_name\":\"<b>n</b>\",\"hardness\":3,\"parts\":[{\"part_name\":\"a\",\"part_weight\":\"1.5\"}]},{\"item_name\":\"m\"}]}}";

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    static struct form_problems problems;
    struct form_context context = {.today = CHECKOUT_TODAY};
    struct error error;

    (void)count;
    (void)arguments;
    form = checkout_form("tests/fixtures/forms/unseen_permit.1.json");
    arena_init(&arena, 0);
    if (form_read(form, text, sizeof text - 1, false, &arena, &problems, &body, &error)) exit(2);
    form_evaluate(body, &context, FORM_NEVER, NULL);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static const struct print_value values[] = {{"application_no", "UP260001"}, {"licence_no", "26UP01"}, {"verify_url", "http://localhost/v"}, {NULL, NULL}};
    struct print_source source = {.body = body, .values = values};
    struct error error;
    struct buffer pages, out;
    struct print_layout *layout;

    error_clear(&error);
    if (!(layout = print_layout_read((const char *)bytes, length, NULL, &error))) {
        if (!error.code) abort();
        return 0;
    }
    buffer_init(&pages, 8 << 20);
    buffer_init(&out, 8 << 20);
    if (!print_add(&pages, layout, &source, &error) && !draw_pages(&pages, "t", &out, &error) && (out.length < 4 || memcmp(out.data, "%PDF", 4))) abort();
    buffer_free(&pages);
    buffer_free(&out);
    print_layout_free(layout);
    return 0;
}
