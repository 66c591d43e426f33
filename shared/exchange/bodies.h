/* Many bodies in one text, for making documents in bulk: a JSON array of bodies, XML with many roots of the published shape in one envelope, a
   workbook with a sheet for each block, or a ZIP of such files with attachments beside them. Every document and every attachment becomes a
   text of its own, so that what is wrong with one keeps no other from being made. Pure: no files, clock or network.

   In a ZIP "A.xml", "A.json" or "A.xlsx" is a file of documents; when it holds one, "A.<type>.<ending>" is an attachment of that document, and
   "A.<type>.<block>.<place>.<ending>" one of a row of it, the first being 1. Endings of attachments: pdf, jpg, jpeg, png. */
#ifndef EXCHANGE_BODIES_H
#define EXCHANGE_BODIES_H

#include "form/form.h"

#define BODIES_MAXIMUM 1000
#define BODIES_ROWS 10002 /* of a sheet: the head, an explanation, and rows */

struct bodies_item {
    const char *name;  /* its place from 1; in a workbook what its first column says; in a ZIP the file's name and / before it, or the attachment's */
    struct slice text; /* for bodies_content_read */
};

struct bodies_content {
    const char *key;      /* what documents and attachments of one ZIP are held together by; "" = nothing */
    struct slice body;    /* of a document (JSON) */
    struct slice problems; /* what could not be read of it: a JSON array as form_write_problems writes it */
    const char *type;     /* of an attachment; NULL = a document */
    const char *block, *file_name;
    int place;            /* of the block's row, from 1; 0 = the whole document */
    struct slice bytes;
};

struct bodies {
    struct bodies_item *list; /* room for BODIES_MAXIMUM */
    size_t count;
    size_t largest;           /* bytes that a body may have */
    struct arena *arena;
    struct form_problems problems; /* of the one being read */
    const char *file, *key;   /* of a ZIP: the one being read; "" elsewhere */
    size_t first;             /* how many came before this file's */
};

/* Reads the text by its first bytes. ERROR_INVALID (or ERROR_MALFORMED) when nothing of it can be trusted: broken JSON, XML or XLSX, a
   document type in the XML, none or too many documents, a sheet that is no block of the form, an attachment of no document. */
int bodies_read(const struct form *form, const char *bytes, size_t length, size_t largest, struct arena *arena, struct bodies *bodies, struct error *error);

/* What an item's text holds; slices and texts are in `text` or the arena. ERROR_INTERNAL for a text that bodies_read has not made. */
int bodies_content_read(const char *text, size_t length, struct arena *arena, struct bodies_content *content, struct error *error);

/* The block that a sheet of this name means: its name, or its label in Chinese or English; NULL = none. */
const struct form_block *bodies_block(const struct form *form, const char *sheet);

#endif
