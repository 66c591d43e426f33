/* Payloads of messages to other systems, from what was kept when it happened. */
#include "document/outbox.h"

#include "base/base64.h"
#include "document/internal.h"
#include "document/signature.h"
#include "exchange/envelope.h"

#include <stdlib.h>
#include <string.h>

#define PART_MAXIMUM (ENVELOPE_MAXIMUM - 16384) /* room for the head and the signature */

struct outgoing {
    int64_t id, document, sequence, created, parts;
    const char *kind, *agency, *document_no, *action, *opinion;
    const struct json *details;
    struct slice body;
};

static int gone(struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "not_found", "没有这条待发报文，可能已被取走。", "There is no such message to be sent; it may have been taken.");
}

static int read_outgoing(struct store_connection *db, int64_t id, struct arena *arena, struct outgoing *o, struct error *error)
{
    struct store_rows rows;
    const char *details = NULL, *body;
    size_t length;

    memset(o, 0, sizeof *o);
    if (store_query(db, &rows, error,
                    "SELECT document, sequence, created, parts, kind, agency, document_no, action, opinion, details, body FROM outbox WHERE id = $1",
                    STORE_VALUES(store_integer(id))))
        return (int)error->code;
    if (store_next(&rows)) {
        *o = (struct outgoing){id, store_column_integer(&rows, 0), store_column_integer(&rows, 1), store_column_integer(&rows, 2),
                               store_column_integer(&rows, 3), .kind = arena_text(arena, store_column_text(&rows, 4, NULL))};
        o->agency = arena_text(arena, store_column_text(&rows, 5, NULL));
        o->document_no = arena_text(arena, store_column_text(&rows, 6, NULL));
        o->action = arena_text(arena, store_column_text(&rows, 7, NULL));
        o->opinion = arena_text(arena, store_column_text(&rows, 8, NULL));
        details = arena_text(arena, store_column_text(&rows, 9, NULL));
        body = store_column_text(&rows, 10, &length);
        o->body = (struct slice){arena_copy(arena, body, length), length};
    }
    if (store_end(&rows)) return (int)error->code;
    if (!details) return gone(error);
    if (!o->body.text) return error_internal(error, "out of memory");
    if (*details && !(o->details = json_tree(details, strlen(details), arena, error))) return (int)error->code;
    return 0;
}

/* Required members stand there even when nothing is known. */
static void need(struct buffer *out, const char *element, const char *text)
{
    if (*text) {
        envelope_put(out, element, text);
    } else {
        envelope_open(out, element);
        envelope_close(out, element);
    }
}

static const char *detail(const struct outgoing *o, const char *name) { return json_member_text(o->details, name, ""); }

static int write_content(const struct form *form, struct slice text, struct arena *arena, struct buffer *out, struct error *error)
{
    struct form_problems *ignored = arena_alloc(arena, sizeof *ignored);
    struct form_body *body;

    if (!ignored) return error_internal(error, "out of memory");
    if (form_read(form, text.text, text.length, true, arena, ignored, &body, error)) return (int)error->code;
    envelope_open(out, "Content");
    form_write_xml(body, out);
    envelope_close(out, "Content");
    return 0;
}

/* ---- attachments */

static const struct json *file_at(const struct outgoing *o, int64_t part)
{
    JSON_EACH(file, json_member(o->details, "files"))
        if (--part == 0) return file;
    return NULL;
}

static int write_bytes(struct store_connection *db, int64_t id, struct buffer *out, struct error *error)
{
    struct store_rows rows;
    const void *bytes;
    size_t length;

    if (store_query(db, &rows, error, "SELECT bytes FROM attachment WHERE id = $1", STORE_VALUES(store_integer(id)))) return (int)error->code;
    if (store_next(&rows)) {
        bytes = store_column_bytes(&rows, 0, &length);
        base64_write(bytes, length, out);
    }
    return store_end(&rows);
}

static int write_attachment(struct store_connection *db, const struct outgoing *o, const struct json *file, struct buffer *out, struct error *error)
{
    const char *id = json_member_text(file, "id", "");
    long long row = json_member_integer(file, "row_id", 0);

    envelope_open(out, "Attachment");
    need(out, "ApplicationNo", o->document_no);
    need(out, "AttachmentId", id);
    need(out, "Type", json_member_text(file, "type", ""));
    envelope_put(out, "Block", json_member_text(file, "block", ""));
    if (row) envelope_put_integer(out, "RowId", row);
    need(out, "FileName", json_member_text(file, "file_name", ""));
    need(out, "MediaType", json_member_text(file, "media_type", ""));
    envelope_put_integer(out, "Size", json_member_integer(file, "size", 0));
    need(out, "Sha256", json_member_text(file, "sha256", ""));
    envelope_open(out, "Content");
    if (write_bytes(db, strtoll(id, NULL, 10), out, error)) return (int)error->code;
    envelope_close(out, "Content");
    envelope_close(out, "Attachment");
    return 0;
}

/* ---- applications and requests */

static void write_files(const struct outgoing *o, struct buffer *out)
{
    JSON_EACH(file, json_member(o->details, "files")) {
        envelope_open(out, "Attachment");
        need(out, "AttachmentId", json_member_text(file, "id", ""));
        need(out, "Type", json_member_text(file, "type", ""));
        need(out, "FileName", json_member_text(file, "file_name", ""));
        need(out, "Sha256", json_member_text(file, "sha256", ""));
        envelope_close(out, "Attachment");
    }
}

/* What was signed with the event, if it was signed and there is room: the message must stay within its size, and the content is what counts. */
static int write_signed(struct store_connection *db, const struct outgoing *o, size_t content, struct buffer *out, struct error *error)
{
    struct store_rows rows;
    const char *xml;
    size_t length;

    if (store_query(db, &rows, error, "SELECT xml FROM document_signature WHERE document = $1 AND sequence = $2",
                    STORE_VALUES(store_integer(o->document), store_integer(o->sequence))))
        return (int)error->code;
    if (store_next(&rows)) {
        xml = store_column_text(&rows, 0, &length);
        if (out->length + length / 3 * 4 + content + 1024 <= PART_MAXIMUM) {
            envelope_open(out, "SignedXml");
            base64_write(xml, length, out);
            envelope_close(out, "SignedXml");
        }
    }
    return store_end(&rows);
}

static int write_application(struct store_connection *db, struct doc_module *module, const struct outgoing *o, struct arena *arena, struct buffer *out,
                             struct error *error)
{
    const struct form *form = doc_form_version(module, detail(o, "form"), (int)json_member_integer(o->details, "form_version", 0));
    struct buffer content;
    int code;

    if (!form) return error_internal(error, "no definition %s", detail(o, "form"));
    envelope_open(out, "Application");
    need(out, "ApplicationNo", o->document_no);
    envelope_put(out, "FormNo", detail(o, "form_no"));
    need(out, "Form", form->name);
    envelope_put_integer(out, "FormVersion", form->version);
    need(out, "Action", o->action);
    need(out, "Agency", o->agency);
    envelope_put(out, "EnterpriseCode", detail(o, "enterprise_code"));
    envelope_put(out, "Uscc", detail(o, "uscc"));
    need(out, "EnterpriseName", detail(o, "enterprise_name"));
    need(out, "Applicant", detail(o, "applicant"));
    envelope_put(out, "Opinion", o->opinion);
    envelope_put_instant(out, "Submitted", o->created);
    write_files(o, out);
    buffer_init(&content, PART_MAXIMUM);
    code = write_content(form, o->body, arena, &content, error);
    if (!code) code = write_signed(db, o, content.length, out, error);
    if (content.failed) out->failed = true;
    buffer_bytes(out, buffer_string(&content), content.length);
    buffer_free(&content);
    envelope_close(out, "Application");
    return code;
}

static void write_request(const struct outgoing *o, struct buffer *out)
{
    envelope_open(out, "Request");
    need(out, "ApplicationNo", o->document_no);
    need(out, "Form", detail(o, "form"));
    need(out, "Action", o->action);
    envelope_put(out, "Opinion", o->opinion);
    envelope_put_instant(out, "Requested", o->created);
    envelope_close(out, "Request");
}

/* ---- licences */

static void put_decimal(struct buffer *out, const char *element, decimal value)
{
    char text[DECIMAL_TEXT_SIZE];

    decimal_format(value, 0, text);
    envelope_put(out, element, text);
}

static void write_licence_head(const struct doc_row *row, struct buffer *out)
{
    need(out, "LicenceNo", row->licence_no);
    need(out, "ApplicationNo", row->application_no);
    need(out, "Form", row->form);
    envelope_put(out, "ControlCode", row->check_code);
    need(out, "Agency", row->agency);
    envelope_put(out, "EnterpriseCode", row->enterprise_code);
    need(out, "EnterpriseName", row->enterprise_name);
    envelope_put(out, "Goods", row->goods);
    if (row->has_quantity) put_decimal(out, "Quantity", row->quantity);
    envelope_put(out, "Unit", row->unit);
    if (row->has_amount_usd) put_decimal(out, "AmountUsd", row->amount_usd);
    need(out, "Issued", row->issued);
    envelope_put(out, "ValidUntil", row->valid_until);
    envelope_put_integer(out, "Attempt", 1); /* who sends it again counts on */
}

static int write_licence(struct store_connection *db, struct doc_module *module, const struct doc_row *row, struct arena *arena, struct buffer *out,
                         struct error *error)
{
    const struct form *form = doc_form_of(module, row, error);
    struct slice text;

    if (!form || doc_read_body(db, row->id, arena, &text, error)) return (int)error->code;
    envelope_open(out, "Licence");
    write_licence_head(row, out);
    if (write_content(form, text, arena, out, error)) return (int)error->code;
    envelope_close(out, "Licence");
    return 0;
}

static void write_revocation(const struct outgoing *o, const struct doc_row *row, struct buffer *out)
{
    envelope_open(out, "Revocation");
    need(out, "LicenceNo", row->licence_no);
    need(out, "ApplicationNo", row->application_no);
    need(out, "Form", row->form);
    need(out, "Reason", o->opinion);
    envelope_put_instant(out, "Revoked", o->created);
    envelope_close(out, "Revocation");
}

static int write_document(struct store_connection *db, struct doc_module *module, const struct outgoing *o, struct arena *arena, struct buffer *out,
                          struct error *error)
{
    static const struct principal portal = {.kind = PRINCIPAL_SYSTEM, .display_name = "portal"};
    struct doc_row row;

    if (doc_read(db, &portal, module->name, o->document, false, arena, &row, error)) return (int)error->code;
    if (!strcmp(o->kind, "licence")) return write_licence(db, module, &row, arena, out, error);
    write_revocation(o, &row, out);
    return 0;
}

int outbox_part(struct store_connection *reader, struct doc_module *module, int64_t id, int64_t part, struct arena *arena, struct buffer *out,
                struct error *error)
{
    const struct json *file;
    struct outgoing o;
    int code = 0;

    if (read_outgoing(reader, id, arena, &o, error)) return (int)error->code;
    if (part < 1 || part > o.parts) return gone(error);
    if (part < o.parts && !(file = file_at(&o, part))) return gone(error);
    if (part < o.parts) code = write_attachment(reader, &o, file, out, error);
    else if (!strcmp(o.kind, "application")) code = write_application(reader, module, &o, arena, out, error);
    else if (!strcmp(o.kind, "request")) write_request(&o, out);
    else code = write_document(reader, module, &o, arena, out, error);
    if (code) return code;
    return out->failed || out->length > PART_MAXIMUM ? error_internal(error, "part %lld of %lld is too large", (long long)part, (long long)id) : 0;
}
