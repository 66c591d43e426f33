/* The names of the codes that a body uses, copied into it at submission: tables change, documents do not. */
#include "form/internal.h"

#include <string.h>

struct naming {
    const struct form_codes *codes;
    struct json_writer *json;
    int32_t day;
    const char *list;      /* the list whose codes are being written */
    const char *done[48];  /* lists already written */
    size_t done_count;
    struct slice seen[256];
    size_t seen_count;
    bool open;
};

typedef void field_visitor(struct naming *naming, const struct form_field *field, struct form_value value);

static void visit_rows(const struct form_block *block, const struct form_rows *rows, struct naming *naming, field_visitor *visit)
{
    for (size_t r = 0; r < rows->count; r++) {
        for (size_t s = 0; s < block->slot_count; s++) {
            const struct form_field *field = form_field_at(block, rows->variant, (int)s);
            if (field && field->type == FORM_CODE && rows->rows[r].values[s].kind == VALUE_TEXT)
                visit(naming, field, rows->rows[r].values[s]);
        }
        for (size_t b = 0; b < block->block_count; b++) visit_rows(block->blocks[b], &rows->rows[r].children[b], naming, visit);
    }
}

static void visit_codes(const struct form_body *body, struct naming *naming, field_visitor *visit)
{
    for (size_t i = 0; i < body->form->top_count; i++) visit_rows(body->form->top[i], &body->top[i], naming, visit);
}

static void write_name(struct naming *naming, const struct form_field *field, struct form_value value)
{
    const void *row;
    char code[65];

    if (strcmp(field->list, naming->list) || value.text.length > 64 || naming->seen_count == 256) return;
    for (size_t i = 0; i < naming->seen_count; i++)
        if (naming->seen[i].length == value.text.length && !memcmp(naming->seen[i].text, value.text.text, value.text.length)) return;
    if (!(row = naming->codes->find(naming->codes->context, field->list, field->scheme, value.text, naming->day))) return;
    naming->seen[naming->seen_count++] = value.text;
    memcpy(code, value.text.text, value.text.length);
    code[value.text.length] = '\0';
    if (!naming->open) {
        json_name(naming->json, naming->list);
        json_object(naming->json);
        naming->open = true;
    }
    struct slice name = naming->codes->column(naming->codes->context, field->list, row, "name");
    json_name(naming->json, code);
    json_text(naming->json, name.text, name.length);
}

static void collect_list(struct naming *naming, const struct form_field *field, struct form_value value)
{
    (void)value;
    for (size_t i = 0; i < naming->done_count; i++)
        if (!strcmp(naming->done[i], field->list)) return;
    if (naming->done_count < sizeof naming->done / sizeof *naming->done) naming->done[naming->done_count++] = field->list;
}

void write_code_names(const struct form_body *body, const struct form_codes *codes, int32_t day, struct json_writer *json)
{
    struct naming naming = {.codes = codes, .json = json, .day = day};

    json_name(json, "names");
    json_object(json);
    visit_codes(body, &naming, collect_list);
    for (size_t i = 0; i < naming.done_count; i++) {
        naming.list = naming.done[i];
        naming.seen_count = 0;
        naming.open = false;
        visit_codes(body, &naming, write_name);
        if (naming.open) json_object_end(json);
    }
    json_object_end(json);
}
