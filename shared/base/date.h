/* Business dates: proleptic Gregorian days in Asia/Shanghai (UTC+8, no summer time since 1992). Pure: asks no clock. */
#ifndef BASE_DATE_H
#define BASE_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATE_TEXT_SIZE 11 /* YYYY-MM-DD and NUL */

/* Strict YYYY-MM-DD, 1900-01-01 to 2199-12-31; days since 1970-01-01 in *day. */
bool date_parse(const char *text, size_t length, int32_t *day);
void date_format(int32_t day, char text[DATE_TEXT_SIZE]);

/* Adds calendar months; the last day of a shorter month where the day does not exist (31 August + 6 months = 28/29 February). */
int32_t date_add_months(int32_t day, int months);
int32_t date_from_parts(int year, int month, int day_of_month);
void date_parts(int32_t day, int *year, int *month, int *day_of_month);

/* The business date of an instant (milliseconds since 1970 UTC), and the instant at which a business date begins. */
int32_t date_of_instant(int64_t milliseconds);
int64_t date_begin(int32_t day);

/* "2026-09-03T10:00:00.000+08:00" of an instant. */
#define INSTANT_TEXT_SIZE 30
void instant_format(int64_t milliseconds, char text[INSTANT_TEXT_SIZE]);

#endif
