/* Seals: opened from PKCS #12 and from a token, PDF files and receipts signed, strange files refused. That pdfsig finds the signatures
   valid is in tests/api/seals.t; here openssl and xmlsec1 look at them. */
#define _GNU_SOURCE /* memmem */
#include "tap.h"
#include "signer.h"

#include "base/file.h"
#include "trust/seal.h"

#include <cairo-pdf.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a folder of its own, where the test works. */
static void write_file(const char *name, const void *bytes, size_t length, mode_t mode)
{
    FILE *out = fopen(name, "we");
    if (!out || fwrite(bytes, 1, length, out) != length || fclose(out) || chmod(name, mode)) exit(1);
}

static void write_text(const char *name, const char *text) { write_file(name, text, strlen(text), 0600); }

static void write_store(const char *name, const struct signer *signer, const char *password)
{
    unsigned char *der = NULL;
    PKCS12 *store = PKCS12_create(password, "seal", signer->key, signer->native, NULL, 0, 0, 0, 0, 0);
    int size = store ? i2d_PKCS12(store, &der) : 0;
    if (size <= 0) exit(1);
    write_file(name, der, (size_t)size, 0600);
    OPENSSL_free(der);
    PKCS12_free(store);
}

static cairo_status_t take(void *context, const unsigned char *bytes, unsigned length)
{
    buffer_bytes(context, bytes, length);
    return CAIRO_STATUS_SUCCESS;
}

static struct buffer pdf_make(int pages)
{
    struct buffer pdf;
    buffer_init(&pdf, 0);
    cairo_surface_t *surface = cairo_pdf_surface_create_for_stream(take, &pdf, 595, 842);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, "出口许可证");
    cairo_t *cairo = cairo_create(surface);
    for (int i = 0; i < pages; i++) {
        cairo_move_to(cairo, 100, 100);
        cairo_show_text(cairo, "Licence");
        cairo_show_page(cairo);
    }
    cairo_destroy(cairo);
    cairo_surface_destroy(surface);
    return pdf;
}

static struct seals *opened(const char *lines)
{
    struct seals *seals;
    struct error error = {0};
    write_text("seals", lines);
    if (seals_open("seals", &seals, &error)) diag("%s", error.detail);
    return seals;
}

static void refused(const char *lines, const char *reason, const char *what)
{
    struct seals *seals;
    struct error error = {0};
    write_text("seals", lines);
    ok(seals_open("seals", &seals, &error) && !seals && strstr(error.detail, reason), "%s: %s", what, error.detail);
    seals_close(seals);
}

/* ---- from outside: the bytes that ByteRange names, and the CMS, to openssl */

static bool signature_valid(const struct buffer *pdf)
{
    long first, second, rest;
    const char *range = memmem(pdf->data, pdf->length, "/ByteRange [0 ", 14);
    if (!range || sscanf(range + 14, "%ld %ld %ld]", &first, &second, &rest) != 3 || second + rest != (long)pdf->length) return false;
    struct buffer content, cms;
    buffer_init(&content, 0);
    buffer_init(&cms, 0);
    buffer_bytes(&content, pdf->data, (size_t)first);
    buffer_bytes(&content, pdf->data + second, (size_t)rest);
    for (const char *at = pdf->data + first + 1; at < pdf->data + second - 1; at += 2) {
        char pair[3] = {at[0], at[1], 0};
        buffer_char(&cms, (char)strtoul(pair, NULL, 16));
    }
    write_file("content", content.data, content.length, 0600);
    write_file("cms", cms.data, cms.length, 0600);
    buffer_free(&content);
    buffer_free(&cms);
    return system("openssl cms -verify -cades -binary -inform DER -in cms -content content -CAfile certificate.pem -purpose any -out /dev/null >said 2>&1") == 0;
}

static void pdf_sealed(const char *kind, int pages)
{
    struct signer signer = signer_make(kind);
    struct buffer pdf = pdf_make(pages), out;
    struct error error = {0};
    write_store("seal.p12", &signer, "secret");
    write_text("password", "secret\n");
    certificate_save(signer.native, "certificate.pem");
    struct seals *seals = opened("AA = seal.p12 password\n");
    buffer_init(&out, 0);
    buffer_text(&out, "before"); /* it is appended */
    is_int(seal_pdf(seal_of(seals, "AA"), pdf.data, pdf.length, "签发 𠀀", TEST_NOW, &out, &error), 0, "signed");
    memmove(out.data, out.data + 6, out.length -= 6);
    ok(!memcmp(out.data, pdf.data, pdf.length), "%s: nothing of the file is changed", kind);
    ok(signature_valid(&out), "%s, %d pages: openssl finds it good", kind, pages);
    ok(memmem(out.data, out.length, "<FEFF7B7E53D10020D840DC00>", 26) != NULL, "%s: the reason", kind);
    out.data[pdf.length / 2] ^= 1;
    ok(!signature_valid(&out), "%s: not when a byte has changed", kind);
    buffer_free(&pdf);
    buffer_free(&out);
    seals_close(seals);
    signer_free(&signer);
}

/* ---- what is refused */

static void lines(void)
{
    struct signer signer = signer_make("P-256"), sm2 = signer_make("SM2");
    write_store("good.p12", &signer, "secret");
    write_store("sm2.p12", &sm2, "secret");
    write_text("password", "secret\n");
    write_text("wrong", "other\n");
    write_file("open", "secret\n", 7, 0644);
    refused("AA = good.p12 wrong\n", "AA: good.p12", "a wrong password");
    refused("AA = good.p12\n", "AA: good.p12", "no password");
    refused("AA = good.p12 open\n", "chmod 600", "a password that everybody may read");
    refused("AA = good.p12 nowhere\n", "nowhere", "a password file that is not there");
    refused("AA = nowhere.p12 password\n", "nowhere.p12", "a file that is not there");
    refused("AA = password password\n", "PKCS #12", "a file of another kind");
    refused("AA =\n", "AA names no key", "a line without a key");
    refused("AA good.p12\n", "key = value", "no line");
    refused("AA = sm2.p12 password\n", "SM2", "a key that no reader knows");
    struct seals *seals = opened("# who\nportal = good.p12 password\nAA = good.p12 password\n");
    is_text(seal_name(seal_of(seals, "AA")), "signer", "whose it is");
    ok(seal_of(seals, "AA") == seal_of(seals, "portal"), "one key for two names is opened once");
    ok(!seal_of(seals, "AB") && !seal_of(NULL, "AA"), "no seal of that name");
    seals_close(seals);
    struct error error = {0};
    ok(!seals_open(NULL, &seals, &error) && !seal_of(seals, "AA"), "no file: no seals");
    seals_close(seals);
    signer_free(&signer);
    signer_free(&sm2);
}

static char *replaced(const struct buffer *pdf, const char *from, const char *to, size_t *length)
{
    char *at = memmem(pdf->data, pdf->length, from, strlen(from)), *made = malloc(pdf->length + strlen(to) + 1);
    if (!at) exit(1);
    size_t before = (size_t)(at - pdf->data), rest = pdf->length - before - strlen(from);
    memcpy(made, pdf->data, before);
    memcpy(made + before, to, strlen(to));
    memcpy(made + before + strlen(to), at + strlen(from), rest);
    *length = before + strlen(to) + rest;
    return made;
}

static void strange(void)
{
    struct signer signer = signer_make("P-256");
    struct buffer pdf = pdf_make(1), out;
    struct error error = {0};
    write_store("seal.p12", &signer, "secret");
    write_text("password", "secret");
    struct seals *seals = opened("AA = seal.p12 password\n");
    const struct seal *seal = seal_of(seals, "AA");
    size_t accepted = 0, length;

    buffer_init(&out, 0);
    for (size_t i = 0; i < pdf.length; i++)
        if (!seal_pdf(seal, pdf.data, i, "", TEST_NOW, &out, &error) || out.length) accepted++;
    is_int((int64_t)accepted, 0, "a file that is cut is refused, wherever");
    for (size_t i = 0; i < pdf.length; i++) { /* mind the sanitizers */
        pdf.data[i] ^= 0x15;
        seal_pdf(seal, pdf.data, pdf.length, "", TEST_NOW, &out, &error);
        buffer_reset(&out);
        pdf.data[i] ^= 0x15;
    }
    static const struct { const char *from, *to, *what; } cases[] = {
        {"/Type /Catalog", "/AcroForm <<>>", "a form"}, {"/MediaBox", "/Annots [", "annotations"}, {"xref\n0 ", "xref\n1 ", "another table"},
        {"   /Root ", "   /Encrypt 1 0 R /Root ", "an encrypted one"}, {"   /Root ", "   /Prev 1 /Root ", "one that was written on"},
        {"/Pages 1 0 R", "/Pages 9 0 R", "pages elsewhere"}, {"/Kids [ 2", "/Kids [ 1", "a tree that leads to itself"}, {"%PDF-1.", "%PDX-1.", "none"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *other = replaced(&pdf, cases[i].from, cases[i].to, &length);
        error_clear(&error);
        ok(seal_pdf(seal, other, length, "", TEST_NOW, &out, &error) == ERROR_INTERNAL && !out.length, "%s: %s", cases[i].what, error.detail);
        free(other);
    }
    is_int(seal_pdf(seal, pdf.data, pdf.length, "", TEST_NOW + 5000 * 86400000LL, &out, &error), ERROR_INTERNAL, "a seal whose certificate is over");
    ok(strstr(error.detail, "not valid now") != NULL, "and says so: %s", error.detail);
    struct buffer small;
    buffer_init(&small, pdf.length + 100);
    is_int(seal_pdf(seal, pdf.data, pdf.length, "", TEST_NOW, &small, &error), ERROR_INTERNAL, "no room for it");
    is_int(seal_pdf(seal, pdf.data, pdf.length, "", TEST_NOW, &out, &error), 0, "the file itself is sealed");
    struct buffer twice;
    buffer_init(&twice, 0);
    is_int(seal_pdf(seal, out.data, out.length, "", TEST_NOW, &twice, &error), ERROR_INTERNAL, "but not twice");
    buffer_free(&small), buffer_free(&twice), buffer_free(&pdf), buffer_free(&out);
    seals_close(seals);
    signer_free(&signer);
}

static void receipts(const char *kind)
{
    static const char receipt[] = "<Receipt xmlns=\"urn:singlewindow:receipt:1\" applicationNo=\"2026000123\"><Digest>AA</Digest></Receipt>";
    struct signer signer = signer_make(kind);
    struct buffer out, content;
    struct error error = {0};
    write_store("seal.p12", &signer, "secret");
    write_text("password", "secret");
    certificate_save(signer.native, "certificate.pem");
    struct seals *seals = opened("portal = seal.p12 password\n");
    buffer_init(&out, 0);
    buffer_init(&content, 0);
    is_int(seal_xml(seal_of(seals, "portal"), receipt, strlen(receipt), &out, &error), 0, "signed");
    write_text("receipt.xml", buffer_string(&out));
    is_int(system("xmlsec1 --verify --pubkey-cert-pem certificate.pem receipt.xml >said 2>&1"), 0, kind);
    is_int(xml_signature_check(out.data, out.length, signer.certificate, signer.length, NULL, TEST_ID, &content, &error), 0, "and here");
    is_text(buffer_string(&content), receipt, "what was signed");
    buffer_reset(&out);
    is_int(seal_xml(seal_of(seals, "portal"), "<a", 2, &out, &error), ERROR_INVALID, "no XML");
    buffer_free(&out), buffer_free(&content);
    seals_close(seals);
    signer_free(&signer);
}

/* ---- a token: SoftHSM, by OpenSSL's engine */

static void run(const char *command)
{
    if (system(command) == 0) return;
    diag("%s", command);
    fail("the token is made");
    exit(1);
}

#define MODULE "pkcs11_module = /usr/lib/softhsm/libsofthsm2.so\n"
#define AGENCY "AA = pkcs11:token=agency;object=seal "

/* Opens and seals in a process of its own, as a program does: the engine stays signed in at the token. What it says goes to `said`; the
   sealed file, if there is one, to `sealed.pdf`. */
static bool sealed_by(const char *lines, const struct buffer *pdf)
{
    int status = 1;
    write_text("seals", lines);
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        struct seals *seals;
        struct error error = {0};
        struct buffer out;
        if (!freopen("said", "we", stderr)) _exit(2);
        buffer_init(&out, 0);
        if (!seals_open("seals", &seals, &error) && !seal_pdf(seal_of(seals, "AA"), pdf->data, pdf->length, "签发", TEST_NOW, &out, &error))
            write_file("sealed.pdf", out.data, out.length, 0600);
        fputs(error.detail, stderr);
        fflush(stderr);
        seals_close(seals);
        buffer_free(&out);
        _exit(error.code != 0);
    }
    waitpid(child, &status, 0);
    return status == 0;
}

static void not_sealed_by(const char *lines, const struct buffer *pdf, const char *reason, const char *what)
{
    struct buffer said;
    struct error error = {0};
    bool sealed = sealed_by(lines, pdf);
    buffer_init(&said, 0);
    file_read("said", &said, &error);
    ok(!sealed && strstr(buffer_string(&said), reason), "%s: %s", what, strrchr(buffer_string(&said), '\n') ? strrchr(said.data, '\n') + 1 : buffer_string(&said));
    buffer_free(&said);
}

static void token_make(const struct signer *signer)
{
    FILE *key = fopen("key.pem", "we");
    if (!key || PEM_write_PKCS8PrivateKey(key, signer->key, NULL, NULL, 0, NULL, NULL) != 1 || fclose(key)) exit(1);
    certificate_save(signer->native, "certificate.pem");
    run("rm -rf tokens && mkdir tokens && printf 'directories.tokendir = tokens\\nobjectstore.backend = file\\nlog.level = ERROR\\n' >softhsm.conf");
    setenv("SOFTHSM2_CONF", "softhsm.conf", 1);
    run("softhsm2-util --init-token --free --label agency --so-pin 123456 --pin 4321 >said 2>&1");
    run("softhsm2-util --import key.pem --token agency --label seal --id a1 --pin 4321 >said 2>&1");
    run("openssl x509 -in certificate.pem -outform DER -out certificate.der && "
        "pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label agency --login --pin 4321 --write-object certificate.der --type cert --id a1 --label seal >said 2>&1");
}

static void tokens(const char *kind)
{
    struct signer signer = signer_make(kind);
    struct buffer pdf = pdf_make(1), sealed;
    struct error error = {0};
    token_make(&signer);
    write_text("pin", "4321\n");
    write_text("wrong", "9999\n");
    buffer_init(&sealed, 0);
    ok(sealed_by(MODULE AGENCY "pin\n", &pdf) && !file_read("sealed.pdf", &sealed, &error) && signature_valid(&sealed), "%s on a token: openssl finds it good", kind);
    not_sealed_by(MODULE AGENCY "wrong\n", &pdf, "AA: ", "a wrong PIN");
    not_sealed_by(MODULE "AA = pkcs11:token=none;object=seal pin\n", &pdf, "no certificate on the token", "a token that is not there");
    not_sealed_by("pkcs11_module = /nowhere.so\n" AGENCY "pin\n", &pdf, "AA: ", "a module that is not there");
    buffer_free(&pdf), buffer_free(&sealed);
    signer_free(&signer);
}

int main(void)
{
    char folder[] = "/tmp/singlewindow-seals-XXXXXX", command[80];
    if (!mkdtemp(folder) || chdir(folder)) return 1;
    pdf_sealed("P-256", 1);
    pdf_sealed("RSA-2048", 12);
    lines();
    strange();
    receipts("P-256");
    receipts("RSA-2048");
    tokens("RSA-2048");
    tokens("P-256");
    snprintf(command, sizeof command, "rm -rf %s", folder);
    is_int(system(command), 0, "cleaned up");
    return done_testing();
}
