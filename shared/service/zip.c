#include "service/zip.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>

struct zip {
    struct archive *archive;
};

static la_ssize_t write_bytes(struct archive *archive, void *context, const void *bytes, size_t length)
{
    struct buffer *out = context;

    (void)archive;
    buffer_bytes(out, bytes, length);
    return out->failed ? -1 : (la_ssize_t)length;
}

struct zip *zip_open(struct buffer *out)
{
    struct zip *zip = calloc(1, sizeof *zip);

    if (!zip) return NULL;
    zip->archive = archive_write_new();
    archive_write_set_format_zip(zip->archive);
    archive_write_set_bytes_per_block(zip->archive, 0);
    archive_write_open2(zip->archive, out, NULL, write_bytes, NULL, NULL);
    return zip;
}

int zip_add(struct zip *zip, const char *name, const void *bytes, size_t length, struct error *error)
{
    struct archive_entry *entry = archive_entry_new();
    int code;

    archive_entry_set_pathname(entry, name);
    archive_entry_set_size(entry, (la_int64_t)length);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    code = archive_write_header(zip->archive, entry);
    archive_entry_free(entry);
    if (code == ARCHIVE_OK && archive_write_data(zip->archive, bytes, length) == (la_ssize_t)length) return 0;
    return error_internal(error, "zip: %s", archive_error_string(zip->archive));
}

int zip_close(struct zip *zip, struct error *error)
{
    int code = archive_write_close(zip->archive);

    archive_write_free(zip->archive);
    free(zip);
    return code == ARCHIVE_OK ? 0 : error_internal(error, "zip could not be finished");
}
