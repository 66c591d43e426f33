/* arena, buffer, error, utf8, decimal, date, clock, random, config, csv, log */
#include "tap.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/csv.h"
#include "base/date.h"
#include "base/decimal.h"
#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "base/utf8.h"

#include <unistd.h>

static void arena_cases(void)
{
    struct arena arena;
    arena_init(&arena, 100000);
    char *first = arena_alloc(&arena, 3);
    ok(first && ((uintptr_t)first & 15) == 0, "memory is aligned to 16");
    is_text(arena_copy(&arena, "abcdef", 3), "abc", "a copy ends in NUL");
    is_text(arena_printf(&arena, "%d-%s", 7, "x"), "7-x", "printf");
    ok(!arena_text(&arena, NULL), "NULL stays NULL");
    ok(arena_alloc(&arena, 50000), "a large piece gets its own block");
    ok(!arena_alloc(&arena, 60000), "the limit holds");
    ok(!arena_alloc(&arena, SIZE_MAX - 5), "absurd sizes do not overflow");
    memset(first, 'x', 3);
    arena_reset(&arena);
    char *again = arena_alloc(&arena, 16);
    ok(again == first && !again[0] && !again[2], "a reset arena gives the same memory, zeroed");
    ok(arena.taken < 20000, "later blocks were given back");
    arena_free(&arena);
    ok(arena_alloc(&arena, 1), "a freed arena can be used again");
    arena_free(&arena);
}

static void buffer_cases(void)
{
    struct buffer buffer;
    buffer_init(&buffer, 1000);
    is_text(buffer_string(&buffer), "", "an empty buffer is the empty text");
    buffer_text(&buffer, "n=");
    buffer_integer(&buffer, INT64_MIN);
    buffer_char(&buffer, ' ');
    buffer_printf(&buffer, "%s%03d", "p", 7);
    is_text(buffer_string(&buffer), "n=-9223372036854775808 p007", "text, integer, char, printf");
    char *room = buffer_reserve(&buffer, 4);
    memcpy(room, "wxyz", 4);
    buffer.length += 4;
    ok(!strcmp(buffer_string(&buffer) + 26, "7wxyz"), "reserved room");
    for (int i = 0; i < 2000; i++)
        buffer_char(&buffer, 'a');
    ok(buffer.failed && buffer.length == 1000, "it stops at exactly its maximum");
    buffer_text(&buffer, "");
    buffer_reset(&buffer);
    buffer_text(&buffer, "ok");
    ok(!buffer.failed && !strcmp(buffer_string(&buffer), "ok"), "a reset clears the failure");
    buffer_free(&buffer);
}

static void error_cases(void)
{
    struct error error;
    is_int(error_set(&error, ERROR_STALE, "stale_version", "旧", "old"), ERROR_STALE, "error_set returns its code");
    is_text(error.name, "stale_version", "name");
    error_detail(&error, "row %d", 3);
    error_detail(&error, "%s", "again");
    is_text(error.detail, "row 3; again", "details add up");
    char long_zh[400] = "";
    for (int i = 0; i < 100; i++)
        memcpy(long_zh + 3 * i, "许", 4);
    error_set(&error, ERROR_INVALID, "x", long_zh, "");
    is_int(strlen(error.zh), 255, "words are cut at a whole character");
    error_detail(&error, "a%s", long_zh);
    ok(utf8_valid(error.detail, strlen(error.detail)) && strlen(error.detail) == 253 + 0, "so is the detail (%zu)",
       strlen(error.detail));
    is_int(error_unavailable(&error, "x"), ERROR_UNAVAILABLE, "unavailable");
    is_int(error.retry_after, 2, "says when to try again");
    static const int status[] = {200, 400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 429, 500, 503, 428, 500};
    bool right = true;
    for (int i = 0; i < 16; i++)
        right = right && error_http_status((enum error_code)i) == status[i];
    ok(right, "HTTP status of every code");
}

static void utf8_cases(void)
{
    static const struct { const char *text; bool valid; } cases[] = {
        {"", 1}, {"plain ascii of some length", 1}, {"出口许可证", 1}, {"\xF0\x9F\x98\x80", 1}, {"\xC2\x80", 1},
        {"\xDF\xBF", 1}, {"\xE0\xA0\x80", 1}, {"\xEF\xBF\xBF", 1}, {"\xF4\x8F\xBF\xBF", 1}, {"\xED\x9F\xBF", 1},
        {"\x80", 0}, {"\xC0\x80", 0}, {"\xC1\xBF", 0}, {"\xE0\x9F\xBF", 0}, {"\xED\xA0\x80", 0}, {"\xF0\x8F\xBF\xBF", 0},
        {"\xF4\x90\x80\x80", 0}, {"\xF5\x80\x80\x80", 0}, {"\xFF", 0}, {"abcdefgh\xE5\x87", 0}, {"\xE5\x87", 0}, {"\xC3(", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ok(utf8_valid(cases[i].text, strlen(cases[i].text)) == cases[i].valid, "utf8 case %zu", i);
    bool same = true;
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        char text[4];
        uint32_t back = 1;
        if (c >= 0xD800 && c <= 0xDFFF)
            continue;
        size_t bytes = utf8_encode(c, text);
        same = same && utf8_decode(text, bytes, &back) == bytes && back == c && utf8_valid(text, bytes);
    }
    ok(same, "every character comes back");
    is_int(utf8_count("a许可b", 8), 4, "count");
    is_int(utf8_cut("a许可b", 8, 6), 4, "cut");
    is_int(utf8_cut("a许可b", 8, 7), 7, "cut on a border");
    is_int(utf8_cut("许", 2, 9), 0, "a text that was cut by bytes");
    is_int(utf8_cut("", 0, 4), 0, "nothing");
}

static void decimal_parse_cases(void)
{
    static const struct { const char *text; int places, code; const char *back; } cases[] = {
        {"0", 5, 0, "0"}, {"-0", 5, 0, "0"}, {"12.50", 5, 0, "12.5"}, {"9999999999999.99999", 5, 0, "9999999999999.99999"},
        {"-9999999999999.99999", 5, 0, "-9999999999999.99999"}, {"0.00001", 5, 0, "0.00001"}, {"1.234", 2, 3, NULL},
        {"1.20", 2, 0, "1.2"}, {"1", 0, 0, "1"}, {"1.0", 0, 3, NULL}, {"10000000000000", 5, 2, NULL},
        {"99999999999999999999999999999999999", 5, 2, NULL}, {"", 5, 1, NULL}, {"-", 5, 1, NULL}, {".5", 5, 1, NULL},
        {"5.", 5, 1, NULL}, {"+5", 5, 1, NULL}, {"1e3", 5, 1, NULL}, {" 1", 5, 1, NULL}, {"1 ", 5, 1, NULL}, {"1,000", 5, 1, NULL},
        {"0x10", 5, 1, NULL}, {"--1", 5, 1, NULL}, {"1.2.3", 5, 1, NULL}, {"10000000000000x", 5, 1, NULL}, {"NaN", 5, 1, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decimal value = 77;
        char text[DECIMAL_TEXT_SIZE] = "";
        int code = decimal_parse(cases[i].text, strlen(cases[i].text), cases[i].places, &value);
        if (!code)
            decimal_format(value, 0, text);
        ok(code == cases[i].code && (code ? value == 77 : !strcmp(text, cases[i].back)), "\"%s\" to %d places: %d %s", cases[i].text,
           cases[i].places, code, text);
    }
    char text[DECIMAL_TEXT_SIZE];
    decimal_format(1250000, 2, text);
    is_text(text, "12.50", "at least two places");
    decimal_format(-5, 0, text);
    is_text(text, "-0.00005", "a small negative number");
    int64_t rate;
    is_int(decimal_parse_rate("712.34567891", 12, &rate), 0, "a rate of 8 places");
    is_int(rate, INT64_C(71234567891), "its value");
    is_int(decimal_parse_rate("1.123456789", 11, &rate), 3, "nine places are too many");
    is_int(decimal_parse_rate("1234567890", 10, &rate), 2, "ten digits are too many");
}

static void decimal_cases(void)
{
    decimal r = 42;
    ok(decimal_add(1, 2, &r) && r == 3, "add");
    ok(!decimal_add(DECIMAL_MAX, 1, &r) && r == 3, "too large: untouched");
    ok(!decimal_subtract(-DECIMAL_MAX, 1, &r) && r == 3, "too small");
    ok(decimal_multiply(1250000, 300000, 2, &r) && r == 3750000, "12.5 x 3");
    ok(decimal_multiply(100, 50000, 2, &r) && r == 0, "0.001 x 0.5 = 0.0005 -> 0.00");
    ok(decimal_multiply(100000, 500, 2, &r) && r == 1000, "0.005 -> 0.01");
    ok(decimal_multiply(-100000, 500, 2, &r) && r == -1000, "-0.005 -> -0.01, away from zero");
    ok(decimal_multiply(33333, 33333, 5, &r) && r == 11111, "rounded once: 0.1111088889 -> 0.11111");
    ok(!decimal_multiply(DECIMAL_MAX, 200000, 5, &r), "a product too large");
    ok(!decimal_multiply(DECIMAL_MAX, DECIMAL_MAX, 0, &r), "a product far too large");
    ok(decimal_divide(100000, 300000, 5, &r) && r == 33333, "1 / 3");
    ok(decimal_divide(200000, 300000, 5, &r) && r == 66667, "2 / 3");
    ok(decimal_divide(-100000, 800000, 2, &r) && r == -13000, "-1 / 8 = -0.125 -> -0.13");
    ok(!decimal_divide(1, 0, 2, &r), "by nothing");
    ok(!decimal_divide(DECIMAL_MAX, 1, 2, &r), "a quotient too large");
    is_int(decimal_round(249999, 0), 200000, "2.49999 -> 2");
    is_int(decimal_round(250000, 0), 300000, "2.5 -> 3");
    is_int(decimal_round(-250000, 0), -300000, "-2.5 -> -3");
    /* 1,234.56 EUR at 108.53210000 USD per 100 = 1,339.894... */
    ok(decimal_convert(123456000, INT64_C(10853210000), 2, &r) && r == 133989000, "a conversion");
    ok(decimal_convert(100000, INT64_C(50000000), 2, &r) && r == 1000, "0.005 USD -> 0.01");
    ok(decimal_convert(100000, INT64_C(49999999), 2, &r) && r == 0, "0.0049999999 USD -> 0.00");
    ok(!decimal_convert(DECIMAL_MAX, INT64_C(99999999999999999), 0, &r), "a conversion too large");
}

static void date_text_is(int32_t day, const char *want)
{
    char text[DATE_TEXT_SIZE];
    date_format(day, text);
    is_text(text, want, want);
}

static void date_cases(void)
{
    int32_t day = 0;
    ok(date_parse("1970-01-01", 10, &day) && day == 0, "day 0");
    ok(date_parse("2026-11-21", 10, &day) && day == 20778, "today");
    static const char *const bad[] = {"2026-02-29", "2026-13-01", "2026-00-01", "2026-01-00", "2026-04-31", "1899-12-31",
                                      "2200-01-01", "2026-1-1", "2026/01/01", "20260101", "2026-01-01T", "abcd-01-01", "2026-01-0x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ok(!date_parse(bad[i], strlen(bad[i]), &day), "%s is refused", bad[i]);
    bool same = true;
    for (int32_t d = date_from_parts(1900, 1, 1); d <= date_from_parts(2199, 12, 31); d++) {
        char text[DATE_TEXT_SIZE];
        date_format(d, text);
        same = same && date_parse(text, 10, &day) && day == d;
    }
    ok(same, "every day of 300 years comes back");
    date_text_is(date_add_months(date_from_parts(2026, 8, 31), 6), "2027-02-28");
    date_text_is(date_add_months(date_from_parts(2027, 8, 31), 6), "2028-02-29");
    date_text_is(date_add_months(date_from_parts(2026, 12, 31), 1), "2027-01-31");
    date_text_is(date_add_months(date_from_parts(2026, 1, 31), -2), "2025-11-30");
    date_text_is(date_add_months(date_from_parts(2026, 5, 15), -17), "2024-12-15");
    int32_t new_year = date_from_parts(2027, 1, 1);
    is_int(date_of_instant(date_begin(new_year)), new_year, "the new year begins at its first instant");
    is_int(date_of_instant(date_begin(new_year) - 1), new_year - 1, "a millisecond earlier it is the old one");
    is_int(date_begin(new_year), INT64_C(1798732800000), "16:00 UTC of the day before");
    is_int(date_of_instant(-28800001), -1, "before 1970");
    char text[INSTANT_TEXT_SIZE];
    instant_format(INT64_C(1788400800000), text);
    is_text(text, "2026-09-03T10:00:00.000+08:00", "an instant");
    instant_format(date_begin(new_year) - 1, text);
    is_text(text, "2026-12-31T23:59:59.999+08:00", "the last one of the year");
}

static void clock_and_random_cases(const char *directory)
{
    char path[256];
    snprintf(path, sizeof path, "%s/clock", directory);
    ok(clock_use_file(path) == -1, "no clock file");
    FILE *file = fopen(path, "w");
    fputs("1798732799999\n", file);
    fclose(file);
    ok(clock_use_file(path) == 0 && clock_now() == INT64_C(1798732799999), "the clock of a file");
    file = fopen(path, "w");
    fclose(file);
    ok(clock_now() == INT64_C(1798732799999), "while the file is replaced, the last time stays");
    file = fopen(path, "w");
    fputs("5", file);
    fclose(file);
    is_int(clock_now(), 5, "and follows it");
    clock_use_file(NULL);
    ok(clock_now() > INT64_C(1700000000000), "the real clock");
    ok(clock_monotonic() <= clock_monotonic(), "never back");
    bool rising = true;
    int64_t before = 0;
    for (int i = 0; i < 100000; i++) {
        int64_t id = random_id(INT64_C(1798732799999) + i / 10000);
        rising = rising && id > before;
        before = id;
    }
    ok(rising, "ids rise, within a millisecond too");
    ok(random_id(0) > before, "and when the clock goes back");
    char hex[129], other[129];
    random_hex(32, hex);
    random_hex(32, other);
    ok(strlen(hex) == 64 && strcmp(hex, other) && strspn(hex, "0123456789abcdef") == 64, "random hexadecimal");
}

static int settings(const char *path, const char *text, struct config **config, struct error *error)
{
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    return config_read(path, config, error);
}

static void config_cases(const char *directory)
{
    struct config *config;
    struct error error = {0};
    long value;
    char path[256];
    snprintf(path, sizeof path, "%s/settings", directory);
    ok(config_read("/nowhere/settings", &config, &error) && strstr(error.detail, "/nowhere/settings"), "no file: its name is told");
    ok(!settings(path, "# a comment\n\n a = 1 \r\nname=口岸 x = y\nempty =\n", &config, &error), "settings");
    is_text(config_text(config, "name", ""), "口岸 x = y", "a value with spaces and equals signs");
    is_text(config_text(config, "empty", "x"), "", "an empty value");
    is_text(config_text(config, "absent", "fallback"), "fallback", "an absent one");
    ok(!config_integer(config, "a", 0, 9, 5, &value, &error) && value == 1, "a number");
    ok(!config_integer(config, "b", 0, 9, 5, &value, &error) && value == 5, "a number that is absent");
    ok(config_integer(config, "a", 2, 9, 5, &value, &error) && strstr(error.detail, "setting a"), "out of range");
    ok(config_integer(config, "name", 2, 9, 5, &value, &error), "no number");
    config_free(config);
    ok(settings(path, "a = 1\nb\n", &config, &error) && strstr(error.detail, ":2:"), "a line without equals: %s", error.detail);
    ok(settings(path, "a = 1\na = 2\n", &config, &error) && strstr(error.detail, ":2:"), "twice: %s", error.detail);
    ok(settings(path, "a = \xFF\n", &config, &error), "not UTF-8");
}

static void csv_cases(void)
{
    static const char text[] = "\xEF\xBB\xBF" "code,name\r\n\r\n1,\"a \"\"b\"\", c\"\n2,\"two\nlines\"\n,\n3,x";
    struct arena arena;
    struct csv csv;
    struct slice f[CSV_COLUMNS];
    struct error error = {0};
    arena_init(&arena, 0);
    csv_init(&csv, text, sizeof text - 1, &arena);
    ok(csv_row(&csv, f, &error) == 2 && slice_is(f[0], "code") && slice_is(f[1], "name"), "the head, behind a byte order mark");
    ok(csv_row(&csv, f, &error) == 2 && slice_is(f[1], "a \"b\", c") && csv.line == 3, "quotes; an empty line is passed over");
    ok(csv_row(&csv, f, &error) == 2 && slice_is(f[1], "two\nlines"), "a field of two lines");
    ok(csv_row(&csv, f, &error) == 2 && !f[0].length && !f[1].length, "empty fields");
    ok(csv_row(&csv, f, &error) == 2 && slice_is(f[1], "x") && csv.line == 7, "the last line without an end, line %d", csv.line);
    is_int(csv_row(&csv, f, &error), 0, "the end");
    static const char *const bad[] = {"a,\"b", "\"a\"b,c", "a\xFF,b", "\"\"\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        csv_init(&csv, bad[i], strlen(bad[i]), &arena);
        ok(csv_row(&csv, f, &error) == -1 && strstr(error.en, "Line 1"), "refused: %s", error.en);
    }
    struct buffer out;
    buffer_init(&out, 0);
    static const char *const cells[] = {"plain", "a,b", "say \"x\"", "=1+1", "-5.20", "-x", "@a", "+1", " pad", "", "中文\n行"};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        csv_field(&out, i == 0, cells[i], strlen(cells[i]));
    is_text(buffer_string(&out), "plain,\"a,b\",\"say \"\"x\"\"\",'=1+1,-5.20,'-x,'@a,'+1,\" pad\",,\"中文\n行\"", "fields written");
    buffer_free(&out);
    arena_free(&arena);
}

static void log_cases(const char *directory)
{
    char path[256], text[4096] = "", quoted[16];
    is_text(log_quote("plain-1", quoted, sizeof quoted), "plain-1", "a plain value");
    is_text(log_quote("a \"b\"\n", quoted, sizeof quoted), "\"a \\\"b\\\"?\"", "a value from outside");
    is_text(log_quote("", quoted, sizeof quoted), "\"\"", "an empty one");
    is_int(strlen(log_quote("a b c d e f g h i j k l m n", quoted, sizeof quoted)) < sizeof quoted, 1, "cut to size");
    snprintf(path, sizeof path, "%s/log", directory);
    int saved = dup(STDERR_FILENO);
    FILE *file = freopen(path, "w", stderr);
    log_open("test", LOG_INFO);
    log_line(LOG_DEBUG, "hidden", "x=1");
    log_line(LOG_WARNING, "seen", "x=%s", "1\n2");
    fflush(file);
    dup2(saved, STDERR_FILENO);
    close(saved);
    file = fopen(path, "r");
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    ok(length && !strstr(text, "hidden") && strstr(text, " level=warning program=test event=seen x=1 2\n"), "a line: %.*s",
       (int)length - 1, text);
}

int main(void)
{
    char directory[] = "/tmp/base_test.XXXXXX";
    if (!mkdtemp(directory))
        return 1;
    arena_cases();
    buffer_cases();
    error_cases();
    utf8_cases();
    decimal_parse_cases();
    decimal_cases();
    date_cases();
    clock_and_random_cases(directory);
    config_cases(directory);
    csv_cases();
    log_cases(directory);
    for (const char *const *name = (const char *const[]){"clock", "settings", "log", NULL}; *name; name++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", directory, *name);
        unlink(path);
    }
    rmdir(directory);
    return done_testing();
}
