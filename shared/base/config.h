/* The settings file: `key = value` lines, # comments. Read once at start; unknown keys are kept (modules have their own). */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/error.h"

#include <stdbool.h>

struct config;

/* Reads the file (at most 64 KiB). On failure returns a code; detail names file, line and reason. Free with config_free. */
int config_read(const char *path, struct config **config, struct error *error);
void config_free(struct config *config);

/* The value, or `fallback` when absent. Owned by the config. */
const char *config_text(const struct config *config, const char *key, const char *fallback);

/* The settings one after the other, from index 0 on; false behind the last. */
bool config_at(const struct config *config, size_t index, const char **key, const char **value);

/* A whole number within [least, most]; absent = fallback; anything else is an error naming the key. */
int config_integer(const struct config *config, const char *key, long least, long most, long fallback, long *value,
                   struct error *error);

#endif
