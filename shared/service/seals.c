#include "service/seals.h"

#include "base/clock.h"
#include "base/digest.h"
#include "print/picture.h"
#include "service/internal.h"

#define SEAL_MAXIMUM (200u << 10) /* bytes */
#define SEAL_SIDE 3000u           /* dots */

int seal_read(struct store_connection *db, const char *agency, struct arena *arena, struct slice *seal, struct error *error)
{
    struct store_rows rows;
    size_t length;

    *seal = (struct slice){NULL, 0};
    if (store_query(db, &rows, error, "SELECT bytes FROM agency_seal WHERE agency = $1", STORE_VALUES(store_string(agency)))) return (int)error->code;
    if (store_next(&rows)) {
        const void *bytes = store_column_bytes(&rows, 0, &length);
        *seal = (struct slice){arena_copy(arena, bytes, length), length};
        if (!seal->text) error_internal(error, "out of memory");
    }
    return store_end(&rows) ? (int)error->code : 0;
}

static int no_seal(struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "no_seal", "本机构还没有上传印章。", "This agency has no seal yet.");
}

static int get_seal(struct web_call *call)
{
    struct slice seal;

    if (seal_read(reader_of(call), caller(call)->agency, &call->arena, &seal, &call->error)) return (int)call->error.code;
    if (!seal.text) return no_seal(&call->error);
    buffer_bytes(&call->out, seal.text, seal.length);
    web_answer_file(call, "image/png", "seal.png", false);
    return 0;
}

static int check_seal(struct web_call *call)
{
    struct picture picture;

    if (call->body_length > SEAL_MAXIMUM)
        return error_set(&call->error, ERROR_TOO_LARGE, "file_too_large", "印章图片不能超过200KB。", "A seal has at most 200 KB.");
    if (picture_read(call->body, call->body_length, &picture) || picture.kind != PICTURE_PNG)
        return error_set(&call->error, ERROR_MEDIA_TYPE, "file_type", "印章须为完整的PNG图片。", "A seal is a whole PNG picture.");
    if (picture.width > SEAL_SIDE || picture.height > SEAL_SIDE)
        return error_set(&call->error, ERROR_INVALID, "picture_too_large", "印章图片的宽和高不能超过3000点。", "A seal is at most 3000 dots wide and high.");
    return 0;
}

static int put_work(void *connection, struct web_call *call, struct error *error)
{
    const char *digest = call->argument;

    call->status = 204;
    return store_execute(connection, error, NULL,
        "INSERT INTO agency_seal (agency, sha256, at, by_name, bytes) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (agency) DO UPDATE SET sha256 = $2, at = $3, by_name = $4, bytes = $5",
        STORE_VALUES(store_string(caller(call)->agency), store_string(digest), store_integer(clock_now()), store_string(caller(call)->user_name),
                     store_bytes(call->body, call->body_length)));
}

static int put_seal(struct web_call *call)
{
    char *digest = arena_alloc(&call->arena, DIGEST_SIZE);

    if (!digest) return error_internal(&call->error, "out of memory");
    if (check_seal(call)) return (int)call->error.code;
    digest_sha256(call->body, call->body_length, digest);
    if (service_audit(call, "seal_changed", caller(call)->agency, digest)) return (int)call->error.code;
    return service_write(call, put_work, digest);
}

static int delete_work(void *connection, struct web_call *call, struct error *error)
{
    int64_t changed;

    call->status = 204;
    if (store_execute(connection, error, &changed, "DELETE FROM agency_seal WHERE agency = $1", STORE_VALUES(store_string(caller(call)->agency))))
        return (int)error->code;
    return changed ? 0 : no_seal(error);
}

static int delete_seal(struct web_call *call)
{
    struct slice seal;

    if (seal_read(reader_of(call), caller(call)->agency, &call->arena, &seal, &call->error)) return (int)call->error.code;
    if (!seal.text) return no_seal(&call->error);
    if (service_audit(call, "seal_deleted", caller(call)->agency, "")) return (int)call->error.code;
    return service_write(call, delete_work, NULL);
}

const struct web_route seal_routes[] = {
    {"GET", "/desk/seal", get_seal, PRINCIPAL_OFFICER, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"PUT", "/desk/seal", put_seal, PRINCIPAL_OFFICER, RIGHT_MANAGE, WEB_RAW_BODY, LANE_SLOW, 1u << 20, {0, 0}},
    {"DELETE", "/desk/seal", delete_seal, PRINCIPAL_OFFICER, RIGHT_MANAGE, 0, LANE_SLOW, 0, {0, 0}},
    {0}};
