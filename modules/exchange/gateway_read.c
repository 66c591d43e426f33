#include "gateway_read.h"

#include "base/utf8.h"
#include "gateway_tree.h"
#include "trust/xml_signature.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- problems */

void gate_say(char *out, size_t size, const char *format, ...)
{
    size_t length, step;
    uint32_t character;
    va_list words;

    va_start(words, format);
    vsnprintf(out, size, format, words);
    va_end(words);
    length = strlen(out);
    if (length == size - 1) length = utf8_cut(out, length, length);
    out[length] = '\0';
    for (size_t at = 0; at < length; at += step ? step : 1) {
        step = utf8_decode(out + at, length - at, &character);
        if (!step) out[at] = '?';
        else if (character < ' ') out[at] = ' ';
    }
}

static void cut(char *out, size_t size, const char *text)
{
    size_t length = utf8_cut(text, strlen(text), size - 1);

    memcpy(out, text, length);
    out[length] = '\0';
}

void gate_problem(struct gate_message *message, int line, const char *element, const char *rule, const char *zh, const char *en)
{
    struct gate_problem *problem;

    if (message->problem_count == GATE_PROBLEMS) return;
    problem = &message->problems[message->problem_count++];
    problem->line = line;
    cut(problem->element, sizeof problem->element, element);
    cut(problem->rule, sizeof problem->rule, rule);
    cut(problem->zh, sizeof problem->zh, zh);
    cut(problem->en, sizeof problem->en, en);
}

void gate_problems_write(const struct gate_message *message, struct json_writer *json)
{
    json_array(json);
    for (size_t i = 0; i < message->problem_count; i++) {
        const struct gate_problem *problem = &message->problems[i];
        json_object(json);
        json_put_integer(json, "line", problem->line);
        json_put_string(json, "element", problem->element);
        json_put_string(json, "rule", problem->rule);
        json_put_words(json, "message", problem->zh, problem->en);
        json_object_end(json);
    }
    json_array_end(json);
}

void gate_rejection_write(const char *file, const struct gate_message *message, struct buffer *out)
{
    envelope_open(out, "Rejection");
    envelope_put(out, "RejectedId", message->head.message_id);
    envelope_put(out, "RejectedFile", file);
    for (size_t i = 0; i < message->problem_count; i++) {
        const struct gate_problem *problem = &message->problems[i];
        envelope_open(out, "Problem");
        if (problem->line) envelope_put_integer(out, "Line", problem->line);
        envelope_put(out, "Element", problem->element);
        envelope_put(out, "Rule", problem->rule);
        envelope_put(out, "Text", problem->zh);
        envelope_put(out, "TextEn", problem->en);
        envelope_close(out, "Problem");
    }
    envelope_close(out, "Rejection");
}

/* ---- text */

/* The message itself: without a declaration in front and white space around. *lines: how many lines stand before it. False for a declaration that
   is none of XML 1.0 in UTF-8. */
static bool strip(const char **xml, size_t *length, int *lines)
{
    const char *at = *xml, *end = at + *length, *close;
    char declaration[128];

    if (end - at > 3 && !memcmp(at, "\xEF\xBB\xBF", 3)) at += 3;
    if (end - at > 5 && !memcmp(at, "<?xml", 5) && strchr(" \t\r\n", at[5])) {
        close = memchr(at, '>', (size_t)(end - at) < sizeof declaration ? (size_t)(end - at) : sizeof declaration - 1);
        if (!close || close[-1] != '?') return false;
        snprintf(declaration, sizeof declaration, "%.*s", (int)(close - at), at);
        if (!strstr(declaration, "1.0") || (strstr(declaration, "encoding") && !strstr(declaration, "UTF-8") && !strstr(declaration, "utf-8")))
            return false;
        at = close + 1;
    }
    while (at < end && strchr(" \t\r\n", *at) && *at) at++;
    while (end > at && strchr(" \t\r\n", end[-1]) && end[-1]) end--;
    *lines = 0;
    for (const char *before = *xml; before < at; before++) *lines += *before == '\n';
    *xml = at;
    *length = (size_t)(end - at);
    return true;
}

static int line_at(const char *xml, size_t where)
{
    int line = 1;

    for (size_t i = 0; i < where; i++) line += xml[i] == '\n';
    return line;
}

/* Parses what may be parsed; false with a problem. The tree is to be freed. */
static bool parse(const char *xml, size_t length, int lines, struct gate_message *message, xmlDocPtr *tree)
{
    struct tree_error about = {0};
    size_t where;
    const char *why = xml_outside_limits(xml, length, &where);
    char en[300];

    *tree = NULL;
    if (why) {
        bool open = !strncmp(why, "a tag", 5) || !strncmp(why, "empty", 5);
        snprintf(en, sizeof en, "The message cannot be read: %s.", why);
        gate_problem(message, lines + line_at(xml, where), "", open ? "not_well_formed" : "forbidden_xml",
                     open ? "报文不是完整的 XML。" : "报文须为 UTF-8 编码的元素和文字，不得含 DTD、实体、注释、CDATA 和处理指令，且不得过大、过深。", en);
        return false;
    }
    if ((*tree = tree_parse(xml, length, &about))) return true;
    gate_say(en, sizeof en, "The message is not well-formed XML: %s", about.text);
    gate_problem(message, lines + (about.line > 0 ? about.line : 1), "", "not_well_formed", "报文不是格式正确的 XML。", en);
    return false;
}

bool gate_whole(const char *bytes, size_t length)
{
    struct tree_error about = {0};
    size_t where;
    const char *why;
    xmlDocPtr tree;
    int lines;

    if (!strip(&bytes, &length, &lines)) return length > 128;
    why = xml_outside_limits(bytes, length, &where);
    if (why) return strncmp(why, "a tag", 5) != 0 && strncmp(why, "empty", 5) != 0 && where != 0;
    tree = tree_parse(bytes, length, &about);
    xmlFreeDoc(tree);
    return tree != NULL;
}

/* ---- signature */

static bool in_date(const struct certificate *certificate, int64_t now) { return now >= certificate->not_before && now <= certificate->not_after; }

/* Whether one of the partner's keys that are (or, with `valid` false, are not) valid now has signed it. */
static bool signed_by(const struct gate_sender *sender, const char *xml, size_t length, int64_t now, bool valid, struct buffer *content, struct error *error)
{
    for (size_t i = 0; i < sender->partner->signer_count; i++) {
        const struct gate_signer *signer = &sender->signers[i];
        if (in_date(&signer->about, now) != valid) continue;
        error_clear(error);
        if (!xml_signature_check(xml, length, signer->der, signer->length, NULL, SM2_ID, content, error)) return true;
        buffer_reset(content);
    }
    return false;
}

static bool check_signature(const struct gate_sender *sender, const char *xml, size_t length, int64_t now, int line, struct gate_message *message,
                            struct buffer *content)
{
    struct error error;
    struct buffer other;
    char en[300];
    bool late;

    error_clear(&error);
    if (signed_by(sender, xml, length, now, true, content, &error)) return true;
    buffer_init(&other, SIGNED_XML_MAXIMUM);
    snprintf(en, sizeof en, "The signature is wrong: %.200s.", error.detail[0] ? error.detail : "no certificate of this partner is valid now");
    late = signed_by(sender, xml, length, now, false, &other, &error);
    buffer_free(&other);
    if (late) gate_problem(message, line, "Signature", "signer_expired", "签名所用证书不在有效期内。", "The signer's certificate is not valid at this time.");
    else gate_problem(message, line, "Signature", "signature_wrong", "签名不正确，或不是该伙伴登记的证书所签。", en);
    return false;
}

/* ---- what it says */

static const char *text_in(const xmlNode *parent, const struct envelope_member *member, struct arena *arena)
{
    const xmlNode *node = tree_child(parent, member->name);
    const char *text = node ? tree_text(node, member->type != ENVELOPE_TEXT, arena) : NULL;

    return text ? text : "";
}

static int64_t number_in(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits && digits <= 18 && !text[digits] ? strtoll(text, NULL, 10) : 0;
}

#define SMALL "abcdefghijklmnopqrstuvwxyz0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ" SMALL

static bool spelled(const char *text, const char *letters, size_t most)
{
    size_t length = strspn(text, letters);

    return !text[length] && length <= most;
}

/* Whatever of the head can be used, also where the schema finds faults elsewhere. */
static void take_head(const xmlNode *root, struct arena *arena, struct envelope_head *head)
{
    const xmlNode *node = tree_child(root, "Head");
    const char *texts[9] = {"", "", "", "", "", "", "", "", ""};

    for (int i = 0; node && i < 9; i++) texts[i] = text_in(node, &envelope_head_members[i], arena);
    if (spelled(texts[0], LETTERS "._-", ENVELOPE_ID_MAXIMUM)) head->message_id = texts[0];
    head->number = number_in(texts[1]);
    if (spelled(texts[2], SMALL "-", PARTNER_NAME_MAXIMUM)) head->sender = texts[2];
    if (spelled(texts[3], SMALL "-", PARTNER_NAME_MAXIMUM)) head->receiver = texts[3];
    if (envelope_kind(texts[4])) head->kind = texts[4];
    if (spelled(texts[5], SMALL "_", 15)) head->module = texts[5];
    if (utf8_count(texts[6], strlen(texts[6])) <= 32) head->document = texts[6];
    head->sequence = number_in(texts[7]);
}

static void put_members(const xmlNode *parent, const struct envelope_member *members, struct arena *arena, struct json_writer *json);

static void put_value(const xmlNode *node, const struct envelope_member *member, struct arena *arena, struct json_writer *json)
{
    const char *text;

    if (member->type == ENVELOPE_GROUP) {
        put_members(node, member->members, arena, json);
        return;
    }
    text = tree_text(node, member->type != ENVELOPE_TEXT, arena);
    if (member->type == ENVELOPE_INTEGER) json_integer(json, number_in(text ? text : ""));
    else json_string(json, text ? text : "");
}

static void put_members(const xmlNode *parent, const struct envelope_member *members, struct arena *arena, struct json_writer *json)
{
    char name[ENVELOPE_NAME_MAXIMUM];

    json_object(json);
    for (const struct envelope_member *member = members; member->name; member++) {
        const xmlNode *node = tree_child(parent, member->name);
        if (!node) continue;
        envelope_json_name(member->name, name);
        json_name(json, arena_text(arena, name));
        if (member->many) json_array(json);
        for (; node; node = member->many ? tree_next(node, member->name) : NULL) put_value(node, member, arena, json);
        if (member->many) json_array_end(json);
    }
    json_object_end(json);
}

/* ---- the head and what it must agree with */

struct reading {
    const struct gate_sender *sender;
    struct gate_message *message;
    struct arena *arena;
    xmlDocPtr whole, tree; /* the file, for its lines; what was signed */
    int lines;             /* before the message in the file */
};

static int line_of(const struct reading *r, const xmlNode *node) { return r->lines + tree_line(r->whole, node); }

static void head_problem(const struct reading *r, const char *element, const char *rule, const char *zh, const char *en)
{
    const xmlNode *node = tree_child(tree_child(xmlDocGetRootElement(r->tree), "Head"), element);

    gate_problem(r->message, node ? line_of(r, node) : 1, element, rule, zh, en);
}

static bool exchanges(const struct partner *partner, const char *module)
{
    for (size_t i = 0; i < partner->clear_count; i++)
        if (!strcmp(partner->clears[i], module)) return true;
    for (size_t i = 0; i < partner->review_count; i++)
        if (!strcmp(partner->reviews[i].module, module)) return true;
    return false;
}

/* The document of the order is the one that the message is about. */
static bool about_document(const struct reading *r, const xmlNode *payload)
{
    const xmlNode *number = tree_child(payload, !strcmp(r->message->head.kind, "Decision") ? "ApplicationNo" : "LicenceNo");
    const char *text = number ? tree_text(number, false, r->arena) : NULL;

    return text && *text && !strcmp(text, r->message->head.document);
}

static void check_head(const struct reading *r, const xmlNode *payload)
{
    const struct envelope_head *head = &r->message->head;
    bool rejection = !strcmp(head->kind, "Rejection");

    if (strcmp(head->sender, r->sender->partner->name) != 0) head_problem(r, "Sender", "sender", "发送方不是本通道的伙伴。", "The sender is not the partner of this channel.");
    if (strcmp(head->receiver, "portal") != 0) head_problem(r, "Receiver", "receiver", "接收方应为 portal。", "The receiver must be \"portal\".");
    if (strcmp(head->kind, (const char *)payload->name) != 0) head_problem(r, "Kind", "kind", "报文类型与内容不符。", "The kind is not the one of the content.");
    if (rejection && head->sequence) head_problem(r, "Sequence", "sequence", "Rejection 的 Sequence 应为 0。", "The Sequence of a Rejection is 0.");
    if (rejection) return;
    if (!head->sequence) head_problem(r, "Sequence", "sequence", "Sequence 应从 1 起连续编号。", "Sequence counts from 1 on without gaps.");
    if (!exchanges(r->sender->partner, head->module)) head_problem(r, "Module", "not_yours", "该伙伴不办理此业务。", "This partner has nothing to do with this module.");
    if (!about_document(r, payload)) head_problem(r, "Document", "document", "Document 应为报文内容中的编号。", "Document must be the number that the content names.");
}

/* ---- the schema */

static void schema_fault(void *context, const struct tree_error *fault)
{
    const struct reading *r = context;
    const struct gate_message *message = r->message;
    int line = fault->node ? line_of(r, fault->node) : 1;
    const char *element = fault->node ? (const char *)fault->node->name : "";
    char zh[200];

    /* what is wrong with a value is said twice: by the facet and by the type */
    if (message->problem_count && message->problems[message->problem_count - 1].line == line && !strcmp(message->problems[message->problem_count - 1].element, element))
        return;
    gate_say(zh, sizeof zh, "报文不符合定义（message.xsd），元素：%s", element);
    gate_problem(r->message, line, element, "schema", zh, fault->text);
}

static int take_content(struct reading *r, struct gate_schema *schema, struct error *error)
{
    const xmlNode *root = xmlDocGetRootElement(r->tree), *payload;
    const struct envelope_kind *kind;
    struct json_writer json;
    struct buffer out;

    take_head(root, r->arena, &r->message->head);
    if (tree_validate(r->tree, schema, schema_fault, r, error)) return (int)error->code;
    if (r->message->problem_count) return 0;
    payload = tree_next(tree_child(root, "Head"), NULL);
    kind = payload ? envelope_kind((const char *)payload->name) : NULL;
    if (!kind) return error_internal(error, "the schema lets through what there is no kind for");
    check_head(r, payload);
    if (r->message->problem_count) r->message->head.sequence = 0;
    if (r->message->problem_count) return 0;
    buffer_init(&out, 2 * ENVELOPE_MAXIMUM);
    json_writer_init(&json, &out);
    put_members(payload, kind->members, r->arena, &json);
    r->message->content = out.failed ? NULL : arena_copy(r->arena, out.data, out.length);
    buffer_free(&out);
    return r->message->content ? 0 : error_internal(error, "out of memory");
}

/* ---- where something stands */

/* The child that a word of a path means: an element of this name, or of which it is the name in JSON. */
static const xmlNode *child_called(const xmlNode *parent, const char *word, size_t length)
{
    char name[ENVELOPE_NAME_MAXIMUM];

    for (const xmlNode *node = tree_child(parent, NULL); node; node = tree_next(node, NULL)) {
        if (strlen((const char *)node->name) == length && !strncmp((const char *)node->name, word, length)) return node;
        envelope_json_name((const char *)node->name, name);
        if (strlen(name) == length && !strncmp(name, word, length)) return node;
    }
    return NULL;
}

static const xmlNode *find(const xmlNode *root, const char *path)
{
    const xmlNode *head = tree_child(root, "Head"), *payload = tree_next(head, NULL), *at, *found = child_called(head, path, strlen(path));

    if (found) return found;
    for (at = payload; at && *path; path += strcspn(path, "/"), path += *path == '/') {
        size_t length = strcspn(path, "/"), digits = strspn(path, "0123456789");
        const xmlNode *next = digits == length ? at : child_called(at, path, length);
        for (long i = digits == length ? strtol(path, NULL, 10) : 0; i > 0 && next; i--) next = tree_next(next, (const char *)at->name);
        if (!next) break;
        at = next;
    }
    return at ? at : root;
}

int gate_line(const char *bytes, size_t length, const char *path, char element[ENVELOPE_NAME_MAXIMUM])
{
    struct tree_error about = {0};
    const xmlNode *node;
    xmlDocPtr tree;
    size_t where;
    int lines = 0, line = 1;

    *element = '\0';
    if (!strip(&bytes, &length, &lines) || xml_outside_limits(bytes, length, &where) || !(tree = tree_parse(bytes, length, &about))) return line;
    node = find(xmlDocGetRootElement(tree), path);
    line = lines + (int)xmlGetLineNo(node);
    cut(element, ENVELOPE_NAME_MAXIMUM, (const char *)node->name);
    xmlFreeDoc(tree);
    return line;
}

/* ---- all of it */

static int read_signed(struct reading *r, struct gate_schema *schema, const struct buffer *content, struct error *error)
{
    struct tree_error about = {0};
    int code;

    r->message->verified = true;
    digest_sha256(content->data, content->length, r->message->hash);
    r->tree = tree_parse(content->data, content->length, &about);
    code = r->tree ? take_content(r, schema, error) : error_internal(error, "what was signed cannot be parsed again: %s", about.text);
    xmlFreeDoc(r->tree);
    return code;
}

int gate_read(const struct gate_sender *sender, struct gate_schema *schema, const char *bytes, size_t length, int64_t now, struct arena *arena,
              struct gate_message *message, struct error *error)
{
    struct reading r = {.sender = sender, .message = message, .arena = arena};
    struct buffer content;
    const xmlNode *signature;

    *message = (struct gate_message){.head = {.message_id = "", .sender = "", .receiver = "", .kind = "", .module = "", .document = ""}};
    digest_sha256(bytes, length, message->hash);
    if (length > ENVELOPE_MAXIMUM) {
        gate_problem(message, 1, "", "too_large", "报文超过 2 MiB。", "The message has more than 2 MiB.");
        return 0;
    }
    if (!strip(&bytes, &length, &r.lines)) {
        gate_problem(message, 1, "", "forbidden_xml", "XML 声明应为 version=\"1.0\" encoding=\"UTF-8\"。", "The XML declaration must say version 1.0 and UTF-8.");
        return 0;
    }
    buffer_init(&content, SIGNED_XML_MAXIMUM);
    if (parse(bytes, length, r.lines, message, &r.whole)) {
        signature = tree_child(xmlDocGetRootElement(r.whole), "Signature");
        if (check_signature(sender, bytes, length, now, r.lines + (signature ? (int)xmlGetLineNo(signature) : 1), message, &content))
            read_signed(&r, schema, &content, error);
    }
    xmlFreeDoc(r.whole);
    buffer_free(&content);
    return (int)error->code;
}
