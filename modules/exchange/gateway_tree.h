/* What gateway_read.c needs of libxml2. */
#ifndef EXCHANGE_GATEWAY_TREE_H
#define EXCHANGE_GATEWAY_TREE_H

#include "base/arena.h"
#include "base/error.h"

#include <libxml/tree.h>
#include <stdbool.h>

struct gate_schema;

struct tree_error {
    int line;
    const xmlNode *node; /* of a fault against the schema */
    char text[400];      /* English, without the namespace of messages */
};

/* Parses an XML text that is within the limits of xml_outside_limits: no network, no DTD, no entities. NULL with the first error. */
xmlDocPtr tree_parse(const char *xml, size_t length, struct tree_error *about);

/* The first child element of this name (NULL: any), and the next sibling element of this name; NULL for none, and of none. */
const xmlNode *tree_child(const xmlNode *parent, const char *name);
const xmlNode *tree_next(const xmlNode *node, const char *name);

/* The text of an element, in the arena; `trimmed`: without white space around it. NULL when memory is short. */
const char *tree_text(const xmlNode *node, bool trimmed, struct arena *arena);

/* In which line of `whole` the element stands that has the same place there as `node` has in its own tree. */
int tree_line(xmlDocPtr whole, const xmlNode *node);

/* Checks against the schema; `fault` is called for each fault. ERROR_INTERNAL when libxml2 fails. */
int tree_validate(xmlDocPtr tree, struct gate_schema *schema, void (*fault)(void *context, const struct tree_error *), void *context, struct error *error);

#endif
