/* From the bytes that a partner has sent to what they say: text, signature, XML Schema, head, members. Pure: no database, clock or network.
   Whatever is read is read from what the signature check gives; the bytes themselves only tell in which line something stands.

   A message may begin with an XML declaration (1.0, UTF-8) and end in white space; otherwise it is what trust/xml_signature.h accepts. */
#ifndef EXCHANGE_GATEWAY_READ_H
#define EXCHANGE_GATEWAY_READ_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/digest.h"
#include "base/json_write.h"
#include "exchange/envelope.h"
#include "exchange/partners.h"
#include "trust/certificate.h"

struct gate_signer {
    unsigned char der[CERTIFICATE_MAXIMUM];
    size_t length;
    struct certificate about;
};

#define GATE_CLIENTS 4

struct gate_sender { /* whose messages are read */
    const struct partner *partner;
    struct gate_signer *signers; /* as many as the partner names */
    char clients[GATE_CLIENTS][DIGEST_SIZE]; /* SHA-256 of its client certificates; "" for none */
};

/* Reads the certificates that the partner's file names. ERROR_INTERNAL names the file. Free with gate_sender_free. */
int gate_sender_open(const struct partner *partner, struct gate_sender *sender, struct error *error);
void gate_sender_free(struct gate_sender *sender);
/* Whether a client certificate of this fingerprint is the partner's. */
bool gate_has_client(const struct gate_sender *sender, const char *fingerprint);

/* The first certificate of a PEM text, as DER. ERROR_INVALID "certificate_unreadable". */
int gate_certificate(const char *pem, size_t length, unsigned char der[CERTIFICATE_MAXIMUM], size_t *size, struct error *error);

/* The XML Schema of what partners send, compiled once: of one thread at a time. Needs xml_signature_start. */
struct gate_schema;
int gate_schema_open(struct gate_schema **schema, struct error *error);
void gate_schema_close(struct gate_schema *schema);

#define GATE_PROBLEMS 20

struct gate_problem {
    int line;          /* of the file, from 1 */
    char element[100]; /* "" = none */
    char rule[48], zh[256], en[400];
};

struct gate_message {
    bool verified;             /* signed by the partner: what follows is its word, as far as it is there; no Sequence where the head is not
                                  that of a message from this partner about one document */
    struct envelope_head head; /* texts in the arena, "" and 0 what is missing or not spelled as it should be */
    const char *content;       /* members of the kind (JSON object, in the arena) when there are no problems */
    char hash[DIGEST_SIZE];    /* of the signed content, of the bytes where it is not verified */
    struct gate_problem problems[GATE_PROBLEMS];
    size_t problem_count;      /* 0: can be taken */
};

/* Reads; `now` (milliseconds UTC) is when the signer's certificate must be valid. ERROR_INTERNAL when memory or libxml2 fails, and only then. */
int gate_read(const struct gate_sender *sender, struct gate_schema *schema, const char *bytes, size_t length, int64_t now, struct arena *arena,
              struct gate_message *message, struct error *error);

/* Whether a file is all there: what is well-formed, and what never will be. */
bool gate_whole(const char *bytes, size_t length);

/* Where a member stands in a message that was read before: `path` as modules name it ("goods/0/code") or an element of the head; what is not there is the
   message itself. Gives its line and, in `element`, what it is called there. Says nothing that may be believed. */
int gate_line(const char *bytes, size_t length, const char *path, char element[ENVELOPE_NAME_MAXIMUM]);

/* printf of what others have said, whatever that was: one line of UTF-8, cut at a whole character. */
void gate_say(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Adds one (texts are cut to fit; the line of the file). */
void gate_problem(struct gate_message *message, int line, const char *element, const char *rule, const char *zh, const char *en);
/* [{"line","element","rule","message":{zh,en}}] */
void gate_problems_write(const struct gate_message *message, struct json_writer *json);
/* The Rejection that says them to the partner; `file`: what its file was called, "" for none. */
void gate_rejection_write(const char *file, const struct gate_message *message, struct buffer *out);

#endif
