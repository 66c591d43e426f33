/* What is signed here can be checked without this software: by xmlsec1, and for SM2 by openssl. */
#include "tap.h"
#include "signer.h"

#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <unistd.h>

static const char document[] = "<SignedApplication xmlns=\"urn:singlewindow:signed-application:1\" applicationNo=\"2026000123\">"
                               "<ExportLicence xmlns=\"urn:singlewindow:export_licence\"><Goods>稀土</Goods></ExportLicence></SignedApplication>";

static void write_file(const char *name, const void *bytes, size_t length)
{
    FILE *out = fopen(name, "we");
    if (!out || fwrite(bytes, 1, length, out) != length || fclose(out)) exit(1);
}

static void by_xmlsec1(const char *kind)
{
    struct signer signer = signer_make(kind);
    char *xml = sign(&signer, document), *changed = strstr(xml, "稀土");
    certificate_save(signer.native, "certificate.pem");
    write_file("signed.xml", xml, strlen(xml));
    is_int(system("xmlsec1 --verify --pubkey-cert-pem certificate.pem signed.xml >said 2>&1"), 0, kind);
    changed[2] ^= 1;
    write_file("signed.xml", xml, strlen(xml));
    ok(system("xmlsec1 --verify --pubkey-cert-pem certificate.pem signed.xml >said 2>&1") != 0, "%s: not when a byte has changed", kind);
    free(xml);
    signer_free(&signer);
}

/* A pair r||s in base64 as the DER that openssl reads. */
static void write_signature(const char *base64, size_t length)
{
    unsigned char raw[128], *der = NULL;
    EVP_DecodeBlock(raw, (const unsigned char *)base64, (int)length);
    ECDSA_SIG *pair = ECDSA_SIG_new();
    ECDSA_SIG_set0(pair, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL));
    int size = i2d_ECDSA_SIG(pair, &der);
    write_file("signature", der, (size_t)size);
    ECDSA_SIG_free(pair);
    OPENSSL_free(der);
}

/* By hand, as anybody can: the digest of the document without its Signature, then the signature of the canonical SignedInfo. */
static void by_openssl(void)
{
    struct signer signer = signer_make("SM2");
    char *xml = sign(&signer, document), *start = strstr(xml, "<Signature "), *rest = strstr(xml, "</Signature>") + strlen("</Signature>");
    char *info = strstr(xml, "<SignedInfo>"), *info_end = strstr(xml, "</SignedInfo>") + strlen("</SignedInfo>");
    char *digest = strstr(xml, "<DigestValue>") + strlen("<DigestValue>"), *value = strstr(xml, "<SignatureValue>") + strlen("<SignatureValue>");
    struct buffer bare;

    certificate_save(signer.native, "certificate.pem");
    write_signature(value, (size_t)(strchr(value, '<') - value));
    buffer_init(&bare, 0);
    buffer_bytes(&bare, xml, (size_t)(start - xml));
    buffer_text(&bare, rest);
    write_file("document", bare.data, bare.length);
    write_file("digest", digest, (size_t)(strchr(digest, '<') - digest));
    buffer_reset(&bare);
    buffer_printf(&bare, "<SignedInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\">%.*s", (int)(info_end - info - 12), info + 12);
    write_file("info", bare.data, bare.length);
    buffer_free(&bare);
    is_int(system("test \"$(openssl dgst -sm3 -binary document | base64)\" = \"$(cat digest)\""), 0, "SM2: the digest");
    is_int(system("openssl x509 -in certificate.pem -noout -pubkey >public.pem"), 0, "SM2: its key");
    is_int(system("openssl dgst -sm3 -verify public.pem -sigopt distid:" TEST_ID " -signature signature info >said 2>&1"), 0, "SM2: the signature");
    ok(system("openssl dgst -sm3 -verify public.pem -sigopt distid:another -signature signature info >said 2>&1") != 0, "SM2: not with another id");
    free(xml);
    signer_free(&signer);
}

int main(void)
{
    char folder[] = "/tmp/singlewindow-signed-XXXXXX", command[80];
    if (!mkdtemp(folder) || chdir(folder)) return 1;
    by_xmlsec1("RSA-2048");
    by_xmlsec1("P-256");
    by_openssl();
    snprintf(command, sizeof command, "rm -rf %s", folder);
    is_int(system(command), 0, "cleaned up");
    return done_testing();
}
