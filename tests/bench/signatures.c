/* How many signatures of documents are checked in a second, by one thread. usage: signatures <seconds>; prints lines "<what>=<per second>". */
#include "../unit/signer.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* About as long as an application with four lines of goods. */
static char *document_make(void)
{
    struct buffer text;

    buffer_init(&text, 0);
    buffer_text(&text, "<SignedApplication xmlns=\"urn:singlewindow:signed-application:1\" applicationNo=\"2026000123\">"
                       "<ExportLicence xmlns=\"urn:singlewindow:export_licence\" version=\"1\">");
    for (int i = 0; i < 60; i++) buffer_printf(&text, "<Field%d>本合同项下货物分批装运 %d</Field%d>", i, i, i);
    buffer_text(&text, "</ExportLicence></SignedApplication>");
    char *made = text_copy(text.data, text.length);
    buffer_free(&text);
    return made;
}

static void stop(const struct error *error)
{
    fprintf(stderr, "%s\n", error->detail);
    exit(1);
}

static void measure_document(const char *kind, const char *document, int64_t milliseconds)
{
    struct signer signer = signer_make(kind);
    char *xml = sign(&signer, document);
    size_t length = strlen(xml);
    long count = 0;
    int64_t begun = clock_monotonic(), now;

    do {
        for (int i = 0; i < 20; i++, count++) {
            struct buffer content;
            struct error error = {0};
            buffer_init(&content, 0);
            if (xml_signature_check(xml, length, signer.certificate, signer.length, NULL, TEST_ID, &content, &error)) stop(&error);
            buffer_free(&content);
        }
        now = clock_monotonic();
    } while (now - begun < milliseconds);
    printf("%s=%.0f\n", kind, (double)count * 1000 / (double)(now - begun));
    free(xml);
    signer_free(&signer);
}

/* A key of an authority with a list: chain, validity, list. */
static void measure_certificate(int64_t milliseconds)
{
    char folder[] = "/tmp/singlewindow-bench-XXXXXX", path[60];
    EVP_PKEY *root_key = key_make("P-256"), *key = key_make("P-256");
    X509 *root = certificate_make(root_key, &(struct wish){.subject = "CN=root", .ca = 1});
    X509 *leaf = certificate_make(key, &(struct wish){.subject = "CN=key", .issuer = root, .issuer_key = root_key});
    X509_CRL *list = list_make(root, root_key, NULL, -1, 30);
    struct authorities *authorities;
    struct certificate good;
    struct error error = {0};
    size_t length;
    long count = 0;

    if (!mkdtemp(folder)) exit(1);
    snprintf(path, sizeof path, "%s/authority.pem", folder);
    certificate_save(root, path);
    snprintf(path, sizeof path, "%s/authority.crl", folder);
    list_save(list, path);
    if (authorities_open(folder, TEST_ID, &authorities, &error)) stop(&error);
    const void *der = certificate_der(leaf, &length);
    int64_t begun = clock_monotonic(), now;
    do {
        for (int i = 0; i < 20; i++, count++)
            if (certificate_check(authorities, der, length, USE_SIGN, TEST_NOW + 10000 * count, &good, &error)) stop(&error); /* known no more */
        now = clock_monotonic();
    } while (now - begun < milliseconds);
    printf("certificate=%.0f\n", (double)count * 1000 / (double)(now - begun));
    authorities_close(authorities);
    unlink(path);
    snprintf(path, sizeof path, "%s/authority.pem", folder);
    unlink(path);
    rmdir(folder);
    X509_free(root), X509_free(leaf), X509_CRL_free(list), EVP_PKEY_free(root_key), EVP_PKEY_free(key);
}

int main(int argc, char **argv)
{
    int64_t milliseconds = (int64_t)(atof(argc > 1 ? argv[1] : "1") * 1000);
    struct error error;
    char *document = document_make();

    if (xml_signature_start(&error)) stop(&error);
    printf("bytes=%zu\n", strlen(document));
    measure_document("RSA-2048", document, milliseconds);
    measure_document("P-256", document, milliseconds);
    measure_document("SM2", document, milliseconds);
    measure_certificate(milliseconds);
    free(document);
    return 0;
}
