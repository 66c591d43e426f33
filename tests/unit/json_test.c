/* The JSON reader against a corpus and against jansson; the writer against the reader; the tree. */
#include "tap.h"

#include "base/clock.h"
#include "base/json_read.h"
#include "base/json_tree.h"
#include "base/json_write.h"
#include "base/utf8.h"

#include <dlfcn.h>

static bool accepts(const char *text, size_t length, struct error *error)
{
    struct arena arena;
    struct json_reader reader;
    arena_init(&arena, 0);
    json_reader_init(&reader, text, length, &arena, error);
    bool good = json_skip(&reader, NULL) && json_finish(&reader);
    if (good == json_failed(&reader))
        fail("json_failed disagrees");
    arena_free(&arena);
    return good;
}

/* In the manner of the public corpora: y_ must be accepted, n_ refused. */
#define CASE(name, text) {name, text, sizeof text - 1}
static const struct { const char *name, *text; size_t length; } corpus[] = {
    CASE("y_array_empty", "[]"), CASE("y_array_spaces", " [ ] \r\n\t"), CASE("y_array_nested", "[[[]],[],{}]"),
    CASE("y_array_mixed", "[1,\"a\",null,true,false,{\"a\":[]}]"), CASE("y_object_empty", "{}"),
    CASE("y_object", "{\"a\":1,\"b\":2}"), CASE("y_object_empty_name", "{\"\":0}"), CASE("y_object_spaces", "{ \"a\" : 1 , \"b\" : 2 }"),
    CASE("y_object_same_name_deeper", "{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}"), CASE("y_lonely_null", "null"),
    CASE("y_lonely_true", "true"), CASE("y_lonely_false", "false"), CASE("y_lonely_string", "\"a\""), CASE("y_lonely_number", "42"),
    CASE("y_number_zero", "0"), CASE("y_number_minus_zero", "-0"), CASE("y_number_fraction", "0.10"), CASE("y_number_exponent", "1e5"),
    CASE("y_number_exponent_signs", "[1E+5,1e-5,-1.5E05]"), CASE("y_number_18_digits", "123456789012345678"),
    CASE("y_number_longest", "12345678901234567890123456789012"), CASE("y_string_escapes", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    CASE("y_string_u", "\"\\u0041\\u00e9\\u8bb8\""), CASE("y_string_pair", "\"\\ud83d\\ude00\""), CASE("y_string_pair_case", "\"\\uD83D\\uDE00\""),
    CASE("y_string_utf8", "\"\xE8\xAE\xB8\xE5\x8F\xAF\xE8\xAF\x81\""), CASE("y_string_4_bytes", "\"\xF0\x9F\x98\x80\""),
    CASE("y_string_del", "\"\x7F\""), CASE("y_string_nonchar", "\"\xEF\xBF\xBF\""), CASE("y_string_u2028", "\"\xE2\x80\xA8\""),
    CASE("y_string_escape_behind_8", "\"12345678\\n12345678\""), CASE("y_depth_32", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
    CASE("n_nothing", ""), CASE("n_space", " "), CASE("n_bom", "\xEF\xBB\xBF{}"), CASE("n_utf16", "{\0}\0"), CASE("n_two_values", "1 2"),
    CASE("n_behind", "{}x"), CASE("n_behind_close", "[]]"), CASE("n_behind_comma", "{},"), CASE("n_comment", "/* */{}"), CASE("n_hash", "#\n{}"),
    CASE("n_array_open", "["), CASE("n_array_open_value", "[1"), CASE("n_array_open_comma", "[1,"), CASE("n_array_trailing_comma", "[1,]"),
    CASE("n_array_first_comma", "[,1]"), CASE("n_array_two_commas", "[1,,2]"), CASE("n_array_no_comma", "[1 2]"), CASE("n_array_colon", "[1:2]"),
    CASE("n_array_curly", "[1}"), CASE("n_array_only_comma", "[,]"), CASE("n_object_open", "{"), CASE("n_object_name_only", "{\"a\"}"),
    CASE("n_object_no_value", "{\"a\":}"), CASE("n_object_open_colon", "{\"a\":"), CASE("n_object_trailing_comma", "{\"a\":1,}"),
    CASE("n_object_first_comma", "{,\"a\":1}"), CASE("n_object_two_commas", "{\"a\":1,,\"b\":2}"), CASE("n_object_number_name", "{1:1}"),
    CASE("n_object_bare_name", "{a:1}"), CASE("n_object_single_quotes", "{'a':1}"), CASE("n_object_two_colons", "{\"a\"::1}"),
    CASE("n_object_comma_for_colon", "{\"a\",1}"), CASE("n_object_square", "{\"a\":1]"), CASE("n_object_no_comma", "{\"a\":1 \"b\":2}"),
    CASE("n_duplicate", "{\"a\":1,\"a\":2}"), CASE("n_duplicate_escaped", "{\"a\":1,\"\\u0061\":2}"), CASE("n_duplicate_empty", "{\"\":1,\"\":2}"),
    CASE("n_duplicate_deep", "[{\"x\":{\"a\":1,\"b\":{},\"a\":2}}]"), CASE("n_duplicate_behind_child", "{\"a\":{\"a\":{}},\"b\":1,\"a\":2}"),
    CASE("n_word_true", "tru"), CASE("n_word_True", "True"), CASE("n_word_nul", "nul"), CASE("n_word_NaN", "NaN"), CASE("n_word_Infinity", "Infinity"),
    CASE("n_word_behind", "truex"), CASE("n_word_undefined", "undefined"), CASE("n_number_plus", "+1"), CASE("n_number_minus", "-"),
    CASE("n_number_leading_zero", "01"), CASE("n_number_minus_leading_zero", "-01"), CASE("n_number_two_zeros", "00"), CASE("n_number_bare_point", ".5"),
    CASE("n_number_ends_in_point", "5."), CASE("n_number_minus_point", "-.5"), CASE("n_number_two_points", "1.2.3"), CASE("n_number_bare_exponent", "1e"),
    CASE("n_number_exponent_sign", "1e+"), CASE("n_number_point_exponent", "1.e5"), CASE("n_number_hex", "0x1F"), CASE("n_number_two_minus", "--1"),
    CASE("n_number_minus_infinity", "-Infinity"), CASE("n_number_letter", "1a"), CASE("n_number_space", "1 000"),
    CASE("n_number_fullwidth", "\xEF\xBC\x91"), CASE("n_number_too_long", "123456789012345678901234567890123"), CASE("n_string_open", "\"a"),
    CASE("n_string_open_escape", "\"\\"), CASE("n_string_open_u", "\"\\u00"), CASE("n_string_ends_escaped", "\"a\\\""), CASE("n_string_bad_escape", "\"\\x41\""),
    CASE("n_string_escape_nul", "\"\\\0\""), CASE("n_string_escape_a", "\"\\a\""), CASE("n_string_u_short", "\"\\u12\""), CASE("n_string_u_letters", "\"\\u12G4\""),
    CASE("n_string_u_sign", "\"\\u+123\""), CASE("n_string_capital_u", "\"\\U0041\""), CASE("n_string_nul_escape", "\"\\u0000\""), CASE("n_string_nul", "\"a\0b\""), CASE("n_string_newline", "\"a\nb\""),
    CASE("n_string_tab", "\"a\tb\""), CASE("n_string_1f", "\"\x1F\""), CASE("n_string_lone_high", "\"\\ud83d\""), CASE("n_string_lone_low", "\"\\ude00\""),
    CASE("n_string_two_high", "\"\\ud83d\\ud83d\""), CASE("n_string_high_text", "\"\\ud83dabcdef\""), CASE("n_string_pair_reversed", "\"\\ude00\\ud83d\""),
    CASE("n_string_single_quotes", "'a'"), CASE("n_string_none", "abc"), CASE("n_utf8_alone", "\"\x80\""), CASE("n_utf8_overlong", "\"\xC0\xAF\""),
    CASE("n_utf8_overlong_3", "\"\xE0\x80\xAF\""), CASE("n_utf8_surrogate", "\"\xED\xA0\x80\""), CASE("n_utf8_too_high", "\"\xF4\x90\x80\x80\""),
    CASE("n_utf8_ff", "\"\xFF\""), CASE("n_utf8_cut", "\"\xE8\xAE\""), CASE("n_utf8_cut_end", "\"\xE8\xAE"), CASE("n_utf8_latin1", "\"\xE9\""),
    CASE("n_utf8_behind_escape", "\"\\n\xC0\xAF\""), CASE("n_utf8_in_name", "{\"\xFF\":1}"), CASE("n_control_behind_escape", "\"\\n\n\""),
    CASE("n_space_formfeed", "[\f]"), CASE("n_space_nbsp", "[\xC2\xA0]"), CASE("n_space_vertical", "[\v1]"), CASE("n_space_wide", "\xE3\x80\x80[]"),
    CASE("n_depth_33", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"), CASE("n_open_many", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["),
    CASE("n_open_objects", "{\"a\":{\"a\":{\"a\":{\"a\":"),
};

static void corpus_cases(void)
{
    struct error error;
    for (size_t i = 0; i < sizeof corpus / sizeof *corpus; i++) {
        /* on the heap and exactly as long, so that the sanitizers see every byte read too far */
        char *copy = malloc(corpus[i].length + !corpus[i].length);
        memcpy(copy, corpus[i].text, corpus[i].length);
        bool good = accepts(copy, corpus[i].length, &error);
        free(copy);
        ok(good == (corpus[i].name[0] == 'y'), "%s %s", corpus[i].name, good ? "" : error.en);
    }
}

/* ---- the values themselves, against jansson. It is loaded at run time: the two share names of functions. */

#define JANSSON_REJECT_DUPLICATES 1
#define JANSSON_DECODE_ANY 4

static void *(*jansson_read)(const char *text, size_t length, size_t flags, void *error);
static int (*jansson_equal)(const void *a, const void *b);
static void (*jansson_delete)(void *json);

static bool jansson_open(void)
{
    void *library = dlopen("libjansson.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return false;
    *(void **)&jansson_read = dlsym(library, "json_loadb");
    *(void **)&jansson_equal = dlsym(library, "json_equal");
    *(void **)&jansson_delete = dlsym(library, "json_delete");
    return jansson_read && jansson_equal && jansson_delete;
}

/* What our reader understood, written by our writer (names raw, so that json_name needs no escapes). */
static bool copied(struct json_reader *reader, struct json_writer *writer)
{
    enum json_kind kind;
    struct slice text;
    if (!json_peek(reader, &kind))
        return false;
    if (kind < JSON_ARRAY) {
        if (!json_scalar(reader, &kind, &text))
            return false;
        if (kind == JSON_STRING)
            json_text(writer, text.text, text.length);
        else
            json_raw(writer, text.text, text.length);
        return true;
    }
    if (!json_enter(reader, kind))
        return false;
    kind == JSON_ARRAY ? json_array(writer) : json_object(writer);
    while (json_next(reader, &text)) {
        if (kind == JSON_OBJECT) {
            json_text(writer, text.text, text.length);
            buffer_char(writer->out, ':');
            writer->comma = false;
        }
        if (!copied(reader, writer))
            return false;
    }
    kind == JSON_ARRAY ? json_array_end(writer) : json_object_end(writer);
    return !json_failed(reader);
}

/* 1 accepted, 0 refused, -1 differs from jansson. */
static int compared(const struct buffer *text, struct buffer *copy)
{
    struct arena arena;
    struct error error;
    struct json_reader reader;
    struct json_writer writer;
    arena_init(&arena, 0);
    buffer_reset(copy);
    json_writer_init(&writer, copy);
    json_reader_init(&reader, text->data, text->length, &arena, &error);
    bool good = copied(&reader, &writer) && json_finish(&reader);
    size_t flags = JANSSON_REJECT_DUPLICATES | JANSSON_DECODE_ANY;
    void *theirs = jansson_read(text->data, text->length, flags, NULL);
    void *ours = good ? jansson_read(copy->data, copy->length, flags, NULL) : NULL;
    bool same = good ? theirs && ours && jansson_equal(ours, theirs) : !theirs;
    if (ours)
        jansson_delete(ours);
    if (theirs)
        jansson_delete(theirs);
    arena_free(&arena);
    return same ? good : -1;
}

static uint32_t seed = 12345;
static uint32_t dice(uint32_t sides)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % sides;
}

static void make(struct buffer *out, int depth)
{
    static const char *const scalars[] = {"null", "true", "false", "0", "-1", "12.50", "1e3", "\"\"", "\"abc\"", "\"许可证\"",
                                          "\"a\\nb\"", "\"\\u8bb8\\ud83d\\ude00\"", "\"0123456789abcdef\\\\\"", "\"\xF0\x9F\x98\x80x\""};
    int what = depth > 5 ? 0 : (int)dice(4);
    if (what < 2) {
        buffer_text(out, scalars[dice(14)]);
        return;
    }
    bool object = what == 2;
    buffer_char(out, object ? '{' : '[');
    for (uint32_t i = 0, n = dice(6) * (dice(20) ? 1 : 12); i < n; i++) {
        if (i)
            buffer_text(out, dice(3) ? "," : " ,\n");
        if (object)
            buffer_printf(out, "\"%s%u\":", dice(2) ? "name_" : "n", dice(200) ? i : 0);
        make(out, depth + 1);
    }
    buffer_char(out, object ? '}' : ']');
}

/* Where the two differ by design, our reader is the stricter one. */
static bool may_differ(const char *text, size_t length)
{
    size_t digits = 0;
    for (size_t i = 0; i < length; i++) {
        bool part = strchr("0123456789.eE+-", text[i]) && text[i];
        digits = part ? digits + 1 : 0;
        if (digits > 18 || ((text[i] == 'e' || text[i] == 'E') && digits > 1))
            return true; /* jansson refuses what does not fit a double or 64 bits */
    }
    return strstr(text, "\\u0000") != NULL;
}

static void differential_cases(int rounds)
{
    struct buffer text, copy;
    int accepted = 0, wrong = 0;
    buffer_init(&text, 0);
    buffer_init(&copy, 0);
    for (int i = 0; i < rounds && wrong < 5; i++) {
        buffer_reset(&text);
        make(&text, 0);
        for (uint32_t n = i % 2 ? 1 + dice(3) : 0; n && text.length; n--)
            text.data[dice((uint32_t)text.length)] = "\"\\{}[]:,0-.etu \n\x80\xE5\x01x"[dice(20)];
        int result = compared(&text, &copy);
        accepted += result == 1;
        if (result < 0 && !may_differ(buffer_string(&text), text.length)) {
            wrong++;
            diag("differs: %s", buffer_string(&text));
        }
    }
    ok(!wrong && accepted > rounds / 3 && accepted < rounds, "%d texts read as by jansson, %d of them accepted", rounds, accepted);
    buffer_free(&text);
    buffer_free(&copy);
}

/* ---- duplicates */

static bool object_of(int names, int twice, const char *form, double *milliseconds)
{
    struct buffer text;
    struct error error;
    buffer_init(&text, 0);
    buffer_char(&text, '{');
    for (int i = 0; i < names; i++) {
        buffer_text(&text, i ? ",\"" : "\"");
        buffer_printf(&text, form, i == names - 1 && twice >= 0 ? twice : i);
        buffer_text(&text, "\":0");
    }
    buffer_char(&text, '}');
    int64_t start = clock_monotonic();
    bool good = accepts(text.data, text.length, &error);
    *milliseconds = (double)(clock_monotonic() - start);
    buffer_free(&text);
    return good;
}

static void duplicate_cases(void)
{
    static const char *const forms[] = {"n%d", "a_name_of_more_than_eight_%08d", "%08d_same_first_and_last_", "x%dyyyyyyyyyyyyyyyyyyy"};
    double time;
    for (size_t f = 0; f < 4; f++) {
        bool right = true;
        for (int n = 2; n < 130; n++) {
            right = right && object_of(n, -1, forms[f], &time);
            for (int twice = 0; twice < n - 1; twice += 7)
                right = right && !object_of(n, twice, forms[f], &time);
        }
        ok(right, "duplicates are found among 2 to 130 names like \"%s\"", forms[f]);
    }
    bool good = object_of(200000, -1, forms[1], &time);
    ok(good && time < 2000, "200,000 names in %.0f ms", time);
    ok(!object_of(200000, 5, forms[1], &time), "a duplicate among them");
    struct buffer text;
    struct error error;
    buffer_init(&text, 0);
    buffer_text(&text, "[");
    for (int i = 0; i < 20000; i++) {
        buffer_text(&text, i ? ",{" : "{");
        for (int j = 0; j < (i ? 26 : 60000); j++)
            buffer_printf(&text, "%s\"%d\":0", j ? "," : "", j);
        buffer_text(&text, "}");
    }
    buffer_text(&text, "]");
    int64_t start = clock_monotonic();
    good = accepts(text.data, text.length, &error);
    time = (double)(clock_monotonic() - start);
    ok(good && time < 3000, "20,000 objects behind a large one in %.0f ms", time);
    buffer_free(&text);
}

/* ---- reading in place, the writer, the tree */

static void reader_cases(void)
{
    static const char text[] = "{\"a\": \"plain\", \"b\": \"x\\ny\", \"c\": [1, {\"d\": null}], \"e\": -1.50}";
    struct arena arena;
    struct error error;
    struct json_reader r;
    struct slice name, value;
    enum json_kind kind;
    arena_init(&arena, 0);
    json_reader_init(&r, text, sizeof text - 1, &arena, &error);
    ok(json_enter(&r, JSON_OBJECT) && json_next(&r, &name) && slice_is(name, "a"), "the first name");
    ok(json_scalar(&r, &kind, &value) && value.text > text && value.text < text + sizeof text, "a plain string is a slice of the input");
    ok(json_next(&r, &name) && json_scalar(&r, &kind, &value) && slice_is(value, "x\ny"), "one with escapes is not");
    ok(json_next(&r, &name) && json_skip(&r, &value) && slice_is(value, "[1, {\"d\": null}]"), "a skipped value's text");
    ok(json_next(&r, &name) && json_scalar(&r, &kind, &value) && kind == JSON_NUMBER && slice_is(value, "-1.50"), "a number's text");
    ok(!json_next(&r, &name) && !json_failed(&r) && json_finish(&r), "the end");
    json_reader_init(&r, "{\n \"a\": 许}", 13, &arena, &error);
    ok(!json_skip(&r, NULL) && error.code == ERROR_MALFORMED && strstr(error.en, "line 2 column 7") && strstr(error.zh, "第 2 行第 7 列"),
       "an error names its place: %s", error.zh);
    ok(!json_next(&r, &name) && !json_peek(&r, &kind) && !json_finish(&r), "and everything after it fails");
    struct arena tiny;
    arena_init(&tiny, 64);
    json_reader_init(&r, "{\"a\":1}", 7, &tiny, &error);
    ok(!json_skip(&r, NULL), "an arena at its limit is an error");
    arena_free(&tiny);
    arena_free(&arena);
}

static void writer_cases(void)
{
    struct buffer out;
    struct json_writer w;
    buffer_init(&out, 0);
    json_writer_init(&w, &out);
    json_object(&w);
    json_put_string(&w, "s", "a\"b\\c</script>&\n\x01许\xE2\x80\xA8\xE2\x80\x9C\x7F");
    json_put_string(&w, "n", NULL);
    json_put_id(&w, "id", INT64_MAX);
    json_put_decimal(&w, "q", 1250000, 2);
    json_put_boolean(&w, "t", true);
    json_name(&w, "a");
    json_array(&w);
    json_integer(&w, -5);
    json_null(&w);
    json_string(&w, "");
    json_object(&w);
    json_object_end(&w);
    json_raw(&w, "[1]", 3);
    json_array_end(&w);
    json_put_words(&w, "message", "中", "en");
    json_put_integer(&w, "z", 0);
    json_object_end(&w);
    is_text(buffer_string(&out),
            "{\"s\":\"a\\\"b\\\\c\\u003c/script\\u003e\\u0026\\n\\u0001许\\u2028\xE2\x80\x9C\\u007f\",\"n\":null,"
            "\"id\":\"9223372036854775807\",\"q\":\"12.50\",\"t\":true,\"a\":[-5,null,\"\",{},[1]],"
            "\"message\":{\"zh\":\"中\",\"en\":\"en\"},\"z\":0}", "a document");
    bool same = true;
    struct arena arena;
    arena_init(&arena, 0);
    for (int i = 0; i < 20000 && same; i++) {
        char text[80];
        size_t length = 0;
        for (uint32_t n = dice(20); n; n--) {
            static const uint32_t some[] = {'a', '"', '\\', 0x1F, 0x2028, 0x2029, 0x201C, 0x8BB8, 0x1F600, 0xE9, '<', 'b', 'c', ' ', '/'};
            length += utf8_encode(some[dice(15)], text + length);
        }
        buffer_reset(&out);
        json_writer_init(&w, &out);
        json_text(&w, text, length);
        struct json_reader r;
        struct error error;
        struct slice back;
        enum json_kind kind;
        json_reader_init(&r, out.data, out.length, &arena, &error);
        same = json_scalar(&r, &kind, &back) && json_finish(&r) && back.length == length && !memcmp(back.text, text, length);
        arena_reset(&arena);
    }
    ok(same, "20,000 texts come back from writer and reader");
    buffer_free(&out);
    arena_free(&arena);
}

static void tree_cases(void)
{
    static const char text[] = "{\n\"a\": \"x\\u8bb8\",\n\"b\": [1,\n2, {\"c\": true}], \"i\": -12, \"f\": 1.5,\n\"big\": 1234567890123456789}";
    struct arena arena;
    struct error error;
    arena_init(&arena, 0);
    const struct json *tree = json_tree(text, sizeof text - 1, &arena, &error);
    is_text(json_member_text(tree, "a", ""), "x许", "a string");
    is_text(json_member_text(tree, "b", "none"), "none", "an array is no string");
    is_int(json_member_integer(tree, "i", 0), -12, "an integer");
    is_int(json_member_integer(tree, "f", 7), 7, "a fraction is none");
    is_int(json_member_integer(tree, "big", 7), 7, "19 digits are too many");
    const struct json *list = json_member(tree, "b");
    ok(list && list->count == 3, "a list");
    if (!list)
        return;
    ok(list->line == 3 && list->first->next->line == 4, "lines are known");
    ok(json_member_true(list->first->next->next, "c") && !json_member_true(tree, "absent"), "true");
    int seen = 0;
    JSON_EACH(item, list)
        seen += item->kind == JSON_NUMBER;
    is_int(seen, 2, "each");
    ok(!json_tree("{\"a\":1,}", 8, &arena, &error) && error.code == ERROR_MALFORMED, "a mistake");
    arena_free(&arena);
}

int main(void)
{
    corpus_cases();
    reader_cases();
    writer_cases();
    tree_cases();
    duplicate_cases();
    if (jansson_open())
        differential_cases(60000);
    else
        pass("differential test # SKIP no jansson");
    return done_testing();
}
