/* Signed documents from outside. The first byte says what the rest is: a document as it is, or changes of one that is well signed. Whatever is
   accepted has the content that was signed; what has a canonical form is its own canonical form. */
#include "../unit/signer.h"
#include "edits.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static const char document[] = "<SignedApplication xmlns=\"urn:singlewindow:signed-application:1\" applicationNo=\"2026000123\">"
                               "<ExportLicence xmlns=\"urn:singlewindow:export_licence\"><Goods>a &lt;1&gt;</Goods></ExportLicence></SignedApplication>";
static const char *const kinds[] = {"P-256", "RSA-2048", "SM2"};
static struct signer signers[3];
static char *well_signed[3];

static void prepare(void)
{
    struct error error;

    if (xml_signature_start(&error)) exit(2);
    for (int i = 0; i < 3; i++) {
        signers[i] = signer_make(kinds[i]);
        well_signed[i] = sign(&signers[i], document);
    }
}

static void look(const struct signer *signer, const char *xml, size_t length)
{
    struct buffer content;
    struct error error;

    error_clear(&error);
    buffer_init(&content, 0);
    if (!xml_signature_check(xml, length, signer->certificate, signer->length, NULL, TEST_ID, &content, &error)) {
        if (content.length != sizeof document - 1 || memcmp(content.data, document, content.length) != 0) abort();
    } else if (content.length || error.code != ERROR_INVALID) {
        abort();
    }
    buffer_free(&content);
}

static void canonical(const char *xml, size_t length)
{
    struct buffer once, again;
    struct error error;

    error_clear(&error);
    buffer_init(&once, 0);
    buffer_init(&again, 0);
    /* what it writes out may be longer than what is read again */
    if (!xml_canonical(xml, length, &once, &error) && once.length <= SIGNED_XML_MAXIMUM &&
        (xml_canonical(once.data, once.length, &again, &error) || once.length != again.length || memcmp(once.data, again.data, once.length) != 0))
        abort();
    buffer_free(&once);
    buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct buffer text;

    if (!well_signed[0]) prepare();
    if (!length) return 0;
    int which = bytes[0] % 3;
    buffer_init(&text, 0);
    if (bytes[0] < 128) buffer_bytes(&text, bytes + 1, length - 1);
    else edited(well_signed[which], strlen(well_signed[which]), bytes + 1, length - 1, &text);
    look(&signers[which], buffer_string(&text), text.length);
    canonical(buffer_string(&text), text.length);
    buffer_free(&text);
    return 0;
}
