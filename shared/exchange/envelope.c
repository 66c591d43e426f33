#include "exchange/envelope.h"

#include "base/xml_text.h"

#include <string.h>
#include <time.h>

/* ---- the kinds */

#define NEED(element, kind) .name = element, .type = ENVELOPE_##kind, .required = true
#define MAY(element, kind) .name = element, .type = ENVELOPE_##kind
#define NUMBER "[0-9]{1,18}"
#define END {.name = NULL}

static const char id_pattern[] = "[A-Za-z0-9._\\-]{1,64}";
static const char name_pattern[] = "[a-z0-9\\-]{1,32}";
static const char sha256_pattern[] = "[0-9a-f]{64}";
static const char declaration_pattern[] = "[0-9]{18}";

const struct envelope_member envelope_head_members[] = {
    {NEED("MessageId", TEXT), .pattern = id_pattern},
    {NEED("Number", INTEGER), .pattern = "[1-9][0-9]{0,17}"},
    {NEED("Sender", TEXT), .pattern = name_pattern},
    {NEED("Receiver", TEXT), .pattern = name_pattern},
    {NEED("Kind", TEXT), .pattern = "[A-Za-z]{1,32}"},
    {NEED("Module", TEXT), .pattern = "[a-z0-9_]{0,15}"}, /* empty: a Rejection of what could not be read */
    {NEED("Document", TEXT), .maximum = 32},
    {NEED("Sequence", INTEGER), .pattern = NUMBER},
    {NEED("Created", INSTANT)},
    END};

static const struct envelope_member attachment_members[] = {
    {NEED("ApplicationNo", TEXT), .maximum = 24},
    {NEED("AttachmentId", INTEGER), .pattern = "[0-9]{1,19}"},
    {NEED("Type", TEXT), .maximum = 64},
    {MAY("Block", TEXT), .maximum = 64},
    {MAY("RowId", INTEGER), .pattern = NUMBER},
    {NEED("FileName", TEXT), .maximum = 200},
    {NEED("MediaType", TEXT), .maximum = 64},
    {NEED("Size", INTEGER), .pattern = NUMBER},
    {NEED("Sha256", TEXT), .pattern = sha256_pattern},
    {NEED("Content", BASE64)},
    END};

static const struct envelope_member attached_members[] = { /* what an application says of each */
    {NEED("AttachmentId", INTEGER), .pattern = "[0-9]{1,19}"},
    {NEED("Type", TEXT), .maximum = 64},
    {NEED("FileName", TEXT), .maximum = 200},
    {NEED("Sha256", TEXT), .pattern = sha256_pattern},
    END};

static const struct envelope_member application_members[] = {
    {NEED("ApplicationNo", TEXT), .maximum = 24},
    {MAY("FormNo", TEXT), .maximum = 32},
    {NEED("Form", TEXT), .maximum = 48},
    {NEED("FormVersion", INTEGER), .pattern = NUMBER},
    {NEED("Action", TEXT), .maximum = 48},
    {NEED("Agency", TEXT), .maximum = 15},
    {MAY("EnterpriseCode", TEXT), .maximum = 16},
    {MAY("Uscc", TEXT), .maximum = 24},
    {NEED("EnterpriseName", TEXT), .maximum = 400},
    {NEED("Applicant", TEXT), .maximum = 128},
    {MAY("Opinion", TEXT), .maximum = 2000},
    {NEED("Submitted", INSTANT)},
    {MAY("Attachment", GROUP), .maximum = 200, .many = true, .members = attached_members},
    {MAY("SignedXml", BASE64)},
    {NEED("Content", FORM)},
    END};

static const struct envelope_member request_members[] = {
    {NEED("ApplicationNo", TEXT), .maximum = 24},
    {NEED("Form", TEXT), .maximum = 48},
    {NEED("Action", TEXT), .maximum = 48},
    {MAY("Opinion", TEXT), .maximum = 2000},
    {NEED("Requested", INSTANT)},
    END};

static const struct envelope_member licence_members[] = {
    {NEED("LicenceNo", TEXT), .maximum = 24},
    {NEED("ApplicationNo", TEXT), .maximum = 24},
    {NEED("Form", TEXT), .maximum = 48},
    {MAY("ControlCode", TEXT), .maximum = 24},
    {NEED("Agency", TEXT), .maximum = 15},
    {MAY("EnterpriseCode", TEXT), .maximum = 16},
    {NEED("EnterpriseName", TEXT), .maximum = 400},
    {MAY("Goods", TEXT), .maximum = 24},
    {MAY("Quantity", DECIMAL)},
    {MAY("Unit", TEXT), .maximum = 16},
    {MAY("AmountUsd", DECIMAL)},
    {NEED("Issued", DATE)},
    {MAY("ValidUntil", DATE)},
    {NEED("Attempt", INTEGER), .pattern = NUMBER},
    {NEED("Content", FORM)},
    END};

static const struct envelope_member revocation_members[] = {
    {NEED("LicenceNo", TEXT), .maximum = 24},
    {NEED("ApplicationNo", TEXT), .maximum = 24},
    {NEED("Form", TEXT), .maximum = 48},
    {NEED("Reason", TEXT), .maximum = 2000},
    {NEED("Revoked", INSTANT)},
    END};

static const struct envelope_member problem_members[] = {
    {MAY("Line", INTEGER), .pattern = NUMBER},
    {MAY("Element", TEXT), .maximum = 160},
    {NEED("Rule", TEXT), .maximum = 64},
    {NEED("Text", TEXT), .maximum = 500},
    {NEED("TextEn", TEXT), .maximum = 500},
    END};

static const struct envelope_member rejection_members[] = {
    {MAY("RejectedId", TEXT), .pattern = id_pattern},
    {MAY("RejectedFile", TEXT), .maximum = 255},
    {NEED("Problem", GROUP), .maximum = 100, .many = true, .members = problem_members},
    END};

static const struct envelope_member decision_members[] = {
    {NEED("ApplicationNo", TEXT), .maximum = 24},
    {NEED("Action", TEXT), .pattern = "[a-z0-9_]{1,47}"},
    {MAY("Opinion", TEXT), .maximum = 500},
    {MAY("LicenceNo", TEXT), .pattern = "[A-Za-z0-9/\\-]{4,20}"},
    {MAY("Officer", TEXT), .maximum = 24},
    {NEED("Decided", INSTANT)},
    END};

static const struct envelope_member receipt_members[] = {
    {NEED("LicenceNo", TEXT), .maximum = 20},
    {NEED("Status", TEXT), .pattern = "STORED|SEND_FAILED|CENTRE_FAILED|STORE_FAILED"},
    {MAY("Note", TEXT), .maximum = 120},
    {NEED("Received", INSTANT)},
    END};

static const struct envelope_member goods_members[] = { /* of a declaration */
    {MAY("Code", TEXT), .maximum = 10},
    {MAY("Name", TEXT), .maximum = 400},
    {MAY("Spec", TEXT), .maximum = 400},
    {MAY("Unit", TEXT), .maximum = 8},
    {MAY("Currency", TEXT), .maximum = 8},
    {MAY("Quantity", DECIMAL)},
    {MAY("Price", DECIMAL)},
    END};

static const struct envelope_member write_off_members[] = {
    {NEED("LicenceNo", TEXT), .maximum = 20},
    {NEED("DeclarationNo", TEXT), .pattern = declaration_pattern},
    {NEED("Quantity", DECIMAL)},
    {NEED("Unit", TEXT), .maximum = 8},
    {NEED("Released", DATE)},
    {MAY("ContractNo", TEXT), .maximum = 64},
    {MAY("EnterpriseName", TEXT), .maximum = 400},
    {MAY("TradeMode", TEXT), .maximum = 8},
    {MAY("Country", TEXT), .maximum = 8},
    {MAY("CustomsPort", TEXT), .maximum = 8},
    {MAY("OwnerName", TEXT), .maximum = 400},
    {MAY("BillNo", TEXT), .maximum = 64},
    {MAY("Destination", TEXT), .maximum = 100},
    {MAY("Packages", INTEGER), .pattern = "[0-9]{1,9}"},
    {MAY("Goods", GROUP), .maximum = 50, .many = true, .members = goods_members},
    END};

static const struct envelope_member reservation_members[] = {
    {NEED("LicenceNo", TEXT), .maximum = 20},
    {NEED("DeclarationNo", TEXT), .pattern = declaration_pattern},
    {NEED("Quantity", DECIMAL)},
    {NEED("Unit", TEXT), .maximum = 8},
    END};

static const struct envelope_member adjustment_members[] = {
    {NEED("LicenceNo", TEXT), .maximum = 20},
    {NEED("DeclarationNo", TEXT), .pattern = declaration_pattern},
    {NEED("Quantity", DECIMAL)},
    {NEED("Unit", TEXT), .maximum = 8},
    {MAY("Note", TEXT), .maximum = 120},
    END};

const struct envelope_kind envelope_kinds[] = {
    {"Attachment", true, false, attachment_members},
    {"Application", true, false, application_members},
    {"Request", true, false, request_members},
    {"Licence", true, false, licence_members},
    {"Revocation", true, false, revocation_members},
    {"Rejection", true, true, rejection_members},
    {"Decision", false, true, decision_members},
    {"Receipt", false, true, receipt_members},
    {"WriteOff", false, true, write_off_members},
    {"Reservation", false, true, reservation_members},
    {"Adjustment", false, true, adjustment_members},
    {.name = NULL}};

const struct envelope_kind *envelope_kind(const char *name)
{
    for (const struct envelope_kind *kind = envelope_kinds; kind->name; kind++)
        if (!strcmp(kind->name, name)) return kind;
    return NULL;
}

/* ---- writing */

void envelope_open(struct buffer *out, const char *element) { buffer_printf(out, "<%s>", element); }
void envelope_close(struct buffer *out, const char *element) { buffer_printf(out, "</%s>", element); }

static void put(struct buffer *out, const char *element, const char *text)
{
    envelope_open(out, element);
    xml_text(out, text, strlen(text));
    envelope_close(out, element);
}

void envelope_put(struct buffer *out, const char *element, const char *text)
{
    if (text && *text) put(out, element, text);
}

void envelope_put_integer(struct buffer *out, const char *element, int64_t value)
{
    envelope_open(out, element);
    buffer_integer(out, value);
    envelope_close(out, element);
}

void envelope_put_instant(struct buffer *out, const char *element, int64_t milliseconds)
{
    time_t seconds = (time_t)(milliseconds / 1000);
    struct tm parts = {0};
    char text[32];

    gmtime_r(&seconds, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    put(out, element, text);
}

void envelope_write(const struct envelope_head *head, const char *payload, size_t length, struct buffer *out)
{
    buffer_text(out, "<Message xmlns=\"" ENVELOPE_NAMESPACE "\"><Head>");
    put(out, "MessageId", head->message_id);
    envelope_put_integer(out, "Number", head->number);
    put(out, "Sender", head->sender);
    put(out, "Receiver", head->receiver);
    put(out, "Kind", head->kind);
    put(out, "Module", head->module);
    put(out, "Document", head->document);
    envelope_put_integer(out, "Sequence", head->sequence);
    envelope_put_instant(out, "Created", head->created);
    buffer_text(out, "</Head>");
    buffer_bytes(out, payload, length);
    buffer_text(out, "</Message>");
}

void envelope_json_name(const char *element, char out[ENVELOPE_NAME_MAXIMUM])
{
    size_t length = 0;

    for (const char *at = element; *at && length + 2 < ENVELOPE_NAME_MAXIMUM; at++) {
        bool capital = *at >= 'A' && *at <= 'Z';
        if (capital && at != element) out[length++] = '_';
        out[length++] = (char)(capital ? *at - 'A' + 'a' : *at);
    }
    out[length] = '\0';
}

/* ---- XML Schema */

static void xsd_pattern(const char *base, const char *pattern, struct buffer *out)
{
    buffer_printf(out, "<xs:restriction base=\"%s\"><xs:pattern value=\"%s\"/></xs:restriction>", base, pattern);
}

static void xsd_simple(const struct envelope_member *member, struct buffer *out)
{
    buffer_text(out, "<xs:simpleType>");
    switch (member->type) {
    case ENVELOPE_DECIMAL: xsd_pattern("xs:decimal", "[0-9]{1,13}(\\.[0-9]{1,5})?", out); break;
    case ENVELOPE_DATE: xsd_pattern("xs:date", "[0-9]{4}-[0-9]{2}-[0-9]{2}", out); break;
    case ENVELOPE_INSTANT: xsd_pattern("xs:dateTime", "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", out); break;
    case ENVELOPE_BASE64: buffer_text(out, "<xs:restriction base=\"xs:base64Binary\"/>"); break;
    case ENVELOPE_INTEGER: xsd_pattern("xs:integer", member->pattern, out); break;
    default:
        if (member->pattern) xsd_pattern("xs:string", member->pattern, out);
        else buffer_printf(out, "<xs:restriction base=\"xs:string\"><xs:maxLength value=\"%d\"/></xs:restriction>", member->maximum);
    }
    buffer_text(out, "</xs:simpleType>");
}

static void xsd_members(const struct envelope_member *members, struct buffer *out)
{
    buffer_text(out, "<xs:complexType><xs:sequence>\n");
    for (const struct envelope_member *member = members; member->name; member++) {
        buffer_printf(out, "<xs:element name=\"%s\"", member->name);
        if (!member->required) buffer_text(out, " minOccurs=\"0\"");
        if (member->many) buffer_printf(out, " maxOccurs=\"%d\"", member->maximum);
        buffer_char(out, '>');
        if (member->type == ENVELOPE_GROUP) xsd_members(member->members, out);
        else if (member->type == ENVELOPE_FORM)
            buffer_text(out, "<xs:complexType><xs:sequence><xs:any namespace=\"##other\" processContents=\"strict\"/></xs:sequence></xs:complexType>");
        else xsd_simple(member, out);
        buffer_text(out, "</xs:element>\n");
    }
    buffer_text(out, "</xs:sequence></xs:complexType>");
}

void envelope_write_xsd(const struct envelope_form *forms, size_t count, bool only_received, struct buffer *out)
{
    buffer_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" "
                     "targetNamespace=\"" ENVELOPE_NAMESPACE "\" elementFormDefault=\"qualified\">\n");
    for (size_t i = 0; i < count && !only_received; i++)
        buffer_printf(out, "<xs:import namespace=\"urn:singlewindow:%s\" schemaLocation=\"../%s/forms/%s/xsd\"/>\n", forms[i].name, forms[i].module,
                      forms[i].name);
    buffer_text(out, "<xs:element name=\"Message\"><xs:complexType><xs:sequence>\n<xs:element name=\"Head\">");
    xsd_members(envelope_head_members, out);
    buffer_text(out, "</xs:element>\n<xs:choice>\n");
    for (const struct envelope_kind *kind = envelope_kinds; kind->name; kind++) {
        if (only_received && !kind->received) continue;
        buffer_printf(out, "<xs:element name=\"%s\">", kind->name);
        xsd_members(kind->members, out);
        buffer_text(out, "</xs:element>\n");
    }
    buffer_printf(out, "</xs:choice>\n<xs:any namespace=\"http://www.w3.org/2000/09/xmldsig#\" processContents=\"lax\"%s/>\n"
                       "</xs:sequence></xs:complexType></xs:element>\n</xs:schema>\n", only_received ? " minOccurs=\"0\"" : "");
}
