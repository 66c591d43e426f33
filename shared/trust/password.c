#include "trust/password.h"

#include "base/random.h"
#include "base/utf8.h"

#include <argon2.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define MEMORY_KIB (19 * 1024)
#define PASSES 2
#define SALT 16
#define HASH 32

static sem_t turns;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char nobody[PASSWORD_HASH_SIZE]; /* a real hash of a random password: what an unknown user is compared with */

static int encode(const char *password, char encoded[PASSWORD_HASH_SIZE])
{
    unsigned char salt[SALT];
    random_bytes(salt, sizeof salt);
    return argon2id_hash_encoded(PASSES, MEMORY_KIB, 1, password, strlen(password), salt, sizeof salt, HASH, encoded, PASSWORD_HASH_SIZE);
}

static void begin(void)
{
    char random[65];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    mallopt(M_MMAP_THRESHOLD, 4 << 20); /* fixed: else malloc learns to keep 19 MiB for each thread that ever hashed */
    sem_init(&turns, 0, processors < 4 ? 1 : (unsigned)(processors / 2));
    random_hex(32, random);
    if (encode(random, nobody) != ARGON2_OK)
        nobody[0] = 0;
}

static void turn_take(void)
{
    pthread_once(&once, begin);
    while (sem_wait(&turns))
        continue; /* interrupted */
}

int password_hash(const char *password, char encoded[PASSWORD_HASH_SIZE], struct error *error)
{
    turn_take();
    int result = encode(password, encoded);
    sem_post(&turns);
    return result == ARGON2_OK ? 0 : error_unavailable(error, "argon2: %s", argon2_error_message(result));
}

int password_verify(const char *password, const char *encoded, bool *right, struct error *error)
{
    turn_take();
    int result = argon2id_verify(encoded ? encoded : nobody, password, strlen(password)); /* compares in constant time */
    sem_post(&turns);
    *right = encoded && result == ARGON2_OK;
    if (result == ARGON2_OK || result == ARGON2_VERIFY_MISMATCH)
        return 0;
    return error_unavailable(error, "argon2: %s", argon2_error_message(result));
}

/* ---- rules and making */

static int weak(struct error *error, const char *zh, const char *en)
{
    error_set(error, ERROR_INVALID, "weak_password", zh, en);
    error_field(error, "password");
    return error->code;
}

static int classes_of(const char *password)
{
    unsigned found = 0;
    for (const unsigned char *at = (const unsigned char *)password; *at; at++)
        found |= *at >= 'a' && *at <= 'z' ? 1 : *at >= 'A' && *at <= 'Z' ? 2 : *at >= '0' && *at <= '9' ? 4 : 8;
    return __builtin_popcount(found);
}

int password_check(const char *password, const char *user_name, struct error *error)
{
    size_t bytes = strlen(password), characters = utf8_count(password, bytes), same = 1;
    if (bytes > PASSWORD_MAXIMUM)
        return weak(error, "密码最多128个字节。", "A password has at most 128 bytes.");
    if (characters < 8 || (characters < 10 && classes_of(password) < 3))
        return weak(error, "密码至少10个字符，或8个字符且包含大写字母、小写字母、数字、符号中的三类。",
                    "A password has at least 10 characters, or 8 of three kinds: capitals, small letters, digits, signs.");
    while (same < bytes && password[same] == password[0])
        same++;
    if (same == bytes)
        return weak(error, "密码不能只是同一个字符，请重新设置。", "A password cannot be one character repeated; choose another one.");
    if (user_name && !strcasecmp(password, user_name))
        return weak(error, "密码不能与用户名相同，请重新设置。", "A password cannot be the user name; choose another one.");
    return 0;
}

void password_make(char password[PASSWORD_MADE_SIZE])
{
    static const char alphabet[] = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"; /* 55 */
    unsigned char byte;
    for (int i = 0; i < PASSWORD_MADE_SIZE - 2;) {
        random_bytes(&byte, 1);
        if (byte < 220) /* 4 x 55: no letter is likelier than another */
            password[i++] = alphabet[byte % 55];
    }
    password[PASSWORD_MADE_SIZE - 2] = 0;
}
