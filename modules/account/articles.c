/* What the portal publishes: notices, news, policies, downloads, training material, questions. */
#include "account.h"

#include "base/random.h"
#include "base/utf8.h"

#include <string.h>

#define BODY_MAXIMUM 65536
#define FILE_MAXIMUM (1u << 20)
#define FILES_MAXIMUM 10

static bool is_editor(const struct web_call *call) { return call->signed_in && caller(call)->kind == PRINCIPAL_ADMINISTRATOR; }

static bool kind_known(const char *kind)
{
    static const char *const kinds[] = {"notice", "news", "policy", "download", "training", "faq"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i], kind))
            return true;
    return false;
}

static int not_found(struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "not_found", "没有找到该内容，可能已撤下。", "There is no such page; it may have been taken down.");
}

/* ---- reading */

static void write_row(struct web_call *call, struct store_rows *rows)
{
    json_put_id(&call->json, "id", store_column_integer(rows, 0));
    json_put_string(&call->json, "kind", store_column_text(rows, 1, NULL));
    json_put_string(&call->json, "title", store_column_text(rows, 2, NULL));
    json_put_string(&call->json, "title_en", store_column_text(rows, 3, NULL));
    json_put_instant(&call->json, "published", store_column_integer(rows, 4));
    json_put_instant(&call->json, "created", store_column_integer(rows, 5));
    json_put_string(&call->json, "author", store_column_text(rows, 6, NULL));
    json_put_integer(&call->json, "version", store_column_integer(rows, 7));
}

#define COLUMNS "id, kind, title, title_en, published, created, author, version"

static int articles_get(struct web_call *call)
{
    struct service_conditions conditions = {.count = 0};
    const char *kind = web_query(call, "kind");
    if (kind && *kind && !kind_known(kind))
        return refuse(&call->error, "kind", "kind", "没有这个栏目。", "There is no such kind.");
    service_condition_query(call, &conditions, "kind = $", "kind");
    if (!is_editor(call))
        service_condition(&conditions, "published BETWEEN 1 AND $", store_integer(clock_now()));
    return service_list(call, &(struct service_list){COLUMNS, "article", "published DESC, id DESC", &conditions, write_row});
}

static int write_files(struct web_call *call, struct store_connection *db, int64_t id, struct error *error)
{
    struct store_rows rows;
    if (store_query(db, &rows, error, "SELECT id, file_name, media_type, size FROM article_file WHERE article = $1 ORDER BY id", STORE_VALUES(store_integer(id))))
        return (int)error->code;
    json_name(&call->json, "files");
    json_array(&call->json);
    while (store_next(&rows)) {
        json_object(&call->json);
        json_put_id(&call->json, "id", store_column_integer(&rows, 0));
        json_put_string(&call->json, "file_name", store_column_text(&rows, 1, NULL));
        json_put_string(&call->json, "media_type", store_column_text(&rows, 2, NULL));
        json_put_integer(&call->json, "size", store_column_integer(&rows, 3));
        json_object_end(&call->json);
    }
    json_array_end(&call->json);
    return store_end(&rows);
}

static int write_article(struct web_call *call, struct store_connection *db, int64_t id, struct error *error)
{
    struct store_rows rows;
    if (store_query(db, &rows, error, "SELECT " COLUMNS ", body FROM article WHERE id = $1", STORE_VALUES(store_integer(id))))
        return (int)error->code;
    bool found = store_next(&rows);
    int64_t published = found ? store_column_integer(&rows, 4) : 0;
    if (found && (is_editor(call) || (published && published <= clock_now()))) {
        json_object(&call->json);
        write_row(call, &rows);
        json_put_string(&call->json, "body", store_column_text(&rows, 8, NULL));
    } else {
        found = false;
    }
    if (store_end(&rows))
        return (int)error->code;
    if (!found)
        return not_found(error);
    if (write_files(call, db, id, error))
        return (int)error->code;
    json_object_end(&call->json);
    return 0;
}

static int article_get(struct web_call *call)
{
    int64_t id;
    return web_parameter_id(call, 0, &id) ? (int)call->error.code : write_article(call, reader_of(call), id, &call->error);
}

/* ---- writing */

struct article {
    int64_t id, published;
    bool new;
    const char *kind, *title, *title_en, *body;
};

static int save_work(void *connection, struct web_call *call, struct error *error)
{
    const struct article *a = call->argument;
    int64_t now = clock_now(), changed = 1;
    const struct store_value values[] = {store_integer(a->id), store_string(a->kind), store_string(a->title), store_string(a->title_en),
                                         store_string(a->body), store_integer(a->published), store_integer(now), store_string(caller(call)->display_name)};
    int code = a->new ? store_execute(connection, error, &changed,
            "INSERT INTO article (id, kind, title, title_en, body, published, created, updated, author) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)", values, 8)
        : store_execute(connection, error, &changed,
            "UPDATE article SET kind = $2, title = $3, title_en = $4, body = $5, updated = $7, author = $8, version = version + 1, "
            "published = CASE WHEN CAST($6 AS BIGINT) > 0 AND published > 0 THEN published ELSE CAST($6 AS BIGINT) END WHERE id = $1", values, 8);
    if (code)
        return code;
    if (!changed)
        return not_found(error);
    call->status = a->new ? 201 : 200;
    if (audit(connection, call, a->new ? "article_created" : "article_changed", a->title, a->kind, error))
        return (int)error->code;
    return write_article(call, connection, a->id, error);
}

static int save(struct web_call *call, int64_t id)
{
    struct service_input input;
    struct article *a = arena_alloc(&call->arena, sizeof *a);
    if (!a)
        return out_of_memory(&call->error);
    if (service_input(call, &input) || take_text(call, &input, "kind", 16, true, &a->kind) || take_text(call, &input, "title", 480, true, &a->title) ||
        take_text(call, &input, "title_en", 480, false, &a->title_en) || take_text(call, &input, "body", BODY_MAXIMUM, false, &a->body))
        return (int)call->error.code;
    if (!kind_known(a->kind))
        return refuse(&call->error, "kind", "kind", "请选择栏目。", "Choose a kind.");
    const struct json *published = json_member(input.json, "published"); /* false: a draft */
    a->published = published && published->kind == JSON_FALSE ? 0 : clock_now();
    a->new = !id;
    a->id = id ? id : random_id(clock_now());
    return service_write(call, save_work, a);
}

static int article_post(struct web_call *call) { return save(call, 0); }

static int article_put(struct web_call *call)
{
    int64_t id;
    return web_parameter_id(call, 0, &id) ? (int)call->error.code : save(call, id);
}

static int delete_work(void *connection, struct web_call *call, struct error *error)
{
    int64_t id, changed = 0;
    char title[481] = "";
    struct store_rows rows;
    if (web_parameter_id(call, 0, &id))
        return not_found(error);
    if (store_query(connection, &rows, error, "DELETE FROM article WHERE id = $1 RETURNING title", STORE_VALUES(store_integer(id))))
        return (int)error->code;
    if (store_next(&rows)) {
        size_t length;
        const char *text = store_column_text(&rows, 0, &length);
        length = utf8_cut(text, length, sizeof title - 1);
        memcpy(title, text, length);
        title[length] = 0;
        changed = 1;
    }
    if (store_end(&rows))
        return (int)error->code;
    if (!changed)
        return not_found(error);
    call->status = 204;
    return store_execute(connection, error, NULL, "DELETE FROM article_file WHERE article = $1", STORE_VALUES(store_integer(id)))
               ? (int)error->code : audit(connection, call, "article_deleted", title, NULL, error);
}

static int article_delete(struct web_call *call) { return web_write(call, delete_work, NULL); }

/* ---- files: nobody looks into them; they always go out as a download */

struct upload { int64_t article; const char *name; };

static int upload_work(void *connection, struct web_call *call, struct error *error)
{
    const struct upload *upload = call->argument;
    struct store_rows rows;
    int64_t count = 0, id = random_id(clock_now());
    if (store_query(connection, &rows, error,
                    "SELECT COUNT(f.id), COUNT(DISTINCT a.id) FROM article a LEFT JOIN article_file f ON f.article = a.id WHERE a.id = $1",
                    STORE_VALUES(store_integer(upload->article))))
        return (int)error->code;
    bool found = store_next(&rows) && store_column_integer(&rows, 1);
    count = found ? store_column_integer(&rows, 0) : 0;
    if (store_end(&rows))
        return (int)error->code;
    if (!found)
        return not_found(error);
    if (count >= FILES_MAXIMUM)
        return error_set(error, ERROR_CONFLICT, "too_many_files", "每篇内容最多10个附件。", "A page has at most 10 files.");
    if (store_execute(connection, error, NULL, "INSERT INTO article_file (id, article, file_name, media_type, size, bytes) VALUES ($1, $2, $3, $4, $5, $6)",
                      STORE_VALUES(store_integer(id), store_integer(upload->article), store_string(upload->name), store_string("application/octet-stream"),
                                   store_integer((int64_t)call->body_length), store_bytes(call->body, call->body_length))) ||
        audit(connection, call, "article_file_added", upload->name, NULL, error))
        return (int)error->code;
    call->status = 201;
    json_object(&call->json);
    json_put_id(&call->json, "id", id);
    json_put_string(&call->json, "file_name", upload->name);
    json_object_end(&call->json);
    return 0;
}

/* The last part of a name, without what a file system minds. */
static const char *file_name(struct web_call *call, const char *name)
{
    size_t length = name ? strlen(name) : 0;
    char *copy = arena_copy(&call->arena, name ? name : "", utf8_cut(name ? name : "", length, 200)), *start = copy;
    for (char *at = copy; at && *at; at++) {
        if (*at == '/' || *at == '\\')
            start = at + 1;
        else if ((unsigned char)*at < 0x20 || *at == 0x7F || strchr(":*?\"<>|", *at))
            *at = '_';
    }
    return start && *start && strcmp(start, ".") && strcmp(start, "..") ? start : "file";
}

static int file_post(struct web_call *call)
{
    struct upload *upload = arena_alloc(&call->arena, sizeof *upload);
    if (!upload)
        return out_of_memory(&call->error);
    if (web_parameter_id(call, 0, &upload->article))
        return (int)call->error.code;
    if (!call->body_length)
        return refuse(&call->error, "file", "empty", "文件是空的，请重新选择。", "The file is empty; choose another one.");
    upload->name = file_name(call, web_query(call, "name"));
    return web_write(call, upload_work, upload);
}

static int file_get(struct web_call *call)
{
    struct store_rows rows;
    int64_t article, id;
    if (web_parameter_id(call, 0, &article) || web_parameter_id(call, 1, &id) ||
        store_query(reader_of(call), &rows, &call->error,
                    "SELECT f.file_name, f.bytes FROM article_file f JOIN article a ON a.id = f.article WHERE f.id = $1 AND a.id = $2 "
                    "AND (a.published BETWEEN 1 AND $3 OR CAST($4 AS BIGINT) = 1)",
                    STORE_VALUES(store_integer(id), store_integer(article), store_integer(clock_now()), store_integer(is_editor(call)))))
        return (int)call->error.code;
    bool found = store_next(&rows);
    if (found) {
        size_t length;
        web_answer_file(call, "application/octet-stream", store_column_text(&rows, 0, NULL), true);
        const void *bytes = store_column_bytes(&rows, 1, &length);
        buffer_bytes(&call->out, bytes, length);
    }
    if (store_end(&rows))
        return (int)call->error.code;
    return found ? 0 : not_found(&call->error);
}

static int file_delete_work(void *connection, struct web_call *call, struct error *error)
{
    int64_t article, id, changed = 0;
    if (web_parameter_id(call, 0, &article) || web_parameter_id(call, 1, &id))
        return not_found(error);
    if (store_execute(connection, error, &changed, "DELETE FROM article_file WHERE id = $1 AND article = $2",
                      STORE_VALUES(store_integer(id), store_integer(article))))
        return (int)error->code;
    call->status = 204;
    return changed ? audit(connection, call, "article_file_deleted", NULL, NULL, error) : not_found(error);
}

static int file_delete(struct web_call *call) { return web_write(call, file_delete_work, NULL); }

#define BASE "/api/account/articles"
#define EDITOR PRINCIPAL_ADMINISTRATOR

const struct web_route article_routes[] = {
    {"GET", BASE, articles_get, 0, 0, WEB_ANONYMOUS, LANE_FAST, 0, {0, 0}},
    {"GET", BASE "/:id", article_get, 0, 0, WEB_ANONYMOUS, LANE_FAST, 0, {0, 0}},
    {"POST", BASE, article_post, EDITOR, 0, 0, LANE_FAST, 262144, {0, 0}},
    {"PUT", BASE "/:id", article_put, EDITOR, 0, 0, LANE_FAST, 262144, {0, 0}},
    {"DELETE", BASE "/:id", article_delete, EDITOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {"POST", BASE "/:id/file", file_post, EDITOR, 0, WEB_RAW_BODY, LANE_FAST, FILE_MAXIMUM, {0, 0}},
    {"GET", BASE "/:id/files/:file", file_get, 0, 0, WEB_ANONYMOUS, LANE_FAST, 0, {0, 0}},
    {"DELETE", BASE "/:id/files/:file", file_delete, EDITOR, 0, 0, LANE_FAST, 0, {0, 0}},
    {0}};
