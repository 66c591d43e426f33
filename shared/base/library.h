/* Shared libraries that not every program needs all the time, loaded when they are first used. Each of libpq and libcurl brings some
   twenty others (Kerberos, LDAP, GnuTLS): 5 MiB of every program's resident memory (measured), for nothing where SQLite keeps the
   data and nobody is written to. */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include "base/error.h"

#include <stddef.h>

struct library_function {
    const char *name;
    void *place; /* of the pointer that is to be filled */
};

/* Loads the library for the rest of the process and fills every pointer. ERROR_INTERNAL names what is missing. */
int library_load(const char *file, const struct library_function *functions, size_t count, struct error *error);

/* For a list of functions written as an X macro: a table of pointers of their types, and the list that library_load takes. */
#define LIBRARY_POINTER(name) __typeof__(name) *name;
#define LIBRARY_FUNCTION(table, name) {#name, &(table).name},

#endif
