#include "prompt.h"

#include "assuan.h"
#include "base/log.h"
#include "base/utf8.h"
#include "settings.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAXIMUM 900 /* bytes: with its line ends escaped it fits into a line of Assuan */
#define LABEL_MAXIMUM 90

static struct {
    pthread_mutex_t turn, lock;
    pid_t process; /* of the open window; 0 = none */
    bool stopped;
} open_window = {.turn = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- what is shown */

/* Characters that show nothing, turn the direction of writing round or begin markup have no place in a name. */
static bool harmless(uint32_t c)
{
    return c >= 0x20 && (c < 0x7F || c > 0x9F) && (c < 0x200B || c > 0x200F) && (c < 0x2028 || c > 0x202E) && (c < 0x2060 || c > 0x206F) &&
           c != 0xFEFF && c != '<' && c != '>' && c != '&';
}

/* A text from outside, made fit to be shown. */
static void put_foreign(struct buffer *out, const char *text, size_t maximum)
{
    size_t length = utf8_cut(text, strlen(text), maximum), step;
    uint32_t character;
    for (size_t at = 0; at < length; at += step) {
        step = utf8_decode(text + at, length - at, &character);
        if (!step)
            return;
        buffer_bytes(out, harmless(character) ? text + at : "?", harmless(character) ? step : 1);
    }
}

static void describe(struct buffer *out, const struct purpose *purpose)
{
    buffer_init(out, 0);
    buffer_printf(out, "%s\n%s\n", purpose->zh, purpose->en);
    if (purpose->detail)
        buffer_printf(out, "%s\n", purpose->detail);
    buffer_printf(out, "\n网站 Site: %s\n电子钥匙 Key: ", purpose->origin);
    put_foreign(out, purpose->key, LABEL_MAXIMUM);
    if (purpose->tries >= 0 && purpose->tries < 3)
        buffer_printf(out, "\n密码剩余次数 Tries left: %d", purpose->tries);
}

/* ---- the window */

static enum refusal window_open(struct assuan *assuan)
{
    if (!settings.prompt)
        return NO_PROMPT;
    if (pthread_mutex_trylock(&open_window.turn))
        return BUSY;
    if (!assuan_open(assuan, settings.prompt, PROMPT_SECONDS)) {
        pthread_mutex_unlock(&open_window.turn);
        return NO_PROMPT;
    }
    pthread_mutex_lock(&open_window.lock);
    open_window.process = assuan->process;
    bool stopped = open_window.stopped;
    pthread_mutex_unlock(&open_window.lock);
    if (stopped)
        kill(assuan->process, SIGTERM);
    return DONE;
}

static void window_close(struct assuan *assuan)
{
    pthread_mutex_lock(&open_window.lock);
    open_window.process = 0;
    pthread_mutex_unlock(&open_window.lock);
    assuan_close(assuan);
    pthread_mutex_unlock(&open_window.turn);
}

void prompt_stop(void)
{
    pthread_mutex_lock(&open_window.lock);
    open_window.stopped = true;
    if (open_window.process)
        kill(open_window.process, SIGTERM);
    pthread_mutex_unlock(&open_window.lock);
}

/* A terminal, for a pinentry that draws on one, and the language. Those that have no use for an option refuse it, which does not matter. */
static bool prepare(struct assuan *assuan)
{
    const char *const from[][2] = {{"GPG_TTY", "ttyname"}, {"TERM", "ttytype"}, {"LC_ALL", "lc-ctype"}, {"LANG", "lc-ctype"}};
    char option[300];
    bool goes = true;
    for (size_t i = 0; i < sizeof from / sizeof *from && goes; i++) {
        const char *value = getenv(from[i][0]);
        if (!value || !*value)
            continue;
        snprintf(option, sizeof option, "%s=%s", from[i][1], value);
        goes = assuan_ask(assuan, "OPTION", option, NULL) != NO_PROMPT;
    }
    return goes && assuan_ask(assuan, "SETTITLE", "电子钥匙控件 Key control", NULL) != NO_PROMPT;
}

static enum refusal describe_to(struct assuan *assuan, const char *text)
{
    char cut[TEXT_MAXIMUM + 1];
    size_t length = utf8_cut(text, strlen(text), TEXT_MAXIMUM);
    memcpy(cut, text, length);
    cut[length] = 0;
    return assuan_ask(assuan, "SETDESC", cut, NULL) == NO_PROMPT ? NO_PROMPT : DONE;
}

/* What an answer to the question itself means: errors that are not a person's (no display, no terminal) are no refusal. */
static enum refusal meant(const struct assuan *assuan, enum refusal refusal)
{
    static const unsigned by_person[] = {62, 99, 114, 198}; /* GPG_ERR_TIMEOUT, CANCELED, NOT_CONFIRMED, FULLY_CANCELED */
    if (refusal != REFUSED)
        return refusal;
    for (size_t i = 0; i < sizeof by_person / sizeof *by_person; i++)
        if (assuan->error == by_person[i])
            return REFUSED;
    log_line(LOG_ERROR, "prompt", "error=%u reason=\"the window cannot be shown\"", assuan->error);
    return NO_PROMPT;
}

static enum refusal confirm(const char *text, const char *agree)
{
    struct assuan assuan;
    enum refusal refusal = window_open(&assuan);
    if (refusal)
        return refusal;
    if (!prepare(&assuan) || describe_to(&assuan, text) || assuan_ask(&assuan, "SETOK", agree, NULL) == NO_PROMPT ||
        assuan_ask(&assuan, "SETCANCEL", "拒绝 Decline", NULL) == NO_PROMPT)
        refusal = NO_PROMPT;
    else
        refusal = meant(&assuan, assuan_ask(&assuan, "CONFIRM", NULL, NULL));
    window_close(&assuan);
    return refusal;
}

/* One PIN, into *pin. */
static enum refusal get_pin(struct assuan *assuan, const char *words, struct pin **pin)
{
    if (assuan_ask(assuan, "SETPROMPT", words, NULL) == NO_PROMPT)
        return NO_PROMPT;
    enum refusal refusal = meant(assuan, assuan_ask(assuan, "GETPIN", NULL, pin));
    return refusal || *pin ? refusal : PIN_FORMAT; /* nothing entered */
}

/* ---- questions */

enum refusal prompt_pairing(const char *origin)
{
    char text[600];
    snprintf(text, sizeof text,
             "网站 %s 请求使用本机的电子钥匙控件。\n仅当您本人正在使用该网站时才同意。\n\n"
             "The site %s asks to use the key control on this computer.\nAgree only if you are using this site now.",
             origin, origin);
    return confirm(text, "同意 Agree");
}

enum refusal prompt_confirm(const struct purpose *purpose)
{
    struct buffer text;
    describe(&text, purpose);
    enum refusal refusal = confirm(buffer_string(&text), "确认 Confirm");
    buffer_free(&text);
    return refusal;
}

enum refusal prompt_pin(const struct purpose *purpose, struct pin **pin)
{
    struct assuan assuan;
    struct buffer text;
    *pin = NULL;
    enum refusal refusal = window_open(&assuan);
    if (refusal)
        return refusal;
    describe(&text, purpose);
    refusal = prepare(&assuan) ? describe_to(&assuan, buffer_string(&text)) : NO_PROMPT;
    if (!refusal)
        refusal = get_pin(&assuan, "密码 PIN:", pin);
    buffer_free(&text);
    window_close(&assuan);
    return refusal;
}

static enum refusal get_new(struct assuan *assuan, struct pin **new)
{
    struct pin *again = NULL;
    enum refusal refusal = get_pin(assuan, "新密码 New PIN:", new);
    if (!refusal)
        refusal = get_pin(assuan, "再次输入新密码 New PIN again:", &again);
    if (!refusal && !pin_same(*new, again))
        refusal = PIN_FORMAT;
    pin_free(again);
    return refusal;
}

enum refusal prompt_pin_change(const struct purpose *purpose, struct pin **old, struct pin **new)
{
    struct assuan assuan;
    struct buffer text;
    enum refusal refusal = window_open(&assuan);
    if (refusal)
        return refusal;
    describe(&text, purpose);
    refusal = prepare(&assuan) ? describe_to(&assuan, buffer_string(&text)) : NO_PROMPT;
    if (!refusal && !*old)
        refusal = get_pin(&assuan, "原密码 Present PIN:", old);
    if (!refusal && !*new)
        refusal = get_new(&assuan, new);
    buffer_free(&text);
    window_close(&assuan);
    return refusal;
}
