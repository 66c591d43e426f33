/* Signed documents: what is made is accepted, and every change of content, shape, place, algorithm or key is refused. */
#include "tap.h"
#include "signer.h"

#include <openssl/evp.h>
#include <pthread.h>

#define DSIG "http://www.w3.org/2000/09/xmldsig#"

static const char document[] = "<SignedApplication xmlns=\"urn:singlewindow:signed-application:1\" applicationNo=\"2026000123\" version=\"7\">"
                               "<ExportLicence xmlns=\"urn:singlewindow:export_licence\"><Goods>稀土 &lt;1&gt; &amp; \"x\"</Goods></ExportLicence></SignedApplication>";

/* What is read after a check that succeeded; NULL = refused (with code and words). */
static char *check_bytes(const struct signer *signer, const char *xml, size_t length, const char **detail)
{
    static _Thread_local struct error error;
    struct buffer content;
    error_clear(&error);
    buffer_init(&content, 0);
    char *read = NULL;
    if (!xml_signature_check(xml, length, signer->certificate, signer->length, NULL, TEST_ID, &content, &error))
        read = text_copy(content.data, content.length);
    else if (error.code != ERROR_INVALID || strcmp(error.name, "signature_wrong") || content.length)
        read = text_copy("wrong kind of refusal", 21);
    buffer_free(&content);
    if (detail) *detail = error.detail;
    return read;
}

static void refused(const struct signer *signer, const char *xml, const char *what)
{
    const char *detail;
    char *read = check_bytes(signer, xml, strlen(xml), &detail);
    if (!ok(!read, "refused: %s (%s)", what, detail)) diag("%s", read);
    free(read);
}

/* The text with the first `from` replaced. Ends the test when it is not there. */
static char *with(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    if (!at) {
        fail("\"%s\" stands in the text", from);
        exit(1);
    }
    struct buffer out;
    buffer_init(&out, 0);
    buffer_bytes(&out, text, (size_t)(at - text));
    buffer_text(&out, to);
    buffer_text(&out, at + strlen(from));
    char *made = text_copy(out.data, out.length);
    buffer_free(&out);
    return made;
}

static void changed(const struct signer *signer, const char *xml, const char *from, const char *to, const char *what)
{
    char *other = with(xml, from, to);
    refused(signer, other, what);
    free(other);
}

/* ---- what is right */

static void right(const char *kind)
{
    struct signer signer = signer_make(kind), other = signer_make(kind);
    char *xml = sign(&signer, document), *read = check_bytes(&signer, xml, strlen(xml), NULL), *bare;
    char name[100];

    snprintf(name, sizeof name, "%s: what was signed is what is read", kind);
    is_text(read, document, name);
    free(read);
    snprintf(name, sizeof name, "%s: another one's certificate", kind);
    refused(&other, xml, name);
    changed(&signer, xml, "稀土", "稀士", "changed content");
    changed(&signer, xml, "version=\"7\"", "version=\"8\"", "a changed attribute");
    bare = text_copy(xml, strlen(xml));
    char *from = strstr(bare, "<KeyInfo>"), *to = strstr(bare, "</KeyInfo>") + 10;
    memmove(from, to, strlen(to) + 1);
    read = check_bytes(&signer, bare, strlen(bare), NULL);
    snprintf(name, sizeof name, "%s: without KeyInfo", kind);
    is_text(read, document, name);
    free(read);
    free(bare);
    free(xml);
    signer_free(&signer);
    signer_free(&other);
}

/* The same SignedInfo written otherwise has the same canonical form. */
static void other_writing(const struct signer *signer, const char *xml)
{
    char *other = with(xml, "\"></CanonicalizationMethod>", "\" />"), *more = with(other, "<Goods>", "<Goods\n>");
    char *read = check_bytes(signer, more, strlen(more), NULL);
    is_text(read, document, "other writing of the same canonical form");
    free(read);
    free(more);
    free(other);
    other = with(xml, "<SignatureValue>", "<SignatureValue>&#13;\n ");
    more = with(other, "<X509Certificate>", "<X509Certificate>\n\t");
    read = check_bytes(signer, more, strlen(more), NULL);
    is_text(read, document, "lines in base64, as many libraries write them");
    free(read);
    free(more);
    free(other);
}

/* ---- attacks on the shape */

static char *part(const char *text, const char *from, const char *to)
{
    const char *start = strstr(text, from), *end = strstr(start, to) + strlen(to);
    return text_copy(start, (size_t)(end - start));
}

static void wrapping(const struct signer *signer, const char *xml)
{
    char *signature = part(xml, "<Signature", "</Signature>"), *evil = with(document, "2026000123", "2026000999"), *made = NULL;
    const char *root_end = "</SignedApplication>";
    struct buffer out;
    const struct { const char *before, *inside, *after, *what; } cases[] = {
        {"<Evil xmlns=\"urn:e\">", NULL, "</Evil>", "the signed tree below another root"},
        {"<Evil xmlns=\"urn:e\"><Object xmlns=\"" DSIG "\">", NULL, "</Object></Evil>", "the signed tree in an Object"}};
    buffer_init(&out, 0);
    for (size_t i = 0; i < 2; i++) {
        buffer_reset(&out);
        buffer_printf(&out, "%s%s%s", cases[i].before, xml, cases[i].after);
        refused(signer, out.data, cases[i].what);
        buffer_reset(&out); /* and with the signature where it is looked for */
        buffer_printf(&out, "%s%s%s%s", cases[i].before, document, signature, cases[i].after);
        refused(signer, out.data, cases[i].what);
    }
    buffer_reset(&out); /* the classic: other content, the signed one kept in an Object of the signature */
    made = with(signature, "</Signature>", "<Object>");
    buffer_printf(&out, "%.*s%s%s</Object></Signature>%s", (int)(strlen(evil) - strlen(root_end)), evil, made, document, root_end);
    refused(signer, out.data, "other content, the signed one in an Object of the Signature");
    buffer_reset(&out);
    buffer_printf(&out, "%.*s%s%s", (int)(strlen(evil) - strlen(root_end)), evil, signature, root_end);
    refused(signer, out.data, "the signature in another document");
    buffer_reset(&out);
    buffer_printf(&out, "%.*s%s%s%s", (int)(strlen(document) - strlen(root_end)), document, signature, signature, root_end);
    refused(signer, out.data, "two signatures");
    buffer_reset(&out);
    buffer_printf(&out, "%.*s%s<x/>%s", (int)(strlen(document) - strlen(root_end)), document, signature, root_end);
    refused(signer, out.data, "a signature that is not the last");
    buffer_reset(&out);
    buffer_printf(&out, "%.*s%s %s", (int)(strlen(document) - strlen(root_end)), document, signature, root_end);
    refused(signer, out.data, "text behind the signature");
    buffer_free(&out);
    free(made), free(evil);
    made = with(xml, "<Goods>", signature); /* deeper */
    evil = with(made, "</Signature>", "</Signature><Goods>");
    refused(signer, evil, "a second one deeper in the document");
    free(made), free(evil), free(signature);
    changed(signer, xml, "</ExportLicence>", "</ExportLicence><DigestValue xmlns=\"" DSIG "\"/>", "a part of a signature outside of it");
    refused(signer, document, "no signature");
}

static void shapes(const struct signer *signer, const char *xml)
{
    changed(signer, xml, "<Signature ", "<Signature Id=\"x\" ", "an Id of the Signature");
    changed(signer, xml, "<SignatureValue>", "<SignatureValue Id=\"x\">", "an Id of the SignatureValue");
    changed(signer, xml, "<SignedInfo>", "<SignedInfo Id=\"x\">", "an Id of the SignedInfo");
    changed(signer, xml, "<SignatureValue>", "<SignatureValue>=", "something behind the end of base64");
    changed(signer, xml, "<SignatureValue>", "<SignatureValue>-", "something in base64 that is none");
    changed(signer, xml, "<SignatureValue>", "<SignatureValue>\xC2\xA0", "space in base64 that XML has not");
    changed(signer, xml, "<SignatureValue>", "<SignatureValue><a/>", "an element in base64");
    changed(signer, xml, "</SignatureValue>", "</SignatureValue><SignatureValue>AAAA</SignatureValue>", "two values");
    changed(signer, xml, "</KeyInfo>", "</KeyInfo><Object></Object>", "an Object");
    changed(signer, xml, "</KeyInfo>", "</KeyInfo><KeyInfo></KeyInfo>", "two KeyInfo");
    changed(signer, xml, "<X509Data>", "<KeyName>x</KeyName><X509Data>", "a KeyName");
    changed(signer, xml, "<KeyInfo>", "<KeyInfo><RetrievalMethod URI=\"file:///etc/passwd\"/>", "a RetrievalMethod");
    changed(signer, xml, "<SignedInfo>", "<SignedInfo><Reference URI=\"\"></Reference>", "two References");
    changed(signer, xml, "URI=\"\"", "URI=\"#id\"", "a Reference to an id");
    changed(signer, xml, "URI=\"\"", "URI=\"file:///etc/passwd\"", "a Reference to a file");
    changed(signer, xml, " URI=\"\"", "", "a Reference to nothing");
    changed(signer, xml, "xmldsig#enveloped-signature", "xmldsig#base64", "another transform");
    changed(signer, xml, "</Transforms>", "<Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"></Transform></Transforms>", "XSLT");
    changed(signer, xml, "</Transforms>", "<Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><XPath>1=1</XPath></Transform></Transforms>", "XPath");
    changed(signer, xml, "<Transforms><Transform ", "<Transforms><Transform x=\"1\" ", "an attribute of a transform");
    changed(signer, xml, "<DigestValue>", "<DigestValue>A", "a changed digest");
    changed(signer, xml, "</SignedInfo>", " </SignedInfo>", "space in the SignedInfo");
    changed(signer, xml, "xml-exc-c14n#\"></CanonicalizationMethod>", "xml-exc-c14n#WithComments\"></CanonicalizationMethod>", "canonicalization with comments");
    changed(signer, xml, "http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "another canonicalization");
    changed(signer, xml, "xmlns=\"" DSIG "\"", "xmlns=\"urn:x\"", "another namespace of the Signature");
    changed(signer, xml, "<SignedInfo>", "<SignedInfo xmlns=\"urn:x\">", "another namespace of the SignedInfo");
    changed(signer, xml, "<Goods>", "<Goods xmlns=\"urn:x\">", "another namespace of content");
    changed(signer, xml, "<Goods>", "<Goods xmlns:e=\"urn:x\" e:a=\"1\">", "an attribute of a namespace");
    changed(signer, xml, "<ExportLicence", "<ExportLicence xml:base=\"urn:x\"", "xml:base");
    changed(signer, xml, "<SignedApplication ", "<SignedApplication xml:id=\"a\" ", "xml:id");
    changed(signer, xml, "稀土", "稀<!-- -->土", "a comment");
    changed(signer, xml, "稀土", "稀<![CDATA[]]>土", "a section");
    changed(signer, xml, "稀土", "稀<?x?>土", "a processing instruction");
    changed(signer, xml, "<SignedApplication", "<?xml version=\"1.0\"?><SignedApplication", "a declaration");
    changed(signer, xml, "<SignedApplication", "\xEF\xBB\xBF<SignedApplication", "a mark of byte order");
    changed(signer, xml, "</SignedApplication>", "</SignedApplication>\n", "a line behind it");
}

/* Signed anew, well, with the very key: only the shape is wrong. */
static void signed_otherwise(const struct signer *signer)
{
    static const struct { const char *from, *to, *what; } cases[] = {
        {"xmldsig-more#ecdsa-sha256", "xmldsig-more#hmac-sha256", "HMAC as the method"},
        {"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", DSIG "hmac-sha1", "HMAC with SHA-1"},
        {"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1", "ECDSA with SHA-1"},
        {"http://www.w3.org/2001/04/xmlenc#sha256", DSIG "sha1", "SHA-1 as the digest"},
        {"</Transforms>", "<Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><XPath>1=0</XPath></Transform></Transforms>", "an XPath that signs nothing"},
        {"URI=\"\"", "URI=\"#x\"", "a Reference to something else"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *info = info_of(signer, document), *other = with(info, cases[i].from, cases[i].to), *xml = sign_info(signer, document, other);
        char name[120];
        snprintf(name, sizeof name, "%s, well signed", cases[i].what);
        refused(signer, xml, name);
        free(info), free(other), free(xml);
    }
    char *info = info_of(signer, "<other></other>"), *xml = sign_info(signer, document, info);
    refused(signer, xml, "the digest of another document, well signed");
    free(info), free(xml);
}

/* An HMAC whose secret is the public key: who takes the method from the document and the key from the certificate accepts it. */
static void hmac_with_public_key(const struct signer *signer)
{
    char *info = info_of(signer, document), *other = with(info, "xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256");
    unsigned char mac[64], value[120], *der = NULL;
    size_t length = 0;
    int size = i2d_PUBKEY(signer->key, &der);
    struct buffer out;
    struct error error = {0};
    EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, der, (size_t)size, (unsigned char *)other, strlen(other), mac, sizeof mac, &length);
    EVP_EncodeBlock(value, mac, (int)length);
    buffer_init(&out, 0);
    xml_signature_envelope(document, strlen(document), other, (char *)value, signer->certificate, signer->length, &out, &error);
    refused(signer, out.data, "an HMAC with the public key as its secret");
    buffer_free(&out);
    OPENSSL_free(der);
    free(info), free(other);
}

static void keys(const struct signer *signer, const char *xml)
{
    struct signer thief = signer_make("P-256"), rsa = signer_make("RSA-2048");
    char *stolen = sign(&thief, document), *value = part(xml, "<SignatureValue>", "</SignatureValue>"), *cut;
    refused(signer, stolen, "signed anew with another key, its certificate in KeyInfo");
    refused(&rsa, xml, "a certificate with another kind of key");
    cut = text_copy(value, strlen(value));
    memmove(cut + 16, cut + 20, strlen(cut + 20) + 1);
    changed(signer, xml, value, cut, "a value that is cut");
    changed(signer, xml, value, "<SignatureValue></SignatureValue>", "no value");
    changed(signer, xml, value, "<SignatureValue>====</SignatureValue>", "a value of nothing");
    changed(signer, xml, value, "<SignatureValue>AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==</SignatureValue>", "a value of zeros");
    struct error error = {0};
    struct buffer content;
    buffer_init(&content, 0);
    is_int(xml_signature_check(xml, strlen(xml), "x", 1, NULL, TEST_ID, &content, &error), ERROR_INVALID, "no certificate is an error");
    free(stolen), free(value), free(cut);
    signer_free(&thief);
    signer_free(&rsa);
}

/* ---- sizes */

static void repeated(const struct signer *signer, const char *before, const char *unit, size_t times, const char *after, const char *what)
{
    struct buffer out;
    buffer_init(&out, 0);
    buffer_text(&out, before);
    for (size_t i = 0; i < times; i++) buffer_text(&out, unit);
    buffer_text(&out, after);
    char *read = check_bytes(signer, out.data, out.length, NULL);
    ok(!read, "refused: %s", what);
    free(read);
    buffer_free(&out);
}

static void sizes(const struct signer *signer)
{
    refused(signer, "<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;\">]><a>&c;</a>", "an entity bomb");
    refused(signer, "<!DOCTYPE a [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><a>&a;</a>", "an entity from a file");
    refused(signer, "<a>&undeclared;</a>", "an entity of nowhere");
    refused(signer, "", "nothing");
    refused(signer, "<a><b></a>", "no XML");
    refused(signer, "\xFF\xFE<\0a", "UTF-16");
    refused(signer, "<a>\x80</a>", "no UTF-8");
    repeated(signer, "<a>", "0123456789", 1024 * 1024, "</a>", "10 MB");
    repeated(signer, "", "<a>", 100000, "", "a deep one");
    repeated(signer, "<a>", "<a/>", 100000, "</a>", "many elements");
    repeated(signer, "<a ", "b=\"\" ", 60, "/>", "an attribute twice");
    repeated(signer, "<a ", "b=\"\" ", 200000, "/>", "many attributes");
    repeated(signer, "<a ", "xmlns:b=\"u\" ", 80000, "/>", "many namespaces");
    char *xml = malloc(70);
    memcpy(xml, "<a>\0</a>", 9);
    char *read = check_bytes(signer, xml, 8, NULL);
    ok(!read, "refused: a NUL");
    free(read);
    free(xml);
}

/* Every byte counts: none can be changed, taken out or doubled unless the canonical form stays. */
static void every_byte(const struct signer *signer, const char *xml)
{
    size_t length = strlen(xml), accepted = 0;
    const char *info = strstr(xml, "<KeyInfo>"), *end = strstr(xml, "</KeyInfo>");
    char *other = malloc(length + 2);
    for (size_t i = 0; i < length; i++) {
        if (xml + i >= info && xml + i < end) continue; /* is not looked at */
        memcpy(other, xml, length + 1);
        other[i] ^= 1;
        char *read = check_bytes(signer, other, length, NULL);
        if (read && strcmp(read, document) != 0) accepted++;
        free(read);
        memmove(other + i, xml + i + 1, length - i);
        read = check_bytes(signer, other, length - 1, NULL);
        if (read && strcmp(read, document) != 0) accepted++;
        free(read);
    }
    is_int((int64_t)accepted, 0, "no changed byte of content is ever accepted");
    free(other);
}

static void canonical(void)
{
    static const struct { const char *xml, *want; } cases[] = {
        {"<a  c='2' b=\"1\"/>", "<a b=\"1\" c=\"2\"></a>"}, {"<a xmlns:x=\"urn:u\"><x:b/></a>", "<a><x:b xmlns:x=\"urn:u\"></x:b></a>"},
        {"<a xmlns=\"u\"/>", NULL},
        {"<a>&#x41;&gt;&quot;\r\n</a>", "<a>A&gt;\"\n</a>"}, {"<a><!-- --></a>", NULL}, {"<a>", NULL}, {"", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        struct buffer out;
        buffer_init(&out, 0);
        int code = xml_canonical(cases[i].xml, strlen(cases[i].xml), &out, &error);
        char name[40];
        snprintf(name, sizeof name, "canonical form %zu", i);
        is_text(code ? NULL : buffer_string(&out), cases[i].want, name);
        if (code) is_text(error.name, "xml_unreadable", "and says so");
        buffer_free(&out);
    }
}

static void *check_many(void *argument)
{
    struct signer **signers = argument;
    static _Atomic int wrong;
    for (int i = 0; i < 60; i++) {
        char *xml = sign(signers[i % 3], document), *read = check_bytes(signers[i % 3], xml, strlen(xml), NULL), *other;
        if (!read || strcmp(read, document) != 0) wrong++;
        free(read);
        if ((other = check_bytes(signers[(i + 1) % 3], xml, strlen(xml), NULL))) wrong++;
        free(other);
        free(xml);
    }
    return wrong ? argument : NULL;
}

static void threads(struct signer *a, struct signer *b, struct signer *c)
{
    struct signer *signers[] = {a, b, c};
    pthread_t thread[4];
    void *wrong = NULL, *one;
    for (int i = 0; i < 4; i++) pthread_create(&thread[i], NULL, check_many, signers);
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], &one);
        if (one) wrong = one;
    }
    ok(!wrong, "several threads at once");
}

int main(void)
{
    struct error error = {0};
    is_int(xml_signature_start(&error), 0, "started");
    struct signer p256 = signer_make("P-256"), rsa = signer_make("RSA-2048"), sm2 = signer_make("SM2");
    threads(&p256, &rsa, &sm2); /* first, for libxmlsec1 starts with the first of them */
    right("P-256");
    right("RSA-2048");
    right("SM2");
    char *xml = sign(&p256, document), *of_sm2 = sign(&sm2, document);
    other_writing(&p256, xml);
    wrapping(&p256, xml);
    shapes(&p256, xml);
    wrapping(&sm2, of_sm2);
    shapes(&sm2, of_sm2);
    signed_otherwise(&p256);
    hmac_with_public_key(&rsa);
    keys(&p256, xml);
    sizes(&p256);
    every_byte(&p256, xml);
    canonical();
    free(xml), free(of_sm2);
    signer_free(&p256), signer_free(&rsa), signer_free(&sm2);
    return done_testing();
}
