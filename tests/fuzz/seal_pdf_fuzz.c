/* The reader of PDF files that are sealed: a file as it is, or changes of one that Cairo has written. What is sealed begins with the file as it
   was, and its ByteRange leaves out the signature and nothing else. */
#define _GNU_SOURCE /* memmem */
#include "../unit/certificates.h"
#include "edits.h"

#include "trust/seal.h"

#include <cairo-pdf.h>
#include <openssl/pkcs12.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static struct buffer good;
static const struct seal *seal;

static cairo_status_t take(void *context, const unsigned char *bytes, unsigned length)
{
    buffer_bytes(context, bytes, length);
    return CAIRO_STATUS_SUCCESS;
}

static void draw(void)
{
    cairo_surface_t *surface = cairo_pdf_surface_create_for_stream(take, &good, 595, 842);
    cairo_t *cairo = cairo_create(surface);

    for (int i = 0; i < 2; i++) {
        cairo_rectangle(cairo, 10, 10, 20, 20);
        cairo_fill(cairo);
        cairo_show_page(cairo);
    }
    cairo_destroy(cairo);
    cairo_surface_destroy(surface);
}

static void prepare(void)
{
    static struct seals *seals;
    char folder[] = "/tmp/singlewindow-seal-XXXXXX", store_file[60], lines_file[60];
    EVP_PKEY *key = key_make("P-256");
    X509 *certificate = certificate_make(key, &(struct wish){.subject = "CN=seal"});
    PKCS12 *store = PKCS12_create("", "seal", key, certificate, NULL, 0, 0, 0, 0, 0);
    struct error error;

    if (!mkdtemp(folder)) exit(2);
    snprintf(store_file, sizeof store_file, "%s/seal.p12", folder);
    snprintf(lines_file, sizeof lines_file, "%s/seals", folder);
    FILE *out = fopen(store_file, "we"), *lines = fopen(lines_file, "we");
    if (!out || !lines || i2d_PKCS12_fp(out, store) != 1 || fputs("AA = seal.p12\n", lines) < 0 || fclose(out) || fclose(lines) ||
        seals_open(lines_file, &seals, &error) || unlink(lines_file) || unlink(store_file) || rmdir(folder))
        exit(2);
    seal = seal_of(seals, "AA");
    PKCS12_free(store);
    X509_free(certificate);
    EVP_PKEY_free(key);
    buffer_init(&good, 0);
    draw();
}

static void look(const struct buffer *pdf)
{
    struct buffer out;
    struct error error;
    long first, second, rest;

    error_clear(&error);
    buffer_init(&out, 0);
    if (!seal_pdf(seal, buffer_string(pdf), pdf->length, "\xF0\xA0\x80\x80", TEST_NOW, &out, &error)) {
        if (out.length <= pdf->length || memcmp(out.data, pdf->data, pdf->length) != 0) abort();
        const char *range = memmem(out.data + pdf->length, out.length - pdf->length, "/ByteRange [0 ", 14);
        if (!range || sscanf(range + 14, "%ld %ld %ld]", &first, &second, &rest) != 3) abort();
        if (out.data[first] != '<' || out.data[second - 1] != '>' || second + rest != (long)out.length) abort();
    } else if (out.length) {
        abort();
    }
    buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct buffer pdf;

    if (!good.length) prepare();
    if (!length) return 0;
    buffer_init(&pdf, 0);
    if (bytes[0] < 128) buffer_bytes(&pdf, bytes + 1, length - 1);
    else edited(good.data, good.length, bytes + 1, length - 1, &pdf);
    look(&pdf);
    buffer_free(&pdf);
    return 0;
}
