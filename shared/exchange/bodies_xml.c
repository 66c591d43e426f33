/* Many roots of a form's published XML shape in one envelope of any name: read one after the other by libxml2's pull reader, without a
   document type, entities or network. */
#include "exchange/bodies_internal.h"

#include <libxml/xmlreader.h>
#include <stdio.h>
#include <string.h>

#define PATH_SIZE 96
#define ELEMENTS_MAXIMUM 2000 /* of a row, more than any has fields: looking for each must not take forever */

struct roots {
    const struct form *form;
    struct bodies *bodies;
    struct json_writer json;
};

static bool is_element(const xmlNode *node) { return node->type == XML_ELEMENT_NODE; }
static bool is_named(const xmlNode *node, const char *name) { return is_element(node) && !strcmp((const char *)node->name, name); }

static xmlNodePtr child_named(const xmlNode *parent, const char *name)
{
    char wanted[64];

    form_xml_name(name, wanted);
    for (xmlNodePtr child = parent ? parent->children : NULL; child; child = child->next)
        if (is_named(child, wanted)) return child;
    return NULL;
}

static void unknown(struct roots *r, const char *path, const xmlNode *node)
{
    char field[PATH_SIZE];

    snprintf(field, sizeof field, "%s%s%s", path, *path ? "/" : "", (const char *)node->name);
    bodies_problem(r->bodies, field, "unknown_element", "没有这个元素，或它重复了。", "There is no such element, or it stands there twice.");
}

/* Whether there are too many elements to be looked through; told once. */
static bool too_many(struct roots *r, const char *path, const xmlNode *node)
{
    size_t count = 0;

    for (const xmlNode *child = node->children; child && count <= ELEMENTS_MAXIMUM; child = child->next) count++;
    if (count > ELEMENTS_MAXIMUM) bodies_problem(r->bodies, path, "too_large", "内容太大。", "The content is too large.");
    return count > ELEMENTS_MAXIMUM;
}

/* ---- values */

static void value(struct roots *r, const char *path, const struct form_field *field, xmlNodePtr node)
{
    xmlChar *content = xmlNodeGetContent(node);
    const char *text = content ? (const char *)content : "";
    size_t length = strlen(text);

    for (xmlNodePtr child = node->children; child; child = child->next)
        if (is_element(child)) unknown(r, path, child);
    while (length && strchr(" \t\r\n", *text)) text++, length--;
    while (length && strchr(" \t\r\n", text[length - 1])) length--;
    if (length) {
        json_name(&r->json, field->name);
        bodies_value(field, text, length, &r->json);
    }
    xmlFree(content);
}

static void block_value(struct roots *r, const char *path, const struct form_block *block, xmlNodePtr node);

static bool is_known(const struct form_field *fields, size_t count, const char *name)
{
    char wanted[64];

    for (size_t i = 0; i < count; i++) {
        form_xml_name(fields[i].name, wanted);
        if (!strcmp(wanted, name)) return true;
    }
    return false;
}

static bool is_block(struct form_block *const *blocks, size_t count, const char *name)
{
    char wanted[64];

    for (size_t i = 0; i < count; i++) {
        form_xml_name(blocks[i]->name, wanted);
        if (!strcmp(wanted, name)) return true;
    }
    return false;
}

/* Whether an element of that name has a place there; `block` NULL: right below the root. */
static bool has_place(const struct roots *r, const struct form_block *block, const struct form_variant *variant, const char *name)
{
    if (!block) return is_block(r->form->top, r->form->top_count, name);
    return is_known(block->fields, block->field_count, name) || is_block(block->blocks, block->block_count, name) ||
           (variant && is_known(variant->fields, variant->field_count, name));
}

/* What a row holds that no field or block stands for, or twice. */
static void tell_unknown(struct roots *r, const char *path, const struct form_block *block, const struct form_variant *variant, const xmlNode *node)
{
    for (xmlNodePtr child = node->children; child; child = child->next) {
        bool before = false;
        if (!is_element(child)) continue;
        for (xmlNodePtr earlier = node->children; earlier != child; earlier = earlier->next) before = before || is_named(earlier, (const char *)child->name);
        if (before || !has_place(r, block, variant, (const char *)child->name)) unknown(r, path, child);
    }
}

static void fields_of(struct roots *r, const char *path, const struct form_field *fields, size_t count, const xmlNode *node)
{
    char own[PATH_SIZE];

    for (size_t i = 0; i < count; i++) {
        xmlNodePtr child = child_named(node, fields[i].name);
        snprintf(own, sizeof own, "%.50s/%.40s", path, fields[i].name);
        if (child) value(r, own, &fields[i], child);
    }
}

static void members(struct roots *r, const char *path, const struct form_block *block, const struct form_variant *variant, const xmlNode *node)
{
    char own[PATH_SIZE];

    if (too_many(r, path, node)) return;
    fields_of(r, path, block->fields, block->field_count, node);
    if (variant) fields_of(r, path, variant->fields, variant->field_count, node);
    for (size_t i = 0; i < block->block_count; i++) {
        xmlNodePtr child = child_named(node, block->blocks[i]->name);
        if (!child) continue;
        snprintf(own, sizeof own, "%.50s/%.40s", path, block->blocks[i]->name);
        json_name(&r->json, block->blocks[i]->name);
        block_value(r, own, block->blocks[i], child);
    }
    tell_unknown(r, path, block, variant, node);
}

/* ---- blocks */

static void rows(struct roots *r, const char *path, const struct form_block *block, const struct form_variant *variant, const xmlNode *node)
{
    char own[PATH_SIZE];
    int number = 0;

    json_array(&r->json);
    for (xmlNodePtr child = node ? node->children : NULL; child; child = child->next) {
        if (!is_element(child)) continue;
        if (!is_named(child, "Row")) {
            unknown(r, path, child);
            continue;
        }
        snprintf(own, sizeof own, "%.80s/%d", path, number++);
        json_object(&r->json);
        members(r, own, block, variant, child);
        json_object_end(&r->json);
    }
    json_array_end(&r->json);
}

/* The element of the chosen variant; another one beside it is a problem. */
static const xmlNode *variant_of(struct roots *r, const char *path, const struct form_block *block, const xmlNode *node, const struct form_variant **variant)
{
    const xmlNode *found = NULL;

    *variant = NULL;
    for (size_t i = 0; i < block->variant_count && !found; i++)
        if ((found = child_named(node, block->variants[i].id))) *variant = &block->variants[i];
    for (const xmlNode *child = node->children; child; child = child->next)
        if (is_element(child) && child != found) unknown(r, path, child);
    return found;
}

static void block_value(struct roots *r, const char *path, const struct form_block *block, xmlNodePtr node)
{
    const struct form_variant *variant = NULL;
    const xmlNode *content = node;

    if (block->variant_count) {
        content = variant_of(r, path, block, node, &variant);
        json_object(&r->json);
        if (variant) json_put_string(&r->json, "variant", variant->id);
        if (block->rows) json_name(&r->json, "rows");
    }
    if (block->rows) {
        rows(r, path, block, variant, content);
    } else {
        if (!block->variant_count) json_object(&r->json);
        if (content) members(r, path, block, variant, content);
        if (!block->variant_count) json_object_end(&r->json);
    }
    if (block->variant_count) json_object_end(&r->json);
}

/* ---- roots */

static void check_version(struct roots *r, xmlNodePtr root)
{
    xmlChar *version = xmlGetNoNsProp(root, BAD_CAST "version");
    char wanted[16];

    snprintf(wanted, sizeof wanted, "%d", r->form->version);
    if (version && strcmp((const char *)version, wanted) != 0)
        bodies_problem(r->bodies, "", "version", "单据格式的版本不是现行版本，请下载新的XSD。", "This is not the version in force; get the new XSD.");
    xmlFree(version);
}

static int take_root(struct roots *r, xmlNodePtr root, struct error *error)
{
    struct buffer body;
    char name[24];
    int code;

    buffer_init(&body, 0);
    json_writer_init(&r->json, &body);
    json_object(&r->json);
    if (!is_named(root, r->form->xml_root)) {
        unknown(r, "", root);
    } else if (!too_many(r, "", root)) {
        check_version(r, root);
        for (size_t i = 0; i < r->form->top_count; i++) {
            const struct form_block *block = r->form->top[i];
            xmlNodePtr child = child_named(root, block->name);
            if (!child) continue;
            json_name(&r->json, block->name);
            block_value(r, block->name, block, child);
        }
        tell_unknown(r, "", NULL, NULL, root);
    }
    json_object_end(&r->json);
    snprintf(name, sizeof name, "%zu", bodies_place(r->bodies));
    code = body.failed ? error_internal(error, "out of memory") : bodies_add(r->bodies, name, buffer_string(&body), body.length, error);
    buffer_free(&body);
    return code;
}

static void silent(void *context, xmlErrorPtr error)
{
    (void)context;
    (void)error;
}

static int broken(xmlTextReaderPtr xml, struct error *error)
{
    char zh[120], en[120];
    int line = xmlTextReaderGetParserLineNumber(xml);

    snprintf(zh, sizeof zh, "不是完整、正确的XML（第%d行附近）。", line);
    snprintf(en, sizeof en, "This is no well-formed XML (near line %d).", line);
    return error_set(error, ERROR_INVALID, "xml", zh, en);
}

/* A document without an envelope counts as one of them. */
static int read_roots(struct roots *r, xmlTextReaderPtr xml, struct error *error)
{
    int more = xmlTextReaderRead(xml);

    while (more == 1) {
        int depth = xmlTextReaderDepth(xml);
        if (xmlTextReaderNodeType(xml) == XML_READER_TYPE_DOCUMENT_TYPE)
            return error_set(error, ERROR_INVALID, "document_type", "XML中不允许有文档类型声明。", "A document type has no place in this XML.");
        bool alone = !depth && !strcmp((const char *)xmlTextReaderConstLocalName(xml), r->form->xml_root);
        if (xmlTextReaderNodeType(xml) != XML_READER_TYPE_ELEMENT || (depth != 1 && !alone)) {
            more = xmlTextReaderRead(xml);
            continue;
        }
        xmlNodePtr root = xmlTextReaderExpand(xml);
        if (!root) return broken(xml, error);
        if (take_root(r, root, error)) return (int)error->code;
        more = xmlTextReaderNext(xml);
    }
    return more < 0 ? broken(xml, error) : 0;
}

int bodies_xml(const struct form *form, const char *bytes, size_t length, struct bodies *bodies, struct error *error)
{
    struct roots r = {.form = form, .bodies = bodies};
    xmlTextReaderPtr xml = xmlReaderForMemory(bytes, (int)length, NULL, "UTF-8", XML_PARSE_NONET | XML_PARSE_COMPACT | XML_PARSE_BIG_LINES);

    if (!xml) return error_internal(error, "no XML reader");
    xmlTextReaderSetStructuredErrorHandler(xml, (xmlStructuredErrorFunc)silent, NULL);
    read_roots(&r, xml, error);
    xmlFreeTextReader(xml);
    return (int)error->code;
}
