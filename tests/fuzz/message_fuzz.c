/* What a partner sends to the gateway. The first byte says what the rest is: a file as it is; a message that is signed here, so that it comes to the
   schema and what follows; changes of a well signed one; a client certificate. Whatever comes is taken or has problems that can be told: as a Rejection that
   is a valid message itself, with lines of the file. What is taken is what was signed. */
#include "../../modules/exchange/gateway_read.h"
#include "../../modules/exchange/gateway_tree.h"
#include "../lib/checkout.h"
#include "../unit/signer.h"
#include "base/utf8.h"
#include "edits.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static struct signer signer;
static struct gate_signer known;
static const char *modules[] = {"export"};
static const struct partner partner = {.name = "customs", .clears = modules, .clear_count = 1, .reviews = (struct partner_review[]){{"export", "AA"}}, .review_count = 1,
                                       .signer_count = 1};
static const struct gate_sender sender = {.partner = &partner, .signers = &known};
static struct gate_schema *schema;
static struct buffer model, signed_model; /* a good message, canonical */

static void canonical(const char *xml, size_t length, struct buffer *out)
{
    struct error error;

    error_clear(&error);
    buffer_reset(out);
    if (xml_canonical(xml, length, out, &error)) buffer_reset(out);
}

static void sign_into(const struct buffer *content, struct buffer *out)
{
    char *text = sign(&signer, buffer_string(content));

    buffer_reset(out);
    buffer_text(out, text);
    free(text);
}

static void prepare(void)
{
    static const char declaration[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>", signature[] = "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/>";
    struct error error;
    size_t length;
    char *text = checkout_file("tests/fixtures/messages/good/write_off_full.xml", &length), *end = strstr(text, signature);

    memmove(end, end + sizeof signature - 1, strlen(end + sizeof signature - 1) + 1);
    signer = signer_make("P-256");
    memcpy(known.der, signer.certificate, signer.length);
    known.length = signer.length;
    known.about = signer.about;
    if (xml_signature_start(&error) || gate_schema_open(&schema, &error)) exit(2);
    buffer_init(&model, 0);
    buffer_init(&signed_model, 0);
    text[strlen(text) - 1] = '\0'; /* the line's end */
    canonical(text + sizeof declaration, strlen(text + sizeof declaration), &model);
    sign_into(&model, &signed_model);
    free(text);
}

/* ---- what is said */

static int lines_of(const char *bytes, size_t length)
{
    int lines = 1;

    for (size_t i = 0; i < length; i++) lines += bytes[i] == '\n';
    return lines;
}

static void check_text(const char *text) { if (!utf8_valid(text, strlen(text))) abort(); }

static void check_problems(const struct gate_message *message, int lines)
{
    for (size_t i = 0; i < message->problem_count; i++) {
        const struct gate_problem *problem = &message->problems[i];
        if (problem->line < 1 || problem->line > lines || !*problem->rule || !*problem->zh || !*problem->en) abort();
        check_text(problem->element);
        check_text(problem->zh);
        check_text(problem->en);
    }
}

static void no_fault(void *context, const struct tree_error *fault)
{
    (void)context;
    fprintf(stderr, "a Rejection against the schema: %s\n", fault->text);
    abort();
}

static void check_rejection(const struct gate_message *message)
{
    struct envelope_head head = message->head;
    struct tree_error about = {0};
    struct buffer payload, text;
    struct error error;
    xmlDocPtr tree;

    error_clear(&error);
    head = (struct envelope_head){.message_id = "portal-customs-000000001", .sender = "portal", .receiver = "customs", .kind = "Rejection", .module = head.module,
                                  .document = head.document, .number = 1};
    buffer_init(&payload, 65536);
    buffer_init(&text, 131072);
    gate_rejection_write("file.xml", message, &payload);
    envelope_write(&head, buffer_string(&payload), payload.length, &text);
    tree = payload.failed || text.failed ? NULL : tree_parse(buffer_string(&text), text.length, &about);
    if (!tree || tree_validate(tree, schema, no_fault, NULL, &error)) abort();
    xmlFreeDoc(tree);
    buffer_free(&payload);
    buffer_free(&text);
}

static void check_json(const char *text, size_t length, struct arena *arena)
{
    struct error error;

    error_clear(&error);
    if (!json_tree(text, length, arena, &error)) abort();
}

static void check_told(const struct gate_message *message, struct arena *arena)
{
    struct buffer out;
    struct json_writer json;

    buffer_init(&out, 65536);
    json_writer_init(&json, &out);
    gate_problems_write(message, &json);
    if (out.failed) abort();
    check_json(buffer_string(&out), out.length, arena);
    buffer_free(&out);
    check_rejection(message);
}

static void check_taken(const struct gate_message *message, const char *bytes, size_t length, struct arena *arena)
{
    const struct envelope_head *head = &message->head;
    const struct envelope_kind *kind = envelope_kind(head->kind);

    if (!message->verified || !message->content || !kind || !kind->received || !*head->message_id || head->number < 1 || strcmp(head->sender, "customs") != 0) abort();
    if (!strcmp(head->kind, "Rejection") ? head->sequence != 0 : head->sequence < 1 || !*head->document || strcmp(head->module, "export") != 0) abort();
    if (!gate_whole(bytes, length)) abort();
    check_json(message->content, strlen(message->content), arena);
}

/* ---- lines */

static void check_lines(const char *bytes, size_t length, int lines)
{
    static const char *const paths[] = {"", "message_id", "Sequence", "goods/1/quantity", "goods/99999999999999999999/code", "licence_no", "problem/0/text_en", "/", "//x"};
    char element[ENVELOPE_NAME_MAXIMUM], own[32] = "";
    int line;

    if (length >= sizeof own) memcpy(own, bytes + length - sizeof own + 1, sizeof own - 1);
    for (size_t i = 0; i <= sizeof paths / sizeof *paths; i++) {
        line = gate_line(bytes, length, i < sizeof paths / sizeof *paths ? paths[i] : own, element);
        if (line < 1 || line > lines || strlen(element) >= sizeof element) abort();
        check_text(element);
    }
}

/* ---- a file; `content` is what was signed in it, NULL where nobody knows */

static void look(const char *bytes, size_t length, const struct buffer *content)
{
    int lines = lines_of(bytes, length);
    struct gate_message message;
    char hash[DIGEST_SIZE];
    struct error error;
    struct arena arena;

    error_clear(&error);
    arena_init(&arena, 64u << 20);
    if (gate_read(&sender, schema, bytes, length, TEST_NOW, &arena, &message, &error)) {
        fprintf(stderr, "%s\n", error.detail);
        abort();
    }
    if (content) digest_sha256(content->data, content->length, hash);
    if (message.verified && content && strcmp(hash, message.hash) != 0) abort();
    check_problems(&message, lines);
    if (message.problem_count) check_told(&message, &arena);
    else check_taken(&message, bytes, length, &arena);
    check_lines(bytes, length, lines);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const char *rest = (const char *)bytes + 1;
    unsigned char der[CERTIFICATE_MAXIMUM];
    struct buffer content, text;
    struct error ignored;
    size_t size;

    if (!schema) prepare();
    if (!length) return 0;
    error_clear(&ignored);
    buffer_init(&content, SIGNED_XML_MAXIMUM);
    buffer_init(&text, 0);
    switch (bytes[0] % 4) {
    case 0: look(rest, length - 1, NULL); break;
    case 1:
        canonical(rest, length - 1, &content);
        if (!content.length) break;
        sign_into(&content, &text);
        look(buffer_string(&text), text.length, &content);
        break;
    case 2:
        edited(signed_model.data, signed_model.length, bytes + 1, length - 1, &text);
        look(buffer_string(&text), text.length, &model);
        break;
    default: gate_certificate(rest, length - 1, der, &size, &ignored);
    }
    buffer_free(&content);
    buffer_free(&text);
    return 0;
}
