#include "service/zip.h"

#include <minizip/zip.h>
#include <stdlib.h>
#include <string.h>

struct zip {
    zipFile file;
    struct buffer *out;
    size_t start, at; /* of the archive in `out`; where it writes */
};

/* ---- the archive's "file" is the buffer: minizip goes back to complete the head of each entry */

static voidpf ZCALLBACK open_it(voidpf context, const void *name, int mode)
{
    (void)name;
    (void)mode;
    return context;
}

static uLong ZCALLBACK read_nothing(voidpf context, voidpf stream, void *bytes, uLong length)
{
    (void)context;
    (void)stream;
    (void)bytes;
    (void)length;
    return 0;
}

static uLong ZCALLBACK write_bytes(voidpf context, voidpf stream, const void *bytes, uLong length)
{
    struct zip *zip = context;
    size_t inside = zip->out->length - zip->at < length ? zip->out->length - zip->at : length;

    (void)stream;
    if (inside) memcpy(zip->out->data + zip->at, bytes, inside);
    buffer_bytes(zip->out, (const char *)bytes + inside, length - inside);
    zip->at += length;
    return zip->out->failed ? 0 : length;
}

static ZPOS64_T ZCALLBACK tell(voidpf context, voidpf stream)
{
    struct zip *zip = context;

    (void)stream;
    return zip->at - zip->start;
}

static long ZCALLBACK seek(voidpf context, voidpf stream, ZPOS64_T offset, int origin)
{
    struct zip *zip = context;
    size_t from = origin == ZLIB_FILEFUNC_SEEK_SET ? zip->start : origin == ZLIB_FILEFUNC_SEEK_END ? zip->out->length : zip->at;

    (void)stream;
    if (offset > zip->out->length - from) return -1;
    zip->at = from + offset;
    return 0;
}

static int ZCALLBACK no_close(voidpf context, voidpf stream)
{
    (void)context;
    (void)stream;
    return 0;
}

static int ZCALLBACK has_failed(voidpf context, voidpf stream)
{
    (void)stream;
    return ((struct zip *)context)->out->failed;
}

/* ---- entries */

struct zip *zip_open(struct buffer *out)
{
    struct zip *zip = calloc(1, sizeof *zip);
    zlib_filefunc64_def functions = {.zopen64_file = open_it, .zread_file = read_nothing, .zwrite_file = write_bytes, .ztell64_file = tell,
                                     .zseek64_file = seek, .zclose_file = no_close, .zerror_file = has_failed, .opaque = zip};

    if (!zip) return NULL;
    zip->out = out;
    zip->start = zip->at = out->length;
    if ((zip->file = zipOpen2_64("", APPEND_STATUS_CREATE, NULL, &functions))) return zip;
    free(zip);
    return NULL;
}

int zip_add(struct zip *zip, const char *name, const void *bytes, size_t length, struct error *error)
{
    static const zip_fileinfo plain = {.tmz_date = {.tm_mday = 1, .tm_year = 1980}}; /* the same files make the same archive */

    /* stored: what is added here is compressed already */
    if (zipOpenNewFileInZip64(zip->file, name, &plain, NULL, 0, NULL, 0, NULL, 0, 0, 0) == ZIP_OK &&
        zipWriteInFileInZip(zip->file, bytes, (unsigned)length) == ZIP_OK && zipCloseFileInZip(zip->file) == ZIP_OK)
        return 0;
    return error_internal(error, "zip: %s cannot be added", name);
}

int zip_close(struct zip *zip, struct error *error)
{
    int code = zipClose(zip->file, NULL);

    free(zip);
    return code == ZIP_OK ? 0 : error_internal(error, "zip could not be finished");
}
