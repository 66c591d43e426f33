/* Captchas: a few letters and digits, drawn here. Keeping the answer and its life is the caller's business. */
#ifndef TRUST_CAPTCHA_H
#define TRUST_CAPTCHA_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>

#define CAPTCHA_SIZE 8

/* Four or five characters without look-alikes (0 O 1 I L ...). */
void captcha_make(char answer[CAPTCHA_SIZE]);

/* Appends a PNG of 236 x 76 as a data URI (about 20 KiB). */
int captcha_draw(const char *answer, struct buffer *out, struct error *error);

/* Whether somebody's answer is right: capitals and spaces do not matter. */
bool captcha_same(const char *answer, const char *given);

#endif
