/* What is asked before anything is stored: first values, the checklist, the verdict. */
#include "document/internal.h"

#include "base/date.h"

#include <stdio.h>
#include <string.h>

struct draft {
    struct doc_module *module;
    const struct form *form;
    struct form_body *body;
    struct doc_sources sources;
    struct form_context context;
};

/* Reads the body (an empty one when there is none) and sets up the context. On success the module's read lock is held. */
static int open_draft(struct draft *draft, struct doc_module *module, struct store_connection *reader, const struct principal *principal,
                      const char *form_name, const char *text, size_t length, int64_t now, struct arena *arena,
                      struct form_problems *problems, struct error *error)
{
    int32_t today = date_of_instant(now);

    draft->module = module;
    if (!(draft->form = doc_form(module, form_name, today)))
        return error_set(error, ERROR_NOT_FOUND, "unknown_form", "没有这种单据。", "There is no such kind of document.");
    if (length > DOC_BODY_MAXIMUM) return error_set(error, ERROR_TOO_LARGE, "too_large", "单据内容太大。", "The document is too large.");
    if (!length) text = "{}", length = 2;
    if (form_read(draft->form, text, length, false, arena, problems, &draft->body, error)) return (int)error->code;
    pthread_rwlock_rdlock(&module->lock);
    doc_context(&draft->sources, module, principal, principal_owner(principal), draft->form, reader, arena, today, &draft->context);
    return 0;
}

static void remember_sheets(struct draft *draft)
{
    const struct form_body *last = draft->sources.last_used;

    for (size_t i = 0; last && i < draft->form->top_count; i++) {
        const struct form_block *block = draft->form->top[i];
        if (!block->sheet || block->rows) continue;
        JSON_EACH(name, json_member(json_member(block->json, "sheet"), "remember"))
            for (size_t s = 0; s < block->slot_count; s++)
                if (!strcmp(block->slots[s], name->text.text) && draft->body->top[i].rows[0].values[s].kind == VALUE_ABSENT)
                    draft->body->top[i].rows[0].values[s] = last->top[i].rows[0].values[s];
    }
}

int doc_need_filing(const struct form *form, const struct form_context *context, struct error *error)
{
    if (!form->filing.at_create || !context->unfiled) return 0;
    return error_set(error, ERROR_CONFLICT, "filing_required", form->filing.message.zh, form->filing.message.en);
}

int doc_new_body(struct doc_module *module, struct store_connection *reader, const struct principal *principal,
                 const char *form_name, const char *body, size_t length, int64_t now, struct arena *arena, struct buffer *out,
                 struct error *error)
{
    struct form_problems *problems = arena_alloc(arena, sizeof *problems);
    struct draft draft = {.module = module};
    struct json_writer json;

    if (!problems) return error_internal(error, "out of memory");
    if (open_draft(&draft, module, reader, principal, form_name, body, length, now, arena, problems, error)) return (int)error->code;
    if (doc_need_filing(draft.form, &draft.context, error)) {
        pthread_rwlock_unlock(&module->lock);
        return (int)error->code;
    }
    form_fill_new(draft.body, &draft.context);
    remember_sheets(&draft);
    form_evaluate(draft.body, &draft.context, FORM_NEVER, problems);
    json_writer_init(&json, out);
    form_write(draft.body, &json, NULL, draft.context.today);
    pthread_rwlock_unlock(&module->lock);
    return 0;
}

/* State, right and key of the action that submits: what would stop it besides the body. */
static void check_submission(struct draft *draft, const struct doc_row *row, const struct principal *principal, bool has_key, struct form_problems *problems,
                             struct arena *arena)
{
    struct error error;

    for (size_t i = 0; i < draft->form->action_count; i++) {
        const struct form_action *action = &draft->form->actions[i];
        if (!action->complete || action->by != ACTOR_APPLICANT) continue;
        error_clear(&error);
        if (doc_may(action, row, principal, draft->module, &error))
            form_problem_add(problems, "", error.code == ERROR_FORBIDDEN ? "right" : "state", false, arena_text(arena, error.zh), arena_text(arena, error.en));
        if (draft->module->key_required && !has_key && doc_needs_key(action, draft->body, draft->context.today))
            form_problem_add(problems, "", "R-KEY-1", false, "申报前须绑定电子钥匙，请在“我的IC卡”中绑定。", "Bind your electronic key under “My keys” before you submit.");
    }
}

int doc_check(struct doc_module *module, struct store_connection *reader, const struct principal *principal, const char *form_name,
              int64_t id, bool has_key, const char *body, size_t length, int64_t now, struct arena *arena, struct json_writer *json,
              struct error *error)
{
    struct form_problems *problems = arena_alloc(arena, sizeof *problems);
    struct draft *draft = arena_alloc(arena, sizeof *draft);
    struct doc_row row;

    if (!problems || !draft) return error_internal(error, "out of memory");
    if (id && doc_read(reader, principal, module->name, id, false, arena, &row, error)) return (int)error->code;
    if (open_draft(draft, module, reader, principal, form_name, body, length, now, arena, problems, error)) return (int)error->code;
    if (id && doc_load_attachments(&draft->sources, reader, id, &draft->context, error)) {
        pthread_rwlock_unlock(&module->lock);
        return (int)error->code;
    }
    doc_resolve_references(&draft->sources, draft->body, problems);
    doc_check_options(&draft->sources, draft->body, problems);
    form_evaluate(draft->body, &draft->context, FORM_SUBMIT, problems);
    if (id) check_submission(draft, &row, principal, has_key, problems, arena);
    else form_problem_add(problems, "", "unsaved", false, "请先暂存，再申报。", "Save first, then submit.");
    json_object(json);
    json_name(json, "body");
    form_write(draft->body, json, NULL, draft->context.today);
    json_name(json, "errors");
    form_write_problems(problems, json);
    form_write_marks(draft->body, &draft->context, json);
    json_put_boolean(json, "ready", problems->errors == 0);
    json_object_end(json);
    pthread_rwlock_unlock(&module->lock);
    return 0;
}

static void need(const struct form_field *field, const char *path, struct form_problems *problems, struct arena *arena)
{
    form_problem_add(problems, path, "required", false, arena_printf(arena, "请填写%s。", field->label.zh),
                     arena_printf(arena, "Fill in: %s.", field->label.en));
}

/* A verdict needs its fields; each missing one is a problem at its place. Of a row block every row needs it, and there must be one. */
static void need_verdict_fields(const struct draft *draft, struct form_problems *problems, struct arena *arena)
{
    JSON_EACH(name, json_member(json_member(draft->form->json, "verdict"), "fields")) {
        const struct form_field *field = form_path_find(draft->form, name->text.text);
        const struct form_rows *rows = NULL;
        if (field->required == FORM_NEVER) continue;
        for (size_t i = 0; i < draft->form->top_count; i++)
            if (draft->form->top[i] == field->block) rows = &draft->body->top[i];
        if (field->block->rows && rows && !rows->count) need(field, field->block->name, problems, arena);
        for (size_t i = 0; rows && i < rows->count; i++) {
            if (rows->rows[i].values[field->slot].kind != VALUE_ABSENT) continue;
            need(field, field->block->rows ? arena_printf(arena, "%s/%zu/%s", field->block->name, i, field->name)
                                           : arena_printf(arena, "%s/%s", field->block->name, field->name), problems, arena);
        }
    }
}

int doc_verdict(struct doc_module *module, const struct principal *principal, const char *form_name, const char *body, size_t length,
                int64_t now, struct arena *arena, struct form_problems *problems, struct json_writer *json, struct error *error)
{
    struct draft *draft = arena_alloc(arena, sizeof *draft);
    const struct form_verdict *verdict;

    if (!draft) return error_internal(error, "out of memory");
    if (open_draft(draft, module, NULL, principal, form_name, body, length, now, arena, problems, error)) return (int)error->code;
    form_evaluate(draft->body, &draft->context, FORM_NEVER, problems);
    need_verdict_fields(draft, problems, arena);
    verdict = form_decide(draft->body, &draft->context);
    pthread_rwlock_unlock(&module->lock);
    if (doc_problems_error(problems, error)) return (int)error->code;
    json_object(json);
    json_put_string(json, "answer", verdict ? verdict->answer : "electronic");
    json_put_string(json, "rule", verdict ? verdict->id : "");
    json_put_words(json, "message", verdict ? verdict->message.zh : "", verdict ? verdict->message.en : "");
    json_object_end(json);
    return 0;
}
