/* The certificates of a partner, from the files that it names. */
#include "gateway_read.h"

#include "base/file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#define PEM_MAXIMUM 65536

int gate_certificate(const char *pem, size_t length, unsigned char der[CERTIFICATE_MAXIMUM], size_t *size, struct error *error)
{
    BIO *text = BIO_new_mem_buf(pem, (int)length);
    X509 *native = text ? PEM_read_bio_X509(text, NULL, NULL, NULL) : NULL;
    unsigned char *at = der;
    int bytes = native ? i2d_X509(native, NULL) : 0;

    *size = 0;
    if (bytes > 0 && bytes <= CERTIFICATE_MAXIMUM) *size = (size_t)i2d_X509(native, &at);
    X509_free(native);
    BIO_free(text);
    ERR_clear_error();
    return *size ? 0 : error_set(error, ERROR_INVALID, "certificate_unreadable", "无法读取证书。", "The certificate cannot be read.");
}

static int read_certificate(const char *file, unsigned char der[CERTIFICATE_MAXIMUM], size_t *size, struct certificate *about, struct error *error)
{
    struct buffer pem;

    buffer_init(&pem, PEM_MAXIMUM);
    if (!file_read(file, &pem, error) &&
        (gate_certificate(buffer_string(&pem), pem.length, der, size, error) || certificate_read(der, *size, about, error)))
        error_internal(error, "%s: no certificate (PEM) of an RSA or P-256 key", file);
    buffer_free(&pem);
    return (int)error->code;
}

/* Several while one replaces another. */
static int read_clients(const char *file, struct gate_sender *sender, struct error *error)
{
    unsigned char der[CERTIFICATE_MAXIMUM], *at;
    struct buffer pem;
    BIO *text = NULL;
    X509 *native = NULL;
    size_t count = 0;

    buffer_init(&pem, PEM_MAXIMUM);
    if (!file_read(file, &pem, error)) text = BIO_new_mem_buf(buffer_string(&pem), (int)pem.length);
    while (text && count < GATE_CLIENTS && (native = PEM_read_bio_X509(text, NULL, NULL, NULL))) {
        int size = i2d_X509(native, NULL);
        at = der;
        if (size > 0 && size <= CERTIFICATE_MAXIMUM) digest_sha256(der, (size_t)i2d_X509(native, &at), sender->clients[count++]);
        X509_free(native);
    }
    if (text && (!count || (native = PEM_read_bio_X509(text, NULL, NULL, NULL)))) {
        error_internal(error, "%s: 1 to %d certificates (PEM)", file, GATE_CLIENTS);
        if (count) X509_free(native);
    }
    BIO_free(text);
    buffer_free(&pem);
    ERR_clear_error();
    return (int)error->code;
}

/* Files that are only handed on to libcurl, which would complain at the first message. */
static int check_files(const struct partner *partner, struct error *error)
{
    const char *const files[] = {partner->authorities, partner->certificate, partner->key};
    struct buffer text;

    for (int i = 0; i < 3 && !error->code; i++) {
        buffer_init(&text, 1u << 20);
        file_read(files[i], &text, error);
        buffer_free(&text);
    }
    return (int)error->code;
}

int gate_sender_open(const struct partner *partner, struct gate_sender *sender, struct error *error)
{
    *sender = (struct gate_sender){.partner = partner, .signers = calloc(partner->signer_count, sizeof *sender->signers)};
    if (!sender->signers) return error_internal(error, "out of memory");
    for (size_t i = 0; i < partner->signer_count; i++) {
        struct gate_signer *signer = &sender->signers[i];
        if (read_certificate(partner->signers[i], signer->der, &signer->length, &signer->about, error)) return (int)error->code;
        if (signer->about.algorithm == KEY_SM2) return error_internal(error, "%s: messages are signed with RSA or P-256", partner->signers[i]);
    }
    if (!partner->url) return 0;
    return read_clients(partner->client, sender, error) || check_files(partner, error) ? (int)error->code : 0;
}

bool gate_has_client(const struct gate_sender *sender, const char *fingerprint)
{
    for (int i = 0; i < GATE_CLIENTS && *sender->clients[i]; i++)
        if (!strcmp(sender->clients[i], fingerprint)) return true;
    return false;
}

void gate_sender_free(struct gate_sender *sender)
{
    free(sender->signers);
    sender->signers = NULL;
}
