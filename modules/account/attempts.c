/* Growing delays after failures, for each pair of what was tried and whence: strangers cannot lock anybody out, and guessing
   gets slow. The counts live in Redis. */
#include "account.h"

#include "base/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FREE_FAILURES 3
#define LONGEST_SECONDS 900
#define MEMORY_SECONDS 86400

struct keys { char count[96], wait[96]; };

static void keys_make(struct web_call *call, const char *what, struct keys *keys)
{
    char text[400], address[48], hash[DIGEST_SIZE];
    int length = snprintf(text, sizeof text, "%s\n%s", web_limit_address(call->remote_address, address, sizeof address), what);
    digest_sha256(text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1, hash);
    snprintf(keys->count, sizeof keys->count, "failures:%s", hash);
    snprintf(keys->wait, sizeof keys->wait, "wait:%s", hash);
}

static int limited(struct error *error, int64_t seconds)
{
    error_set(error, ERROR_LIMITED, "too_many_failures", "失败次数过多，请稍后再试。", "Too many failures. Please wait a little and try again.");
    error->retry_after = (int)seconds;
    return ERROR_LIMITED;
}

int attempt_allowed(struct web_call *call, const char *what)
{
    struct keys keys;
    char until[32];
    bool found;
    keys_make(call, what, &keys);
    if (session_peek(call->sessions, keys.wait, until, sizeof until, &found, &call->error))
        return (int)call->error.code;
    int64_t left = found ? strtoll(until, NULL, 10) - clock_lease() : 0;
    return left > 0 ? limited(&call->error, (left + 999) / 1000) : 0;
}

int attempt_failed(struct web_call *call, const char *what)
{
    struct keys keys;
    char until[32];
    int64_t count = 0, seconds = 1;
    keys_make(call, what, &keys);
    if (session_count(call->sessions, keys.count, MEMORY_SECONDS, &count, &call->error))
        return (int)call->error.code;
    if (count < FREE_FAILURES)
        return 0;
    for (int64_t i = FREE_FAILURES; i < count && seconds < LONGEST_SECONDS; i++)
        seconds *= 2;
    if (seconds > LONGEST_SECONDS)
        seconds = LONGEST_SECONDS;
    snprintf(until, sizeof until, "%lld", (long long)(clock_lease() + seconds * 1000));
    return session_put(call->sessions, keys.wait, until, (int)seconds, &call->error);
}

int attempt_succeeded(struct web_call *call, const char *what)
{
    struct keys keys;
    keys_make(call, what, &keys);
    return session_forget(call->sessions, keys.count, &call->error);
}
