/* A TAP producer for the unit tests: one header, no state outside the test program.
 *
 *     int main(void)
 *     {
 *         ok(1 + 1 == 2, "one and one is %d", 2);
 *         is_int(decimal_scale(x), 5, "five places");
 *         is_text(buffer_text(&b), "{}", "an empty object");
 *         return done_testing();
 *     }
 *
 * A failed check prints where it stands and both values as diagnostics; the program goes on, and done_testing()
 * returns 1 if any failed. Checks may be made from the main thread only. */
#ifndef TESTS_UNIT_TAP_H
#define TESTS_UNIT_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	int planned, run, failed;
} tap;

__attribute__((unused, format(printf, 1, 2)))
static void diag(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("# ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
}

__attribute__((unused, format(printf, 4, 5)))
static bool tap_check(bool good, const char *file, int line, const char *format, ...)
{
	va_list ap;

	if (tap.run == 0)
		setvbuf(stdout, NULL, _IOLBF, 0);
	printf("%sok %d - ", good ? "" : "not ", ++tap.run);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
	if (!good) {
		tap.failed++;
		diag("failed at %s:%d", file, line);
	}
	return good;
}

/* Both may be NULL. */
__attribute__((unused))
static bool tap_text(const char *got, const char *want, const char *file, int line, const char *name)
{
	bool good = got && want ? strcmp(got, want) == 0 : got == want;

	if (!tap_check(good, file, line, "%s", name)) {
		diag("     got: %s", got ? got : "(null)");
		diag("expected: %s", want ? want : "(null)");
	}
	return good;
}

__attribute__((unused))
static bool tap_int(int64_t got, int64_t want, const char *file, int line, const char *name)
{
	if (!tap_check(got == want, file, line, "%s", name)) {
		diag("     got: %lld", (long long)got);
		diag("expected: %lld", (long long)want);
	}
	return got == want;
}

__attribute__((unused))
static bool tap_bytes(const void *got, size_t got_length, const void *want, size_t want_length, const char *file, int line,
                      const char *name)
{
	bool good = got_length == want_length && (got_length == 0 || memcmp(got, want, got_length) == 0);

	if (!tap_check(good, file, line, "%s", name))
		diag("got %zu bytes: %.*s\n# expected %zu: %.*s", got_length, (int)got_length, (const char *)got, want_length,
		     (int)want_length, (const char *)want);
	return good;
}

#define ok(good, ...) tap_check((good), __FILE__, __LINE__, __VA_ARGS__)
#define pass(...) tap_check(true, __FILE__, __LINE__, __VA_ARGS__)
#define fail(...) tap_check(false, __FILE__, __LINE__, __VA_ARGS__)
#define is_text(got, want, name) tap_text((got), (want), __FILE__, __LINE__, (name))
#define is_int(got, want, name) tap_int((int64_t)(got), (int64_t)(want), __FILE__, __LINE__, (name))
#define is_bytes(got, glen, want, wlen, name) tap_bytes((got), (glen), (want), (wlen), __FILE__, __LINE__, (name))

/* Optional: a plan up front catches a program that stops early and still exits with 0. */
__attribute__((unused))
static void plan(int tests)
{
	tap.planned = tests;
	printf("1..%d\n", tests);
}

/* What main() returns. */
__attribute__((unused, warn_unused_result))
static int done_testing(void)
{
	if (!tap.planned)
		printf("1..%d\n", tap.run);
	if (tap.failed)
		diag("%d of %d failed", tap.failed, tap.run);
	return tap.failed || (tap.planned && tap.planned != tap.run);
}

#endif
