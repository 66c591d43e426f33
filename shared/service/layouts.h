/* Layouts of a module's prints, and whether they may be printed as the official form. */
#ifndef SERVICE_LAYOUTS_H
#define SERVICE_LAYOUTS_H

#include "document/document.h"
#include "print/print.h"

#define LAYOUT_NAME_SIZE 96
#define LAYOUT_FILE_MAXIMUM (256u << 10) /* bytes */

/* Reads schema/print/<name>.json with its parts; free it with print_layout_free. ERROR_INTERNAL names the file and what is wrong. */
int layout_open(const struct doc_module *module, const char *name, struct print_layout **layout, struct error *error);

/* The layout of a print that goes "by" a field: "<layout>_<code>". False for a code with anything but letters and digits. */
bool layout_name(const char *layout, struct slice by, char name[LAYOUT_NAME_SIZE]);

/* Whether the layout says so itself, or an administrator has said so of this very version. */
int layout_confirmed(struct store_connection *db, const char *name, const struct print_layout *layout, bool *confirmed, struct error *error);

#endif
