/* Signing with electronic keys: what is to be signed, what was signed, receipts (R-KEY-2, R-EX-16). */
#include "service/signatures.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/random.h"
#include "document/signature.h"
#include "service/internal.h"
#include "trust/seal.h"
#include "trust/xml_signature.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAXIMUM 10
#define ASK_MILLISECONDS 2000
#define PREPARED_SECONDS 600
#define PREPARED_AT_ONCE 50
#define TOKEN_SIZE 33

/* ---- the keys of the caller, from the account program */

struct bound_key { /* texts in the call's arena */
    int64_t id;
    const char *der;
    size_t length;
};

static int read_keys(struct web_call *call, const struct json *json, struct bound_key keys[KEYS_MAXIMUM], size_t *count)
{
    JSON_EACH(item, json_member(json, "keys")) {
        const char *text = json_member_text(item, "certificate", "");
        struct bound_key *key = &keys[*count];
        if (*count == KEYS_MAXIMUM) break;
        key->id = strtoll(json_member_text(item, "id", "0"), NULL, 10);
        if ((key->der = base64_read(text, strlen(text), &call->arena, &key->length))) ++*count;
    }
    return 0;
}

static int ask_keys(struct web_call *call, struct bound_key keys[KEYS_MAXIMUM], size_t *count)
{
    struct buffer answer;
    char path[80];
    int code;

    *count = 0;
    snprintf(path, sizeof path, "/internal/account/users/%lld/keys", (long long)caller(call)->user);
    buffer_init(&answer, 256u << 10);
    code = web_internal_request(call->server, "GET", path, NULL, ASK_MILLISECONDS, &answer, &call->error);
    if (!code) {
        const char *copy = arena_copy(&call->arena, buffer_string(&answer), answer.length);
        const struct json *json = copy ? json_tree(copy, answer.length, &call->arena, &call->error) : NULL;
        code = json ? read_keys(call, json, keys, count) : error_internal(&call->error, "%s: no answer", path);
    }
    buffer_free(&answer);
    return code;
}

int service_has_key(struct web_call *call, bool *has)
{
    struct bound_key keys[KEYS_MAXIMUM];
    size_t count = 0;

    *has = true;
    if (!service_of(call)->documents.key_required) return 0;
    if (ask_keys(call, keys, &count)) return (int)call->error.code;
    *has = count > 0;
    return 0;
}

/* The caller's own key, good at this moment. */
static int find_key(struct web_call *call, int64_t id, struct bound_key *key, struct certificate *certificate)
{
    struct bound_key keys[KEYS_MAXIMUM];
    size_t count, i = 0;

    if (ask_keys(call, keys, &count)) return (int)call->error.code;
    while (i < count && keys[i].id != id) i++;
    if (i == count)
        return error_set(&call->error, ERROR_CONFLICT, "key_not_bound", "该电子钥匙未绑定到您的账号，请先在“我的IC卡”中绑定。",
                         "This key is not bound to your account; bind it under “My keys” first.");
    *key = keys[i];
    return certificate_check(service_of(call)->authorities, key->der, key->length, USE_SIGN, clock_now(), certificate, &call->error);
}

/* ---- preparing: what is to be signed, and a token that ties it to document, version, user and ten minutes */

struct preparing {
    const char *action;
    int64_t key;
    struct bound_key bound;
    struct certificate certificate;
    struct signature_profile profile;
};

struct prepared { /* what a token stands for */
    long long user, document, version, key;
    char hash[DIGEST_SIZE];
};

static void token_place(const char *token, char place[64]) { snprintf(place, 64, "signing:%.32s", token); }

static int put_token(struct web_call *call, const struct doc_act *act, const struct preparing *p, const struct buffer *signable, char token[TOKEN_SIZE])
{
    char place[64], value[200], hash[DIGEST_SIZE];

    random_hex(16, token);
    digest_sha256(signable->data, signable->length, hash);
    snprintf(value, sizeof value, "%lld %lld %lld %lld %s", (long long)caller(call)->user, (long long)act->id, (long long)act->row.version, (long long)p->key, hash);
    token_place(token, place);
    return session_put(call->sessions, place, value, PREPARED_SECONDS, &call->error);
}

static int write_prepared(struct web_call *call, const struct doc_act *act, const struct preparing *p, const struct buffer *signable)
{
    struct json_writer *json = &call->json;
    struct buffer info, envelope;
    char token[TOKEN_SIZE];

    buffer_init(&info, SIGNED_INFO_MAXIMUM);
    buffer_init(&envelope, DOC_SIGNED_MAXIMUM);
    if (!signed_info_make(&p->profile, signable->data, signable->length, &info)) error_internal(&call->error, "no SignedInfo");
    else if (!xml_signature_envelope(signable->data, signable->length, buffer_string(&info), "", p->bound.der, p->bound.length, &envelope, &call->error) &&
             !put_token(call, act, p, signable, token)) {
        json_put_string(json, "application_no", act->row.application_no);
        json_put_string(json, "token", token);
        json_put_integer(json, "expires", clock_now() + PREPARED_SECONDS * 1000);
        json_put_string(json, "document", buffer_string((struct buffer *)signable));
        json_put_string(json, "signed_info", buffer_string(&info));
        json_put_string(json, "signed", buffer_string(&envelope));
    }
    buffer_free(&info);
    buffer_free(&envelope);
    return (int)call->error.code;
}

static void write_failure(struct json_writer *json, const struct error *error, const struct form_problems *problems)
{
    json_name(json, "error");
    json_object(json);
    json_put_string(json, "code", error->name);
    json_put_words(json, "message", error->zh, error->en);
    json_name(json, "errors");
    form_write_problems(problems, json);
    json_object_end(json);
}

/* One document; what is wrong with it is its own affair. */
static int prepare_one(struct web_call *call, const struct preparing *p, int64_t id, int64_t version, struct form_problems *problems)
{
    struct doc_act act;
    struct arena arena;
    struct buffer signable;
    struct error error;

    arena_init(&arena, 64u << 20);
    buffer_init(&signable, DOC_SIGNED_MAXIMUM);
    problems->count = problems->errors = 0;
    error_clear(&error);
    json_object(&call->json);
    json_put_id(&call->json, "id", id);
    if (doc_prepare_act(&service_of(call)->documents, reader_of(call), caller(call), id, version, p->action, "", clock_now(), &arena, problems, &act, &error)) {
        write_failure(&call->json, &error, problems);
    } else if (!act.action->complete || act.row.version != version) {
        error_set(&error, ERROR_STALE, "stale_version", "该单据已被修改，请刷新后再试。", "The document has changed meanwhile; reload it.");
        write_failure(&call->json, &error, problems);
    } else if (!doc_signable(&act, &arena, &signable, &call->error)) {
        write_prepared(call, &act, p, &signable);
    }
    json_object_end(&call->json);
    buffer_free(&act.body);
    buffer_free(&signable);
    arena_free(&arena);
    return (int)call->error.code;
}

static int take_documents(struct web_call *call, const struct service_input *input, int64_t ids[PREPARED_AT_ONCE], int64_t versions[PREPARED_AT_ONCE], size_t *count)
{
    *count = 0;
    JSON_EACH(item, json_member(input->json, "documents")) {
        if (*count == PREPARED_AT_ONCE || item->kind != JSON_OBJECT) break;
        ids[*count] = strtoll(json_member_text(item, "id", "0"), NULL, 10);
        versions[*count] = json_member_integer(item, "version", -1);
        if (ids[*count] < 1 || versions[*count] < 0) break;
        ++*count;
    }
    const struct json *list = json_member(input->json, "documents");
    if (*count && list->kind == JSON_ARRAY && *count == list->count) return 0;
    error_set(&call->error, ERROR_INVALID, "documents", "请选择1至50份单据。", "Choose 1 to 50 documents.");
    error_field(&call->error, "documents");
    return (int)call->error.code;
}

static int prepare(struct web_call *call)
{
    struct form_problems *problems = new_problems(call);
    struct preparing *p = arena_alloc(&call->arena, sizeof *p);
    int64_t ids[PREPARED_AT_ONCE], versions[PREPARED_AT_ONCE];
    struct service_input input;
    const char *key;
    size_t count;

    if (!problems || !p) return error_internal(&call->error, "out of memory");
    if (service_input(call, &input) || service_text(call, &input, "action", 31, &p->action) || service_text(call, &input, "key", 20, &key) ||
        take_documents(call, &input, ids, versions, &count))
        return (int)call->error.code;
    p->key = key ? strtoll(key, NULL, 10) : 0;
    if (!p->action) p->action = "";
    if (find_key(call, p->key, &p->bound, &p->certificate)) return (int)call->error.code;
    p->profile = p->certificate.algorithm == KEY_SM2 ? service_of(call)->sm2 : signature_profile_of(p->certificate.algorithm);
    json_object(&call->json);
    json_name(&call->json, "items");
    json_array(&call->json);
    for (size_t i = 0; i < count; i++)
        if (prepare_one(call, p, ids[i], versions[i], problems)) return (int)call->error.code;
    json_array_end(&call->json);
    json_object_end(&call->json);
    return 0;
}

/* ---- what comes back signed */

static int not_prepared(struct error *error)
{
    return error_set(error, ERROR_CONFLICT, "signature_not_prepared", "签名准备已失效（超过十分钟、已使用或不是您准备的），请重新申报。",
                     "What was prepared for signing is over (ten minutes, used, or not yours); please submit again.");
}

/* What put_token has written: four numbers and a digest. */
static bool read_token(char *value, struct prepared *prepared)
{
    long long *const numbers[] = {&prepared->user, &prepared->document, &prepared->version, &prepared->key};
    char *rest = value;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char *word = strsep(&rest, " ");
        if (!word || !rest) return false;
        *numbers[i] = strtoll(word, NULL, 10);
    }
    snprintf(prepared->hash, sizeof prepared->hash, "%s", rest);
    return true;
}

static int take_token(struct web_call *call, const char *token, struct prepared *prepared)
{
    char place[64], value[200];
    bool found = token && strlen(token) == TOKEN_SIZE - 1 && strspn(token, "0123456789abcdef") == TOKEN_SIZE - 1;

    if (!found) return not_prepared(&call->error);
    token_place(token, place);
    if (session_take(call->sessions, place, value, sizeof value, &found, &call->error)) return (int)call->error.code;
    return found && read_token(value, prepared) ? 0 : not_prepared(&call->error);
}

static int changed(struct error *error)
{
    return error_set(error, ERROR_CONFLICT, "document_changed", "单据在签名后有变化，请重新申报。", "The document has changed since it was signed; please submit again.");
}

/* The signed XML must be, without its signature, byte for byte what is submitted now. */
static int same_content(struct web_call *call, const struct prepared *prepared, const struct bound_key *key, const struct buffer *signable, const char *xml)
{
    const struct service *service = service_of(call);
    struct buffer content;
    char hash[DIGEST_SIZE];
    bool same;

    digest_sha256(signable->data, signable->length, hash);
    if (strcmp(hash, prepared->hash) != 0) return changed(&call->error);
    buffer_init(&content, DOC_SIGNED_MAXIMUM);
    if (!xml_signature_check(xml, strlen(xml), key->der, key->length, &service->sm2, service->sm2_id, &content, &call->error)) {
        same = content.length == signable->length && !memcmp(content.data, signable->data, content.length);
        if (!same) error_set(&call->error, ERROR_CONFLICT, "signature_wrong", "签名的内容与单据不符，请重新申报。", "What was signed is not this document; please submit again.");
    }
    buffer_free(&content);
    return (int)call->error.code;
}

int service_check_signature(struct web_call *call, const char *token, const char *xml, struct doc_act *act)
{
    struct doc_signature *signature = arena_alloc(&call->arena, sizeof *signature);
    struct prepared prepared = {0};
    struct bound_key key = {0};
    struct buffer signable;

    if (!signature) return error_internal(&call->error, "out of memory");
    if (take_token(call, token, &prepared)) return (int)call->error.code;
    if (prepared.user != caller(call)->user || prepared.document != act->id) return not_prepared(&call->error);
    if (prepared.version != act->row.version || !act->action->complete) return changed(&call->error);
    if (find_key(call, prepared.key, &key, &signature->certificate)) return (int)call->error.code;
    buffer_init(&signable, DOC_SIGNED_MAXIMUM);
    if (!doc_signable(act, &call->arena, &signable, &call->error)) same_content(call, &prepared, &key, &signable, xml);
    buffer_free(&signable);
    signature->der = key.der;
    signature->der_length = key.length;
    signature->xml = xml;
    signature->xml_length = strlen(xml);
    act->signature = signature;
    return (int)call->error.code;
}

/* ---- what was signed */

static int read_row(struct web_call *call, struct doc_row *row)
{
    int64_t id;

    return web_parameter_id(call, 0, &id) || doc_read(reader_of(call), caller(call), service_of(call)->module, id, false, &call->arena, row, &call->error)
           ? (int)call->error.code : 0;
}

static int signatures(struct web_call *call)
{
    struct doc_row row = {0};

    if (read_row(call, &row)) return (int)call->error.code;
    return doc_signatures_write(reader_of(call), &service_of(call)->documents, &row, &call->arena, &call->json, &call->error);
}

static int answer_xml(struct web_call *call, const struct doc_row *row, int64_t sequence, const char *what)
{
    char name[80];

    snprintf(name, sizeof name, "%s-%lld-%s.xml", row->application_no, (long long)sequence, what);
    web_answer_file(call, "application/xml; charset=utf-8", name, true);
    return 0;
}

static int signed_xml(struct web_call *call)
{
    struct doc_row row = {0};
    int64_t sequence = 0;

    if (read_row(call, &row) || web_parameter_id(call, 1, &sequence) ||
        doc_signature_xml(reader_of(call), row.id, sequence, &call->out, &call->error))
        return (int)call->error.code;
    return answer_xml(call, &row, sequence, "signed");
}

static int receipt(struct web_call *call)
{
    const struct seal *seal = seal_of(service_of(call)->documents.seals, "portal");
    struct doc_row row = {0};
    struct buffer document;
    int64_t sequence = 0;

    if (!seal) return error_set(&call->error, ERROR_CONFLICT, "no_portal_seal", "本系统未配置回执签名，请与管理员联系。", "This portal has no seal for receipts; ask its administrator.");
    if (read_row(call, &row) || web_parameter_id(call, 1, &sequence)) return (int)call->error.code;
    buffer_init(&document, 65536);
    if (!doc_receipt(reader_of(call), row.id, sequence, &document, &call->error))
        seal_xml(seal, buffer_string(&document), document.length, &call->out, &call->error);
    buffer_free(&document);
    return call->error.code ? (int)call->error.code : answer_xml(call, &row, sequence, "receipt");
}

/* ---- start */

int service_signatures_open(struct service *service, const struct config *config, struct error *error)
{
    service->documents.key_required = service_key_required(config);
    service->sm2_id = config_text(config, "sm2_id", SM2_ID);
    service->sm2 = (struct signature_profile){config_text(config, "sm2_signature_uri", SM2_SIGNATURE_URI), config_text(config, "sm3_digest_uri", SM3_DIGEST_URI), "SM3"};
    return authorities_open(config_text(config, "authorities", ""), service->sm2_id, &service->authorities, error);
}

void service_signatures_close(struct service *service) { authorities_close(service->authorities); }

#define APPLICANTS (PRINCIPAL_ENTERPRISE | PRINCIPAL_PERSON)
#define READERS (APPLICANTS | PRINCIPAL_OFFICER)

const struct web_route signature_routes[] = {
    {"POST", "/signatures/prepare", prepare, APPLICANTS, RIGHT_SUBMIT, 0, LANE_FAST, 16384, {0, 0}},
    {"GET", "/documents/:id/signatures", signatures, READERS, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/documents/:id/receipts/:n.xml", receipt, READERS, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {"GET", "/documents/:id/signatures/:n.xml", signed_xml, READERS, RIGHT_VIEW, 0, LANE_FAST, 0, {0, 0}},
    {0}};
