/* What is true of every body that form_read accepts, and the same for bodies from outside:
     shapes_test                                  TAP
     shapes_test <definition> <folder> < bodies   one body per line; prints "accept" or "reject <field> <rule>" for each, and leaves
                                                  schema.xsd, schema.json and <line>.xml of what was accepted in the folder
   tests/api/shapes.t compares that with what other people's validators say. */
#include "../lib/checkout.h"
#include "tap.h"

static struct arena arena;
static struct form_problems problems;
static struct code_set set;

static void write_body(const struct form_body *body, struct buffer *out)
{
    struct json_writer json;

    buffer_init(out, 0);
    json_writer_init(&json, out);
    form_write(body, &json, NULL, CHECKOUT_TODAY);
}

/* As a save does it; what stands in `problems` was refused. */
static struct form_body *accept(const struct form *form, const char *text, size_t length, bool stored)
{
    struct form_codes codes = code_set_codes(&set);
    struct form_context context = {.today = CHECKOUT_TODAY, .codes = &codes};
    struct form_body *body = NULL;
    struct error error;

    memset(&problems, 0, sizeof problems);
    if (form_read(form, text, length, stored, &arena, &problems, &body, &error)) {
        form_problem_add(&problems, "", error.name, false, "", "");
        return NULL;
    }
    form_evaluate(body, &context, FORM_SAVE, &problems);
    if (!problems.errors) form_number_rows(body);
    return problems.errors ? NULL : body;
}

static const struct form_problem *first_error(void)
{
    static const struct form_problem none = {.rule = "none"};

    for (size_t i = 0; i < problems.count; i++)
        if (!problems.list[i].warning) return &problems.list[i];
    return &none;
}

/* The written body, read as stored and as sent again, is accepted and writes the same bytes. */
static const char *not_canonical(const struct form *form, const struct buffer *written)
{
    static char why[300];
    struct buffer again;
    const char *result = NULL;

    for (int stored = 1; stored >= 0 && !result; stored--) {
        struct form_body *body = accept(form, written->data, written->length, stored);
        if (!body) {
            snprintf(why, sizeof why, "%s body refused: %s %s", stored ? "stored" : "sent", first_error()->field, first_error()->rule);
            return why;
        }
        write_body(body, &again);
        if (again.length != written->length || memcmp(again.data, written->data, again.length))
            result = stored ? "stored body differs" : "sent body differs";
        if (result) fprintf(stderr, "%.*s\n%.*s\n", (int)written->length, written->data, (int)again.length, again.data);
        buffer_free(&again);
    }
    return result;
}

static void save(const char *folder, const char *name, const struct buffer *out)
{
    char path[400];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!(file = fopen(path, "wb"))) exit(2);
    fwrite(out->data, 1, out->length, file);
    fclose(file);
}

static void judge(const struct form *form, const char *folder, long number, const char *line, size_t length)
{
    struct buffer written, xml;
    struct form_body *body;
    char name[32];
    const char *why;

    arena_reset(&arena);
    if (!(body = accept(form, line, length, false))) {
        printf("reject %s %s\n", first_error()->field, first_error()->rule);
        return;
    }
    write_body(body, &written);
    buffer_init(&xml, 0);
    form_write_xml(body, &xml);
    snprintf(name, sizeof name, "%ld.xml", number);
    save(folder, name, &xml);
    if ((why = not_canonical(form, &written))) printf("broken %s\n", why);
    else puts("accept");
    buffer_free(&xml);
    buffer_free(&written);
}

static int judge_all(const char *definition, const char *folder)
{
    struct form *form = checkout_form(definition);
    struct buffer out;
    char *line = NULL;
    size_t size = 0;
    ssize_t length;

    buffer_init(&out, 0);
    form_write_xsd(form, &out);
    save(folder, "schema.xsd", &out);
    buffer_free(&out);
    buffer_init(&out, 0);
    form_write_json_schema(form, &out);
    save(folder, "schema.json", &out);
    buffer_free(&out);
    for (long number = 0; (length = getline(&line, &size, stdin)) > 0; number++)
        judge(form, folder, number, line, (size_t)length - (line[length - 1] == '\n'));
    free(line);
    form_free(form);
    return 0;
}

/* ---- by itself */

static void is_refused(const struct form *form, const char *body, const char *rule, const char *what)
{
    arena_reset(&arena);
    ok(!accept(form, body, strlen(body), false) && !strcmp(first_error()->rule, rule), "%s", what);
    if (strcmp(first_error()->rule, rule)) diag("%s %s", first_error()->field, first_error()->rule);
}

static void is_canonical(const struct form *form, const char *body, const char *what)
{
    struct buffer written;
    struct form_body *read;
    const char *why;

    arena_reset(&arena);
    read = accept(form, body, strlen(body), false);
    ok(read != NULL, "%s: accepted", what);
    if (!read) {
        diag("%s %s", first_error()->field, first_error()->rule);
        return;
    }
    write_body(read, &written);
    why = not_canonical(form, &written);
    ok(!why, "%s: canonical", what);
    if (why) diag("%s", why);
    buffer_free(&written);
}

#define HEAD "{\"head\":{\"purpose\":\"civil\",\"start\":\"2026-09-03\"},"

static void test_rows(const struct form *form)
{
    is_refused(form, HEAD "\"items\":{\"variant\":\"solid\",\"rows\":[{\"row_id\":3,\"item_name\":\"n\"},{\"row_id\":3,\"item_name\":\"m\"}]}}",
               "row_id", "two rows cannot have one id");
    is_refused(form, HEAD "\"items\":{\"variant\":\"solid\",\"rows\":[{\"row_id\":3,\"item_name\":\"n\",\"parts\":[{\"row_id\":3,\"part_name\":\"a\"}]}]}}",
               "row_id", "nor a row and one below it");
    is_canonical(form, HEAD "\"items\":{\"variant\":\"solid\",\"rows\":[{\"row_id\":900000,\"item_name\":\"n\"},{\"item_name\":\"m\"},{\"item_name\":\"o\"}]}}",
                 "the largest ids");
    is_refused(form, HEAD "\"items\":{\"variant\":\"liquid\",\"rows\":[{\"item_name\":\"n\"}]}}", "wrong_variant",
               "a variant whose condition does not hold");
    is_canonical(form, HEAD "\"items\":{\"rows\":[{\"parts\":[{\"part_name\":\"a\"}]}]}}", "rows without a variant");
}

static void test_values(const struct form *form)
{
    is_refused(form, "{\"head\":{\"start\":\"2026-09-03\",\"purpose\":\"lab\",\"lab_name\":\"a\xef\xbf\xbf\"}}", "control_character",
               "a character that XML does not know");
    is_canonical(form, "{\"head\":{\"start\":\"2199-12-31\"}}", "a date whose successors are no dates");
    is_canonical(form, "{\"head\":{\"start\":\"2026-09-03\",\"purpose\":\"lab\",\"lab_name\":\" \xe5\xae\x9e \"}}", "blanks around a text");
}

int main(int count, char **arguments)
{
    struct form *form;

    arena_init(&arena, 0);
    checkout_tables(&set);
    if (count == 3) {
        return judge_all(arguments[1], arguments[2]);
    }
    form = checkout_form("tests/fixtures/forms/unseen_permit.1.json");
    test_rows(form);
    test_values(form);
    form_free(form);
    arena_free(&arena);
    return done_testing();
}
