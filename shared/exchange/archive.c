#include "exchange/archive.h"

#include "base/utf8.h"

#include <iconv.h>
#include <minizip/unzip.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool archive_is(const char *bytes, size_t length) { return length >= 4 && !memcmp(bytes, "PK", 2) && (bytes[2] == 3 || bytes[2] == 5); }

/* ---- minizip's "file" is memory */

struct memory { const char *bytes; size_t length, at; };

static voidpf ZCALLBACK open_it(voidpf context, const void *name, int mode)
{
    (void)name;
    (void)mode;
    return context;
}

static uLong ZCALLBACK read_bytes(voidpf context, voidpf stream, void *into, uLong length)
{
    struct memory *memory = context;
    size_t left = memory->length - memory->at;

    (void)stream;
    if (length > left) length = left;
    memcpy(into, memory->bytes + memory->at, length);
    memory->at += length;
    return length;
}

static uLong ZCALLBACK write_nothing(voidpf context, voidpf stream, const void *bytes, uLong length)
{
    (void)context;
    (void)stream;
    (void)bytes;
    (void)length;
    return 0;
}

static ZPOS64_T ZCALLBACK tell(voidpf context, voidpf stream)
{
    (void)stream;
    return ((struct memory *)context)->at;
}

static long ZCALLBACK seek(voidpf context, voidpf stream, ZPOS64_T offset, int origin)
{
    struct memory *memory = context;
    size_t from = origin == ZLIB_FILEFUNC_SEEK_SET ? 0 : origin == ZLIB_FILEFUNC_SEEK_END ? memory->length : memory->at;

    (void)stream;
    if (offset > memory->length - from) return -1;
    memory->at = from + offset;
    return 0;
}

static int ZCALLBACK nothing(voidpf context, voidpf stream)
{
    (void)context;
    (void)stream;
    return 0;
}

/* ---- names */

const char *archive_utf8(const char *text, size_t length, struct arena *arena, size_t *result)
{
    iconv_t converter;
    char *out, *to, *from = (char *)text;
    size_t left = length, room = length * 2 + 1;
    bool whole;

    *result = length;
    if (utf8_valid(text, length)) return text;
    if (!(out = to = arena_alloc(arena, room + 1)) || (converter = iconv_open("UTF-8", "GB18030")) == (iconv_t)-1) return NULL;
    whole = iconv(converter, &from, &left, &to, &room) != (size_t)-1 && !left;
    iconv_close(converter);
    *result = (size_t)(to - out);
    return whole && utf8_valid(out, *result) ? out : NULL;
}

static const char *clean_name(const char *name, struct arena *arena)
{
    size_t length;
    const char *text = archive_utf8(name, strlen(name), arena, &length);
    char *copy = text ? arena_copy(arena, text, utf8_cut(text, length, 200)) : arena_text(arena, "?");

    for (char *at = copy; at && *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f) *at = '?';
    return copy ? copy : "?";
}

/* ---- entries */

struct unpacking {
    unzFile zip;
    const struct archive_limits *limits;
    bool (*wanted)(const char *name);
    struct arena *arena;
    struct archive_file *files;
    size_t count, room, total;
    struct error *error;
};

static int broken(struct error *error)
{
    return error_set(error, ERROR_INVALID, "zip", "不是完整、正确的ZIP文件，请重新打包（不要加密）。", "This is no sound ZIP file; pack it anew, without a password.");
}

static int too_large(struct error *error)
{
    return error_set(error, ERROR_TOO_LARGE, "zip_too_large", "ZIP文件解开后太大，请分几次导入。", "Unpacked, this ZIP is too large; import it in parts.");
}

static bool grow(struct unpacking *u)
{
    struct archive_file *larger;

    if (u->count < u->room) return true;
    u->room = u->room ? u->room * 2 : 32;
    if (!(larger = arena_alloc(u->arena, u->room * sizeof *larger))) return false;
    if (u->count) memcpy(larger, u->files, u->count * sizeof *larger);
    u->files = larger;
    return true;
}

/* What the head says of the size is only believed as far as it is allowed; no more than that is unpacked. */
static int unpack(struct unpacking *u, const char *name, const unz_file_info64 *info)
{
    size_t most = u->limits->each + 1, want = info->uncompressed_size < most ? (size_t)info->uncompressed_size : most;
    struct archive_file *file;
    int got;

    if (u->count == u->limits->files)
        return error_set(u->error, ERROR_INVALID, "too_many_files", "ZIP中的文件太多，请分几次导入。", "There are too many files in this ZIP; import them in parts.");
    if (u->total + want > u->limits->all) return too_large(u->error);
    if (info->flag & 1) return broken(u->error); /* encrypted */
    if (!grow(u) || !(file = &u->files[u->count]) || !(file->bytes = arena_reserve(u->arena, want + 1))) return too_large(u->error);
    if (unzOpenCurrentFile(u->zip) != UNZ_OK) return broken(u->error);
    got = unzReadCurrentFile(u->zip, file->bytes, (unsigned)want);
    if (got < 0 || (size_t)got != want || (want < most && unzCloseCurrentFile(u->zip) != UNZ_OK)) return broken(u->error); /* at the end its checksum is compared */
    if (want == most) unzCloseCurrentFile(u->zip);
    file->bytes[want] = '\0';
    file->length = want;
    file->name = clean_name(name, u->arena);
    u->total += want;
    u->count++;
    return 0;
}

static int unpack_all(struct unpacking *u)
{
    unz_file_info64 info;
    char name[1024];
    int code = unzGoToFirstFile(u->zip);

    for (size_t seen = 0; code == UNZ_OK; code = unzGoToNextFile(u->zip)) {
        if (++seen > u->limits->files * 2 + 100) return too_large(u->error); /* folders without end */
        if (unzGetCurrentFileInfo64(u->zip, &info, name, sizeof name, NULL, 0, NULL, 0) != UNZ_OK) return broken(u->error);
        name[sizeof name - 1] = '\0';
        if (*name && name[strlen(name) - 1] == '/') continue;
        if (u->wanted && !u->wanted(name)) continue;
        if (unpack(u, name, &info)) return (int)u->error->code;
    }
    return code == UNZ_END_OF_LIST_OF_FILE ? 0 : broken(u->error);
}

int archive_read(const char *bytes, size_t length, const struct archive_limits *limits, bool (*wanted)(const char *name), struct arena *arena,
                 struct archive_file **files, size_t *count, struct error *error)
{
    struct memory memory = {bytes, length, 0};
    zlib_filefunc64_def functions = {.zopen64_file = open_it, .zread_file = read_bytes, .zwrite_file = write_nothing, .ztell64_file = tell,
                                     .zseek64_file = seek, .zclose_file = nothing, .zerror_file = nothing, .opaque = &memory};
    struct unpacking u = {.limits = limits, .wanted = wanted, .arena = arena, .error = error};
    int code;

    error_clear(error);
    *count = 0;
    if (length == 22 && !memcmp(bytes, "PK\5\6", 4)) return 0; /* an empty one, which minizip does not know */
    if (!(u.zip = unzOpen2_64("", &functions))) return broken(error);
    code = unpack_all(&u);
    unzClose(u.zip);
    *files = u.files;
    *count = u.count;
    return code;
}
