/* Exact amounts and quantities: 13 digits before the point and 5 after in 64 bits (design, storage: exact numbers). */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t decimal; /* units of 10^-5 */

#define DECIMAL_PLACES 5
#define DECIMAL_ONE INT64_C(100000)
#define DECIMAL_MAX INT64_C(999999999999999999) /* 9999999999999.99999 */
#define DECIMAL_TEXT_SIZE 24

/* Parses [-]digits[.digits], at most 13 and `places` digits (0 to 5), no exponent, no plus, no spaces, no bare point.
   Returns 0, 1 not a number, 2 too many digits before the point, 3 too many places. */
int decimal_parse(const char *text, size_t length, int places, decimal *result);

/* Shortest text without trailing zeros after the point, but with at least `min_places`. Returns its length. */
size_t decimal_format(decimal value, int min_places, char text[DECIMAL_TEXT_SIZE]);

/* False when the exact result does not fit; *result is then untouched. */
bool decimal_add(decimal a, decimal b, decimal *result);
bool decimal_subtract(decimal a, decimal b, decimal *result);

/* Rounded half away from zero to `places` (0 to 5) in one step from the exact product or quotient. */
bool decimal_multiply(decimal a, decimal b, int places, decimal *result);
bool decimal_divide(decimal a, decimal b, int places, decimal *result); /* also false when b is 0 */
decimal decimal_round(decimal value, int places);

/* amount x rate, where the rate has 8 places and is USD per 100 units of currency (digest 2.10): rounded to `places`. */
bool decimal_convert(decimal amount, int64_t rate_8_places, int places, decimal *result);

/* Parses a rate with up to 8 places (13 digits before the point at most 9). 0, or as decimal_parse. */
int decimal_parse_rate(const char *text, size_t length, int64_t *rate_8_places);

#endif
