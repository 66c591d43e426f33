/* Many bodies in one text, for making documents in bulk: a JSON array of bodies, XML with many roots of the published shape in one envelope, or
   a workbook with a sheet for each block. Every document becomes a text of its own, {"body":{...},"problems":[...]}, so that what is wrong
   with one keeps no other from being made. Pure: no files, clock or network. */
#ifndef EXCHANGE_BODIES_H
#define EXCHANGE_BODIES_H

#include "form/form.h"

#define BODIES_MAXIMUM 1000
#define BODIES_ROWS 10002 /* of a sheet: the head, an explanation, and rows */

struct bodies_item {
    const char *name;  /* its place from 1; in a workbook what its first column says */
    struct slice text; /* {"body":{...},"problems":[...]}: what could not be read is a problem with its field, as form_write_problem writes it */
};

struct bodies {
    struct bodies_item *list; /* room for BODIES_MAXIMUM */
    size_t count;
    size_t largest;           /* bytes that a body may have */
    struct arena *arena;
    struct form_problems problems; /* of the one being read */
};

/* Reads the text by its first bytes. ERROR_INVALID (or ERROR_MALFORMED) when nothing of it can be trusted: broken JSON, XML or XLSX, a
   document type in the XML, none or too many documents, a sheet that is no block of the form. */
int bodies_read(const struct form *form, const char *bytes, size_t length, size_t largest, struct arena *arena, struct bodies *bodies, struct error *error);

/* The block that a sheet of this name means: its name, or its label in Chinese or English; NULL = none. */
const struct form_block *bodies_block(const struct form *form, const char *sheet);

#endif
