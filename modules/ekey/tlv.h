/* BER-TLV as cards write it (ISO 7816-4, 5.2.2): definite lengths of up to three bytes. */
#ifndef EKEY_TLV_H
#define EKEY_TLV_H

#include <stdbool.h>
#include <stddef.h>

struct tlv {
    const unsigned char *value; /* within the text read */
    size_t length;
};

/* The first element with this tag (of one byte) among elements that follow each other. False when there is none, or what stands before
   it is broken. */
bool tlv_find(const unsigned char *bytes, size_t length, unsigned tag, struct tlv *found);

/* Writes tag (of one byte) and length; returns how many bytes: up to 4. */
size_t tlv_head(unsigned char *out, unsigned tag, size_t length);

#endif
