#include "base/decimal.h"

#include <string.h>

typedef __int128 wide;

static const int64_t power_of_ten[] = {1,         10,         100,         1000,         10000,        100000,
                                       1000000,   10000000,   100000000,   1000000000,   10000000000,  100000000000,
                                       1000000000000, 10000000000000, 100000000000000, 1000000000000000};

/* Both parsers: `scale` places are kept in the result, `places` of them may be used. */
static int parse(const char *text, size_t length, int digits_before, int places, int scale, int64_t *result)
{
    size_t at = 0;
    bool negative = length && text[0] == '-';
    if (negative)
        at++;
    int64_t value = 0;
    int before = 0, after = 0;
    bool overlong = false;
    for (; at < length && text[at] >= '0' && text[at] <= '9'; at++) {
        if (++before > digits_before)
            overlong = true;
        else
            value = value * 10 + (text[at] - '0');
    }
    if (!before)
        return 1;
    bool overplace = false;
    if (at < length && text[at] == '.') {
        at++;
        for (; at < length && text[at] >= '0' && text[at] <= '9'; at++) {
            if (++after > places)
                overplace = true;
            else if (!overlong)
                value = value * 10 + (text[at] - '0');
        }
        if (!after)
            return 1;
    }
    if (at != length)
        return 1;
    if (overlong)
        return 2;
    if (overplace)
        return 3;
    value *= power_of_ten[scale - after];
    *result = negative ? -value : value;
    return 0;
}

int decimal_parse(const char *text, size_t length, int places, decimal *result)
{
    return parse(text, length, 13, places, DECIMAL_PLACES, result);
}

int decimal_parse_rate(const char *text, size_t length, int64_t *rate_8_places)
{
    return parse(text, length, 9, 8, 8, rate_8_places);
}

size_t decimal_format(decimal value, int min_places, char text[DECIMAL_TEXT_SIZE])
{
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    uint64_t whole = rest / DECIMAL_ONE, fraction = rest % DECIMAL_ONE;
    int places = DECIMAL_PLACES;
    while (places > min_places && fraction % 10 == 0) {
        fraction /= 10;
        places--;
    }
    char reversed[DECIMAL_TEXT_SIZE];
    size_t length = 0;
    for (int i = 0; i < places; i++, fraction /= 10)
        reversed[length++] = (char)('0' + fraction % 10);
    if (places)
        reversed[length++] = '.';
    do {
        reversed[length++] = (char)('0' + whole % 10);
        whole /= 10;
    } while (whole);
    if (value < 0)
        reversed[length++] = '-';
    for (size_t i = 0; i < length; i++)
        text[i] = reversed[length - 1 - i];
    text[length] = 0;
    return length;
}

static bool fit(wide value, decimal *result)
{
    if (value > DECIMAL_MAX || value < -DECIMAL_MAX)
        return false;
    *result = (decimal)value;
    return true;
}

static wide divide_half_away(wide numerator, wide divisor)
{
    bool negative = (numerator < 0) != (divisor < 0);
    if (numerator < 0)
        numerator = -numerator;
    if (divisor < 0)
        divisor = -divisor;
    wide quotient = (numerator * 2 + divisor) / (divisor * 2);
    return negative ? -quotient : quotient;
}

bool decimal_add(decimal a, decimal b, decimal *result)
{
    return fit((wide)a + b, result);
}

bool decimal_subtract(decimal a, decimal b, decimal *result)
{
    return fit((wide)a - b, result);
}

bool decimal_multiply(decimal a, decimal b, int places, decimal *result)
{
    wide rounded = divide_half_away((wide)a * b, power_of_ten[2 * DECIMAL_PLACES - places]);
    return rounded <= DECIMAL_MAX && rounded >= -DECIMAL_MAX && fit(rounded * power_of_ten[DECIMAL_PLACES - places], result);
}

bool decimal_divide(decimal a, decimal b, int places, decimal *result)
{
    if (!b)
        return false;
    wide rounded = divide_half_away((wide)a * power_of_ten[places], b);
    return fit(rounded * power_of_ten[DECIMAL_PLACES - places], result);
}

decimal decimal_round(decimal value, int places)
{
    int64_t step = power_of_ten[DECIMAL_PLACES - places];
    return (decimal)(divide_half_away(value, step) * step);
}

bool decimal_convert(decimal amount, int64_t rate_8_places, int places, decimal *result)
{
    /* 5 places of the amount, 8 of the rate, 2 for "per 100 units" */
    wide rounded = divide_half_away((wide)amount * rate_8_places, power_of_ten[15 - places]);
    return rounded <= DECIMAL_MAX && rounded >= -DECIMAL_MAX && fit(rounded * power_of_ten[DECIMAL_PLACES - places], result);
}
