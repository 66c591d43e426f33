/* Passwords: Argon2id with 19 MiB, 2 passes, 1 lane (about 30 ms), as an encoded string that carries its own parameters.

   At most one hash runs at a time for each two processors: others wait, so that a flood of sign-ins takes neither the memory
   nor the processors of everybody else. Call only on threads that may wait (the slow lane). */
#ifndef TRUST_PASSWORD_H
#define TRUST_PASSWORD_H

#include "base/error.h"

#include <stdbool.h>

#define PASSWORD_MAXIMUM 128 /* bytes */
#define PASSWORD_HASH_SIZE 160

/* Hashes a password with a fresh salt into an encoded string. ERROR_UNAVAILABLE when memory is short. */
int password_hash(const char *password, char encoded[PASSWORD_HASH_SIZE], struct error *error);

/* Whether the password belongs to the encoded string. NULL as `encoded` (an unknown user) takes as long as a real one and is
   never right. *right is false on an error. */
int password_verify(const char *password, const char *encoded, bool *right, struct error *error);

/* Whether a new password is good enough: at least 10 characters, or 8 of three classes (small, capital, digit, other); at most
   128 bytes; not the user's name, not one character repeated. ERROR_INVALID with words otherwise. */
int password_check(const char *password, const char *user_name, struct error *error);

/* A random password of 14 characters without look-alikes, for an account that somebody else creates. */
#define PASSWORD_MADE_SIZE 16
void password_make(char password[PASSWORD_MADE_SIZE]);

#endif
