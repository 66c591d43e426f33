/* Messages between the portal and partners: what is written is valid by the schema that is published, and xmllint says so. */
#include "../lib/checkout.h"
#include "tap.h"

#include "exchange/envelope.h"

#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static struct form *form;

static void put(const char *name, const struct buffer *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!(file = fopen(path, "we")) || fwrite(text->data, 1, text->length, file) != text->length || fclose(file)) exit(2);
}

static bool valid(const char *schema, const char *payload, const char *kind, const char *signature)
{
    static const char close[] = "</Message>";
    const struct envelope_head head = {"portal-customs-000000001", "portal", "customs", kind, "first", "26-AA-100001", 1, 1, 1788400800000};
    struct buffer text;
    char command[400];

    buffer_init(&text, 0);
    envelope_write(&head, payload, strlen(payload), &text);
    text.length -= sizeof close - 1; /* where a signature goes */
    buffer_text(&text, signature);
    buffer_text(&text, close);
    put("message.xml", &text);
    buffer_free(&text);
    snprintf(command, sizeof command, "xmllint --nonet --noout --schema %s/exchange/%s %s/message.xml >%s/said 2>&1", folder, schema, folder, folder);
    return system(command) == 0;
}

#define SIGNATURE "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><SignedInfo/></Signature>"
#define SHA "0000000000000000000000000000000000000000000000000000000000000000"

static void write_schemas(void)
{
    struct envelope_form forms[1];
    struct buffer text;
    char command[256];

    forms[0] = (struct envelope_form){form->name, "first"};
    snprintf(command, sizeof command, "mkdir -p %s/exchange %s/first/forms/%s", folder, folder, form->name);
    if (system(command)) exit(2);
    buffer_init(&text, 0);
    envelope_write_xsd(forms, 1, false, &text);
    put("exchange/message.xsd", &text);
    buffer_reset(&text);
    envelope_write_xsd(forms, 1, true, &text);
    put("exchange/received.xsd", &text);
    buffer_reset(&text);
    form_write_xsd(form, &text);
    snprintf(command, sizeof command, "first/forms/%s/xsd", form->name);
    put(command, &text);
    buffer_free(&text);
}

static void write_document(struct buffer *out)
{
    struct arena arena;

    arena_init(&arena, 0);
    form_write_xml(form_body_new(form, &arena), out);
    arena_free(&arena);
}

static void sent(void)
{
    struct buffer text;

    buffer_init(&text, 0);
    buffer_text(&text, "<Application>");
    envelope_put(&text, "ApplicationNo", "EX260000000000000001");
    envelope_put(&text, "FormNo", "");
    envelope_put(&text, "Form", form->name);
    envelope_put_integer(&text, "FormVersion", form->version);
    envelope_put(&text, "Action", "submit");
    envelope_put(&text, "Agency", "AA");
    envelope_put(&text, "EnterpriseName", "A & B <进出口>\x01\xEF\xBF\xBF公司");
    envelope_put(&text, "Applicant", "张三");
    envelope_put_instant(&text, "Submitted", 1788400800999);
    buffer_text(&text, "<Attachment><AttachmentId>1</AttachmentId><Type>contract</Type><FileName>a.pdf</FileName><Sha256>" SHA "</Sha256></Attachment><Content>");
    write_document(&text);
    buffer_text(&text, "</Content></Application>");
    ok(strstr(buffer_string(&text), "A &amp; B &lt;进出口&gt;公司"), "texts are escaped, and characters that XML has not are left out");
    ok(strstr(buffer_string(&text), "<Submitted>2026-09-03T02:00:00Z</Submitted>"), "an instant is UTC, to the second");
    ok(!strstr(buffer_string(&text), "FormNo"), "what is empty is not there");
    ok(valid("message.xsd", buffer_string(&text), "Application", SIGNATURE), "xmllint accepts an application with its form's document in it");
    ok(!valid("message.xsd", buffer_string(&text), "Application", ""), "but not without a signature");
    buffer_text(&text, "<Application/>");
    ok(!valid("message.xsd", buffer_string(&text), "Application", SIGNATURE), "nor two payloads");
    buffer_free(&text);
    ok(valid("message.xsd", "<Attachment><ApplicationNo>1</ApplicationNo><AttachmentId>7</AttachmentId><Type>t</Type><RowId>2</RowId><FileName>合同.pdf</FileName>"
             "<MediaType>application/pdf</MediaType><Size>3</Size><Sha256>" SHA "</Sha256><Content>QUJD</Content></Attachment>", "Attachment", SIGNATURE),
       "an attachment");
    ok(valid("message.xsd", "<Revocation><LicenceNo>26-AA-100001</LicenceNo><ApplicationNo>1</ApplicationNo><Form>f</Form><Reason>误发</Reason>"
             "<Revoked>2026-09-03T02:00:00Z</Revoked></Revocation>", "Revocation", SIGNATURE), "a revocation");
    ok(valid("message.xsd", "<Rejection><Problem><Line>1</Line><Rule>schema</Rule><Text>错</Text><TextEn>wrong</TextEn></Problem></Rejection>", "Rejection", SIGNATURE),
       "a rejection");
}

#define USED "<LicenceNo>26-AA-100001</LicenceNo><DeclarationNo>010120260000000001</DeclarationNo>"

static void received(void)
{
    static const struct { const char *payload, *kind, *name; } good[] = {
        {"<Decision><ApplicationNo>1</ApplicationNo><Action>approve</Action><LicenceNo>26-AA-100001</LicenceNo><Decided>2026-09-03T02:00:00Z</Decided></Decision>",
         "Decision", "a decision"},
        {"<Receipt><LicenceNo>26-AA-100001</LicenceNo><Status>STORED</Status><Received>2026-09-03T02:00:00Z</Received></Receipt>", "Receipt", "a receipt"},
        {"<WriteOff>" USED "<Quantity>1.5</Quantity><Unit>035</Unit><Released>2026-09-03</Released><Goods/><Goods><Code>2701</Code><Price>0.00001</Price></Goods></WriteOff>",
         "WriteOff", "a write-off"},
        {"<Reservation>" USED "<Quantity>0</Quantity><Unit>035</Unit></Reservation>", "Reservation", "a reservation"},
        {"<Adjustment>" USED "<Quantity>1</Quantity><Unit>035</Unit><Note>改单</Note></Adjustment>", "Adjustment", "an adjustment"}};
    static const struct { const char *payload, *name; } bad[] = {
        {"<Receipt><LicenceNo>1</LicenceNo><Status>LOST</Status><Received>2026-09-03T02:00:00Z</Received></Receipt>", "a status that is none"},
        {"<Receipt><LicenceNo>1</LicenceNo><Status>STORED</Status><Received>2026-09-03T10:00:00+08:00</Received></Receipt>", "an instant that is not UTC"},
        {"<Receipt><Status>STORED</Status><LicenceNo>1</LicenceNo><Received>2026-09-03T02:00:00Z</Received></Receipt>", "members in another order"},
        {"<Receipt><LicenceNo>1</LicenceNo><Status>STORED</Status></Receipt>", "a member that is missing"},
        {"<Reservation>" USED "<Quantity>-1</Quantity><Unit>035</Unit></Reservation>", "a quantity below nothing"},
        {"<Reservation>" USED "<Quantity>1e3</Quantity><Unit>035</Unit></Reservation>", "a number that is written otherwise"},
        {"<WriteOff>" USED "<Quantity>1</Quantity><Unit>035</Unit><Released>2026-02-30</Released></WriteOff>", "a day that is not there"},
        {"<Licence/>", "what only the portal sends"}};
    char name[100];

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(name, sizeof name, "%s is taken", good[i].name);
        ok(valid("received.xsd", good[i].payload, good[i].kind, "") && valid("message.xsd", good[i].payload, good[i].kind, SIGNATURE), "%s", name);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) ok(!valid("received.xsd", bad[i].payload, "Receipt", SIGNATURE), "refused: %s", bad[i].name);
}

static void names(void)
{
    char name[ENVELOPE_NAME_MAXIMUM];

    envelope_json_name("LicenceNo", name);
    is_text(name, "licence_no", "members are called as in JSON");
    envelope_json_name("Sha256", name);
    is_text(name, "sha256", "digits are no words");
    ok(envelope_kind("WriteOff")->received && !envelope_kind("WriteOff")->sent && !envelope_kind("writeoff"), "a kind is found by its name");
}

int main(void)
{
    char command[128];

    snprintf(folder, sizeof folder, "/tmp/envelope-test-XXXXXX");
    if (!mkdtemp(folder)) exit(2);
    form = checkout_form("schema/forms/export_licence.1.json");
    write_schemas();
    sent();
    received();
    names();
    form_free(form);
    snprintf(command, sizeof command, "rm -r %s", folder);
    if (system(command)) exit(2);
    return done_testing();
}
