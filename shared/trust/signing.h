/* This installation's own signature (Ed25519, RFC 8032), for what it wants to be held to later. */
#ifndef TRUST_SIGNING_H
#define TRUST_SIGNING_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define SIGNATURE_SIZE 129 /* 64 bytes in hexadecimal, and NUL */

struct signing_key;

/* Reads the private key (PEM), making it (mode 0600) when the file is not there yet, and sees to it that `public_file` holds the
   public one. ERROR_INTERNAL with the reason. Free with signing_close. */
int signing_open(const char *private_file, const char *public_file, struct signing_key **key, struct error *error);
/* The public key alone: can only check. */
int signing_open_public(const char *public_file, struct signing_key **key, struct error *error);
void signing_close(struct signing_key *key);

int signing_sign(const struct signing_key *key, const void *bytes, size_t length, char signature[SIGNATURE_SIZE], struct error *error);
bool signing_check(const struct signing_key *key, const void *bytes, size_t length, const char *signature);

#endif
