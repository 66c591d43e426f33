/* Numbered files, each in a transaction of its own that also holds a lock against other programs. */
#include "store/driver.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAXIMUM (1 << 20)

/* NNN_name.sql */
static int is_migration(const struct dirent *entry)
{
    const char *name = entry->d_name;
    size_t length = strlen(name);
    return length > 8 && length < 100 && strspn(name, "0123456789") == 3 && name[3] == '_' && !strcmp(name + length - 4, ".sql");
}

static int file_read(const char *directory, const char *name, struct buffer *text, struct error *error)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return error_internal(error, "%s: %s", path, strerror(errno));
    buffer_reset(text);
    char *room = buffer_reserve(text, FILE_MAXIMUM);
    if (room)
        text->length = fread(room, 1, FILE_MAXIMUM, file);
    bool bad = !room || ferror(file) || text->length == FILE_MAXIMUM;
    fclose(file);
    if (bad || strlen(buffer_string(text)) != text->length)
        return error_internal(error, "%s: cannot be read, is longer than 1 MiB or no text", path);
    return 0;
}

/* Runs the statements of a file: each ends with a semicolon at the end of a line; lines that begin with -- are comments. */
static int statements_run(struct store_connection *connection, const char *text, struct error *error)
{
    struct buffer statement;
    int code = 0;
    bool any = false;
    buffer_init(&statement, 0);
    while (*text && !code) {
        size_t length = strcspn(text, "\n"), used = length;
        while (used && strchr(" \t\r", text[used - 1]))
            used--;
        size_t lead = strspn(text, " \t");
        if (used > lead && strncmp(text + lead, "--", 2)) {
            bool last = text[used - 1] == ';';
            buffer_bytes(&statement, text, used - last);
            buffer_char(&statement, '\n');
            any = true;
            if (last) {
                code = store_run_once(connection, buffer_string(&statement), error);
                buffer_reset(&statement);
                any = false;
            }
        }
        text += length + (text[length] == '\n');
    }
    if (!code && any)
        code = error_internal(error, "the last statement has no semicolon");
    buffer_free(&statement);
    return code;
}

/* *known: 1 with this checksum, 0 not yet run. A known one with another checksum is an error. */
static int look_up(struct store_connection *connection, int number, const char *checksum, bool *known, struct error *error)
{
    struct store_rows rows;
    *known = false;
    if (store_query(connection, &rows, error, "SELECT checksum FROM store_migration WHERE number = $1",
                    STORE_VALUES(store_integer(number))))
        return error->code;
    bool changed = false;
    if (store_next(&rows)) {
        *known = true;
        changed = strcmp(store_column_text(&rows, 0, NULL), checksum) != 0;
    }
    if (store_end(&rows))
        return error->code;
    return changed ? error_internal(error, "this file was changed after it had been run") : 0;
}

static int apply(struct store_connection *connection, const char *name, const struct buffer *text, struct error *error)
{
    char checksum[65];
    int number = (int)strtol(name, NULL, 10);
    bool known;
    digest_sha256(text->data, text->length, checksum);
    if (look_up(connection, number, checksum, &known, error))
        return error->code;
    if (known)
        return 0;
    if (statements_run(connection, buffer_string(text), error))
        return error->code;
    log_line(LOG_INFO, "migration", "module=%s file=%s", connection->store->module, name);
    return store_execute(connection, error, NULL, "INSERT INTO store_migration (number, name, checksum, applied) VALUES ($1, $2, $3, $4)",
                         STORE_VALUES(store_integer(number), store_string(name), store_string(checksum), store_integer(clock_now())));
}

static int transaction(struct store_connection *connection, const char *name, const struct buffer *text, struct error *error)
{
    const struct store_driver *driver = connection->store->driver;
    int code = driver->begin(connection, error);
    if (!code && !name)
        code = store_run_once(connection,
                              "CREATE TABLE IF NOT EXISTS store_migration (number BIGINT PRIMARY KEY, name TEXT NOT NULL,"
                              " checksum TEXT NOT NULL, applied BIGINT NOT NULL)",
                              error);
    else if (!code)
        code = apply(connection, name, text, error);
    if (!code)
        return driver->commit(connection, error);
    driver->rollback(connection);
    if (name)
        error_detail(error, "in %s", name);
    return code;
}

static int files_run(struct store_connection *connection, const char *directory, struct dirent **files, int count, struct error *error)
{
    struct buffer text;
    buffer_init(&text, 2 * FILE_MAXIMUM);
    int code = transaction(connection, NULL, NULL, error);
    long before = -1;
    for (int i = 0; i < count && !code; i++) {
        const char *name = files[i]->d_name;
        long number = strtol(name, NULL, 10);
        if (number == before)
            code = error_internal(error, "two files have the number %ld in %s", number, directory);
        else if (!(code = file_read(directory, name, &text, error)))
            code = transaction(connection, name, &text, error);
        before = number;
    }
    buffer_free(&text);
    return code;
}

int store_migrate(struct store *store, const char *directory, struct error *error)
{
    struct dirent **files = NULL;
    struct store_connection *connection;
    int count = scandir(directory, &files, is_migration, alphasort);
    if (count < 0)
        return error_internal(error, "%s: %s", directory, strerror(errno));
    int code = store_connection_make(store, false, &connection, error);
    if (!code) {
        code = files_run(connection, directory, files, count, error);
        store_connection_free(connection);
    }
    for (int i = 0; i < count; i++)
        free(files[i]);
    free(files);
    return code;
}
