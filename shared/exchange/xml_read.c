/* Messages, read by libxml2's pull reader over text in memory: no document type, no entities, no network. */
#define _GNU_SOURCE
#include "exchange/internal.h"

#include "base/base64.h"
#include "base/utf8.h"

#include <libxml/xmlreader.h>
#include <stdio.h>
#include <stdlib.h>

struct reading {
    const struct exchange *exchange;
    struct taking taking;
    xmlTextReaderPtr xml;
    struct exchange_message *message;
    struct exchange_problems *problems;
    struct arena *arena;
    bool broken, read; /* the XML; a root was there */
    struct { struct exchange_target target; struct cell cell; } rows_of[16]; /* what the head says for every row */
    size_t rows_of_count;
};

struct spot { /* where in the message, and which row its fields belong to */
    const struct exchange_element *element;
    struct taken_row *row;
    const struct form_block *block; /* NULL: no row */
    char path[EXCHANGE_PATH], field[96];
};

static void problem(struct reading *r, int line, const char *element, const char *rule, const char *zh, const char *en)
{
    exchange_problem_add(r->problems, line, element, "", rule, zh, en);
}

/* ---- libxml2 */

static int line_of(const struct reading *r)
{
    xmlNodePtr node = xmlTextReaderCurrentNode(r->xml);
    long line = node ? xmlGetLineNo(node) : 0;

    return line > 0 ? (int)line : 1;
}

static void broken(void *context, xmlErrorPtr error)
{
    struct reading *r = context;
    char zh[300], en[300], said[200];
    const char *message;

    if (r->broken || !error || error->level < XML_ERR_ERROR) return;
    r->broken = true;
    message = error->message ? error->message : "";
    snprintf(said, sizeof said, "%.*s", (int)utf8_cut(message, strcspn(message, "\n"), sizeof said - 1), message);
    for (char *at = said; *at; at++)
        if ((unsigned char)*at < 0x20) *at = ' ';
    snprintf(zh, sizeof zh, "不是完整、正确的XML，请重新导出该文件。（%s）", said);
    snprintf(en, sizeof en, "This is no well-formed XML; export the file anew. (%s)", said);
    problem(r, error->line > 0 ? error->line : 1, "", "xml", zh, en);
}

/* The next node; false at the end or where the XML is broken. */
static bool next_node(struct reading *r)
{
    return !r->broken && xmlTextReaderRead(r->xml) == 1 && !r->broken;
}

static bool is_start(const struct reading *r) { return xmlTextReaderNodeType(r->xml) == XML_READER_TYPE_ELEMENT; }

/* Behind the end of the element at hand. */
static bool pass_over(struct reading *r)
{
    int depth = xmlTextReaderDepth(r->xml);

    if (xmlTextReaderIsEmptyElement(r->xml)) return true;
    while (next_node(r)) {
        if (xmlTextReaderDepth(r->xml) > EXCHANGE_DEPTH * 2) {
            problem(r, line_of(r), "", "too_deep", "元素嵌套太深。", "Elements stand too deep within each other.");
            r->broken = true;
            return false;
        }
        if (xmlTextReaderNodeType(r->xml) == XML_READER_TYPE_END_ELEMENT && xmlTextReaderDepth(r->xml) == depth) return true;
    }
    return false;
}

/* The text of the element at hand, trimmed. */
static bool text_here(struct reading *r, const char *path, struct slice *text)
{
    int depth = xmlTextReaderDepth(r->xml), line = line_of(r);
    struct buffer collected;
    bool told = false;

    *text = (struct slice){NULL, 0};
    if (xmlTextReaderIsEmptyElement(r->xml)) return true;
    buffer_init(&collected, EXCHANGE_FILE_MAXIMUM);
    while (next_node(r)) {
        int type = xmlTextReaderNodeType(r->xml);
        const char *value = (const char *)xmlTextReaderConstValue(r->xml);
        if (type == XML_READER_TYPE_END_ELEMENT && xmlTextReaderDepth(r->xml) == depth) break;
        if ((type == XML_READER_TYPE_TEXT || type == XML_READER_TYPE_CDATA || type == XML_READER_TYPE_SIGNIFICANT_WHITESPACE) && value)
            buffer_text(&collected, value);
        if (type != XML_READER_TYPE_ELEMENT) continue;
        if (!told) problem(r, line, path, "no_elements", "该元素只能有文字，不能有下级元素。", "This element holds text only, no elements.");
        told = true;
        if (!pass_over(r)) break;
    }
    const char *start = buffer_string(&collected), *end = start + collected.length;
    while (start < end && strchr(" \t\r\n", *start)) start++;
    while (end > start && strchr(" \t\r\n", end[-1])) end--;
    if (end > start) *text = (struct slice){arena_copy(r->arena, start, (size_t)(end - start)), (size_t)(end - start)};
    buffer_free(&collected);
    return !r->broken;
}

/* ---- values */

static struct cell *cell_of(struct reading *r, const struct spot *spot, const struct exchange_target *target)
{
    int top = top_index(r->exchange->form, target->block);

    if (target->block == spot->block) return &spot->row->cells[target->slot];
    if (top < 0 || target->block->rows) return NULL;
    if (!r->taking.top[top].count && !taken_add(&r->taking.top[top], target->block, r->arena)) return NULL;
    return &r->taking.top[top].rows[0].cells[target->slot];
}

static void take_value(struct reading *r, const struct spot *spot, const struct exchange_target *target, struct cell cell)
{
    struct cell *into = cell_of(r, spot, target);

    if (into) *into = cell;
    else if (r->rows_of_count < sizeof r->rows_of / sizeof *r->rows_of) { /* the head says it for every row */
        r->rows_of[r->rows_of_count].target = *target;
        r->rows_of[r->rows_of_count++].cell = cell;
    }
}

static void take_constant(struct reading *r, const struct spot *spot, struct slice text, int line)
{
    if (!slice_is(text, spot->element->constant))
        problem(r, line, spot->path, "unknown_value", "该元素只能填写规定的值。", "This element has one fixed value only.");
}

static void take_text(struct reading *r, const struct spot *spot, struct slice text, int line)
{
    const struct exchange_element *element = spot->element;
    struct cell cell = {text, element, line, arena_text(r->arena, spot->path)};

    if (!text.text) {
        if (element->required) problem(r, line, spot->path, "required", "该元素不能为空，请填写。", "This element must not be empty.");
        return;
    }
    if (element->key) r->message->key = arena_copy(r->arena, text.text, text.length);
    if (element->kind == EXCHANGE_CONSTANT) take_constant(r, spot, text, line);
    if (element->kind != EXCHANGE_FIELD && element->maximum && utf8_count(text.text, text.length) > (size_t)element->maximum)
        problem(r, line, spot->path, "too_long", "内容超过该项的最大长度，请缩短。", "Longer than this element may be; shorten it.");
    if (element->kind != EXCHANGE_FIELD || (element->write_only && !element->check)) return;
    take_value(r, spot, &element->target, cell);
    for (size_t i = 0; i < element->also_count; i++) take_value(r, spot, &element->also[i], cell);
}

/* ---- elements */

static const struct exchange_element *child_named(const struct exchange_element *parent, const char *name)
{
    for (size_t i = 0; i < parent->element_count; i++)
        if (!strcmp(parent->elements[i].name, name)) return &parent->elements[i];
    return NULL;
}

static void read_children(struct reading *r, struct spot *spot);

/* The row that a rows element begins: of the row around it, or at the top. */
static bool begin_row(struct reading *r, const struct spot *around, struct spot *spot, size_t number)
{
    const struct exchange_element *element = spot->element;
    struct taken_rows *rows = NULL;
    const struct slice nothing = {NULL, 0};
    int top = top_index(r->exchange->form, element->block);

    if (top >= 0) rows = &r->taking.top[top];
    for (size_t i = 0; around->block && top < 0 && i < around->block->block_count; i++)
        if (around->block->blocks[i] == element->block) rows = &around->row->children[i];
    if (!rows || rows->count >= FORM_ROWS || !(spot->row = taken_add(rows, element->block, r->arena))) {
        problem(r, line_of(r), spot->path, "too_many_rows", "行数太多。", "There are too many rows.");
        return false;
    }
    spot->block = element->block;
    snprintf(spot->path, sizeof spot->path, "%.*s%s%s[%zu]", 100, around->path, *around->path ? "/" : "", element->name, number);
    if (top >= 0) snprintf(spot->field, sizeof spot->field, "%s/%zu", element->block->name, rows->count - 1);
    else snprintf(spot->field, sizeof spot->field, "%.*s/%s/%zu", 40, around->field, element->block->name, rows->count - 1);
    if (rows->count == 1) {
        char list[96];
        snprintf(list, sizeof list, "%s", spot->field);
        *strrchr(list, '/') = '\0';
        place_add(r->taking.places, list, around->path, line_of(r), nothing);
    }
    place_add(r->taking.places, spot->field, spot->path, line_of(r), nothing);
    return true;
}

static void read_element(struct reading *r, const struct spot *around, const struct exchange_element *element, size_t number)
{
    struct spot *spot = arena_alloc(r->arena, sizeof *spot);
    struct slice text;
    int line = line_of(r);

    if (!spot) {
        r->broken = true;
        return;
    }
    *spot = *around;
    spot->element = element;
    snprintf(spot->path, sizeof spot->path, "%.*s%s%s", 100, around->path, *around->path ? "/" : "", element->name);
    if (element->kind == EXCHANGE_PASS) {
        pass_over(r);
    } else if (element->kind == EXCHANGE_GROUP) {
        place_add(r->taking.places, "", spot->path, line, (struct slice){NULL, 0});
        read_children(r, spot);
    } else if (element->kind == EXCHANGE_ROWS) {
        if (begin_row(r, around, spot, number)) read_children(r, spot);
        else pass_over(r);
    } else if (text_here(r, spot->path, &text)) {
        take_text(r, spot, text, line);
    }
}

static void tell_missing(struct reading *r, const struct spot *spot, const size_t *seen, int line)
{
    char path[EXCHANGE_PATH + 64], zh[200], en[200];

    for (size_t i = 0; i < spot->element->element_count; i++) {
        const struct exchange_element *child = &spot->element->elements[i];
        if (!child->required || seen[i]) continue;
        snprintf(path, sizeof path, "%s%s%s", spot->path, *spot->path ? "/" : "", child->name);
        snprintf(zh, sizeof zh, "缺少元素 %.60s，请补上。", child->name);
        snprintf(en, sizeof en, "The element %.60s is missing; add it.", child->name);
        problem(r, line, path, "required", zh, en);
    }
}

/* One child of a group: known, unknown or repeated. */
static void read_child(struct reading *r, struct spot *spot, size_t *seen)
{
    const char *name = (const char *)xmlTextReaderConstLocalName(r->xml);
    const char *space = (const char *)xmlTextReaderConstNamespaceUri(r->xml);
    const struct exchange_element *child = child_named(spot->element, name);
    char path[EXCHANGE_PATH + 64], zh[200], en[200];
    size_t number = child ? ++seen[child - spot->element->elements] : 0;

    snprintf(path, sizeof path, "%s%s%.*s", spot->path, *spot->path ? "/" : "", (int)utf8_cut(name, strlen(name), 60), name);
    if (child && space && strcmp(space, r->exchange->name_space)) child = NULL;
    if (!child) {
        snprintf(zh, sizeof zh, "报文中没有元素 %.*s，请删除或改正名称。", (int)utf8_cut(name, strlen(name), 60), name);
        snprintf(en, sizeof en, "The message has no element %.*s; leave it out or correct its name.", (int)utf8_cut(name, strlen(name), 60), name);
        problem(r, line_of(r), path, "unknown_element", zh, en);
        pass_over(r);
    } else if (number > 1 && child->kind != EXCHANGE_ROWS && child->kind != EXCHANGE_PASS) {
        problem(r, line_of(r), path, "repeated", "该元素只能出现一次，请删除多余的。", "This element may stand once only; leave out the others.");
        pass_over(r);
    } else {
        read_element(r, spot, child, number);
    }
}

static void read_children(struct reading *r, struct spot *spot)
{
    size_t *seen = arena_alloc(r->arena, (spot->element->element_count + 1) * sizeof *seen);
    int depth = xmlTextReaderDepth(r->xml), line = line_of(r);

    if (!seen) {
        r->broken = true;
        return;
    }
    if (!xmlTextReaderIsEmptyElement(r->xml)) {
        while (next_node(r)) {
            int type = xmlTextReaderNodeType(r->xml);
            if (type == XML_READER_TYPE_END_ELEMENT && xmlTextReaderDepth(r->xml) == depth) break;
            if (type == XML_READER_TYPE_ELEMENT) read_child(r, spot, seen);
            else if (type == XML_READER_TYPE_TEXT || type == XML_READER_TYPE_CDATA)
                problem(r, line_of(r), spot->path, "no_text", "该元素只能有下级元素，不能有文字。", "This element holds elements only, no text.");
        }
    }
    if (!r->broken) tell_missing(r, spot, seen, line);
}

/* ---- files for messages */

static void take_file_member(struct reading *r, const char *name, struct slice text, int line)
{
    const struct exchange_files *files = &r->exchange->files;
    char *copy = text.text ? arena_copy(r->arena, text.text, text.length) : NULL;

    if (!strcmp(name, files->key)) {
        r->message->key = copy;
    } else if (!strcmp(name, files->type)) {
        r->message->type = copy;
    } else if (!strcmp(name, files->file_name)) {
        r->message->file_name = copy;
    } else if (!strcmp(name, files->content) && copy) {
        if (!(r->message->bytes = base64_read(text.text, text.length, r->arena, &r->message->length)))
            problem(r, line, name, "base64", "附件内容不是正确的Base64。", "The content is no proper Base64.");
    } else {
        for (size_t i = 0; i < files->pass_count; i++)
            if (!strcmp(name, files->pass[i])) return;
        if (strcmp(name, files->content) != 0) problem(r, line, name, "unknown_element", "报文中没有这个元素，请删除或改正名称。", "The message has no such element; leave it out or correct its name.");
    }
}

static void read_file_message(struct reading *r)
{
    const struct exchange_files *files = &r->exchange->files;
    int line = line_of(r);

    r->message->is_file = true;
    while (next_node(r)) {
        struct slice text;
        char name[64];
        int at = line_of(r);
        if (!is_start(r)) continue;
        snprintf(name, sizeof name, "%s", (const char *)xmlTextReaderConstLocalName(r->xml));
        name[utf8_cut(name, strlen(name), sizeof name - 1)] = '\0';
        if (text_here(r, name, &text)) take_file_member(r, name, text, at);
    }
    if (r->broken) return;
    if (!r->message->key || !*r->message->key) problem(r, line, files->key, "required", "缺少证书编号，不知道附件属于哪一份。", "The number is missing: whose file is this?");
    if (!r->message->type) problem(r, line, files->type, "required", "缺少附件类型。", "The type of the file is missing.");
    if (!r->message->bytes && !r->problems->count) problem(r, line, files->content, "required", "缺少附件内容。", "The content of the file is missing.");
}

/* ---- the whole */

/* Nothing of these is ever looked at: a document type could name files and addresses, and define entities without end. It can only
   stand before the root. */
static bool has_document_type(const char *text, size_t length, int *line)
{
    const char *at = text, *end = text + length;

    for (*line = 1; at < end; at++) {
        const char *close = NULL;
        if (*at == '\n') (*line)++;
        if (*at != '<') continue;
        if (end - at > 4 && !memcmp(at, "<!--", 4)) close = memmem(at + 4, (size_t)(end - at) - 4, "-->", 3);
        else if (end - at > 2 && at[1] == '?') close = memmem(at, (size_t)(end - at), "?>", 2);
        else return end - at > 2 && at[1] == '!';
        if (!close) return false;
        for (; at < close; at++) *line += *at == '\n';
    }
    return false;
}

static int bad_utf8_line(const char *text, size_t length)
{
    uint32_t character;
    int line = 1;

    for (size_t i = 0; i < length;) {
        size_t bytes = text[i] ? utf8_decode(text + i, length - i, &character) : 0;
        if (!bytes) return line;
        line += text[i] == '\n';
        i += bytes;
    }
    return 0;
}

/* The declaration must not say what the text is not: the reader takes it for UTF-8 whatever stands there. */
static bool says_other_encoding(const char *text, size_t length)
{
    const char *end = length > 5 && !memcmp(text, "<?xml", 5) ? memmem(text, length, "?>", 2) : NULL;
    const char *at = end ? memmem(text, (size_t)(end - text), "encoding", 8) : NULL;

    if (!at) return false;
    for (at += 8; at < end && strchr(" \t\r\n=\"'", *at); at++) {}
    return end - at < 6 || (xmlStrncasecmp(BAD_CAST at, BAD_CAST "UTF-8", 5) != 0 || !strchr("\"'", at[5]));
}

/* What can be said before the XML is looked at. */
static bool readable(struct reading *r, const char *text, size_t length)
{
    int line;

    if (!length) return problem(r, 1, "", "empty_file", "文件是空的。", "The file is empty."), false;
    if (length > EXCHANGE_FILE_MAXIMUM) return problem(r, 1, "", "too_large", "一个文件最大2MB。", "A file has at most 2 MB."), false;
    if ((line = bad_utf8_line(text, length)))
        return problem(r, line, "", "encoding", "文件不是UTF-8编码，请另存为UTF-8。", "The file is not in UTF-8; save it as UTF-8."), false;
    if (says_other_encoding(text, length))
        return problem(r, 1, "", "encoding", "XML声明的编码不是UTF-8，请另存为UTF-8。", "The XML declares another encoding than UTF-8; save it as UTF-8."), false;
    if (has_document_type(text, length, &line))
        return problem(r, line, "", "document_type", "不接受文件类型声明(DOCTYPE)和实体，请删除。", "Document types and entities are not accepted; leave them out."), false;
    return true;
}

static void spread_over_rows(struct reading *r)
{
    for (size_t i = 0; i < r->rows_of_count; i++) {
        int top = top_index(r->exchange->form, r->rows_of[i].target.block);
        for (size_t k = 0; top >= 0 && k < r->taking.top[top].count; k++) {
            struct cell *cell = &r->taking.top[top].rows[k].cells[r->rows_of[i].target.slot];
            if (!cell->text.text) *cell = r->rows_of[i].cell;
        }
    }
}

/* A row without anything would not be there: the numbers of those behind it would be others. */
static void refuse_empty_rows(struct reading *r)
{
    for (size_t i = 0; i < r->exchange->form->top_count; i++) {
        const struct form_block *block = r->exchange->form->top[i];
        for (size_t k = 0; block->rows && k < r->taking.top[i].count; k++) {
            bool empty = true;
            char path[96];
            for (size_t s = 0; s < block->slot_count; s++) empty &= !r->taking.top[i].rows[k].cells[s].text.text;
            snprintf(path, sizeof path, "%s/%zu", block->name, k);
            const struct exchange_place *place = empty ? exchange_place_find(r->taking.places, path) : NULL;
            if (place) exchange_problem_add(r->problems, place->line, place->element, path, "empty_row", "这一行没有内容，请填写或删除。", "This row is empty; fill it in or leave it out.");
        }
    }
}

static const char *variant_of(struct reading *r)
{
    const struct exchange_target *target = &r->exchange->variant_field;
    int top = target->block ? top_index(r->exchange->form, target->block) : -1;
    const struct cell *cell = top >= 0 && r->taking.top[top].count ? &r->taking.top[top].rows[0].cells[target->slot] : NULL;
    const struct form_field *field = cell && cell->text.text ? form_field_at(target->block, NULL, target->slot) : NULL;
    const struct form_codes *codes = r->taking.context->codes;
    const struct slice nothing = {NULL, 0};
    struct slice code, id;

    if (!field || to_ours(cell->element, field, r->taking.context, cell->text, nothing, &code)) return NULL;
    const void *row = codes->find(codes->context, field->list, field->scheme, code, r->taking.context->today);
    if (!row) return NULL;
    id = codes->column(codes->context, field->list, row, r->exchange->variant_column);
    return arena_copy(r->arena, id.text, id.length);
}

static void read_root(struct reading *r)
{
    const char *name = (const char *)xmlTextReaderConstLocalName(r->xml), *space = (const char *)xmlTextReaderConstNamespaceUri(r->xml);
    struct spot spot = {.element = &r->exchange->top};
    struct json_writer json;

    r->read = true;
    if (r->exchange->files.root && !strcmp(name, r->exchange->files.root)) {
        read_file_message(r);
        return;
    }
    if (strcmp(name, r->exchange->root) != 0 || (space && strcmp(space, r->exchange->name_space) != 0)) {
        problem(r, line_of(r), "", "root", "根元素或命名空间不是本业务的报文，请检查选错了文件没有。", "The root element or its namespace is of another message; was the wrong file chosen?");
        return;
    }
    read_children(r, &spot);
    while (!r->broken && next_node(r)) {} /* nothing but comments may follow */
    if (r->broken) return;
    spread_over_rows(r);
    refuse_empty_rows(r);
    json_writer_init(&json, &r->message->body);
    taken_write(&r->taking, variant_of(r), &json);
}

static void read_all(struct reading *r, const char *text, size_t length)
{
    if (!(r->xml = xmlReaderForMemory(text, (int)length, NULL, "UTF-8", XML_PARSE_NONET | XML_PARSE_COMPACT | XML_PARSE_BIG_LINES))) {
        problem(r, 1, "", "too_large", "内容太大。", "The content is too large.");
        return;
    }
    xmlTextReaderSetStructuredErrorHandler(r->xml, (xmlStructuredErrorFunc)broken, r);
    while (next_node(r)) {
        if (xmlTextReaderNodeType(r->xml) == XML_READER_TYPE_DOCUMENT_TYPE) break;
        if (!is_start(r)) continue;
        read_root(r);
        break;
    }
    if (!r->broken && !r->read) problem(r, 1, "", "xml", "不是完整、正确的XML，请重新导出该文件。", "This is no well-formed XML; export the file anew.");
    xmlFreeTextReader(r->xml);
}

void exchange_read(const struct exchange *exchange, const struct exchange_context *context, const char *text, size_t length, struct arena *arena,
                   struct exchange_message *message, struct exchange_problems *problems)
{
    struct reading *r = arena_alloc(arena, sizeof *r);

    memset(message, 0, sizeof *message);
    problems->arena = message->places.arena = arena;
    buffer_init(&message->body, EXCHANGE_FILE_MAXIMUM);
    if (!r) return;
    *r = (struct reading){.exchange = exchange, .message = message, .problems = problems, .arena = arena};
    r->taking = (struct taking){.form = exchange->form, .context = context, .places = &message->places, .problems = problems, .arena = arena};
    r->taking.top = arena_alloc(arena, exchange->form->top_count * sizeof *r->taking.top);
    if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) text += 3, length -= 3;
    if (r->taking.top && readable(r, text, length)) read_all(r, text, length);
    if (!message->key) message->key = "";
}
