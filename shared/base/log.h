/* One structured line (logfmt: key=value, values quoted when needed) per event on standard error. No personal data. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

/* `program` is put into every line; not copied. Lines below `least` are dropped. */
void log_open(const char *program, enum log_level least);

/* Writes time, level, program, event and the formatted `key=value` pairs in a single write(2). Control characters are
   replaced; use log_quote for values from outside. */
void log_line(enum log_level level, const char *event, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Quotes a value from outside into `out` (escaped, cut to `size`); returns `out`. */
const char *log_quote(const char *value, char *out, unsigned long size);

#endif
