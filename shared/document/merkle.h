/* A Merkle tree as RFC 6962 section 2.1 has it, over leaves that come one after the other: its root stands for all of them. */
#ifndef DOCUMENT_MERKLE_H
#define DOCUMENT_MERKLE_H

#include "base/digest.h"

#include <stdint.h>

struct merkle {
    uint64_t count;
    unsigned char peak[64][DIGEST_BYTES]; /* roots of the complete subtrees, one for each bit of `count` */
};

/* The hash of a leaf (at most 255 bytes); the same leaf may go into several trees. */
void merkle_leaf(const void *bytes, size_t length, unsigned char hash[DIGEST_BYTES]);
void merkle_add(struct merkle *tree, const unsigned char leaf[DIGEST_BYTES]);
void merkle_root(const struct merkle *tree, char hex[DIGEST_SIZE]);

#endif
