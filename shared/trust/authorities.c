#include "trust/certificate_native.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_MAXIMUM 1000
#define FILE_BYTES (32u << 20) /* lists of large authorities have megabytes */
#define LOOK_MILLISECONDS 1000
#define DEPTH_MAXIMUM 5
#define KNOWN 32
#define KNOWN_MILLISECONDS 10000

/* OpenSSL takes no distinguishing id for lists: those signed with SM2 are checked here, when they are read. */
struct good_list {
    X509_CRL *list;
    EVP_PKEY *key; /* that signed it */
};

/* A certificate that was found good: OpenSSL takes 0.3 ms to read one and check its chain, and whoever signs a batch does so with one key. */
struct known {
    unsigned char hash[DIGEST_BYTES];
    enum certificate_use use;
    int64_t since, until; /* milliseconds; 0: nothing is known */
    struct certificate certificate;
};

/* What one reading of the folder gave. Shared by checks that go on while the next one is read; only `known` changes, under the lock. */
struct trusted {
    struct known known[KNOWN];
    X509_STORE *store;
    STACK_OF(X509_CRL) *lists;
    struct good_list *good;
    size_t good_count;
    int users;
};

struct authorities {
    char directory[900], sm2_id[65];
    pthread_mutex_t lock;
    struct trusted *trusted;
    char stamp[DIGEST_SIZE]; /* of the files as they were last looked at */
    int64_t looked;
};

static void trusted_free(struct trusted *trusted)
{
    if (!trusted) return;
    for (size_t i = 0; i < trusted->good_count; i++) EVP_PKEY_free(trusted->good[i].key);
    free(trusted->good);
    X509_STORE_free(trusted->store);
    sk_X509_CRL_pop_free(trusted->lists, X509_CRL_free);
    free(trusted);
}

/* ---- SM2 */

/* What is signed with SM2 is checked with the id; for other signatures an id would be an error. */
static bool set_id(X509 *certificate, const char *sm2_id)
{
    ASN1_OCTET_STRING *id;

    if (X509_get_signature_nid(certificate) != NID_SM2_with_SM3) return true;
    id = ASN1_OCTET_STRING_new();
    if (!id || ASN1_OCTET_STRING_set(id, (const unsigned char *)sm2_id, (int)strlen(sm2_id)) != 1) {
        ASN1_OCTET_STRING_free(id);
        return false;
    }
    X509_set0_distinguishing_id(certificate, id);
    return true;
}

static bool list_signed_by(X509_CRL *list, EVP_PKEY *key, const char *sm2_id)
{
    const ASN1_BIT_STRING *signature;
    unsigned char *signed_part = NULL;
    int length = i2d_re_X509_CRL_tbs(list, &signed_part);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *with = EVP_PKEY_CTX_new(key, NULL);
    bool good = length > 0 && context && with && EVP_PKEY_CTX_set1_id(with, sm2_id, (int)strlen(sm2_id)) == 1;

    X509_CRL_get0_signature(list, &signature, NULL);
    if (good) {
        EVP_MD_CTX_set_pkey_ctx(context, with);
        good = EVP_DigestVerifyInit(context, NULL, EVP_sm3(), NULL, key) == 1 &&
               EVP_DigestVerify(context, signature->data, (size_t)signature->length, signed_part, (size_t)length) == 1;
    }
    EVP_MD_CTX_free(context);
    EVP_PKEY_CTX_free(with);
    OPENSSL_free(signed_part);
    return good;
}

/* Among the trusted certificates the one whose key has signed the list. */
static EVP_PKEY *key_of_list(X509_STORE *store, X509_CRL *list, const char *sm2_id)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);

    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *issuer = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        EVP_PKEY *key = issuer ? X509_get0_pubkey(issuer) : NULL;
        if (key && EVP_PKEY_is_a(key, "SM2") && !X509_NAME_cmp(X509_get_subject_name(issuer), X509_CRL_get_issuer(list)) &&
            list_signed_by(list, key, sm2_id))
            return key;
    }
    return NULL;
}

static bool check_sm2_lists(struct trusted *trusted, const char *sm2_id)
{
    int count = sk_X509_CRL_num(trusted->lists);

    trusted->good = calloc((size_t)count + 1, sizeof *trusted->good);
    for (int i = 0; trusted->good && i < count; i++) {
        X509_CRL *list = sk_X509_CRL_value(trusted->lists, i);
        EVP_PKEY *key = X509_CRL_get_signature_nid(list) == NID_SM2_with_SM3 ? key_of_list(trusted->store, list, sm2_id) : NULL;
        if (key && EVP_PKEY_up_ref(key)) trusted->good[trusted->good_count++] = (struct good_list){list, key};
    }
    return trusted->good != NULL;
}

/* ---- reading the folder */

static int no_password(char *out, int size, int writing, void *context)
{
    (void)out, (void)size, (void)writing, (void)context;
    return -1;
}

/* Every certificate of a file; at least one. */
static bool take_certificates(struct trusted *trusted, const struct buffer *file, const char *sm2_id)
{
    BIO *memory = BIO_new_mem_buf(buffer_string(file), (int)file->length);
    X509 *one;
    int count = 0;
    bool good = memory != NULL;

    while (good && (one = PEM_read_bio_X509(memory, NULL, no_password, NULL))) {
        good = set_id(one, sm2_id) && X509_STORE_add_cert(trusted->store, one) == 1;
        X509_free(one);
        count++;
    }
    good = good && count && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    BIO_free(memory);
    return good;
}

static bool take_list(struct trusted *trusted, const struct buffer *file)
{
    const unsigned char *at = (const unsigned char *)buffer_string(file);
    BIO *memory = BIO_new_mem_buf(buffer_string(file), (int)file->length);
    X509_CRL *list = memory ? PEM_read_bio_X509_CRL(memory, NULL, no_password, NULL) : NULL;
    bool good;

    if (!list) list = d2i_X509_CRL(NULL, &at, (long)file->length);
    good = list && X509_STORE_add_crl(trusted->store, list) == 1 && sk_X509_CRL_push(trusted->lists, list) > 0;
    if (!good) X509_CRL_free(list);
    ERR_clear_error();
    BIO_free(memory);
    return good;
}

static bool ends_in(const char *name, const char *end)
{
    size_t length = strlen(name), tail = strlen(end);

    return length > tail && !strcmp(name + length - tail, end) && *name != '.';
}

static int wanted(const struct dirent *entry) { return ends_in(entry->d_name, ".pem") || ends_in(entry->d_name, ".crl"); }

static int take_file(struct trusted *trusted, const struct authorities *authorities, const char *name, struct error *error)
{
    char path[1200];
    struct buffer file;
    bool good;

    snprintf(path, sizeof path, "%s/%s", authorities->directory, name);
    buffer_init(&file, FILE_BYTES);
    good = !file_read(path, &file, error);
    if (good && !(good = ends_in(name, ".crl") ? take_list(trusted, &file) : take_certificates(trusted, &file, authorities->sm2_id)))
        error_internal(error, "%s holds no %s that can be read", path, ends_in(name, ".crl") ? "revocation list (PEM or DER)" : "certificate (PEM)");
    buffer_free(&file);
    return good ? 0 : (int)error->code;
}

struct listing {
    struct dirent **entries;
    int count;
};

static void listing_free(struct listing *listing)
{
    for (int i = 0; i < listing->count; i++) free(listing->entries[i]);
    free(listing->entries);
}

/* The files by name, and a digest of what tells that one of them has changed. An absent folder is an empty one. */
static int look(const struct authorities *authorities, struct listing *listing, char stamp[DIGEST_SIZE], struct error *error)
{
    struct buffer seen;
    char path[1200];

    listing->entries = NULL;
    listing->count = scandir(authorities->directory, &listing->entries, wanted, alphasort);
    if (listing->count < 0) {
        listing->count = 0;
        if (errno != ENOENT) return error_internal(error, "authorities %s: %s", authorities->directory, strerror(errno));
    }
    if (listing->count > FILES_MAXIMUM) return error_internal(error, "authorities %s: more than %d files", authorities->directory, FILES_MAXIMUM);
    buffer_init(&seen, 0);
    for (int i = 0; i < listing->count; i++) {
        struct stat status = {0};
        snprintf(path, sizeof path, "%s/%s", authorities->directory, listing->entries[i]->d_name);
        if (stat(path, &status)) status.st_size = -1;
        buffer_printf(&seen, "%s %lld %lld %lld.%09ld %lld.%09ld\n", listing->entries[i]->d_name, (long long)status.st_ino, (long long)status.st_size,
                      (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec, (long long)status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
    }
    digest_sha256(buffer_string(&seen), seen.length, stamp);
    buffer_free(&seen);
    return 0;
}

static struct trusted *trusted_new(void)
{
    struct trusted *trusted = calloc(1, sizeof *trusted);

    if (!trusted) return NULL;
    trusted->users = 1;
    trusted->store = X509_STORE_new();
    trusted->lists = sk_X509_CRL_new_null();
    if (trusted->store && trusted->lists) return trusted;
    trusted_free(trusted);
    return NULL;
}

static struct trusted *load(const struct authorities *authorities, const struct listing *listing, struct error *error)
{
    struct trusted *trusted = trusted_new();
    bool good = trusted != NULL;

    if (!good) {
        error_internal(error, "out of memory");
        return NULL;
    }
    for (int i = 0; good && i < listing->count; i++) good = !take_file(trusted, authorities, listing->entries[i]->d_name, error);
    if (good && !(good = check_sm2_lists(trusted, authorities->sm2_id))) error_internal(error, "out of memory");
    if (good) return trusted;
    trusted_free(trusted);
    return NULL;
}

static void release(struct authorities *authorities, struct trusted *trusted)
{
    pthread_mutex_lock(&authorities->lock);
    bool last = trusted && --trusted->users == 0;
    pthread_mutex_unlock(&authorities->lock);
    if (last) trusted_free(trusted);
}

/* Under the lock. What cannot be read is logged once and leaves in force what stood before. */
static void look_again(struct authorities *authorities)
{
    struct listing listing = {0};
    struct trusted *fresh;
    struct error error = {0};
    char stamp[DIGEST_SIZE], words[512];

    if (!look(authorities, &listing, stamp, &error) && strcmp(stamp, authorities->stamp)) {
        memcpy(authorities->stamp, stamp, sizeof stamp);
        if ((fresh = load(authorities, &listing, &error))) {
            if (--authorities->trusted->users == 0) trusted_free(authorities->trusted);
            authorities->trusted = fresh;
            log_line(LOG_INFO, "authorities_read", "files=%d", listing.count);
        }
    }
    if (error.code) log_line(LOG_ERROR, "authorities_unreadable", "reason=%s", log_quote(error.detail, words, sizeof words));
    listing_free(&listing);
}

static struct trusted *current(struct authorities *authorities)
{
    struct trusted *trusted;
    int64_t now = clock_monotonic();

    pthread_mutex_lock(&authorities->lock);
    if (now - authorities->looked >= LOOK_MILLISECONDS) {
        authorities->looked = now;
        look_again(authorities);
    }
    trusted = authorities->trusted;
    trusted->users++;
    pthread_mutex_unlock(&authorities->lock);
    return trusted;
}

int authorities_open(const char *directory, const char *sm2_id, struct authorities **authorities, struct error *error)
{
    struct authorities *made = calloc(1, sizeof *made);
    struct listing listing = {0};

    *authorities = NULL;
    if (!made) return error_internal(error, "out of memory");
    snprintf(made->directory, sizeof made->directory, "%s", directory ? directory : "");
    snprintf(made->sm2_id, sizeof made->sm2_id, "%s", sm2_id);
    pthread_mutex_init(&made->lock, NULL);
    made->looked = clock_monotonic();
    if (!look(made, &listing, made->stamp, error)) made->trusted = load(made, &listing, error);
    listing_free(&listing);
    if (!made->trusted) {
        authorities_close(made);
        return (int)error->code;
    }
    *authorities = made;
    return 0;
}

void authorities_close(struct authorities *authorities)
{
    if (!authorities) return;
    trusted_free(authorities->trusted);
    pthread_mutex_destroy(&authorities->lock);
    free(authorities);
}

/* ---- checking */

static int refuse(int reason, int depth, struct error *error)
{
    static const struct { int reason; const char *name, *zh, *en; } refusals[] = {
        {X509_V_ERR_CERT_HAS_EXPIRED, "key_expired", "电子钥匙的证书已过期，请到发证机构更新后重新绑定。",
         "The certificate of this electronic key has expired; have its issuer renew it and bind it again."},
        {X509_V_ERR_CERT_NOT_YET_VALID, "key_not_yet_valid", "电子钥匙的证书尚未生效，请在生效日期之后再使用。",
         "The certificate of this electronic key is not valid yet; use it from its first day on."},
        {X509_V_ERR_CERT_REVOKED, "key_revoked", "电子钥匙的证书已被吊销，请到发证机构办理新的电子钥匙。",
         "The certificate of this electronic key has been revoked; get a new key from its issuer."},
        {X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE, "key_wrong_use", "该证书不得用于此用途，请使用电子钥匙中对应的证书。",
         "This certificate may not be used for this; use the key's certificate that is meant for it."},
        {X509_V_ERR_UNABLE_TO_GET_CRL, "key_list_missing", "本系统没有发证机构的有效吊销列表，暂时无法核验电子钥匙，请联系管理员。",
         "There is no current revocation list of the key's issuer here, so the key cannot be checked; tell the administrator."},
        {0, "key_unknown_authority", "电子钥匙的证书不是本系统认可的机构颁发的，请使用认可机构的电子钥匙。",
         "The certificate of this electronic key was not issued by an authority that is trusted here; use a key of one that is."}};
    size_t i = 0;

    switch (reason) {
    case X509_V_ERR_CRL_SIGNATURE_FAILURE: case X509_V_ERR_CRL_NOT_YET_VALID: case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD: case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD: case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN: case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION: case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR: case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE: i = 4; break;
    default: while (refusals[i].reason && refusals[i].reason != reason) i++;
    }
    error_set(error, ERROR_CONFLICT, refusals[i].name, refusals[i].zh, refusals[i].en);
    error_detail(error, "%s (certificate %d of the chain)", X509_verify_cert_error_string(reason), depth);
    return (int)error->code;
}

/* Two errors of OpenSSL are none here: a list signed with SM2 that was found good when it was read, and no list about the anchor
   itself, which the operator has put into the folder (RFC 5280, 6.1: anchors are not validated). */
static int judge(int good, X509_STORE_CTX *context)
{
    const struct trusted *trusted = X509_STORE_CTX_get_app_data(context);
    int reason = X509_STORE_CTX_get_error(context), depth = X509_STORE_CTX_get_error_depth(context);
    X509 *issuer = X509_STORE_CTX_get0_current_issuer(context);

    if (good) return good;
    if ((reason == X509_V_ERR_UNABLE_TO_GET_CRL || reason == X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER) && depth > 0 &&
        depth == sk_X509_num(X509_STORE_CTX_get0_chain(context)) - 1)
        good = 1;
    if (reason == X509_V_ERR_CRL_SIGNATURE_FAILURE && issuer)
        for (size_t i = 0; i < trusted->good_count; i++)
            if (trusted->good[i].list == X509_STORE_CTX_get0_current_crl(context) && EVP_PKEY_eq(trusted->good[i].key, X509_get0_pubkey(issuer)) == 1)
                good = 1;
    if (good) X509_STORE_CTX_set_error(context, X509_V_OK);
    return good;
}

/* One attempt; X509_V_OK or what is wrong, and where in the chain. */
static int verify_chain(struct trusted *trusted, X509 *native, int64_t now, unsigned long flags, int *depth)
{
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int reason = X509_V_ERR_OUT_OF_MEM;

    *depth = 0;
    if (context && X509_STORE_CTX_init(context, trusted->store, native, NULL) == 1) {
        X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(context);
        X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL | flags);
        X509_VERIFY_PARAM_set_time(rules, (time_t)(now / 1000));
        X509_VERIFY_PARAM_set_depth(rules, DEPTH_MAXIMUM);
        X509_VERIFY_PARAM_set_auth_level(rules, 2); /* 112 bits: no SHA-1, no RSA below 2048 */
        X509_STORE_CTX_set_app_data(context, trusted);
        X509_STORE_CTX_set_verify_cb(context, judge);
        reason = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
        if (reason) *depth = X509_STORE_CTX_get_error_depth(context);
    }
    X509_STORE_CTX_free(context);
    ERR_clear_error();
    return reason;
}

/* Up to a root if there is one, so that its list is heard about the intermediates; else up to an intermediate of the folder. */
static int check_chain(struct trusted *trusted, X509 *native, int64_t now, struct error *error)
{
    int depth, reason = verify_chain(trusted, native, now, 0, &depth);

    if (reason == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY || reason == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT)
        reason = verify_chain(trusted, native, now, X509_V_FLAG_PARTIAL_CHAIN, &depth);
    return reason ? refuse(reason, depth, error) : 0;
}

/* ---- what is known */

static bool look_up(struct authorities *authorities, struct known *known, const unsigned char hash[DIGEST_BYTES], enum certificate_use use, int64_t now,
                    struct certificate *certificate)
{
    bool found;

    pthread_mutex_lock(&authorities->lock);
    found = now >= known->since && now < known->until && known->use == use && !memcmp(known->hash, hash, DIGEST_BYTES);
    if (found) *certificate = known->certificate;
    pthread_mutex_unlock(&authorities->lock);
    return found;
}

static void keep(struct authorities *authorities, struct known *known, const unsigned char hash[DIGEST_BYTES], enum certificate_use use, int64_t now,
                 const struct certificate *certificate)
{
    pthread_mutex_lock(&authorities->lock);
    memcpy(known->hash, hash, DIGEST_BYTES);
    known->use = use;
    known->since = now;
    known->until = now + KNOWN_MILLISECONDS < certificate->not_after ? now + KNOWN_MILLISECONDS : certificate->not_after;
    known->certificate = *certificate;
    pthread_mutex_unlock(&authorities->lock);
}

static int check_now(const struct authorities *authorities, struct trusted *trusted, const void *der, size_t length, enum certificate_use use, int64_t now,
                     struct certificate *certificate, struct error *error)
{
    X509 *native = certificate_open(der, length, certificate, error);
    uint32_t wanted_use = use == USE_SIGN_IN ? KU_DIGITAL_SIGNATURE : KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION;
    int code;

    if (!native) return (int)error->code;
    code = set_id(native, authorities->sm2_id) ? check_chain(trusted, native, now, error) : error_internal(error, "out of memory");
    if (!code && !(X509_get_key_usage(native) & wanted_use)) code = refuse(X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE, 0, error);
    X509_free(native);
    return code;
}

int certificate_check(struct authorities *authorities, const void *der, size_t length, enum certificate_use use, int64_t now,
                      struct certificate *certificate, struct error *error)
{
    struct trusted *trusted = current(authorities);
    struct known *known;
    unsigned char hash[DIGEST_BYTES];
    int code = 0;

    digest_raw(der, length, hash);
    known = &trusted->known[hash[0] % KNOWN];
    if (!look_up(authorities, known, hash, use, now, certificate)) {
        code = check_now(authorities, trusted, der, length, use, now, certificate, error);
        if (!code) keep(authorities, known, hash, use, now, certificate);
    }
    release(authorities, trusted);
    return code;
}
