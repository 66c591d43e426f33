#include "gateway_tree.h"

#include "base/utf8.h"
#include "gateway_read.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/xmlschemas.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAXIMUM 64 /* as in trust/xml_signature.c */

struct gate_schema {
    xmlSchemaPtr compiled;
};

/* ---- errors */

/* What libxml2 says, in one line, without "{urn:singlewindow:message}" before each name. */
static void take_text(const char *said, char *out, size_t size)
{
    static const char space[] = "{" ENVELOPE_NAMESPACE "}";
    size_t length = 0;

    for (const char *at = said ? said : ""; *at && length + 1 < size; at++) {
        if (!strncmp(at, space, sizeof space - 1)) at += sizeof space - 2;
        else out[length++] = (char)(*at == '\n' || *at == '\r' || *at == '\t' ? ' ' : *at);
    }
    while (length && out[length - 1] == ' ') length--;
    out[utf8_cut(out, length, length)] = '\0';
    if (!utf8_valid(out, strlen(out))) *out = '\0';
}

static void note_first(void *context, xmlErrorPtr error)
{
    struct tree_error *about = ((xmlParserCtxtPtr)context)->_private;

    if (about->line || error->level < XML_ERR_ERROR) return;
    about->line = error->line > 0 ? error->line : 1;
    take_text(error->message, about->text, sizeof about->text);
}

/* ---- parsing */

xmlDocPtr tree_parse(const char *xml, size_t length, struct tree_error *about)
{
    xmlParserCtxtPtr parser = xmlNewParserCtxt();
    xmlDocPtr document = NULL;

    if (!parser) return NULL;
    parser->_private = about;
    parser->sax->serror = note_first;
    document = xmlCtxtReadMemory(parser, xml, (int)length, NULL, "UTF-8", XML_PARSE_NONET | XML_PARSE_BIG_LINES | XML_PARSE_NOWARNING);
    if (document && (about->line || !parser->nsWellFormed || !xmlDocGetRootElement(document))) {
        xmlFreeDoc(document);
        document = NULL;
    }
    xmlFreeParserCtxt(parser);
    return document;
}

static bool is_named(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && (!name || !strcmp((const char *)node->name, name));
}

const xmlNode *tree_child(const xmlNode *parent, const char *name)
{
    for (const xmlNode *node = parent ? parent->children : NULL; node; node = node->next)
        if (is_named(node, name)) return node;
    return NULL;
}

const xmlNode *tree_next(const xmlNode *node, const char *name)
{
    while (node && (node = node->next))
        if (is_named(node, name)) return node;
    return NULL;
}

const char *tree_text(const xmlNode *node, bool trimmed, struct arena *arena)
{
    xmlChar *whole = xmlNodeGetContent(node);
    const char *text = (const char *)whole, *copy;
    size_t length = text ? strlen(text) : 0;

    while (trimmed && length && strchr(" \t\r\n", text[length - 1])) length--;
    while (trimmed && length && strchr(" \t\r\n", *text)) text++, length--;
    copy = text ? arena_copy(arena, text, length) : NULL;
    xmlFree(whole);
    return copy;
}

/* ---- places */

/* How many elements stand before it under its parent. */
static int place(const xmlNode *node)
{
    int before = 0;

    while ((node = node->prev)) before += node->type == XML_ELEMENT_NODE;
    return before;
}

int tree_line(xmlDocPtr whole, const xmlNode *node)
{
    int places[DEPTH_MAXIMUM], depth = 0;
    const xmlNode *found = xmlDocGetRootElement(whole);

    while (node && node->type != XML_ELEMENT_NODE) node = node->parent;
    for (; node && node->parent && node->parent->type == XML_ELEMENT_NODE && depth < DEPTH_MAXIMUM; node = node->parent) places[depth++] = place(node);
    while (found && depth--) {
        const xmlNode *child = tree_child(found, NULL);
        for (int i = 0; child && i < places[depth]; i++) child = tree_next(child, NULL);
        if (!child) break;
        found = child;
    }
    return found ? (int)xmlGetLineNo(found) : 0;
}

/* ---- the schema */

int gate_schema_open(struct gate_schema **schema, struct error *error)
{
    struct buffer text;
    xmlSchemaParserCtxtPtr parser;

    *schema = calloc(1, sizeof **schema);
    if (!*schema) return error_internal(error, "out of memory");
    buffer_init(&text, 1u << 20);
    envelope_write_xsd(NULL, 0, true, &text);
    parser = xmlSchemaNewMemParserCtxt(buffer_string(&text), (int)text.length);
    if (parser) (*schema)->compiled = xmlSchemaParse(parser);
    if (parser) xmlSchemaFreeParserCtxt(parser);
    buffer_free(&text);
    if ((*schema)->compiled) return 0;
    free(*schema);
    *schema = NULL;
    return error_internal(error, "the XML Schema of messages does not compile");
}

void gate_schema_close(struct gate_schema *schema)
{
    if (!schema) return;
    xmlSchemaFree(schema->compiled);
    free(schema);
}

struct faults {
    void (*fault)(void *context, const struct tree_error *);
    void *context;
    int count;
};

static void note_fault(void *context, xmlErrorPtr error)
{
    struct faults *faults = context;
    struct tree_error about = {.node = error->node};

    if (error->level < XML_ERR_ERROR) return;
    take_text(error->message, about.text, sizeof about.text);
    faults->count++;
    faults->fault(faults->context, &about);
}

int tree_validate(xmlDocPtr tree, struct gate_schema *schema, void (*fault)(void *context, const struct tree_error *), void *context, struct error *error)
{
    struct faults faults = {fault, context, 0};
    xmlSchemaValidCtxtPtr valid = xmlSchemaNewValidCtxt(schema->compiled);
    int result;

    if (!valid) return error_internal(error, "out of memory");
    xmlSchemaSetValidStructuredErrors(valid, note_fault, &faults);
    result = xmlSchemaValidateDoc(valid, tree);
    xmlSchemaFreeValidCtxt(valid);
    return result == 0 || (result > 0 && faults.count) ? 0 : error_internal(error, "libxml2 fails to validate (%d)", result);
}
