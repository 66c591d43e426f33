/* Electronic keys of users: binding them and signing in with them. */
#ifndef ACCOUNT_KEYS_H
#define ACCOUNT_KEYS_H

#include "account.h"
#include "trust/certificate.h"

/* What a key has said over a challenge. Bytes in the call's arena. */
struct key_answer {
    const char *certificate, *signature;
    size_t certificate_length, signature_length;
    struct certificate read;
};

#define NONCE_SIZE 65 /* 64 hexadecimal digits and NUL */

/* Makes a challenge of five minutes for that use ("bind", "sign_in") and, for a binding, that user; writes {"challenge","expires"}. */
int challenge_write(struct web_call *call, const char *use, int64_t user);
/* Takes the request's "challenge" away from the store: only once, only for that use and user. The nonce goes to challenge_use. */
int challenge_take(struct web_call *call, const struct service_input *input, const char *use, int64_t user, const char **challenge, char nonce[NONCE_SIZE]);
/* In the transaction of what it was for: ERROR_CONFLICT challenge_over if it has served before. */
int challenge_use(struct store_connection *db, const char *nonce, struct error *error);

/* {"slot","certificate","signature"} of the request. ERROR_INVALID when it cannot be read. */
int key_answer_take(struct web_call *call, const struct json *json, struct key_answer *answer);

#endif
