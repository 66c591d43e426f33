/* The XML Schema of all messages, for partners: public, as the schemas of the forms that it imports are. */
#include "gateway.h"

#include "service/modules.h"

#include <string.h>

#define FORMS_MAXIMUM 256

static struct {
    pthread_once_t once;
    struct buffer text;
    const char *root;
    struct error error;
} published = {.once = PTHREAD_ONCE_INIT};

/* Definitions do not change while programs run. */
static void make(void)
{
    struct envelope_form forms[FORMS_MAXIMUM];
    size_t count = 0;
    struct arena arena;

    arena_init(&arena, 0);
    buffer_init(&published.text, 1u << 20);
    if (!service_forms(published.root, &arena, forms, FORMS_MAXIMUM, &count, &published.error)) envelope_write_xsd(forms, count, false, &published.text);
    arena_free(&arena);
}

void gate_xsd_open(const struct program *program) { published.root = config_text(program->config, "root", "."); }

static int xsd_get(struct web_call *call)
{
    pthread_once(&published.once, make);
    if (published.error.code) return (int)(call->error = published.error).code;
    buffer_bytes(&call->out, published.text.data, published.text.length);
    call->answer_type = "application/xml";
    return 0;
}

const struct web_route gate_xsd_routes[] = {
    {"GET", "/api/exchange/message.xsd", xsd_get, 0, 0, WEB_ANONYMOUS, LANE_SLOW, 0, {0, 0}},
    {0}};
