/* A document that stands for several: its submission makes (or, where one was returned, corrects) a document of another form for each row
   of a block, and submits it. What the two forms call alike is copied. */
#include "document/internal.h"

#include "base/date.h"

#include <stdio.h>
#include <string.h>

struct splitting {
    struct store_connection *db;
    struct doc_act *act;
    const struct json *split; /* {"form","each","source","action"} */
    const struct form *target;
    const struct json *body;  /* of the document that is split */
    const char *each;
    struct arena arena;
};

static const struct principal portal = {.kind = PRINCIPAL_SYSTEM, .display_name = "portal"};

static const struct json *find_plain(const struct json *body, const char *name)
{
    JSON_EACH(block, body) {
        const struct json *found = block->kind == JSON_OBJECT ? json_member(block, name) : NULL;
        if (found) return found;
    }
    return NULL;
}

static void write_target(const struct splitting *s, const struct json *row, struct json_writer *out)
{
    const char *source = json_member_text(s->split, "source", "");

    json_object(out);
    for (size_t t = 0; t < s->target->top_count; t++) {
        const struct form_block *block = s->target->top[t];
        const struct json *rows = block->rows ? json_member(s->body, block->name) : NULL;
        if (block->rows && !rows) continue;
        json_name(out, block->name);
        if (rows) {
            json_tree_write(rows, "row_id", out); /* its rows are new rows over there */
            continue;
        }
        json_object(out);
        for (size_t f = 0; f < block->field_count; f++) {
            const char *name = block->fields[f].name;
            const struct json *found = json_member(row, name) ? json_member(row, name) : find_plain(s->body, name);
            if (!strcmp(name, source)) json_put_string(out, name, s->act->row.application_no);
            else if (found) {
                json_name(out, name);
                json_tree_write(found, NULL, out);
            }
        }
        json_object_end(out);
    }
    json_object_end(out);
}

/* The document that an earlier submission made for the same row: by where it came from and its kind. */
static int find_made(const struct splitting *s, const struct doc_save *save, int64_t *id, bool *editable, struct error *error)
{
    const struct form_action *edit = form_action_find(s->target, "edit");
    struct store_rows rows;

    *id = 0;
    if (store_query(s->db, &rows, error, "SELECT id, state FROM document WHERE enterprise = $1 AND form = $2 AND reference_no = $3 AND kind = $4 ORDER BY id DESC LIMIT 1",
                    STORE_VALUES(store_integer(s->act->row.enterprise), store_string(s->target->name), store_string(s->act->row.application_no),
                                 doc_column(&save->columns, COLUMN_KIND))))
        return (int)error->code;
    if (store_next(&rows)) {
        *id = store_column_integer(&rows, 0);
        *editable = edit && form_action_allowed_from(edit, store_column_text(&rows, 1, NULL));
    }
    return store_end(&rows);
}

static int submit(const struct splitting *s, int64_t id, struct arena *arena, struct form_problems *problems, struct error *error)
{
    struct doc_act act;

    problems->count = problems->errors = 0;
    if (doc_prepare_act(s->act->module, s->db, &portal, id, -1, json_member_text(s->split, "action", "submit"), "", s->act->now, arena, problems, &act, error)) {
        for (size_t i = 0; i < problems->count; i++) /* told at the document that the applicant sees */
            if (!problems->list[i].warning) return error_set(error, ERROR_INVALID, "invalid", problems->list[i].zh, problems->list[i].en);
        return (int)error->code;
    }
    doc_write_act(s->db, &act, error);
    buffer_free(&act.body);
    return (int)error->code;
}

static int make(struct splitting *s, const char *body, size_t length, struct error *error)
{
    struct form_problems *problems = arena_alloc(&s->arena, sizeof *problems);
    struct principal owner = *s->act->principal;
    struct doc_save save;
    int64_t made;
    bool editable = false;

    if (!problems) return error_internal(error, "out of memory");
    owner.grants[0].rights = ~0u; /* who may submit the one may make what it stands for */
    snprintf(owner.grants[0].module, sizeof owner.grants[0].module, "*");
    owner.grant_count = 1;
    if (doc_prepare_create(s->act->module, s->db, &owner, s->target->name, body, length, s->act->now, &s->arena, problems, &save, error)) return (int)error->code;
    if (find_made(s, &save, &made, &editable, error) || (made && !editable)) { /* what is under review or granted stays as it is */
        buffer_free(&save.body);
        return (int)error->code;
    }
    if (made) {
        buffer_free(&save.body);
        if (doc_prepare_save(s->act->module, s->db, &portal, made, -1, body, length, s->act->now, &s->arena, problems, &save, error)) return (int)error->code;
    }
    if (!doc_write_save(s->db, &save, error)) submit(s, save.id, &s->arena, problems, error);
    buffer_free(&save.body);
    return (int)error->code;
}

static int split_rows(struct splitting *s, struct error *error)
{
    struct buffer body;
    struct json_writer json;
    int code = 0;

    if (!(s->body = json_tree(s->act->body.data, s->act->body.length, &s->arena, error))) return (int)error->code;
    buffer_init(&body, DOC_BODY_MAXIMUM);
    JSON_EACH(row, json_member(s->body, s->each)) {
        buffer_reset(&body);
        json_writer_init(&json, &body);
        write_target(s, row, &json);
        if (body.failed) code = error_internal(error, "out of memory");
        if (code || (code = make(s, buffer_string(&body), body.length, error))) break;
    }
    buffer_free(&body);
    return code;
}

int doc_split(struct store_connection *db, struct doc_act *act, struct error *error)
{
    struct splitting s = {.db = db, .act = act, .split = json_member(act->form->json, "split")};

    s.each = json_member_text(s.split, "each", "");
    s.target = doc_form(act->module, json_member_text(s.split, "form", ""), date_of_instant(act->now));
    arena_init(&s.arena, 0);
    split_rows(&s, error);
    arena_free(&s.arena);
    return (int)error->code;
}

int doc_check_split(const struct doc_module *module, const struct form *form, struct error *error)
{
    const struct json *split = json_member(form->json, "split");
    const struct form *target = split ? doc_form(module, json_member_text(split, "form", ""), INT32_MAX) : NULL;
    const struct form_block *each = split ? form_block_find(form, json_member_text(split, "each", "")) : NULL;

    if (!split) return 0;
    if (!target || !each || !each->rows || each->parent || !form_field_find(target, json_member_text(split, "source", "")) ||
        !form_action_find(target, json_member_text(split, "action", "submit")))
        return error_internal(error, "%s: split names a form of this module, a row block of this form, and a field and an action of the other", form->name);
    return 0;
}
