#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

int library_load(const char *file, const struct library_function *functions, size_t count, struct error *error)
{
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);

    if (!library) return error_internal(error, "%s", dlerror());
    for (size_t i = 0; i < count; i++) {
        void *found = dlsym(library, functions[i].name);
        if (!found) return error_internal(error, "%s has no %s", file, functions[i].name);
        memcpy(functions[i].place, &found, sizeof found);
    }
    return 0;
}
