/* The definition language, by a licence type that the suite has never seen and by the export licence. */
#include "tap.h"

#include "base/date.h"
#include "form/codes.h"

#include <dirent.h>

static struct arena arena;
static struct form_problems problems;
static struct code_set set;
static struct form *unseen, *export, *origin;

static char *slurp(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    char *text;

    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    *length = (size_t)ftell(file);
    rewind(file);
    text = malloc(*length + 1);
    if (fread(text, 1, *length, file) != *length) abort();
    text[*length] = '\0';
    fclose(file);
    return text;
}

static struct form *load_form(const char *path)
{
    struct error error;
    size_t length = 0;
    char *text = slurp(path, &length);
    struct form *form = text ? form_compile(text, length, &error) : NULL;

    ok(form != NULL, "%s compiles", path);
    if (!form) diag("%s", text ? error.detail : "not there");
    free(text);
    return form;
}

static void load_codes(void)
{
    DIR *directory = opendir("schema/codes");
    struct dirent *entry;
    struct error error;

    while (directory && (entry = readdir(directory))) {
        char path[400], name[64];
        size_t length, dot = strlen(entry->d_name);
        char *text;
        if (dot < 5 || strcmp(entry->d_name + dot - 4, ".csv")) continue;
        snprintf(path, sizeof path, "schema/codes/%s", entry->d_name);
        snprintf(name, sizeof name, "%.*s", (int)(dot - 4), entry->d_name);
        text = slurp(path, &length);
        if (!(set.tables[set.count] = code_table_read(name, text, length, &error))) {
            ok(false, "%s: %s", path, error.detail);
            free(text);
            continue;
        }
        set.count++;
        free(text);
    }
    if (directory) closedir(directory);
    ok(set.count > 20, "%zu code tables are read", set.count);
}

/* Reads and evaluates a body; the problems are in `problems`. */
static struct form_body *evaluate_at(const struct form *form, const char *json, enum form_stage stage, const char *date)
{
    struct form_codes codes = code_set_codes(&set);
    struct form_context context = {.codes = &codes};
    struct form_body *body = NULL;
    struct error error;

    arena_reset(&arena);
    memset(&problems, 0, sizeof problems);
    date_parse(date, 10, &context.today);
    if (form_read(form, json, strlen(json), false, &arena, &problems, &body, &error)) {
        form_problem_add(&problems, "", error.name, false, "", "");
        return NULL;
    }
    form_number_rows(body);
    form_evaluate(body, &context, stage, &problems);
    return body;
}

static struct form_body *evaluate_body(const struct form *form, const char *json, enum form_stage stage)
{
    return evaluate_at(form, json, stage, "2026-09-03");
}

static bool has(const char *field, const char *rule)
{
    for (size_t i = 0; i < problems.count; i++)
        if (!strcmp(problems.list[i].field, field) && !strcmp(problems.list[i].rule, rule)) return true;
    return false;
}

static bool has_rule(const char *rule)
{
    for (size_t i = 0; i < problems.count; i++)
        if (!strcmp(problems.list[i].rule, rule)) return true;
    return false;
}

/* The canonical body as text, in a buffer that lives until the next call. */
static const char *written(const struct form_body *body)
{
    static struct buffer out;
    struct json_writer json;

    buffer_free(&out);
    buffer_init(&out, 0);
    json_writer_init(&json, &out);
    if (body) form_write(body, &json, NULL, 0);
    return buffer_string(&out);
}

#define UNSEEN_HEAD "{\"head\":{\"purpose\":\"civil\",\"agency\":\"AA\",\"country\":\"142\",\"start\":\"2026-08-31\"},"
#define PARTS "\"parts\":[{\"part_name\":\"a\",\"part_weight\":\"1.5\"},{\"part_name\":\"b\",\"part_weight\":\"0.5\",\"marks\":[{\"mark\":\"X1\"}]}]"

static void test_computing(void)
{
    struct form_body *body = evaluate_body(unseen, UNSEEN_HEAD "\"items\":{\"variant\":\"solid\",\"rows\":[{\"item_name\":\"n\"," PARTS "}]}}", FORM_SUBMIT);
    const char *text = written(body);

    is_int((long long)problems.errors, 0, "a complete body has no problems");
    ok(strstr(text, "\"weight\":\"2\"") != NULL, "sum runs over nested rows of all parents");
    ok(strstr(text, "\"parts_count\":2") != NULL, "count counts rows");
    ok(strstr(text, "\"share\":\"0.75\"") != NULL, "max and division");
    ok(strstr(text, "\"summary\":\"civil 2kg\"") != NULL, "concat");
    ok(strstr(text, "\"end\":\"2026-11-30\"") != NULL, "date_add: 31 August + 3 months is 30 November");
    ok(strstr(text, "\"row_id\":4") != NULL && !strstr(text, "\"row_id\":0"), "every row has an id of its own");
    diag("%s", text);
}

static void test_conditions(void)
{
    evaluate_body(unseen, "{\"head\":{\"purpose\":\"lab\",\"start\":\"2026-01-01\"}}", FORM_SUBMIT);
    ok(has("head/lab_name", "required"), "a field whose condition holds is demanded");
    ok(has("head/weight", "R-UP-1"), "a rule requires a field");
    ok(has("safety", "sheet_required"), "a sheet whose condition holds is demanded");
    ok(has("items", "too_few_rows"), "too few rows");
    evaluate_body(unseen, UNSEEN_HEAD "\"safety\":{}}", FORM_SUBMIT);
    ok(!has("head/lab_name", "required") && !has("safety", "sheet_required"), "nothing of that otherwise");
    struct form_body *body = evaluate_body(unseen, "{\"head\":{\"purpose\":\"civil\",\"lab_name\":\"x\",\"start\":\"2026-01-01\"}}", FORM_SAVE);
    ok(!strstr(written(body), "lab_name"), "a value whose condition does not hold is dropped");
    evaluate_body(unseen, "{\"head\":{\"purpose\":\"civil\",\"start\":\"2026-01-01\",\"country\":\"110\"}}", FORM_SUBMIT);
    ok(has("head/country", "R-UP-3"), "an assertion fails at its field");
    evaluate_body(unseen, "{\"head\":{\"purpose\":\"civil\",\"start\":\"2026-01-01\",\"country\":\"142\"}}", FORM_SUBMIT);
    ok(!has("head/country", "R-UP-3"), "and passes otherwise");
    evaluate_body(unseen, "{}", FORM_SAVE);
    ok(has("head/start", "required"), "what saving demands is demanded at saving");
    ok(!has("head/purpose", "required"), "what submitting demands is not");
}

static void test_variants(void)
{
    evaluate_body(unseen, UNSEEN_HEAD "\"items\":{\"variant\":\"liquid\",\"rows\":[{\"item_name\":\"n\"}]}}", FORM_SUBMIT);
    ok(has("items", "wrong_variant"), "a variant whose condition does not hold is refused");
    evaluate_body(unseen, UNSEEN_HEAD "\"items\":{\"variant\":\"solid\",\"rows\":[{\"boils_at\":\"1\"}]}}", FORM_SAVE);
    ok(has("items/0/boils_at", "unknown_field"), "fields of another variant are unknown");
    evaluate_body(unseen, UNSEEN_HEAD "\"items\":{\"variant\":\"gas\",\"rows\":[]}}", FORM_SAVE);
    ok(has("items", "unknown_variant"), "an unknown variant");
    evaluate_body(unseen, UNSEEN_HEAD "\"items\":{\"variant\":\"solid\",\"rows\":[{\"item_name\":\"n\"},{\"item_name\":\"n\"}]}}", FORM_SUBMIT);
    ok(has("items/1/item_name", "duplicate_row"), "two rows that may not be alike");
    evaluate_body(unseen, UNSEEN_HEAD "\"items\":{\"rows\":[{\"item_name\":\"n\",\"hardness\":11}],\"variant\":\"solid\"}}", FORM_SAVE);
    ok(has("items/0/hardness", "too_large"), "a variant may stand behind its rows; a number above its range");
    evaluate_body(unseen, UNSEEN_HEAD "\"items\":{\"variant\":\"solid\",\"rows\":[{\"item_name\":\"1\"},{\"item_name\":\"2\"},{\"item_name\":\"3\"},{\"item_name\":\"4\"},{\"item_name\":\"5\"},{\"item_name\":\"6\"}]}}", FORM_SAVE);
    ok(has("items", "too_many_rows"), "more rows than the definition allows");
}

static void test_nested_condition(void)
{
#define PROCESSED(how) "{\"basics\":{\"certificate_type\":\"C\"},\"goods\":{\"variant\":\"general\",\"rows\":[{\"processing\":\"" how "\",\"imports\":[{\"import_hs\":\"3901\"}]}]}}"
    ok(strstr(written(evaluate_body(origin, PROCESSED("new"), FORM_SAVE)), "\"import_hs\":\"3901\"") != NULL, "a nested block has rows while its condition holds");
    ok(!strstr(written(evaluate_body(origin, PROCESSED("none"), FORM_SAVE)), "imports\":["), "and none when it does not");
}

static void test_bad_values(void)
{
    static const struct { const char *json, *field, *rule; } cases[] = {
        {"{\"head\":{\"start\":\"2026-02-30\"}}", "head/start", "date"},
        {"{\"head\":{\"start\":5}}", "head/start", "type"},
        {"{\"head\":{\"start\":{}}}", "head/start", "type"},
        {"{\"head\":[]}", "head", "type"},
        {"{\"head\":{\"purpose\":\"war\"}}", "head/purpose", "not_offered"},
        {"{\"head\":{\"lab_name\":\"a\\u0007b\",\"purpose\":\"lab\"}}", "head/lab_name", "control_character"},
        {"{\"head\":{\"lab_name\":\"123456789012345678901\",\"purpose\":\"lab\"}}", "head/lab_name", "too_long"},
        {"{\"head\":{\"country\":\"ZZZ\"}}", "head/country", "unknown_code"},
        {"{\"nowhere\":1}", "nowhere", "unknown_field"},
        {"{\"head\":{\"nothing\":1}}", "head/nothing", "unknown_field"},
        {"{\"items\":{\"variant\":\"solid\",\"rows\":[{\"parts\":[{\"part_name\":\"x\",\"part_weight\":\"-1\"}]}]}}", "items/0/parts/0/part_weight", "positive"},
        {"{\"items\":{\"variant\":\"solid\",\"rows\":[{\"parts\":[{\"part_name\":\"x\",\"part_weight\":\"12345678901234567890\"}]}]}}", "items/0/parts/0/part_weight", "too_large"},
        {"{\"items\":{\"variant\":\"solid\",\"rows\":[{\"parts\":[{\"part_name\":\"x\",\"part_weight\":\"1.2345\"}]}]}}", "items/0/parts/0/part_weight", "places"},
        {"{\"items\":{\"variant\":\"solid\",\"rows\":[{\"parts\":[{\"part_name\":\"x\",\"part_weight\":\"1e3\"}]}]}}", "items/0/parts/0/part_weight", "number"},
        {"{\"items\":{\"variant\":\"solid\",\"rows\":[{\"parts\":[{\"part_name\":\"x\",\"marks\":[{\"mark\":\"a b\"}]}]}]}}", "items/0/parts/0/marks/0/mark", "characters"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        evaluate_body(unseen, cases[i].json, FORM_SAVE);
        ok(has(cases[i].field, cases[i].rule), "%s: %s", cases[i].field, cases[i].rule);
    }
    ok(!evaluate_body(unseen, "{\"head\":{\"start\":\"2026-01-01\",\"start\":\"2026-01-02\"}}", FORM_SAVE), "duplicate names are refused as a whole");
    ok(!evaluate_body(unseen, "{\"head\":", FORM_SAVE), "so is broken JSON");
}

/* ---- definitions that must not compile */

static void test_bad_definitions(void)
{
    static const struct { const char *from, *to, *why; } edits[] = {
        {"\"sum\", \"parts.part_weight\"", "\"sum\", \"parts.part_wait\"", "no field named parts.part_wait"},
        {"[\"=\", \"purpose\", \"lab\"]", "[\"=\", \"purposes\", \"lab\"]", "no field named purposes"},
        {"[\"=\", \"purpose\", \"lab\"]", "[\"=\", \"purpose\", \"laboratory\"]", "purpose has no such value"},
        {"\"count\", \"parts\"", "\"tally\", \"parts\"", "no operator named tally"},
        {"\"type\": \"date\", \"default\"", "\"type\": \"day\", \"default\"", "start: no type named day"},
        {"\"required\": \"save\"", "\"requird\": \"save\"", "no property named requird"},
        {"\"date_add\", \"start\", 3", "\"date_add\", \"end\", 3", "end depends on itself"},
        {"\"from\": [\"WAITING\"], \"to\": \"GRANTED\"", "\"from\": [\"WATING\"], \"to\": \"GRANTED\"", "grant: no state WATING"},
        {"\"assign_number\": \"permit_no\"", "\"assign_number\": \"permit\"", "no number named permit"},
        {"\"name\": \"keeper\", \"label\"", "\"name\": \"purpose\", \"label\"", "purpose stands in two blocks"},
        {"\"rows\": {\"max\": 3}", "\"rows\": {\"max\": 3000}", "rows: max is 1 to 1000"},
        {"\"rows\": {\"min\": 1", "\"when\": [\"present\", \"purpose\"], \"rows\": {\"min\": 1", "only a nested block has a condition"},
        {"\"rules\": [", "\"kinds\": {\"field\": \"start\"}, \"rules\": [", "kinds names a plain field with a code table"},
    };
    size_t length = 0;
    char *text = slurp("tests/fixtures/forms/unseen_permit.1.json", &length);

    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        struct error error;
        char *at = strstr(text, edits[i].from), *edited = malloc(length + 200);
        struct form *form;
        snprintf(edited, length + 200, "%.*s%s%s", (int)(at - text), text, edits[i].to, at + strlen(edits[i].from));
        form = form_compile(edited, strlen(edited), &error);
        ok(!form && strstr(error.detail, edits[i].why) && strstr(error.detail, "line "), "refused with line and reason: %s", edits[i].why);
        if (form || !strstr(error.detail, edits[i].why)) diag("got %s", form ? "a form" : error.detail);
        form_free(form);
        free(edited);
    }
    free(text);
}

/* ---- the export licence: digest 1.7, each rule passing and failing */

#define BASE "\"base\":{\"year\":2026,\"customs_port\":\"0101\",\"exporter_name\":\"甲\",\"consignor_code\":\"1100776367555\",\"consignor_uscc\":\"988899977763675550\"," \
    "\"consignor_name\":\"甲\",\"trade_mode\":\"1\",\"import_country\":\"142\",\"transport_mode\":\"8\",\"payment_term\":\"4\",\"contract_no\":\"C1\"," \
    "\"importer_name_zh\":\"乙\",\"importer_name_en\":\"B\",\"contract_total_qty\":\"100\",\"contract_sign_date\":\"2026-01-01\",\"contract_total_amount\":\"100\"," \
    "\"settlement_currency\":\"USD\",\"contract_valid_date\":\"2026-12-01\"}"
#define OTHER "\"other\":{\"one_batch_one_licence\":true,\"issuing_agency\":\"AA\",\"applicant_name\":\"丙\",\"applicant_contact\":\"010-1234567\"}"
#define BODY(goods, rest) "{" BASE ",\"goods\":{\"price_currency\":\"USD\"," goods "}," rest "," OTHER "}"
#define ONE_ROW "\"specs\":{\"variant\":\"ordinary\",\"rows\":[{\"unit_price\":\"11.11\",\"qty\":\"22\"}]}"

static void test_export_rules(void)
{
    struct form_body *body;

    body = evaluate_body(export, BODY("\"hs_code\":\"2903750010\"", ONE_ROW), FORM_SUBMIT);
    ok(has("goods/approval_no", "R-EX-2"), "R-EX-2: ODS without an approval number");
    ok(!has_rule("R-EX-3") && !has_rule("R-EX-5"), "rules of other goods stay silent");
    ok(strstr(written(body), "\"line_total\":\"244.42\"") != NULL, "R-EX-21: 11.11 x 22 is kept as 244.42");
    evaluate_body(export, BODY("\"hs_code\":\"2903750010\",\"approval_no\":\"123456\"", ONE_ROW), FORM_SUBMIT);
    ok(!has_rule("R-EX-2"), "R-EX-2 passes");
    evaluate_body(export, BODY("\"hs_code\":\"2505900010\"", ONE_ROW), FORM_SUBMIT);
    ok(has("goods/certificate_no", "R-EX-3"), "R-EX-3: natural sand");
    evaluate_body(export, BODY("\"hs_code\":\"2505900010\",\"certificate_no\":\"无\"", ONE_ROW), FORM_SUBMIT);
    ok(!has_rule("R-EX-3"), "R-EX-3 passes with 无");
    evaluate_body(export, BODY("\"hs_code\":\"8703235910\",\"vehicle_kind\":\"new\"", "\"specs\":{\"variant\":\"new\",\"rows\":[{\"vehicle_model\":\"M\",\"qty\":\"1\",\"unit_price\":\"1\"}]}"), FORM_SUBMIT);
    ok(has("specs/0/vehicle_brand", "R-EX-4"), "R-EX-4: a vehicle without a brand");
    evaluate_body(export, BODY("\"hs_code\":\"8703235910\",\"vehicle_kind\":\"new\"", "\"specs\":{\"variant\":\"new\",\"rows\":[{\"vehicle_brand\":\"比亚迪\",\"vehicle_model\":\"M\",\"qty\":\"1\",\"unit_price\":\"1\"}]}"), FORM_SUBMIT);
    ok(!has_rule("R-EX-4"), "R-EX-4 passes");
    evaluate_body(export, BODY("\"hs_code\":\"7208271000\"", ONE_ROW), FORM_SUBMIT);
    ok(has("producers", "R-EX-5") && has("quality_certificates", "R-EX-6"), "R-EX-5, R-EX-6: steel without producers and certificates");
    evaluate_body(export, BODY("\"hs_code\":\"7208271000\"", ONE_ROW ",\"producers\":[{\"producer_name\":\"钢厂\",\"producer_uscc\":\"988899977763675550\"}],\"quality_certificates\":[{\"quality_cert_no\":\"无编号\"}]"), FORM_SUBMIT);
    ok(!has_rule("R-EX-5") && !has_rule("R-EX-6"), "R-EX-5, R-EX-6 pass");
    evaluate_body(export, BODY("\"hs_code\":\"2833110000\"", ONE_ROW), FORM_SUBMIT);
    ok(!has("specs/0/spec", "R-EX-10"), "R-EX-10: one row needs no specification");
    evaluate_body(export, BODY("\"hs_code\":\"2833110000\"", "\"specs\":{\"variant\":\"ordinary\",\"rows\":[{\"unit_price\":\"1\",\"qty\":\"2\"},{\"spec\":\"s\",\"qty\":\"2\"}]}"), FORM_SUBMIT);
    ok(has("specs/0/spec", "R-EX-10") && !has("specs/1/spec", "R-EX-10") && has("specs/1/unit_price", "required"), "R-EX-10: two rows need everything");
    evaluate_body(export, BODY("\"hs_code\":\"2833110000\"", "\"specs\":{\"variant\":\"ordinary\",\"rows\":[{\"qty\":\"1\"},{\"qty\":\"1\"},{\"qty\":\"1\"},{\"qty\":\"1\"},{\"qty\":\"1\"}]}"), FORM_SAVE);
    ok(has("specs", "too_many_rows"), "R-EX-11: at most 4 rows");
    evaluate_body(export, BODY("\"hs_code\":\"2704001000\"", "\"specs\":{\"variant\":\"ordinary\",\"rows\":[{\"spec\":\"粗\",\"unit_price\":\"1\",\"qty\":\"2\"}]}"), FORM_SUBMIT);
    ok(has("specs/0/spec", "not_offered"), "R-EX-12: coke takes only the three texts");
    evaluate_body(export, BODY("\"hs_code\":\"2704001000\"", "\"specs\":{\"variant\":\"ordinary\",\"rows\":[{\"spec\":\"规格（粒度：80-250mm；水分：5%；灰：8%-12%；硫：0.6%-0.8%；挥发份：1.2%-1.5%）\",\"unit_price\":\"1\",\"qty\":\"2\"}]}"), FORM_SUBMIT);
    ok(!has("specs/0/spec", "not_offered"), "R-EX-12 passes");
    ok(has("attachment/01", "attachment_required"), "R-EX-14: a mandatory attachment is missing");
    body = evaluate_at(export, BODY("\"hs_code\":\"2833110000\"", ONE_ROW), FORM_SAVE, "2026-08-25");
    ok(strstr(written(body), "\"valid_until\":\"2026-12-31\"") != NULL, "R-EX-20: 2026-08-25 is valid until the end of the year");
    body = evaluate_at(export, BODY("\"hs_code\":\"2833110000\"", ONE_ROW), FORM_SAVE, "2026-03-03");
    ok(strstr(written(body), "\"valid_until\":\"2026-09-03\"") != NULL, "R-EX-20: six months");
    body = evaluate_at(export, BODY("\"hs_code\":\"2833110000\"", ONE_ROW), FORM_SAVE, "2026-08-31");
    ok(strstr(written(body), "\"valid_until\":\"2026-12-31\"") != NULL, "R-EX-20: 31 August");
}

int main(void)
{
    arena_init(&arena, 0);
    load_codes();
    unseen = load_form("tests/fixtures/forms/unseen_permit.1.json");
    export = load_form("schema/forms/export_licence.1.json");
    origin = load_form("schema/forms/certificate_of_origin.1.json");
    if (unseen && export && origin) {
        test_computing();
        test_conditions();
        test_variants();
        test_nested_condition();
        test_bad_values();
        test_bad_definitions();
        test_export_rules();
    }
    form_free(unseen);
    form_free(export);
    form_free(origin);
    for (size_t i = 0; i < set.count; i++) code_table_free(set.tables[i]);
    written(NULL);
    arena_free(&arena);
    return done_testing();
}
