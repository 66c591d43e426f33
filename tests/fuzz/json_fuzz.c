/* The strict JSON reader on any bytes: what it accepts, jansson accepts too, and the other way round, but for our limits. */
#include "base/json_read.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct jansson_error {
    int line, column, position;
    char source[80], text[160];
};

static void *(*jansson_read)(const char *text, size_t length, size_t flags, struct jansson_error *error);
static void (*jansson_delete)(void *json);

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count;
    (void)arguments;
    void *library = dlopen("libjansson.so.4", RTLD_NOW | RTLD_LOCAL);
    if (library) {
        *(void **)&jansson_read = dlsym(library, "json_loadb");
        *(void **)&jansson_delete = dlsym(library, "json_delete");
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct arena arena;
    struct error error;
    struct json_reader reader;
    struct jansson_error why = {0};
    arena_init(&arena, 0);
    json_reader_init(&reader, (const char *)bytes, length, &arena, &error);
    bool ours = json_skip(&reader, NULL) && json_finish(&reader);
    if (ours == json_failed(&reader))
        abort();
    void *theirs = jansson_read ? jansson_read((const char *)bytes, length, 1 | 4, &why) : NULL; /* no duplicates, any value */
    if (jansson_read && ours && !theirs && !strstr(why.text, "too big") && !strstr(why.text, "overflow"))
        abort();
    /* jansson takes a NUL byte for the end of the text */
    if (theirs && !ours && !memchr(bytes, 0, length) && !strstr(error.en, "too long") && !strstr(error.en, "too deeply"))
        abort();
    if (theirs)
        jansson_delete(theirs);
    arena_free(&arena);
    return 0;
}
