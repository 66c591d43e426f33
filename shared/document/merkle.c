#include "document/merkle.h"

#include <string.h>

#define LEAF 0 /* first byte of what is hashed: no leaf can pass for an inner node */
#define NODE 1

void merkle_leaf(const void *bytes, size_t length, unsigned char hash[DIGEST_BYTES])
{
    unsigned char text[256] = {LEAF};

    if (length > sizeof text - 1) length = sizeof text - 1;
    memcpy(text + 1, bytes, length);
    digest_raw(text, length + 1, hash);
}

static void join(const unsigned char left[DIGEST_BYTES], const unsigned char right[DIGEST_BYTES], unsigned char hash[DIGEST_BYTES])
{
    unsigned char both[1 + 2 * DIGEST_BYTES] = {NODE};

    memcpy(both + 1, left, DIGEST_BYTES);
    memcpy(both + 1 + DIGEST_BYTES, right, DIGEST_BYTES);
    digest_raw(both, sizeof both, hash);
}

void merkle_add(struct merkle *tree, const unsigned char leaf[DIGEST_BYTES])
{
    unsigned char hash[DIGEST_BYTES];
    int level = 0;

    memcpy(hash, leaf, DIGEST_BYTES);
    for (; tree->count >> level & 1; level++) join(tree->peak[level], hash, hash);
    memcpy(tree->peak[level], hash, DIGEST_BYTES);
    tree->count++;
}

void merkle_root(const struct merkle *tree, char hex[DIGEST_SIZE])
{
    unsigned char hash[DIGEST_BYTES];
    int level = 0;

    if (!tree->count) {
        digest_sha256("", 0, hex);
        return;
    }
    while (!(tree->count >> level & 1)) level++;
    memcpy(hash, tree->peak[level], DIGEST_BYTES);
    for (level++; level < 64; level++)
        if (tree->count >> level & 1) join(tree->peak[level], hash, hash);
    digest_hex(hash, hex);
}
