/* Documents as messages of other systems: a mapping (schema/exchange/<name>.json) says which element is which field; what is here
   reads such a message into a body, writes a body as one, and publishes its XML Schema. Pure: no files, clock or network.

   A compiled mapping is read-only and may be used by many threads. */
#ifndef EXCHANGE_EXCHANGE_H
#define EXCHANGE_EXCHANGE_H

#include "form/form.h"

#define EXCHANGE_FILE_MAXIMUM (2u << 20) /* bytes of one message */
#define EXCHANGE_DEPTH 8                 /* elements within each other, in mappings and messages */
#define EXCHANGE_PROBLEMS 100            /* told of one file */
#define EXCHANGE_PATH 160                /* bytes of an element's path, "CertificateList/Goods[2]/HSCode" */

enum exchange_kind {
    EXCHANGE_GROUP,    /* has elements of its own */
    EXCHANGE_ROWS,     /* the same, once for each row of a block */
    EXCHANGE_FIELD,
    EXCHANGE_COLUMN,   /* written from the document's row; passed over when read */
    EXCHANGE_STATE,    /* likewise, from the document's state */
    EXCHANGE_CONSTANT, /* always the same */
    EXCHANGE_NUMBER,   /* the row's number, from 1 */
    EXCHANGE_PASS      /* accepted with whatever is in it, and not kept */
};

struct exchange_pair { const char *ours, *theirs; };
struct exchange_target { const struct form_block *block; int slot; };

struct exchange_element {
    const char *name;
    enum exchange_kind kind;
    int maximum;             /* characters; 0 = none is published */
    bool required, key, write_only, check, date, decimal;
    struct exchange_target target, *also; /* of a field; further fields that it fills */
    size_t also_count;
    const struct form_block *block;       /* of rows */
    struct exchange_target find;          /* a reference that this value finds; block NULL = none */
    const char *find_column;              /* among the documents referred to */
    const char *by;                       /* column of a code's row that stands for the code */
    struct exchange_pair *values;         /* of a field, or states ("*" = any other) */
    size_t value_count;
    const char **accept;                  /* of `values`, what may be read */
    size_t accept_count;
    const char *constant;
    const char **columns;                 /* the first that has a value is written */
    size_t column_count;
    struct exchange_element *elements;
    size_t element_count;
    const struct exchange_element *parent; /* NULL at the top */
};

struct exchange_files { /* messages that carry a file for another message; root NULL = none */
    const char *root, *key, *type, *file_name, *content;
    const char **pass;
    size_t pass_count;
};

struct exchange {
    const struct form *form;
    const char *root, *name_space;         /* name_space "" = none */
    struct exchange_element top;           /* the root's elements */
    struct exchange_target variant_field;  /* its code's row names the variants; block NULL = none */
    const char *variant_column;
    struct exchange_target file_name;      /* what an exported file is called */
    const struct form_block *tables[8];    /* row blocks that are also read from spreadsheets */
    size_t table_count;
    struct exchange_files files;
    struct arena arena;
};

/* Compiles a mapping against one version of its form. On failure NULL; error->detail says line and reason. Free with exchange_free. */
struct exchange *exchange_compile(const char *text, size_t length, const struct form *form, struct error *error);
void exchange_free(struct exchange *exchange);
/* The name of the form that a mapping is for (into the arena), NULL with an error when the text is no mapping. */
const char *exchange_form_name(const char *text, size_t length, struct arena *arena, struct error *error);

/* Once, before threads are started. */
void exchange_start(void);

/* ---- what the caller knows */

struct exchange_filter { const char *column; struct slice text; };

struct exchange_context {
    const struct form_codes *codes; /* must stay as long as what was read with them */
    int32_t today;
    /* The owner's document that a reference may refer to and whose columns hold these texts, as text into `id`; false when there is none. */
    bool (*find)(void *context, const struct form_field *reference, const struct exchange_filter *filters, size_t count, char id[24]);
    void *find_context;
};

/* ---- problems, by line and element */

struct exchange_problem {
    int line;           /* from 1; of a table: the row */
    const char *element; /* path below the root; of a table: the column's letters */
    const char *field;  /* path in the body, or "" */
    const char *rule, *zh, *en;
    bool warning;
};

struct exchange_problems {
    struct exchange_problem list[EXCHANGE_PROBLEMS];
    size_t count;
    bool more;
    struct arena *arena; /* texts are copied into it */
};

void exchange_problem_add(struct exchange_problems *problems, int line, const char *element, const char *field, const char *rule,
                          const char *zh, const char *en);
/* In the order of their lines. */
void exchange_problems_sort(struct exchange_problems *problems);
/* [{"line","element","field","rule","message":{zh,en},"level"}]; the first two by the names given ("row", "column" of a sheet). */
void exchange_problems_write(const struct exchange_problems *problems, const char *line, const char *element, struct json_writer *json);

/* Where what stands in a body came from. */
struct exchange_place { const char *path, *element; int line; struct slice said; };
struct exchange_places {
    struct exchange_place *list;
    size_t count, room;
    struct arena *arena;
};

/* NULL when nothing of that path was read. */
const struct exchange_place *exchange_place_find(const struct exchange_places *places, const char *path);

/* ---- reading */

struct exchange_message {
    bool is_file;          /* a file for the message with the same key */
    const char *key;       /* "" when it has none */
    struct buffer body;    /* JSON for form_read; free it */
    struct exchange_places places;
    const char *type, *file_name; /* of a file; its bytes */
    char *bytes;
    size_t length;
};

/* Reads a message (UTF-8). What is wrong becomes problems and the rest is still read; broken XML ends it. Nothing outside of `text` is
   ever looked at: document types, entities and external things are refused. */
void exchange_read(const struct exchange *exchange, const struct exchange_context *context, const char *text, size_t length, struct arena *arena,
                   struct exchange_message *message, struct exchange_problems *problems);

/* Takes over a problem of a body read from a message: told with the line and element that its field came from. Passed over when that
   field has been told already. */
void exchange_problem_of_field(const struct exchange *exchange, const struct exchange_message *message, const struct form_problem *problem,
                               struct exchange_problems *problems);

/* Compares what the message says of computed fields (`check`) with what the body holds. */
void exchange_check_computed(const struct exchange *exchange, const struct form_body *body, const struct exchange_message *message,
                             struct exchange_problems *problems);

/* ---- writing */

struct exchange_source {
    const struct form_body *body;
    const struct form_codes *codes;
    int32_t today;
    const char *state;
    const char *(*column)(void *context, const char *name); /* of the document's row; "" when empty */
    void *column_context;
};

/* The body as such a message. A value that does not fit what is published is a problem (line 0), and nothing is to be sent then. */
void exchange_write(const struct exchange *exchange, const struct exchange_source *source, struct buffer *out, struct exchange_problems *problems);

/* XML Schema of everything that exchange_write writes. */
void exchange_write_xsd(const struct exchange *exchange, struct buffer *out);

#endif
