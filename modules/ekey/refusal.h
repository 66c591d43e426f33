/* Why the control does not do what a page asks: a word for the page, words for the person, an HTTP status. */
#ifndef EKEY_REFUSAL_H
#define EKEY_REFUSAL_H

enum refusal {
    DONE, /* no refusal */
    NOT_PAIRED,
    NO_KEY,
    KEY_REMOVED,
    WRONG_PIN,
    LAST_TRY,
    PIN_BLOCKED,
    DEFAULT_PIN,
    PIN_FORMAT,
    REFUSED, /* by the person */
    TOO_MANY, /* refused three times in a row: not asked again for a minute */
    BUSY,
    NO_PROMPT,
    BATCH_OVER,
    NOT_IN_BATCH,
    BAD_DOCUMENT,
    BAD_CHALLENGE,
    NO_CERTIFICATE,
    CARD_ERROR,
    TOO_LARGE,
    BAD_JSON,
    NOT_FOUND,
    REFUSALS
};

struct refusal_words {
    const char *code;
    unsigned status;
    const char *zh, *en;
};

const struct refusal_words *refusal_words(enum refusal refusal);

#endif
