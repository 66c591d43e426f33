/* One structured line (logfmt: key=value, values quoted when needed) per event on standard error. No personal data. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

/* `program` is put into every line; not copied. Lines below `least` are dropped. */
void log_open(const char *program, enum log_level least);

/* Writes time, level, program, event and the formatted `key=value` pairs in a single write(2). Control characters are
   replaced; use log_quote for values from outside. */
void log_line(enum log_level level, const char *event, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* While this thread holds its lines they are collected and written together: by log_flush (before it waits for anything), when
   there are 8 KiB of them, and at once from level WARNING on. log_hold(false) writes them and ends that. */
void log_hold(bool holds);
void log_flush(void);

/* Quotes a value from outside into `out` (escaped, cut to `size`); returns `out`. */
const char *log_quote(const char *value, char *out, unsigned long size);

#endif
