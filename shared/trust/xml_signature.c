#define _GNU_SOURCE /* memrchr */
#include "trust/xml_signature.h"

#include "base/base64.h"
#include "base/utf8.h"
#include "trust/certificate_native.h"

#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>
#include <xmlsec/crypto.h>
#include <xmlsec/errors.h>
#include <xmlsec/openssl/evp.h>
#include <xmlsec/xmldsig.h>
#include <xmlsec/xmlsec.h>

/* What two megabytes could otherwise grow to as a tree, or take libxml2 to read (attributes of an element are compared with each other). */
#define TAGS_MAXIMUM 40000
#define ATTRIBUTES_MAXIMUM 64 /* of one element; of all, as many as tags */
#define DEPTH_MAXIMUM 64

static const char dsig[] = "http://www.w3.org/2000/09/xmldsig#";

/* ---- starting; libxmlsec1 with the first signature it has to check, for until then it would only take memory */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool started;

static void start(void)
{
    started = xmlSecInit() >= 0 && xmlSecOpenSSLInit() >= 0;
    xmlSecErrorsSetCallback(NULL); /* it would write to standard error what the caller is told anyway */
}

int xml_signature_start(struct error *error)
{
    xmlInitParser();
    return xmlSecCheckVersion() == 1 ? 0 : error_internal(error, "another libxmlsec1 than this program was built with");
}

/* ---- reading */

static int unreadable(struct error *error, const char *why)
{
    error_set(error, ERROR_INVALID, "xml_unreadable", "无法读取该 XML：请使用 UTF-8 编码，且不含 DTD、实体、注释和处理指令。",
              "This XML cannot be read: use UTF-8 without a DTD, entities, comments and processing instructions.");
    error_detail(error, "%s", why);
    return (int)error->code;
}

/* One tag from its '<' on; where it ends, or NULL when it does not or has too many attributes, which are counted. */
static const char *tag_end(const char *at, const char *end, int *attributes)
{
    int quotes = 0;
    char quote = 0;

    for (; at < end; at++) {
        if (quote ? *at == quote : *at == '"' || *at == '\'') {
            quote = quote ? 0 : *at;
            quotes++;
        } else if (!quote && *at == '>') {
            *attributes += quotes / 2;
            return quotes <= 2 * ATTRIBUTES_MAXIMUM ? at : NULL;
        }
    }
    return NULL;
}

/* Nothing but elements and text: a '<' begins nothing else. */
const char *xml_outside_limits(const char *xml, size_t length, size_t *where)
{
    const char *end = xml + length, *at = xml;
    int tags = 0, depth = 0, attributes = 0;

    *where = 0;
    if (!length || length > SIGNED_XML_MAXIMUM) return "empty or too long";
    if (*xml != '<' || memchr(xml, 0, length) || !utf8_valid(xml, length)) return "no UTF-8, or it does not begin with an element";
    while ((at = memchr(at, '<', (size_t)(end - at)))) {
        char next = at + 1 < end ? at[1] : 0;
        const char *close = tag_end(at, end, &attributes);
        *where = (size_t)(at - xml);
        if (next == '!' || next == '?') return "a declaration, comment, section or processing instruction";
        if (!close) return "a tag without end or with too many attributes";
        if (next == '/') depth--;
        else if (close[-1] != '/') depth++;
        if (++tags > TAGS_MAXIMUM || attributes > TAGS_MAXIMUM || depth > DEPTH_MAXIMUM) return "too many elements or attributes, or too deep";
        at = close;
    }
    return NULL;
}

/* NULL or what is wrong. The tree is to be freed in either case. */
static const char *read_tree(const char *xml, size_t length, xmlDocPtr *document)
{
    size_t where;
    const char *why = xml_outside_limits(xml, length, &where);

    *document = why ? NULL : xmlReadMemory(xml, (int)length, NULL, "UTF-8", XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    return why ? why : *document && xmlDocGetRootElement(*document) ? NULL : "not well-formed";
}

static void say_nothing(void *context, xmlErrorPtr about) { (void)context, (void)about; }

/* False for what has no canonical form: relative URIs of namespaces. */
static bool append_canonical(xmlDocPtr document, struct buffer *out)
{
    xmlStructuredErrorFunc before = xmlStructuredError;
    void *context = xmlStructuredErrorContext;
    xmlChar *text = NULL;
    int length;

    xmlSetStructuredErrorFunc(NULL, say_nothing); /* of this thread; else it would write to standard error */
    length = xmlC14NDocDumpMemory(document, NULL, XML_C14N_EXCLUSIVE_1_0, NULL, 0, &text);
    xmlSetStructuredErrorFunc(context, before);
    if (length > 0) buffer_bytes(out, text, (size_t)length);
    xmlFree(text);
    return length > 0 && !out->failed;
}

int xml_canonical(const char *xml, size_t length, struct buffer *out, struct error *error)
{
    xmlDocPtr document;
    const char *why = read_tree(xml, length, &document);

    if (!why && !append_canonical(document, out)) why = "no canonical form";
    xmlFreeDoc(document);
    if (why && out->failed) return error_internal(error, "the canonical form is too long for the caller");
    return why ? unreadable(error, why) : 0;
}

/* ---- making */

int xml_signature_envelope(const char *document, size_t length, const char *signed_info, const char *value, const void *certificate,
                           size_t certificate_length, struct buffer *out, struct error *error)
{
    static const char own[] = "<SignedInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\">";
    const char *end = length ? memrchr(document, '<', length) : NULL;

    if (!end || end[1] != '/' || strncmp(signed_info, own, sizeof own - 1) != 0) return error_internal(error, "nothing canonical to put a signature into");
    buffer_bytes(out, document, (size_t)(end - document));
    buffer_printf(out, "<Signature xmlns=\"%s\"><SignedInfo>%s<SignatureValue>%s</SignatureValue><KeyInfo><X509Data><X509Certificate>", dsig,
                  signed_info + sizeof own - 1, value); /* its namespace is the Signature's here */
    base64_write(certificate, certificate_length, out);
    buffer_text(out, "</X509Certificate></X509Data></KeyInfo></Signature>");
    buffer_bytes(out, end, (size_t)(document + length - end));
    return out->failed ? error_internal(error, "the signed document is too long") : 0;
}

/* ---- checking */

static int wrong(struct error *error, const char *why)
{
    error_set(error, ERROR_INVALID, "signature_wrong", "签名无效：内容或签名在签署后被改动，或者不是用已绑定的电子钥匙签署。请重新签名。",
              "The signature is wrong: content or signature were changed, or it was made with another key than the one bound. Sign again.");
    error_detail(error, "%s", why);
    return (int)error->code;
}

struct parts {
    xmlNodePtr signature, signed_info;
    unsigned char value[SIGNATURE_BYTES + 4]; /* base64 is decoded by threes */
    size_t value_length;
};

static bool in_dsig(const xmlNode *node) { return node->ns && !strcmp((const char *)node->ns->href, dsig); }

static bool is_named(const xmlNode *node, const char *name)
{
    return node && node->type == XML_ELEMENT_NODE && in_dsig(node) && !strcmp((const char *)node->name, name);
}

/* The base64 of an element without attributes that holds nothing else, without the white space that many libraries write into it: its length, and the text
   in `digits` (NULL: not needed); 0 when it is none, or longer than `most`. */
static size_t plain_base64(const xmlNode *node, char *digits, size_t most)
{
    const xmlNode *text = node->children;
    const char *content = text && text->type == XML_TEXT_NODE && !text->next && !node->properties ? (const char *)text->content : "";
    size_t length = 0, filled = 0;

    for (const char *at = content; *at; at++) {
        if (strchr(" \t\r\n", *at)) continue;
        if (length == most || (filled && *at != '=')) return 0;
        if (*at == '=') filled++;
        else if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", *at)) return 0;
        if (digits) digits[length] = *at;
        length++;
    }
    return filled <= 2 && length > filled && length % 4 == 0 ? length : 0;
}

static bool take_value(const xmlNode *node, struct parts *parts)
{
    char digits[SIGNATURE_BYTES * 4 / 3 + 4];
    size_t length = plain_base64(node, digits, sizeof digits);
    int decoded = length ? EVP_DecodeBlock(parts->value, (const unsigned char *)digits, (int)length) : -1;

    if (decoded <= 0) return false;
    parts->value_length = (size_t)decoded - (digits[length - 1] == '=') - (digits[length - 2] == '=');
    return parts->value_length <= SIGNATURE_BYTES;
}

/* A KeyInfo may name a certificate, which is not looked at; nothing else has a place there. */
static bool is_key_info(const xmlNode *node)
{
    const xmlNode *data = node->children, *certificate = data ? data->children : NULL;

    return is_named(node, "KeyInfo") && !node->properties && is_named(data, "X509Data") && !data->next && !data->properties &&
           is_named(certificate, "X509Certificate") && !certificate->next && plain_base64(certificate, NULL, SIGNED_XML_MAXIMUM);
}

/* The node after this one in document order, within the tree below `top`. */
static xmlNodePtr following(xmlNodePtr node, const xmlNode *top)
{
    if (node->children) return node->children;
    while (node != top && !node->next) node = node->parent;
    return node == top ? NULL : node->next;
}

/* NULL or what is wrong with the shape. */
static const char *find_parts(xmlDocPtr document, struct parts *parts)
{
    xmlNodePtr root = xmlDocGetRootElement(document), child;

    if (document->children != root || root->next || document->intSubset || document->extSubset) return "more than one element";
    parts->signature = root->last;
    if (!is_named(parts->signature, "Signature")) return "no Signature as the last child of the root";
    for (xmlNodePtr node = root; node; node = node == parts->signature ? NULL : following(node, root)) {
        if (node->type != XML_ELEMENT_NODE && node->type != XML_TEXT_NODE) return "something other than elements and text";
        if (node != parts->signature && node->type == XML_ELEMENT_NODE && in_dsig(node)) return "parts of a signature outside of it";
    }
    parts->signed_info = child = parts->signature->children;
    if (parts->signature->properties || !is_named(child, "SignedInfo")) return "no SignedInfo";
    child = child->next;
    if (!is_named(child, "SignatureValue") || !take_value(child, parts)) return "no SignatureValue";
    child = child->next;
    return child && (child->next || !is_key_info(child)) ? "something other than a KeyInfo with a certificate" : NULL;
}

/* The canonical form of a part of a document, as if it stood alone. */
static bool append_part(xmlNodePtr node, struct buffer *out)
{
    xmlDocPtr alone = xmlNewDoc((const xmlChar *)"1.0");
    xmlNodePtr copy = alone ? xmlDocCopyNode(node, alone, 1) : NULL;
    bool good = false;

    if (copy) {
        xmlDocSetRootElement(alone, copy);
        good = append_canonical(alone, out);
    }
    xmlFreeDoc(alone);
    return good;
}

/* The document without its signature, and whether the SignedInfo is, letter for letter, the one that belongs to it. */
static const char *compare_signed_info(xmlDocPtr document, const struct parts *parts, const struct signature_profile *profile, struct buffer *content,
                                       struct buffer *given)
{
    struct buffer expected;
    bool made, same = false;

    buffer_init(&expected, SIGNED_INFO_MAXIMUM);
    xmlUnlinkNode(parts->signature);
    made = append_canonical(document, content);
    xmlAddChild(xmlDocGetRootElement(document), parts->signature);
    made = made && append_part(parts->signed_info, given) && signed_info_make(profile, content->data, content->length, &expected);
    if (made) same = expected.length == given->length && !memcmp(expected.data, given->data, given->length);
    buffer_free(&expected);
    return !made ? "a SignedInfo that is too long" : same ? NULL : "another SignedInfo than the one of this content";
}

/* The key of the certificate as libxmlsec1 wants it. */
static xmlSecKeyPtr key_of(X509 *native)
{
    EVP_PKEY *public_key = X509_get_pubkey(native);
    xmlSecKeyDataPtr data = public_key ? xmlSecOpenSSLEvpKeyAdopt(public_key) : NULL;
    xmlSecKeyPtr key = data ? xmlSecKeyCreate() : NULL;

    if (!data) EVP_PKEY_free(public_key);
    else if (!key) xmlSecKeyDataDestroy(data);
    else xmlSecKeySetValue(key, data);
    return key;
}

/* With the key of the certificate and nothing that stands in the document; only what signed_info.h makes is switched on. */
static bool verify_by_xmlsec(xmlNodePtr signature, X509 *native)
{
    xmlSecKeyPtr key = key_of(native);
    xmlSecDSigCtxPtr context = key ? xmlSecDSigCtxCreate(NULL) : NULL;
    bool good = false;

    if (context) {
        context->signKey = key;
        context->enabledReferenceUris = xmlSecTransformUriTypeEmpty;
        context->flags |= XMLSEC_DSIG_FLAGS_IGNORE_MANIFESTS;
        good = xmlSecDSigCtxEnableReferenceTransform(context, xmlSecTransformEnvelopedId) >= 0 &&
               xmlSecDSigCtxEnableReferenceTransform(context, xmlSecTransformExclC14NId) >= 0 &&
               xmlSecDSigCtxEnableReferenceTransform(context, xmlSecTransformSha256Id) >= 0 &&
               xmlSecDSigCtxEnableSignatureTransform(context, xmlSecTransformExclC14NId) >= 0 &&
               xmlSecDSigCtxEnableSignatureTransform(context, xmlSecTransformRsaSha256Id) >= 0 &&
               xmlSecDSigCtxEnableSignatureTransform(context, xmlSecTransformEcdsaSha256Id) >= 0 &&
               xmlSecDSigCtxVerify(context, signature) >= 0 && context->status == xmlSecDSigStatusSucceeded;
        xmlSecDSigCtxDestroy(context); /* with the key */
    } else if (key) {
        xmlSecKeyDestroy(key);
    }
    ERR_clear_error();
    return good;
}

/* NULL or what is wrong. */
static const char *check_tree(xmlDocPtr document, const struct signature_profile *profile, enum key_algorithm algorithm, X509 *native,
                              const char *sm2_id, struct buffer *content)
{
    struct parts parts = {0};
    struct buffer given;
    const char *why = find_parts(document, &parts);
    bool good;

    if (why) return why;
    buffer_init(&given, SIGNED_INFO_MAXIMUM);
    why = compare_signed_info(document, &parts, profile, content, &given);
    if (!why && algorithm == KEY_SM2) {
        good = certificate_key_verify(native, algorithm, sm2_id, given.data, given.length, parts.value, parts.value_length);
        if (!good) why = "not signed by this key (SM2)";
    } else if (!why) {
        pthread_once(&once, start);
        if (!started) why = "libxmlsec1 does not start";
        else if (!verify_by_xmlsec(parts.signature, native)) why = "not signed by this key";
    }
    buffer_free(&given);
    return why;
}

int xml_signature_check(const char *xml, size_t length, const void *certificate, size_t certificate_length,
                        const struct signature_profile *sm2, const char *sm2_id, struct buffer *content, struct error *error)
{
    struct certificate about;
    struct signature_profile profile;
    struct buffer found;
    xmlDocPtr document = NULL;
    X509 *native = certificate_open(certificate, certificate_length, &about, error);
    const char *why;

    if (!native) return (int)error->code;
    profile = about.algorithm == KEY_SM2 && sm2 ? *sm2 : signature_profile_of(about.algorithm);
    buffer_init(&found, SIGNED_XML_MAXIMUM);
    why = length && xml[length - 1] != '>' ? "something behind the document" : read_tree(xml, length, &document);
    if (!why) why = check_tree(document, &profile, about.algorithm, native, sm2_id, &found);
    if (!why) buffer_bytes(content, found.data, found.length);
    buffer_free(&found);
    xmlFreeDoc(document);
    X509_free(native);
    if (why) return wrong(error, why);
    return content->failed ? error_internal(error, "the signed content is too long for the caller") : 0;
}
