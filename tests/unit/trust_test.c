/* Passwords, captchas, digests. */
#include "tap.h"

#include "base/clock.h"
#include "trust/captcha.h"
#include "base/digest.h"
#include "trust/gateway.h"
#include "trust/password.h"

#include <pthread.h>

static void digests(void)
{
    char hex[DIGEST_SIZE];
    digest_sha256("abc", 3, hex);
    is_text(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "SHA-256 of abc");
    digest_hmac("Jefe", "what do ya want for nothing?", 28, hex);
    is_text(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "HMAC, RFC 4231 test 2");
    ok(digest_same("abc", "abc") && !digest_same("abc", "abd") && !digest_same("abc", "ab") && digest_same("", ""), "comparison");
}

static void passwords(void)
{
    char one[PASSWORD_HASH_SIZE], two[PASSWORD_HASH_SIZE];
    struct error error;
    bool right = false;
    is_int(password_hash("correct horse", one, &error), 0, "a hash");
    is_int(password_hash("correct horse", two, &error), 0, "another");
    ok(!strncmp(one, "$argon2id$v=19$m=19456,t=2,p=1$", 31), "Argon2id, 19 MiB, 2 passes: %s", one);
    ok(strcmp(one, two) != 0, "each with a salt of its own");
    is_int(password_verify("correct horse", one, &right, &error), 0, "verifying");
    ok(right, "the right password");
    password_verify("correct horsf", one, &right, &error);
    ok(!right, "a wrong one");
    int64_t start = clock_monotonic();
    password_verify("correct horse", one, &right, &error);
    int64_t known = clock_monotonic() - start;
    start = clock_monotonic();
    is_int(password_verify("correct horse", NULL, &right, &error), 0, "an unknown user");
    int64_t unknown = clock_monotonic() - start;
    ok(!right, "is never right");
    ok(unknown * 4 + 20 > known, "and takes its time: %lld and %lld ms", (long long)known, (long long)unknown);
    ok(password_verify("x", "no hash", &right, &error) && !right, "a broken hash is an error");
}

static void rules(void)
{
    static const struct { const char *password, *name; bool good; } cases[] = {
        {"ten chars.", "x", true}, {"nine char", "x", false}, {"Abcdef1!", "x", true}, {"abcdef1!", "x", true}, {"abcdefg1", "x", false},
        {"Abc1!xy", "x", false}, {"aaaaaaaaaaaa", "x", false}, {"longusername", "LongUserName", false}, {"", "x", false},
        {"正确的马电池订书钉啊", "x", true}, {"正确的马", "x", false}};
    struct error error;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        error_clear(&error);
        ok((password_check(cases[i].password, cases[i].name, &error) == 0) == cases[i].good, "password %zu", i);
    }
    char longest[PASSWORD_MAXIMUM + 2], made[PASSWORD_MADE_SIZE];
    memset(longest, 'a', sizeof longest);
    longest[0] = 'b';
    longest[PASSWORD_MAXIMUM + 1] = 0;
    ok(password_check(longest, "x", &error), "129 bytes are too many");
    longest[PASSWORD_MAXIMUM] = 0;
    ok(!password_check(longest, "x", &error), "128 are not");
    bool good = true;
    for (int i = 0; i < 200; i++) {
        password_make(made);
        good = good && strlen(made) == 14 && !strpbrk(made, "0O1lI") && !password_check(made, "x", &error);
    }
    ok(good, "200 made passwords are good");
}

static void *hash_one(void *argument)
{
    struct error error;
    char hash[PASSWORD_HASH_SIZE];
    (void)argument;
    return password_hash("some password", hash, &error) ? "failed" : NULL;
}

static void threads(void)
{
    pthread_t thread[4];
    void *failed, *any = NULL;
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, hash_one, NULL);
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], &failed);
        any = any ? any : failed;
    }
    ok(!any, "four threads take turns");
}

static void captchas(void)
{
    char answer[CAPTCHA_SIZE];
    struct buffer image;
    struct error error;
    bool good = true;
    for (int i = 0; i < 500; i++) {
        captcha_make(answer);
        size_t length = strlen(answer);
        good = good && (length == 4 || length == 5) && !strpbrk(answer, "0O1IL");
    }
    ok(good, "4 or 5 characters without look-alikes");
    buffer_init(&image, 1 << 17);
    is_int(captcha_draw("TEST", &image, &error), 0, "drawn");
    ok(!strncmp(buffer_string(&image), "data:image/png;base64,iVBORw0KGgo", 33), "as a PNG");
    ok(image.length > 2000 && image.length < 65536 && strlen(image.data) == image.length, "of %zu bytes", image.length);
    buffer_free(&image);
    buffer_init(&image, 100);
    ok(captcha_draw("TEST", &image, &error), "no room is an error");
    buffer_free(&image);
    ok(captcha_same("TEST", "TEST") && captcha_same("TEST", " te st ") && !captcha_same("TEST", "TES") && !captcha_same("TEST", "TESTS") &&
       !captcha_same("TEST", "") && !captcha_same("TEST", "TOST"), "answers");
}

int main(void)
{
    digests();
    passwords();
    rules();
    threads();
    captchas();
    return done_testing();
}
