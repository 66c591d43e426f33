#define _GNU_SOURCE /* memmem */
#include "document.h"

#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <string.h>

#define NAMESPACE "urn:singlewindow:signed-application:1"

bool number_good(const char *number, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!((number[i] >= '0' && number[i] <= '9') || (number[i] >= 'A' && number[i] <= 'Z') || number[i] == '-'))
            return false;
    return length && length < NUMBER_SIZE;
}

/* Whether exclusive canonicalization gives the very bytes it was read from. */
static bool canonical(xmlDoc *xml, const char *document, size_t length)
{
    xmlChar *text = NULL;
    int size = xmlC14NDocDumpMemory(xml, NULL, XML_C14N_EXCLUSIVE_1_0, NULL, 0, &text);
    bool same = size >= 0 && (size_t)size == length && !memcmp(text, document, length);
    xmlFree(text);
    return same;
}

static bool number_of(const xmlNode *root, char number[NUMBER_SIZE])
{
    if (!root || strcmp((const char *)root->name, "SignedApplication") || !root->ns || strcmp((const char *)root->ns->href, NAMESPACE))
        return false;
    xmlChar *value = xmlGetNoNsProp(root, (const xmlChar *)"applicationNo");
    size_t length = value ? strlen((const char *)value) : 0;
    bool good = value && number_good((const char *)value, length);
    if (good)
        memcpy(number, value, length + 1);
    xmlFree(value);
    return good;
}

enum refusal document_check(enum key_algorithm algorithm, const char *document, size_t length, const char *signed_info, size_t signed_info_length,
                            char number[NUMBER_SIZE])
{
    struct signature_profile profile = signature_profile_of(algorithm);
    struct buffer expected;
    buffer_init(&expected, SIGNED_INFO_MAXIMUM);
    bool same = signed_info_make(&profile, document, length, &expected) && expected.length == signed_info_length &&
                !memcmp(expected.data, signed_info, signed_info_length);
    buffer_free(&expected);
    /* canonical XML of ours has neither a DTD nor comments nor processing instructions: the parser need not see any */
    if (!same || memmem(document, length, "<!", 2) || memmem(document, length, "<?", 2))
        return BAD_DOCUMENT;
    xmlDoc *xml = xmlReadMemory(document, (int)length, NULL, "UTF-8", XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    bool good = xml && number_of(xmlDocGetRootElement(xml), number) && canonical(xml, document, length);
    xmlFreeDoc(xml);
    return good ? DONE : BAD_DOCUMENT;
}
