/* Messages, archives and tables from outside: any bytes are refused with problems or read, and what was read as a message is a body that can be
   written as a valid message and read again to the same bytes. The first byte says what the rest is. */
#include "../lib/checkout.h"

#include "exchange/archive.h"
#include "exchange/exchange.h"
#include "exchange/table.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static struct form *form;
static struct exchange *mapping;
static struct code_set tables;

static void prepare(void)
{
    static const char *const names[] = {"country", "currency", "customs_district", "issuing_agency", "origin_agreement_party", "origin_certificate_type",
        "origin_criterion", "payment_term", "port", "price_term", "trade_mode", "transport_mode"};
    struct error error;
    size_t length;

    form = checkout_form("schema/forms/certificate_of_origin.1.json");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) checkout_table(&tables, names[i]);
    char *text = checkout_file("schema/exchange/certificate.json", &length);
    if (!(mapping = exchange_compile(text, length, form, &error))) {
        fprintf(stderr, "%s\n", error.detail);
        exit(2);
    }
    free(text);
    exchange_start();
}

static const char *no_column(void *context, const char *name)
{
    (void)context;
    return strcmp(name, "application_no") ? "" : "CO260000000001";
}

static bool find_any(void *context, const struct form_field *reference, const struct exchange_filter *filters, size_t count, char id[24])
{
    (void)context;
    (void)reference;
    (void)filters;
    snprintf(id, 24, "%zu", count);
    return true;
}

/* The body of a message, and that written as a message; false when it was refused. */
static bool through(const struct exchange_context *context, const char *text, size_t length, struct arena *arena, struct buffer *out)
{
    struct exchange_problems *problems = arena_alloc(arena, sizeof *problems);
    struct form_problems *told = arena_alloc(arena, sizeof *told);
    struct exchange_message message;
    struct form_body *body;
    struct error error;
    bool sound = false;

    if (!problems || !told) abort();
    exchange_read(mapping, context, text, length, arena, &message, problems);
    if (message.body.length) {
        if (form_read(form, message.body.data, message.body.length, false, arena, told, &body, &error)) abort(); /* what we write is always a body */
        for (size_t i = 0; i < told->count; i++) exchange_problem_of_field(mapping, &message, &told->list[i], problems);
        exchange_check_computed(mapping, body, &message, problems);
        sound = !problems->count && !message.is_file;
        struct exchange_source source = {.body = body, .codes = context->codes, .today = context->today, .state = "DRAFT", .column = no_column};
        exchange_write(mapping, &source, out, problems);
        sound &= !problems->count;
    } else if (!problems->count && !message.is_file) {
        abort(); /* neither read nor refused */
    }
    buffer_free(&message.body);
    return sound;
}

static void message(const char *text, size_t length, struct arena *arena)
{
    struct form_codes codes = code_set_codes(&tables);
    struct exchange_context context = {&codes, CHECKOUT_TODAY, find_any, NULL};
    struct buffer first, second;

    buffer_init(&first, 0);
    buffer_init(&second, 0);
    if (through(&context, text, length, arena, &first)) {
        through(&context, buffer_string(&first), first.length, arena, &second);
        if (first.length != second.length || memcmp(first.data, second.data, first.length) != 0) {
            fprintf(stderr, "%s----\n%s\n", buffer_string(&first), buffer_string(&second));
            abort();
        }
    }
    buffer_free(&first);
    buffer_free(&second);
}

static void sheet(const char *text, size_t length, struct arena *arena)
{
    struct form_codes codes = code_set_codes(&tables);
    struct exchange_context context = {&codes, CHECKOUT_TODAY, find_any, NULL};
    struct exchange_problems *problems = arena_alloc(arena, sizeof *problems);
    struct form_problems *told = arena_alloc(arena, sizeof *told);
    struct exchange_places places = {.arena = arena};
    const struct form_block *block = form_block_find(form, "goods");
    struct form_body *ignored;
    struct table table;
    struct error error;
    struct buffer out;

    if (!problems || !told || !block) abort();
    problems->arena = arena;
    if (table_read(text, length, arena, &table, &error)) {
        if (!error.code || !error.zh[0]) abort();
        return;
    }
    buffer_init(&out, 0);
    table_body(mapping, &context, block, &block->variants[0], &table, NULL, 0, &places, problems, &out);
    if (out.length && form_read(form, out.data, out.length, false, arena, told, &ignored, &error)) abort();
    buffer_free(&out);
}

static void archive(const char *text, size_t length, struct arena *arena)
{
    static const struct archive_limits limits = {20, 65536, 1 << 20};
    struct archive_file *files;
    struct error error;
    size_t count, all = 0;

    if (archive_read(text, length, &limits, NULL, arena, &files, &count, &error)) return;
    for (size_t i = 0; i < count; i++) all += files[i].length;
    if (count > limits.files || all > limits.all) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct arena arena;

    if (!form) prepare();
    if (!length) return 0;
    arena_init(&arena, 64 << 20);
    const char *text = arena_copy(&arena, (const char *)bytes + 1, length - 1); /* ends in NUL, as a request's body does */
    if (!text) abort();
    if (*bytes % 3 == 0) message(text, length - 1, &arena);
    else if (*bytes % 3 == 1) sheet(text, length - 1, &arena);
    else archive(text, length - 1, &arena);
    arena_free(&arena);
    return 0;
}
