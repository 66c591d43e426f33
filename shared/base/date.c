#include "base/date.h"

#define DAY_MILLISECONDS INT64_C(86400000)
#define ZONE_MILLISECONDS INT64_C(28800000) /* UTC+8 */
#define FIRST_YEAR 1900
#define LAST_YEAR 2199

static int days_in_month(int year, int month)
{
    static const signed char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* Years begin in March here, so that the leap day is the last day of the year; eras have 400 years. */
int32_t date_from_parts(int year, int month, int day_of_month)
{
    int y = month <= 2 ? year - 1 : year;
    int era = (y >= 0 ? y : y - 399) / 400;
    int year_of_era = y - era * 400;
    int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day_of_month - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void date_parts(int32_t day, int *year, int *month, int *day_of_month)
{
    int z = day + 719468;
    int era = (z >= 0 ? z : z - 146096) / 146097;
    int day_of_era = z - era * 146097;
    int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int shifted = (5 * day_of_year + 2) / 153;
    *day_of_month = day_of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = year_of_era + era * 400 + (*month <= 2);
}

static int digits(const char *text, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

bool date_parse(const char *text, size_t length, int32_t *day)
{
    if (length != 10 || text[4] != '-' || text[7] != '-')
        return false;
    int year = digits(text, 4), month = digits(text + 5, 2), day_of_month = digits(text + 8, 2);
    if (year < FIRST_YEAR || year > LAST_YEAR || month < 1 || month > 12)
        return false;
    if (day_of_month < 1 || day_of_month > days_in_month(year, month))
        return false;
    *day = date_from_parts(year, month, day_of_month);
    return true;
}

static void put(char *at, int value, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

void date_format(int32_t day, char text[DATE_TEXT_SIZE])
{
    int year, month, day_of_month;
    date_parts(day, &year, &month, &day_of_month);
    put(text, year, 4);
    text[4] = text[7] = '-';
    put(text + 5, month, 2);
    put(text + 8, day_of_month, 2);
    text[10] = 0;
}

int32_t date_add_months(int32_t day, int months)
{
    int year, month, day_of_month;
    date_parts(day, &year, &month, &day_of_month);
    int total = year * 12 + (month - 1) + months;
    year = total >= 0 ? total / 12 : (total - 11) / 12;
    month = total - year * 12 + 1;
    int last = days_in_month(year, month);
    return date_from_parts(year, month, day_of_month < last ? day_of_month : last);
}

static int64_t floor_divide(int64_t value, int64_t divisor)
{
    return (value >= 0 ? value : value - divisor + 1) / divisor;
}

int32_t date_of_instant(int64_t milliseconds)
{
    return (int32_t)floor_divide(milliseconds + ZONE_MILLISECONDS, DAY_MILLISECONDS);
}

int64_t date_begin(int32_t day)
{
    return day * DAY_MILLISECONDS - ZONE_MILLISECONDS;
}

void instant_format(int64_t milliseconds, char text[INSTANT_TEXT_SIZE])
{
    int32_t day = date_of_instant(milliseconds);
    int rest = (int)(milliseconds - date_begin(day));
    date_format(day, text);
    text[10] = 'T';
    put(text + 11, rest / 3600000, 2);
    text[13] = text[16] = ':';
    put(text + 14, rest / 60000 % 60, 2);
    put(text + 17, rest / 1000 % 60, 2);
    text[19] = '.';
    put(text + 20, rest % 1000, 3);
    const char zone[] = "+08:00";
    for (int i = 0; i < (int)sizeof zone; i++)
        text[23 + i] = zone[i];
}
