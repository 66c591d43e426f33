/* A signature is added to what Cairo writes: one classic cross-reference table, a flat tree of pages (ISO 32000-1, 7.5). Nothing of the
   file is changed; catalog and first page are written again behind it (7.5.6), with the signature, its field and its place. */
#define _GNU_SOURCE /* memmem */
#include "trust/seal_key.h"

#include "base/digest.h"
#include "base/utf8.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PDF_MAXIMUM (64u << 20)
#define OBJECT_MAXIMUM 65536 /* bytes of a dictionary that is written again */
#define OBJECTS_MAXIMUM 100000
#define ENTRY 20 /* bytes of a line of the table */

static int strange(struct error *error, const char *what) { return error_internal(error, "this PDF cannot be sealed: %s", what); }

/* ---- reading */

struct span {
    const char *at;
    size_t length;
};

struct pdf {
    const char *bytes;
    size_t length, table; /* where the entries of the cross-reference table begin */
    long objects, start, root, info, page;
    struct span catalog, first_page; /* their dictionaries, from << to before the last >> */
};

/* A whole number at *at, which moves behind it; -1 if there is none. */
static long number_at(const char **at, const char *end)
{
    long number = -1;

    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
        number = (number < 0 ? 0 : number) * 10 + (**at - '0');
        if (number > PDF_MAXIMUM) return -1;
    }
    return number;
}

static bool skip(const char **at, const char *end, const char *text)
{
    size_t length = strlen(text);

    if ((size_t)(end - *at) < length || memcmp(*at, text, length) != 0) return false;
    *at += length;
    return true;
}

/* The number behind a name within a dictionary ("/Root 17 0 R" -> 17); -1. */
static long value_of(struct span dictionary, const char *name)
{
    const char *end = dictionary.at + dictionary.length, *at = memmem(dictionary.at, dictionary.length, name, strlen(name));

    if (!at) return -1;
    at += strlen(name);
    return number_at(&at, end);
}

static bool has(struct span dictionary, const char *name) { return memmem(dictionary.at, dictionary.length, name, strlen(name)) != NULL; }

/* The dictionary of an object, which the table must lead to. */
static bool find_object(const struct pdf *pdf, long object, struct span *dictionary)
{
    const char *end = pdf->bytes + pdf->length, *at, *stop;
    long offset;

    if (object < 1 || object >= pdf->objects) return false;
    at = pdf->bytes + pdf->table + (size_t)object * ENTRY;
    offset = number_at(&at, end);
    if (offset < 0 || (size_t)offset >= pdf->length) return false;
    at = pdf->bytes + offset;
    if (number_at(&at, end) != object || !skip(&at, end, " 0 obj\n<<")) return false;
    stop = memmem(at, (size_t)(end - at) < OBJECT_MAXIMUM ? (size_t)(end - at) : OBJECT_MAXIMUM, "\n>>\nendobj\n", 11);
    if (!stop) return false;
    *dictionary = (struct span){at - 2, (size_t)(stop - at) + 3};
    return !has(*dictionary, "stream\n");
}

/* The table is where the last lines say, one piece, and ends in a trailer. */
static int read_table(struct pdf *pdf, struct span *trailer, struct error *error)
{
    const char *end = pdf->bytes + pdf->length, *at, *word;

    *trailer = (struct span){pdf->bytes, 0};
    if (pdf->length > PDF_MAXIMUM || pdf->length < 64 || memcmp(pdf->bytes, "%PDF-1.", 7) != 0) return strange(error, "it is none, or too long");
    word = memmem(end - 40, 40, "startxref\n", 10);
    if (!word) return strange(error, "no startxref at its end");
    at = word + 10;
    pdf->start = number_at(&at, end);
    if (!skip(&at, end, "\n%%EOF\n") || at != end || pdf->start < 0 || pdf->start >= word - pdf->bytes) return strange(error, "a wrong end");
    at = pdf->bytes + pdf->start;
    if (!skip(&at, word, "xref\n0 ")) return strange(error, "no cross-reference table");
    pdf->objects = number_at(&at, word);
    if (pdf->objects < 2 || pdf->objects > OBJECTS_MAXIMUM || !skip(&at, word, "\n")) return strange(error, "a table of several pieces");
    pdf->table = (size_t)(at - pdf->bytes);
    if (word - at < pdf->objects * ENTRY) return strange(error, "a table that is cut");
    at += pdf->objects * ENTRY;
    if (!skip(&at, word, "trailer\n<<")) return strange(error, "no trailer");
    *trailer = (struct span){at, (size_t)(word - at)};
    return 0;
}

static int read_pdf(struct pdf *pdf, struct error *error)
{
    struct span trailer, pages = {0};

    if (read_table(pdf, &trailer, error)) return (int)error->code;
    if (has(trailer, "/Encrypt") || has(trailer, "/Prev") || value_of(trailer, "/Size ") != pdf->objects) return strange(error, "encrypted, or written more than once");
    pdf->root = value_of(trailer, "/Root ");
    pdf->info = value_of(trailer, "/Info ");
    if (!find_object(pdf, pdf->root, &pdf->catalog) || !has(pdf->catalog, "/Type /Catalog")) return strange(error, "no catalog");
    if (has(pdf->catalog, "/AcroForm")) return strange(error, "it has a form already");
    if (!find_object(pdf, value_of(pdf->catalog, "/Pages "), &pages)) return strange(error, "no pages");
    pdf->page = value_of(pages, "/Kids [ ");
    if (!find_object(pdf, pdf->page, &pdf->first_page) || !has(pdf->first_page, "/Type /Page") || has(pdf->first_page, "/Kids"))
        return strange(error, "no first page");
    return has(pdf->first_page, "/Annots") || pdf->page == pdf->root ? strange(error, "its first page has annotations") : 0;
}

/* ---- writing */

/* A text as PDF has it outside Latin: UTF-16 with a mark, here in hexadecimal. */
static void put_text(struct buffer *out, const char *name, const char *text)
{
    size_t length = strlen(text), size;
    uint32_t character;

    buffer_printf(out, "   %s <FEFF", name);
    for (size_t at = 0; (size = utf8_decode(text + at, length - at, &character)); at += size) {
        if (character < 0x10000) buffer_printf(out, "%04X", (unsigned)character);
        else buffer_printf(out, "%04X%04X", (unsigned)(0xD7C0 + (character >> 10)), (unsigned)(0xDC00 + (character & 0x3FF)));
    }
    buffer_text(out, ">\n");
}

struct places { /* in the new file */
    size_t catalog, page, signature, field, table;
    size_t range, contents; /* where ByteRange and the hexadecimal signature stand */
};

#define RANGE_ROOM 40

static void put_signature(const struct seal *seal, struct buffer *out, size_t base, long number, size_t room, const char *reason, int64_t now, struct places *places)
{
    time_t seconds = (time_t)(now / 1000);
    struct tm utc;
    char *zeros;

    gmtime_r(&seconds, &utc);
    places->signature = out->length - base;
    buffer_printf(out, "%ld 0 obj\n<< /Type /Sig\n   /Filter /Adobe.PPKLite\n   /SubFilter /ETSI.CAdES.detached\n   /ByteRange ", number);
    places->range = out->length;
    buffer_printf(out, "%*s\n   /M (D:%04d%02d%02d%02d%02d%02dZ)\n", RANGE_ROOM, "", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
    put_text(out, "/Name", seal->about.name);
    put_text(out, "/Reason", reason);
    buffer_text(out, "   /Contents ");
    places->contents = out->length;
    buffer_char(out, '<');
    if ((zeros = buffer_reserve(out, 2 * room + 1))) {
        memset(zeros, '0', 2 * room);
        zeros[2 * room] = 0;
        out->length += 2 * room;
    }
    buffer_text(out, ">\n>>\nendobj\n");
}

/* Catalog and page as they were and what leads to the signature: a field without a visible place (12.7.4.5), of which nothing may be changed
   any more (SigFlags 3). */
static void put_objects(const struct pdf *pdf, struct buffer *out, size_t base, struct places *places)
{
    long signature = pdf->objects, field = signature + 1;

    places->field = out->length - base;
    buffer_printf(out, "%ld 0 obj\n<< /Type /Annot\n   /Subtype /Widget\n   /FT /Sig\n   /T (seal)\n   /V %ld 0 R\n   /P %ld 0 R\n   /Rect [ 0 0 0 0 ]\n   /F 132\n>>\nendobj\n",
                  field, signature, pdf->page);
    places->catalog = out->length - base;
    buffer_printf(out, "%ld 0 obj\n", pdf->root);
    buffer_bytes(out, pdf->catalog.at, pdf->catalog.length);
    buffer_printf(out, "   /AcroForm << /Fields [ %ld 0 R ] /SigFlags 3 >>\n>>\nendobj\n", field);
    places->page = out->length - base;
    buffer_printf(out, "%ld 0 obj\n", pdf->page);
    buffer_bytes(out, pdf->first_page.at, pdf->first_page.length);
    buffer_printf(out, "   /Annots [ %ld 0 R ]\n>>\nendobj\n", field);
}

static void put_table(const struct pdf *pdf, struct buffer *out, size_t base, struct places *places)
{
    bool page_first = pdf->page < pdf->root;

    places->table = out->length - base;
    buffer_printf(out, "xref\n%ld 1\n%010zu 00000 n \n%ld 1\n%010zu 00000 n \n", page_first ? pdf->page : pdf->root, page_first ? places->page : places->catalog,
                  page_first ? pdf->root : pdf->page, page_first ? places->catalog : places->page);
    buffer_printf(out, "%ld 2\n%010zu 00000 n \n%010zu 00000 n \n", pdf->objects, places->signature, places->field);
    buffer_printf(out, "trailer\n<< /Size %ld\n   /Root %ld 0 R\n", pdf->objects + 2, pdf->root);
    if (pdf->info > 0) buffer_printf(out, "   /Info %ld 0 R\n", pdf->info);
    buffer_printf(out, "   /Prev %ld\n>>\nstartxref\n%zu\n%%%%EOF\n", pdf->start, places->table);
}

/* ---- signature */

/* The signed attributes as they are signed: a SET in the order of DER. To be freed with OPENSSL_free. */
static int compare_der(const void *a, const void *b)
{
    const struct span *one = a, *two = b;
    size_t shorter = one->length < two->length ? one->length : two->length;
    int order = memcmp(one->at, two->at, shorter);

    return order ? order : (one->length > two->length) - (one->length < two->length);
}

#define ATTRIBUTES_MAXIMUM 8

static bool attributes_der(CMS_SignerInfo *signer, struct buffer *out)
{
    struct span parts[ATTRIBUTES_MAXIMUM] = {{NULL, 0}};
    int count = CMS_signed_get_attr_count(signer);
    size_t length = 0;
    bool good = count > 0 && count <= ATTRIBUTES_MAXIMUM;

    for (int i = 0; good && i < count; i++) {
        unsigned char *der = NULL;
        int size = i2d_X509_ATTRIBUTE(CMS_signed_get_attr(signer, i), &der);
        good = size > 0;
        parts[i] = (struct span){(const char *)der, good ? (size_t)size : 0};
        length += parts[i].length;
    }
    good = good && length >= 128 && length < 65536;
    if (good) {
        qsort(parts, (size_t)count, sizeof *parts, compare_der);
        buffer_char(out, 0x31); /* SET; its length in one or two bytes */
        buffer_char(out, (char)(length < 256 ? 0x81 : 0x82));
        if (length >= 256) buffer_char(out, (char)(length >> 8));
        buffer_char(out, (char)(length & 255));
    }
    for (int i = 0; i < count && i < ATTRIBUTES_MAXIMUM; i++) {
        if (good) buffer_bytes(out, parts[i].at, parts[i].length);
        OPENSSL_free((void *)parts[i].at);
    }
    return good && !out->failed;
}

/* Content type, digest and the certificate's own digest (CMS_CADES adds it), and no time: OpenSSL would add one while it signs, which PAdES
   forbids (ETSI EN 319 142-1, 6.3), so the attributes are signed here. */
static int sign_attributes(const struct seal *seal, CMS_SignerInfo *signer, const unsigned char digest[DIGEST_BYTES], struct error *error)
{
    unsigned char signature[SIGNATURE_BYTES];
    struct buffer der;
    size_t size;
    int code = 0;

    buffer_init(&der, 65536);
    if (CMS_signed_add1_attr_by_NID(signer, NID_pkcs9_contentType, V_ASN1_OBJECT, OBJ_nid2obj(NID_pkcs7_data), -1) != 1 ||
        CMS_signed_add1_attr_by_NID(signer, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING, digest, DIGEST_BYTES) != 1 || !attributes_der(signer, &der))
        code = error_internal(error, "no attributes to sign");
    if (!code) code = seal_sign(seal, der.data, der.length, signature, &size, error);
    if (!code && ASN1_STRING_set(CMS_SignerInfo_get0_signature(signer), signature, (int)size) != 1) code = error_internal(error, "out of memory");
    buffer_free(&der);
    return code;
}

/* The CMS (RFC 5652) over a digest, as DER: OPENSSL_free. */
static int make_cms(const struct seal *seal, const unsigned char digest[DIGEST_BYTES], unsigned char **der, int *length, struct error *error)
{
    const unsigned flags = CMS_PARTIAL | CMS_DETACHED | CMS_BINARY | CMS_NOSMIMECAP | CMS_CADES;
    CMS_ContentInfo *cms = CMS_sign(NULL, NULL, seal->chain, NULL, flags);
    CMS_SignerInfo *signer = cms ? CMS_add1_signer(cms, seal->certificate, seal->key, EVP_sha256(), flags) : NULL;
    int code = signer ? sign_attributes(seal, signer, digest, error) : error_internal(error, "the seal \"%s\" makes no CMS", seal->about.name);

    *der = NULL;
    *length = code ? 0 : i2d_CMS_ContentInfo(cms, der);
    if (!code && *length <= 0) code = error_internal(error, "no CMS");
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    return code;
}

/* Certificates, the signature and about 500 bytes around them. */
static size_t room_for(const struct seal *seal)
{
    size_t room = seal->der_length + (size_t)EVP_PKEY_get_size(seal->key) + 1000;

    for (int i = 0; i < sk_X509_num(seal->chain); i++) {
        int size = i2d_X509(sk_X509_value(seal->chain, i), NULL);
        room += size > 0 ? (size_t)size : 0;
    }
    return room;
}

/* Everything but the signature itself is signed; then it is put into its place. */
static int fill_in(const struct seal *seal, struct buffer *out, size_t base, const struct places *places, size_t room, struct error *error)
{
    size_t first = places->contents - base, second = places->contents + 2 * room + 2 - base;
    char *file = out->data + base, range[RANGE_ROOM + 1];
    unsigned char digest[DIGEST_BYTES], *der;
    unsigned size = sizeof digest;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool good;
    int length, written = snprintf(range, sizeof range, "[0 %zu %zu %zu]", first, second, out->length - base - second);

    memcpy(out->data + places->range, range, (size_t)written);
    good = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 && EVP_DigestUpdate(hash, file, first) == 1 &&
           EVP_DigestUpdate(hash, file + second, out->length - base - second) == 1 && EVP_DigestFinal_ex(hash, digest, &size) == 1;
    EVP_MD_CTX_free(hash);
    if (!good) return error_internal(error, "no digest");
    if (make_cms(seal, digest, &der, &length, error)) return (int)error->code;
    if ((size_t)length <= room)
        for (int i = 0; i < length; i++) {
            file[first + 1 + 2 * (size_t)i] = "0123456789ABCDEF"[der[i] >> 4];
            file[first + 2 + 2 * (size_t)i] = "0123456789ABCDEF"[der[i] & 15];
        }
    OPENSSL_free(der);
    return (size_t)length <= room ? 0 : error_internal(error, "the signature of the seal \"%s\" is too long", seal->about.name);
}

int seal_pdf(const struct seal *seal, const void *pdf, size_t length, const char *reason, int64_t now, struct buffer *out, struct error *error)
{
    struct pdf read = {.bytes = pdf, .length = length, .catalog = {pdf, 0}, .first_page = {pdf, 0}};
    struct places places;
    size_t base = out->length, room = room_for(seal);

    error_clear(error);
    if (!seal_valid(seal, now))
        return error_internal(error, "the certificate of the seal \"%s\" is not valid now: renew it", seal->about.name);
    if (read_pdf(&read, error)) return (int)error->code;
    buffer_bytes(out, pdf, length);
    put_signature(seal, out, base, read.objects, room, reason, now, &places);
    put_objects(&read, out, base, &places);
    put_table(&read, out, base, &places);
    if (out->failed) error_internal(error, "the sealed PDF is too long");
    else fill_in(seal, out, base, &places, room, error);
    if (error->code) out->length = base;
    return (int)error->code;
}
