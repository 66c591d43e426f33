/* Many documents in one text (JSON, XML, workbook, ZIP of them with attachments): any bytes are refused with words, or become documents of which each is a body that is read, or
   told of by field. */
#include "../lib/checkout.h"

#include "base/json_tree.h"
#include "exchange/bodies.h"
#include "exchange/exchange.h"

#include <stdint.h>

#define BODY_MAXIMUM (64u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static struct form *form;

static void check_item(const struct bodies_item *item, struct arena *arena)
{
    struct form_problems *told = arena_alloc(arena, sizeof *told);
    struct bodies_content content;
    struct form_body *ignored;
    struct error error;

    error_clear(&error);
    if (!told) return; /* no memory left of what one input may have */
    if (bodies_content_read(item->text.text, item->text.length, arena, &content, &error)) abort();
    if (content.type) return;
    if (!json_tree(content.problems.text, content.problems.length, arena, &error)) abort();
    if (content.body.length > BODY_MAXIMUM) abort();
    form_read(form, content.body.text, content.body.length, false, arena, told, &ignored, &error); /* an error is told; nothing may break */
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct bodies bodies;
    struct arena arena;
    struct error error;

    if (!form) {
        form = checkout_form("schema/forms/export_licence.1.json");
        exchange_start();
    }
    arena_init(&arena, 64 << 20);
    error_clear(&error);
    const char *text = arena_copy(&arena, (const char *)bytes, length); /* ends in NUL, as a request's body does */
    if (!text) abort();
    if (bodies_read(form, text, length, BODY_MAXIMUM, &arena, &bodies, &error)) {
        if (!error.code || !error.zh[0] || !error.en[0]) abort();
    } else {
        if (!bodies.count || bodies.count > BODIES_MAXIMUM) abort();
        for (size_t i = 0; i < bodies.count; i++) check_item(&bodies.list[i], &arena);
    }
    arena_free(&arena);
    return 0;
}
