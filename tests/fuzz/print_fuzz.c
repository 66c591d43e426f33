/* Print layouts: refused with a reason, or a PDF comes out or an error; never anything else. The same for lists of items as the
   drawing program receives them: what does not begin as JSON is taken for one. */
#include "../lib/checkout.h"
#include "base/log.h"
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
/* one dot */
static const char png[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\0\0\0\0\x3a\x7e\x9b\x55\0\0\0\nIDAT\x08\x99\x63\x68\0\0\0\x82\0\x81\x77\xcd\x72\xb6\0\0\0\0IEND\xae\x42\x60\x82";

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    static struct form_problems problems;
    struct form_context context = {.today = CHECKOUT_TODAY};
    struct error error;

    (void)count;
    (void)arguments;
    log_open("print_fuzz", LOG_ERROR); /* pictures that cannot be drawn are what is looked for */
    form = checkout_form("tests/fixtures/forms/unseen_permit.1.json");
    arena_init(&arena, 0);
    if (form_read(form, text, sizeof text - 1, false, &arena, &problems, &body, &error)) exit(2);
    form_evaluate(body, &context, FORM_NEVER, NULL);
    return 0;
}

static bool picture(void *context, const char *type, const char *block, int64_t row_id, struct print_file *file)
{
    (void)context;
    (void)row_id;
    *file = (struct print_file){.bytes = type ? type : png, .length = type ? strlen(type) : sizeof png - 1};
    snprintf(file->what, sizeof file->what, "%s", block);
    return true;
}

static void draw(const struct buffer *pages)
{
    struct buffer out;
    struct error error;

    error_clear(&error);
    buffer_init(&out, 8 << 20);
    if (draw_pages(pages, "t", &out, &error) ? !error.code : out.length < 4 || memcmp(out.data, "%PDF", 4)) abort();
    buffer_free(&out);
}

static void draw_layout(const char *bytes, size_t length)
{
    static const struct print_value values[] = {{"application_no", "UP260001"}, {"licence_no", "26UP01"}, {"verify_url", "http://localhost/v"}, {NULL, NULL}};
    const struct print_source filled = {.body = body, .values = values, .picture = picture}, sample = {.watermark = "w"};
    struct error error;
    struct buffer pages;
    struct print_layout *layout;

    if (!(layout = print_layout_read(bytes, length, NULL, &error))) {
        if (!error.code) abort();
        return;
    }
    error_clear(&error);
    buffer_init(&pages, 8 << 20);
    if (!print_add(&pages, layout, &filled, &error)) draw(&pages);
    buffer_reset(&pages);
    if (!print_add(&pages, layout, &sample, &error)) draw(&pages);
    buffer_free(&pages);
    print_layout_free(layout);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct buffer pages;

    if (!length || strchr("{[ \t\r\n", bytes[0])) {
        draw_layout((const char *)bytes, length);
        return 0;
    }
    buffer_init(&pages, 8 << 20);
    buffer_bytes(&pages, bytes + 1, length - 1); /* the first byte only says that it is no JSON */
    if (!pages.failed) draw(&pages);
    buffer_free(&pages);
    return 0;
}
