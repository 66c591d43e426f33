/* Published shapes: a body as XML, and the XML Schema and JSON Schema that every body we accept satisfies. */
#include "base/xml_text.h"
#include "form/internal.h"

#include <ctype.h>
#include <string.h>

void form_xml_name(const char *name, char out[64])
{
    bool up = true;
    size_t length = 0;

    for (const char *at = name; *at && length < 63; at++) {
        if (*at == '_') up = true;
        else out[length++] = up ? (char)toupper((unsigned char)*at) : *at;
        if (*at != '_') up = false;
    }
    out[length] = '\0';
}

/* ---- XML of a body */

static void xml_rows(const struct form_block *block, const struct form_rows *rows, struct buffer *out);

static void xml_fields(const struct form_field *fields, size_t count, const struct form_row *row, struct buffer *out)
{
    char name[64], text[64];

    for (size_t i = 0; i < count; i++) {
        struct form_value value = row->values[fields[i].slot];
        if (value.kind == VALUE_ABSENT) continue;
        form_xml_name(fields[i].name, name);
        buffer_printf(out, "<%s>", name);
        if (value.kind == VALUE_TEXT) xml_text(out, value.text.text, value.text.length);
        else buffer_bytes(out, text, form_value_text(value, text, sizeof text));
        buffer_printf(out, "</%s>", name);
    }
}

static void xml_row(const struct form_block *block, const struct form_variant *variant, const struct form_row *row, struct buffer *out)
{
    xml_fields(block->fields, block->field_count, row, out);
    if (variant) xml_fields(variant->fields, variant->field_count, row, out);
    for (size_t i = 0; i < block->block_count; i++)
        if (row->children[i].count) xml_rows(block->blocks[i], &row->children[i], out);
}

static void xml_rows(const struct form_block *block, const struct form_rows *rows, struct buffer *out)
{
    char name[64], variant[64] = "";

    form_xml_name(block->name, name);
    if (rows->variant) form_xml_name(rows->variant->id, variant);
    buffer_printf(out, "<%s>", name);
    if (*variant) buffer_printf(out, "<%s>", variant);
    for (size_t i = 0; i < rows->count; i++) {
        if (block->rows) buffer_printf(out, "<Row id=\"%lld\">", (long long)rows->rows[i].row_id);
        xml_row(block, rows->variant, &rows->rows[i], out);
        if (block->rows) buffer_text(out, "</Row>");
    }
    if (*variant) buffer_printf(out, "</%s>", variant);
    buffer_printf(out, "</%s>", name);
}

void form_write_xml(const struct form_body *body, struct buffer *out)
{
    const struct form *form = body->form;

    buffer_printf(out, "<%s xmlns=\"urn:singlewindow:%s\" version=\"%d\">", form->xml_root, form->name, form->version);
    for (size_t i = 0; i < form->top_count; i++) {
        const struct form_rows *rows = &body->top[i];
        if (form->top[i]->rows ? rows->count > 0 : !row_is_empty(form->top[i], rows->rows)) xml_rows(form->top[i], rows, out);
    }
    buffer_printf(out, "</%s>", form->xml_root);
}

/* ---- XML Schema */

static void xsd_type(const struct form_field *field, struct buffer *out)
{
    switch (field->type) {
    case FORM_INTEGER: buffer_text(out, "<xs:restriction base=\"xs:integer\"><xs:maxInclusive value=\"9999999999999\"/></xs:restriction>"); break;
    case FORM_DECIMAL:
        buffer_printf(out, "<xs:restriction base=\"xs:decimal\"><xs:totalDigits value=\"%d\"/><xs:fractionDigits value=\"%d\"/></xs:restriction>",
                      13 + field->places, field->places);
        break;
    case FORM_RATE: buffer_text(out, "<xs:restriction base=\"xs:decimal\"><xs:fractionDigits value=\"8\"/></xs:restriction>"); break;
    case FORM_DATE: buffer_text(out, "<xs:restriction base=\"xs:date\"/>"); break;
    case FORM_BOOL: buffer_text(out, "<xs:restriction base=\"xs:boolean\"/>"); break;
    case FORM_ENUM:
        buffer_text(out, "<xs:restriction base=\"xs:string\">");
        for (size_t i = 0; i < field->choice_count; i++) buffer_printf(out, "<xs:enumeration value=\"%s\"/>", field->choices[i].value);
        buffer_text(out, "</xs:restriction>");
        break;
    default:
        buffer_printf(out, "<xs:restriction base=\"xs:string\"><xs:minLength value=\"1\"/><xs:maxLength value=\"%d\"/></xs:restriction>",
                      field->type == FORM_TEXT ? field->maximum : 64);
    }
}

static void xsd_fields(const struct form_field *fields, size_t count, struct buffer *out)
{
    char name[64];

    for (size_t i = 0; i < count; i++) {
        if (fields[i].type == FORM_FILE || fields[i].from == FROM_COLUMN) continue;
        form_xml_name(fields[i].name, name);
        buffer_printf(out, "<xs:element name=\"%s\" minOccurs=\"0\"><xs:annotation><xs:documentation>", name);
        xml_text(out, fields[i].label.zh, strlen(fields[i].label.zh));
        buffer_text(out, "</xs:documentation></xs:annotation><xs:simpleType>");
        xsd_type(&fields[i], out);
        buffer_text(out, "</xs:simpleType></xs:element>\n");
    }
}

static void xsd_block(const struct form_block *block, struct buffer *out);

static void xsd_content(const struct form_block *block, const struct form_variant *variant, struct buffer *out)
{
    if (block->rows)
        buffer_printf(out, "<xs:sequence><xs:element name=\"Row\" minOccurs=\"0\" maxOccurs=\"%d\"><xs:complexType>\n",
                      variant ? variant->maximum : block->maximum);
    buffer_text(out, "<xs:sequence>\n");
    xsd_fields(block->fields, block->field_count, out);
    if (variant) xsd_fields(variant->fields, variant->field_count, out);
    for (size_t i = 0; i < block->block_count; i++) xsd_block(block->blocks[i], out);
    buffer_text(out, "</xs:sequence>");
    if (block->rows)
        buffer_text(out, "<xs:attribute name=\"id\" type=\"xs:nonNegativeInteger\"/></xs:complexType></xs:element></xs:sequence>\n");
}

static void xsd_block(const struct form_block *block, struct buffer *out)
{
    char name[64];

    form_xml_name(block->name, name);
    buffer_printf(out, "<xs:element name=\"%s\" minOccurs=\"0\"><xs:complexType>", name);
    if (block->variant_count) buffer_text(out, "<xs:choice>\n");
    for (size_t i = 0; i < block->variant_count; i++) {
        form_xml_name(block->variants[i].id, name);
        buffer_printf(out, "<xs:element name=\"%s\"><xs:complexType>", name);
        xsd_content(block, &block->variants[i], out);
        buffer_text(out, "</xs:complexType></xs:element>\n");
    }
    if (block->variant_count) buffer_text(out, "</xs:choice>");
    else xsd_content(block, NULL, out);
    buffer_text(out, "</xs:complexType></xs:element>\n");
}

void form_write_xsd(const struct form *form, struct buffer *out)
{
    buffer_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" "
                  "targetNamespace=\"urn:singlewindow:%s\" elementFormDefault=\"qualified\">\n<xs:element name=\"%s\"><xs:complexType><xs:sequence>\n",
                  form->name, form->xml_root);
    for (size_t i = 0; i < form->top_count; i++) xsd_block(form->top[i], out);
    buffer_printf(out, "</xs:sequence><xs:attribute name=\"version\" type=\"xs:positiveInteger\" fixed=\"%d\"/></xs:complexType></xs:element>\n</xs:schema>\n",
                  form->version);
}

/* ---- JSON Schema 2020-12 of bodies as they are sent: null and "" are the same as absent, what the portal fills may be anything */

static void put_pattern(struct json_writer *json, const char *pattern)
{
    json_name(json, "type");
    json_raw(json, "[\"string\",\"null\"]", 17);
    json_put_string(json, "pattern", pattern);
}

static void schema_decimal(const struct form_field *field, struct json_writer *json)
{
    char pattern[80];
    struct buffer out;

    buffer_init(&out, 256);
    buffer_text(&out, "^(|-?[0-9]{1,13}");
    if (field->places) buffer_printf(&out, "(\\.[0-9]{1,%d})?", field->places);
    buffer_text(&out, ")$");
    memcpy(pattern, buffer_string(&out), out.length + 1);
    buffer_free(&out);
    put_pattern(json, pattern);
}

static void schema_enum(const struct form_field *field, struct json_writer *json)
{
    json_name(json, "enum");
    json_array(json);
    for (size_t i = 0; i < field->choice_count; i++) json_string(json, field->choices[i].value);
    json_string(json, "");
    json_null(json);
    json_array_end(json);
}

static void schema_field(const struct form_field *field, struct json_writer *json)
{
    json_name(json, field->name);
    json_object(json);
    json_put_string(json, "title", field->label.zh);
    if (field->readonly || field->compute || field->from == FROM_COLUMN) {
        json_put_boolean(json, "readOnly", true);
    } else switch (field->type) {
    case FORM_INTEGER: json_name(json, "type"); json_raw(json, "[\"integer\",\"null\"]", 18); break;
    case FORM_DECIMAL: schema_decimal(field, json); break;
    case FORM_RATE: put_pattern(json, "^(|[0-9]{1,9}(\\.[0-9]{1,8})?)$"); break;
    case FORM_DATE: put_pattern(json, "^(|[0-9]{4}-[0-9]{2}-[0-9]{2})$"); break;
    case FORM_BOOL: json_name(json, "type"); json_raw(json, "[\"boolean\",\"null\"]", 18); break;
    case FORM_ENUM: schema_enum(field, json); break;
    case FORM_FILE: json_name(json, "type"); json_raw(json, "\"null\"", 6); break;
    default:
        json_name(json, "type");
        json_raw(json, "[\"string\",\"null\"]", 17);
        json_put_integer(json, "maxLength", field->type == FORM_TEXT ? field->maximum : 64);
    }
    json_object_end(json);
}

static void schema_block(const struct form_block *block, struct json_writer *json);

/* One row (or the object of a plain block): its fields, its children, nothing else. */
static void schema_row(const struct form_block *block, const struct form_variant *variant, bool with_variant, struct json_writer *json)
{
    json_object(json);
    json_name(json, "type");
    json_raw(json, "[\"object\",\"null\"]", 17);
    json_put_boolean(json, "additionalProperties", false);
    json_name(json, "properties");
    json_object(json);
    if (with_variant) json_put_raw(json, "variant", "true", 4);
    if (block->rows) json_put_raw(json, "row_id", "{\"type\":[\"integer\",\"null\"],\"minimum\":0,\"maximum\":1000000}", 57);
    for (size_t i = 0; i < block->field_count; i++) schema_field(&block->fields[i], json);
    for (size_t i = 0; variant && i < variant->field_count; i++) schema_field(&variant->fields[i], json);
    for (size_t i = 0; i < block->block_count; i++) {
        json_name(json, block->blocks[i]->name);
        schema_block(block->blocks[i], json);
    }
    json_object_end(json);
    json_object_end(json);
}

static void schema_rows(const struct form_block *block, const struct form_variant *variant, struct json_writer *json)
{
    if (!block->rows) {
        schema_row(block, variant, block->variant_count > 0, json);
        return;
    }
    json_object(json);
    json_name(json, "type");
    json_raw(json, "[\"array\",\"null\"]", 16);
    json_put_integer(json, "maxItems", variant && variant->maximum < block->maximum ? variant->maximum : block->maximum);
    json_name(json, "items");
    schema_row(block, variant, false, json);
    json_object_end(json);
}

/* A block with variants: one alternative for each, and one for a body that has chosen none. */
static void schema_variant(const struct form_block *block, const struct form_variant *variant, struct json_writer *json)
{
    json_object(json);
    json_put_string(json, "type", "object");
    json_name(json, "properties");
    json_object(json);
    json_name(json, "variant");
    json_object(json);
    if (variant) json_put_string(json, "const", variant->id);
    else json_put_raw(json, "not", "{\"type\":\"string\"}", 17);
    json_object_end(json);
    if (block->rows) {
        json_name(json, "rows");
        schema_rows(block, variant, json);
    }
    json_object_end(json);
    if (variant) json_put_raw(json, "required", "[\"variant\"]", 11);
    if (block->rows) json_put_boolean(json, "additionalProperties", false);
    if (!block->rows) {
        json_name(json, "allOf");
        json_array(json);
        schema_row(block, variant, true, json);
        json_array_end(json);
    }
    json_object_end(json);
}

static void schema_block(const struct form_block *block, struct json_writer *json)
{
    if (!block->variant_count) {
        schema_rows(block, NULL, json);
        return;
    }
    json_object(json);
    json_name(json, "anyOf");
    json_array(json);
    json_raw(json, "{\"type\":\"null\"}", 15);
    schema_variant(block, NULL, json);
    for (size_t i = 0; i < block->variant_count; i++) schema_variant(block, &block->variants[i], json);
    json_array_end(json);
    json_object_end(json);
}

void form_write_json_schema(const struct form *form, struct buffer *out)
{
    struct json_writer json;

    json_writer_init(&json, out);
    json_object(&json);
    json_put_string(&json, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_put_string(&json, "title", form->title.zh);
    json_put_string(&json, "type", "object");
    json_put_boolean(&json, "additionalProperties", false);
    json_name(&json, "properties");
    json_object(&json);
    json_put_raw(&json, "names", "true", 4);
    for (size_t i = 0; i < form->top_count; i++) {
        json_name(&json, form->top[i]->name);
        schema_block(form->top[i], &json);
    }
    json_object_end(&json);
    json_object_end(&json);
}
