/* Token buckets in memory: how often an address or a user may call. The table has a fixed size; when it is full, the bucket
   that was used longest ago makes room, so that a flood of addresses costs nothing but the memory of others. */
#include "web/frame.h"

#include "base/clock.h"
#include "base/random.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETS 2048
#define WAYS 8
#define STRIPES 64

struct bucket {
    uint64_t key; /* 0 = free */
    int64_t at;   /* monotonic milliseconds of the last look */
    double tokens;
};

struct web_limits {
    long per_minute;
    uint64_t seed;
    pthread_mutex_t lock[STRIPES];
    struct bucket bucket[SETS][WAYS];
};

struct web_limits *web_limits_make(long per_minute)
{
    struct web_limits *limits = calloc(1, sizeof *limits);
    if (!limits)
        return NULL;
    limits->per_minute = per_minute;
    random_bytes(&limits->seed, sizeof limits->seed);
    for (int i = 0; i < STRIPES; i++)
        pthread_mutex_init(&limits->lock[i], NULL);
    return limits;
}

void web_limits_free(struct web_limits *limits)
{
    for (int i = 0; limits && i < STRIPES; i++)
        pthread_mutex_destroy(&limits->lock[i]);
    free(limits);
}

const char *web_limit_address(const char *address, char *out, size_t size)
{
    unsigned char bytes[16];
    if (inet_pton(AF_INET6, address, bytes) != 1)
        return address;
    snprintf(out, size, "%02x%02x:%02x%02x:%02x%02x:%02x%02x::", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]);
    return out;
}

static uint64_t key_of(const struct web_limits *limits, const char *who, const struct web_route *what)
{
    uint64_t hash = limits->seed ^ (uint64_t)(uintptr_t)what;
    for (; *who; who++) {
        hash = (hash ^ (unsigned char)*who) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 32;
    }
    return hash ? hash : 1;
}

static struct bucket *bucket_get(struct bucket *set, uint64_t key, double capacity, int64_t now)
{
    struct bucket *oldest = &set[0];
    for (int i = 0; i < WAYS; i++) {
        if (set[i].key == key)
            return &set[i];
        if (set[i].at < oldest->at)
            oldest = &set[i];
    }
    *oldest = (struct bucket){.key = key, .at = now, .tokens = capacity};
    return oldest;
}

static int take(struct web_limits *limits, uint64_t key, double capacity, double milliseconds, struct error *error)
{
    int64_t now = clock_monotonic();
    pthread_mutex_t *lock = &limits->lock[key % STRIPES]; /* SETS is a multiple: a set has one lock */
    pthread_mutex_lock(lock);
    struct bucket *bucket = bucket_get(limits->bucket[key % SETS], key, capacity, now);
    bucket->tokens += (double)(now - bucket->at) * capacity / milliseconds;
    if (bucket->tokens > capacity)
        bucket->tokens = capacity;
    bucket->at = now;
    double tokens = bucket->tokens;
    if (tokens >= 1)
        bucket->tokens -= 1;
    pthread_mutex_unlock(lock);
    if (tokens >= 1)
        return 0;
    error_set(error, ERROR_LIMITED, "too_many_requests", "请求太频繁，请稍后再试。", "Too many requests. Please wait a little.");
    error->retry_after = 1 + (int)((1 - tokens) * milliseconds / capacity / 1000);
    return error->code;
}

int web_limit(struct web_limits *limits, const char *who, const struct web_route *what, struct error *error)
{
    double capacity = what ? what->limit.count : (double)limits->per_minute;
    if (capacity <= 0)
        return 0;
    return take(limits, key_of(limits, who, what), capacity, what ? 1000.0 * what->limit.seconds : 60000.0, error);
}

int web_limit_own(struct web_limits *limits, const char *who, int per_minute, struct error *error)
{
    return take(limits, key_of(limits, who, NULL), per_minute, 60000.0, error);
}
