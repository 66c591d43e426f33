/* What unit tests and fuzzers read from the checkout. */
#ifndef TESTS_LIB_CHECKOUT_H
#define TESTS_LIB_CHECKOUT_H

#include "base/date.h"
#include "form/codes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline char *checkout_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1 << 22);

    if (!file || !text) {
        fprintf(stderr, "%s is not there: run in the checkout\n", path);
        exit(2);
    }
    *length = fread(text, 1, (1 << 22) - 1, file);
    fclose(file);
    return text;
}

static inline struct form *checkout_form(const char *path)
{
    struct error error;
    size_t length;
    char *text = checkout_file(path, &length);
    struct form *form = form_compile(text, length, &error);

    if (!form) {
        fprintf(stderr, "%s: %s\n", path, error.detail);
        exit(2);
    }
    free(text);
    return form;
}

static inline void checkout_table(struct code_set *set, const char *name)
{
    char path[100];
    struct error error;
    size_t length;

    snprintf(path, sizeof path, "schema/codes/%s.csv", name);
    char *text = checkout_file(path, &length);
    if (!(set->tables[set->count++] = code_table_read(name, text, length, &error))) exit(2);
    free(text);
}

static inline void checkout_tables(struct code_set *set)
{
    static const char *const names[] = {"coke_grade", "country", "currency", "customs_district", "exchange_rate", "export_attachment_type",
        "export_goods", "issuing_agency", "payment_term_licence", "print_terminal", "trade_mode", "transport_mode", "unit", "vehicle_brand"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) checkout_table(set, names[i]);
}

#define CHECKOUT_TODAY date_from_parts(2026, 9, 3)

#endif
