#include "session.h"

#include "base/digest.h"
#include "base/log.h"
#include "trust/signed_info.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <winscard.h>

#define GONE_TRIES 40 /* of 50 ms: a reader may take that long to say that its card is gone */

/* ---- PC/SC */

/* Whether the card that this session is about is in its reader now. */
static bool there(struct session *session)
{
    SCARD_READERSTATE state = {.szReader = session->place.reader};
    LONG code = SCardGetStatusChange(session->context, 0, &state, 1);
    return (code == SCARD_S_SUCCESS || code == SCARD_E_TIMEOUT) && state.dwEventState & SCARD_STATE_PRESENT &&
           state.dwEventState >> 16 == session->place.insertion;
}

/* What a failure of PC/SC means. A card that is pulled while it works shows at first as an error like any other. */
static enum refusal failed(struct session *session, LONG code)
{
    if (code == SCARD_E_SHARING_VIOLATION)
        return BUSY;
    session->lost = true;
    for (int i = 0; i < GONE_TRIES; i++) {
        if (code == SCARD_W_REMOVED_CARD || code == SCARD_E_NO_SMARTCARD || !there(session))
            return KEY_REMOVED;
        usleep(50000);
    }
    log_line(LOG_WARNING, "card", "reason=\"%s\"", pcsc_stringify_error(code));
    return CARD_ERROR;
}

static enum refusal exchange(void *context, const unsigned char *command, size_t length, unsigned char *answer, size_t *answer_length)
{
    struct session *session = context;
    const SCARD_IO_REQUEST *protocol = session->protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
    DWORD size = *answer_length;
    if (session->lost)
        return KEY_REMOVED;
    if (session->protocol == SCARD_PROTOCOL_T0 && length > 5 && length == 6u + command[4])
        length--; /* T=0 has no place for both lengths; the card says by 61xx what it has */
    LONG code = SCardTransmit(session->handle, protocol, command, length, NULL, answer, &size);
    *answer_length = size;
    if (code == SCARD_S_SUCCESS && size < 2)
        code = SCARD_E_COMM_DATA_LOST; /* so do some readers say that the card went away under the command */
    return code == SCARD_S_SUCCESS ? DONE : failed(session, code);
}

static void driver_find(struct session *session)
{
    session->key.driver = NULL;
    for (int i = 0; card_drivers[i] && !session->key.driver; i++)
        if (card_drivers[i]->open(&session->card))
            session->key.driver = card_drivers[i];
}

enum refusal session_connect(const struct place *place, struct session *session)
{
    SCARDCONTEXT context;
    SCARDHANDLE handle = 0;
    DWORD protocol = 0;
    *session = (struct session){.place = *place};
    session->card = (struct card){exchange, session};
    if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != SCARD_S_SUCCESS)
        return CARD_ERROR;
    session->context = context;
    LONG code = SCardConnect(context, place->reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &handle, &protocol);
    if (code == SCARD_S_SUCCESS) {
        session->handle = handle;
        code = SCardBeginTransaction(handle);
        if (code == SCARD_W_RESET_CARD) { /* by another program, while this one waited */
            code = SCardReconnect(handle, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, SCARD_LEAVE_CARD, &protocol);
            if (code == SCARD_S_SUCCESS)
                code = SCardBeginTransaction(handle);
        }
        session->protocol = protocol;
        /* from here on no other program gets between; is it still the card that was meant? */
        if (code == SCARD_S_SUCCESS && there(session)) {
            driver_find(session);
            return DONE;
        }
    }
    enum refusal refusal = code == SCARD_S_SUCCESS ? KEY_REMOVED : failed(session, code);
    session_close(session);
    return refusal;
}

enum refusal session_open(const char *id, struct session *session)
{
    struct key *known = malloc(sizeof *known);
    struct place place;
    enum refusal refusal = known ? key_find(id, known, &place) : CARD_ERROR;
    if (!refusal)
        refusal = session_connect(&place, session);
    if (!refusal && session->key.driver != known->driver) {
        session_close(session);
        refusal = CARD_ERROR;
    }
    if (!refusal)
        session->key = *known;
    free(known);
    return refusal;
}

/* A right PIN gives the wrong tries back: the count that everybody sees follows. */
static bool forgotten(struct session *session)
{
    int tries;
    if (session->lost || !session->key.driver || !session->key.driver->forget(&session->card))
        return false;
    if (session->key.driver->tries(&session->card, &tries) == DONE)
        key_note_tries(session->key.id, tries);
    return true;
}

void session_close(struct session *session)
{
    if (session->handle) {
        bool clean = !session->verified || forgotten(session);
        SCardEndTransaction(session->handle, SCARD_LEAVE_CARD);
        SCardDisconnect(session->handle, clean ? SCARD_LEAVE_CARD : SCARD_RESET_CARD);
    }
    SCardReleaseContext(session->context);
    session->handle = 0;
}

/* ---- the PIN */

enum refusal session_tries(struct session *session, bool last_try, int *tries)
{
    enum refusal refusal = session->key.driver->tries(&session->card, tries);
    if (refusal)
        return refusal;
    key_note_tries(session->key.id, *tries);
    return !*tries ? PIN_BLOCKED : *tries == 1 && !last_try ? LAST_TRY : DONE;
}

static enum refusal noted(struct session *session, enum refusal refusal, int *tries)
{
    if (refusal == WRONG_PIN || refusal == PIN_BLOCKED) {
        key_note_tries(session->key.id, *tries);
        log_line(LOG_INFO, "wrong-pin", "tries=%d", *tries);
    }
    return refusal;
}

enum refusal session_verify(struct session *session, const struct pin *pin, bool last_try, int *tries)
{
    enum refusal refusal = session_tries(session, last_try, tries);
    if (refusal)
        return refusal;
    session->verified = true;
    return noted(session, session->key.driver->verify(&session->card, pin, tries), tries);
}

enum refusal session_change(struct session *session, const struct pin *old, const struct pin *new, bool last_try, int *tries)
{
    enum refusal refusal = session_tries(session, last_try, tries);
    if (refusal)
        return refusal;
    session->verified = true;
    return noted(session, session->key.driver->change(&session->card, old, new, tries), tries);
}

/* ---- signatures */

enum refusal session_sign(struct session *session, enum card_slot slot, const void *text, size_t size, unsigned char signature[SIGNATURE_BYTES],
                          size_t *length)
{
    const struct card_certificate *certificate = &session->key.certificates[slot];
    unsigned char hash[HASH_BYTES];
    if (!certificate->length)
        return NO_CERTIFICATE;
    digest_raw(text, size, hash);
    enum refusal refusal = session->key.driver->sign(&session->card, slot, &session->key, hash, signature, length);
    if (refusal)
        return refusal;
    if (!certificate_verify(certificate->der, certificate->length, SM2_ID, text, size, signature, *length)) {
        log_line(LOG_WARNING, "sign", "reason=\"the signature is not that of the certificate\"");
        return CARD_ERROR;
    }
    return DONE;
}
