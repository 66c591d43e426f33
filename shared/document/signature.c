#include "document/signature.h"

#include "base/date.h"
#include "base/xml_text.h"
#include "document/internal.h"
#include "trust/xml_signature.h"

#include <stdio.h>
#include <string.h>

static void attribute(struct buffer *out, const char *name, const char *value)
{
    buffer_printf(out, " %s=\"", name);
    xml_text(out, value, strlen(value));
    buffer_char(out, '"');
}

static void number_attribute(struct buffer *out, const char *name, int64_t value) { buffer_printf(out, " %s=\"%lld\"", name, (long long)value); }

/* ---- what is signed */

struct signable {
    const struct form *form;
    struct slice body; /* frozen */
    const struct doc_row *row;
    int64_t version;
};

static int write_signable(const struct signable *what, struct arena *arena, struct buffer *out, struct error *error)
{
    struct form_problems *ignored = arena_alloc(arena, sizeof *ignored);
    struct form_body *body;
    struct buffer raw;
    int code;

    if (!ignored) return error_internal(error, "out of memory");
    if (form_read(what->form, what->body.text, what->body.length, true, arena, ignored, &body, error)) return (int)error->code;
    buffer_init(&raw, DOC_SIGNED_MAXIMUM);
    buffer_text(&raw, "<SignedApplication xmlns=\"" DOC_SIGNED_NAMESPACE "\"");
    attribute(&raw, "applicationNo", what->row->application_no);
    number_attribute(&raw, "documentId", what->row->id);
    attribute(&raw, "enterprise", what->row->enterprise_code);
    attribute(&raw, "form", what->form->name);
    number_attribute(&raw, "formVersion", what->form->version);
    number_attribute(&raw, "version", what->version);
    buffer_char(&raw, '>');
    form_write_xml(body, &raw);
    buffer_text(&raw, "</SignedApplication>");
    code = raw.failed ? error_set(error, ERROR_TOO_LARGE, "too_large", "单据内容太大。", "The document is too large.")
                      : xml_canonical(buffer_string(&raw), raw.length, out, error);
    buffer_free(&raw);
    return code;
}

int doc_signable(const struct doc_act *act, struct arena *arena, struct buffer *out, struct error *error)
{
    const struct signable what = {act->form, {act->body.data, act->body.length}, &act->row, act->row.version};

    return write_signable(&what, arena, out, error);
}

/* ---- keeping it */

int doc_signature_store(struct store_connection *db, const struct doc_act *act, struct error *error)
{
    const struct doc_signature *signature = act->signature;
    const struct certificate *certificate = &signature->certificate;
    const struct doc_row *row = &act->row;
    char algorithm[KEY_ALGORITHM_SIZE];

    key_algorithm_name(certificate, algorithm);
    return store_execute(db, error, NULL,
        "INSERT INTO document_signature (document, sequence, action, at, signer, signer_name, subject, issuer, serial, fingerprint, certificate, form_version, "
        "version, application_no, form_no, applied, event_hash, xml, algorithm) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
        STORE_VALUES(store_integer(act->id), store_integer(row->event_sequence), store_string(act->action->name), store_integer(act->now),
                     store_integer(act->principal->user), store_string(act->principal->display_name), store_string(certificate->subject),
                     store_string(certificate->issuer), store_string(certificate->serial), store_string(certificate->fingerprint),
                     store_bytes(signature->der, signature->der_length), store_integer(act->form->version), store_integer(row->version - 1),
                     store_string(row->application_no), store_string(row->form_no), store_string(row->applied), store_string(row->event_hash),
                     store_text(signature->xml, signature->xml_length), store_string(algorithm)));
}

/* ---- showing it */

/* Whether the signed XML begins with the signable of the stored body: what stands behind it is the signature and the end of the root. */
static int is_current(struct store_connection *db, const struct doc_module *module, const struct doc_row *row, int64_t version, const char *xml,
                      struct arena *arena, bool *current, struct error *error)
{
    static const char end[] = "</SignedApplication>";
    struct signable what = {.form = doc_form_version(module, row->form, (int)row->form_version), .row = row, .version = version};
    struct buffer again;
    int code;

    *current = false;
    if (!what.form || doc_read_body(db, row->id, arena, &what.body, error)) return (int)error->code;
    buffer_init(&again, DOC_SIGNED_MAXIMUM);
    code = write_signable(&what, arena, &again, error);
    if (!code && again.length > sizeof end) {
        size_t open = again.length - (sizeof end - 1);
        *current = !strncmp(xml, again.data, open) && !strncmp(xml + open, "<Signature ", 11);
    }
    buffer_free(&again);
    return code;
}

struct shown {
    int64_t sequence, at, version, form_version;
    const char *action, *signer, *subject, *issuer, *serial, *application_no, *form_no, *xml, *algorithm;
};

static int write_shown(struct store_connection *db, const struct doc_module *module, const struct doc_row *row, const struct shown *s, struct arena *arena,
                       struct json_writer *json, struct error *error)
{
    bool current = false;

    if (s->form_version == row->form_version && is_current(db, module, row, s->version, s->xml, arena, &current, error)) return (int)error->code;
    json_object(json);
    json_put_id(json, "id", s->sequence);
    json_put_string(json, "action", s->action);
    json_put_integer(json, "signed_at", s->at);
    json_put_string(json, "signer", s->signer);
    json_put_string(json, "subject", s->subject);
    json_put_string(json, "issuer", s->issuer);
    json_put_string(json, "serial", s->serial);
    json_put_string(json, "algorithm", s->algorithm);
    json_put_string(json, "application_no", s->application_no);
    json_put_string(json, "form_no", s->form_no);
    json_put_integer(json, "version", s->version);
    json_put_boolean(json, "current", current);
    json_object_end(json);
    return 0;
}

#define SHOWN_MAXIMUM 50

static int read_shown(struct store_connection *db, int64_t document, struct arena *arena, struct shown *shown, size_t *count, struct error *error)
{
    struct store_rows rows;

    *count = 0;
    if (store_query(db, &rows, error,
                    "SELECT sequence, at, version, form_version, action, signer_name, subject, issuer, serial, application_no, form_no, xml, algorithm FROM document_signature "
                    "WHERE document = $1 ORDER BY sequence DESC LIMIT 50",
                    STORE_VALUES(store_integer(document))))
        return (int)error->code;
    while (store_next(&rows) && *count < SHOWN_MAXIMUM) {
        const char *text[9];
        for (int i = 0; i < 9; i++) text[i] = arena_text(arena, store_column_text(&rows, 4 + i, NULL));
        shown[(*count)++] = (struct shown){store_column_integer(&rows, 0), store_column_integer(&rows, 1), store_column_integer(&rows, 2),
                                           store_column_integer(&rows, 3), text[0], text[1], text[2], text[3], text[4], text[5], text[6], text[7], text[8]};
    }
    return store_end(&rows);
}

int doc_signatures_write(struct store_connection *db, const struct doc_module *module, const struct doc_row *row, struct arena *arena,
                         struct json_writer *json, struct error *error)
{
    struct shown *shown = arena_alloc(arena, SHOWN_MAXIMUM * sizeof *shown);
    size_t count;

    if (!shown) return error_internal(error, "out of memory");
    if (read_shown(db, row->id, arena, shown, &count, error)) return (int)error->code;
    json_object(json);
    json_name(json, "items");
    json_array(json);
    for (size_t i = 0; i < count; i++)
        if (write_shown(db, module, row, &shown[i], arena, json, error)) return (int)error->code;
    json_array_end(json);
    json_object_end(json);
    return 0;
}

static int no_signature(struct error *error) { return error_set(error, ERROR_NOT_FOUND, "not_found", "没有这个签名。", "There is no such signature."); }

int doc_signature_xml(struct store_connection *db, int64_t document, int64_t sequence, struct buffer *out, struct error *error)
{
    struct store_rows rows;
    bool found;

    if (store_query(db, &rows, error, "SELECT xml FROM document_signature WHERE document = $1 AND sequence = $2",
                    STORE_VALUES(store_integer(document), store_integer(sequence))))
        return (int)error->code;
    if ((found = store_next(&rows))) buffer_text(out, store_column_text(&rows, 0, NULL));
    if (store_end(&rows)) return (int)error->code;
    return found ? 0 : no_signature(error);
}

/* ---- the portal's receipt */

static void write_receipt(struct store_rows *rows, struct buffer *raw)
{
    static const char *const names[] = {"applicationNo", "formNo", "applied", "eventHash", "signer", "certificateSerial", "certificateFingerprint", "form"};
    char at[INSTANT_TEXT_SIZE], hash[DIGEST_SIZE];
    size_t length;
    const char *xml = store_column_text(rows, 11, &length);

    digest_sha256(xml, length, hash);
    instant_format(store_column_integer(rows, 0), at);
    buffer_text(raw, "<SubmissionReceipt xmlns=\"" DOC_RECEIPT_NAMESPACE "\"");
    attribute(raw, "receivedAt", at);
    number_attribute(raw, "documentId", store_column_integer(rows, 1));
    number_attribute(raw, "version", store_column_integer(rows, 2));
    for (int i = 0; i < 8; i++) attribute(raw, names[i], store_column_text(rows, 3 + i, NULL));
    attribute(raw, "signedDocumentSha256", hash);
    buffer_text(raw, "></SubmissionReceipt>");
}

int doc_receipt(struct store_connection *db, int64_t document, int64_t sequence, struct buffer *out, struct error *error)
{
    struct store_rows rows;
    struct buffer raw;
    bool found;
    int code;

    if (store_query(db, &rows, error,
                    "SELECT s.at, s.document, s.version, s.application_no, s.form_no, s.applied, s.event_hash, s.signer_name, s.serial, s.fingerprint, d.form, s.xml "
                    "FROM document_signature s JOIN document d ON d.id = s.document WHERE s.document = $1 AND s.sequence = $2",
                    STORE_VALUES(store_integer(document), store_integer(sequence))))
        return (int)error->code;
    buffer_init(&raw, 65536);
    if ((found = store_next(&rows))) write_receipt(&rows, &raw);
    code = store_end(&rows);
    if (!code) code = found ? xml_canonical(buffer_string(&raw), raw.length, out, error) : no_signature(error);
    buffer_free(&raw);
    return code;
}
