#define OPENSSL_SUPPRESS_DEPRECATED /* OpenSSL 3.0 has no other way to a token */
#include "trust/seal_key.h"

#include <openssl/engine.h>
#include <openssl/err.h>

static ENGINE *engine; /* seals are opened before threads */

static int unusable(struct error *error, const char *what)
{
    char reason[160];

    ERR_error_string_n(ERR_peek_last_error(), reason, sizeof reason);
    ERR_clear_error();
    return error_internal(error, "%s: %s", what, reason);
}

static int load_engine(const char *module, struct error *error)
{
    if (engine) return 0;
    ENGINE_load_dynamic();
    engine = ENGINE_by_id("pkcs11");
    if (!engine) return unusable(error, "OpenSSL's engine for PKCS #11 is not installed (libengine-pkcs11-openssl)");
    if ((!module || ENGINE_ctrl_cmd_string(engine, "MODULE_PATH", module, 0) == 1) && ENGINE_init(engine) == 1) return 0;
    ENGINE_free(engine);
    engine = NULL;
    return unusable(error, module ? module : "no module for PKCS #11 can be loaded");
}

int seal_token_open(const char *uri, const char *module, const char *pin, struct seal *seal, struct error *error)
{
    struct {
        const char *uri;
        X509 *certificate;
    } wanted = {uri, NULL};

    if (load_engine(module, error)) return (int)error->code;
    if (pin && ENGINE_ctrl_cmd_string(engine, "PIN", pin, 0) != 1) return unusable(error, "the PIN is not taken");
    if (ENGINE_ctrl_cmd(engine, "LOAD_CERT_CTRL", 0, &wanted, NULL, 1) != 1 || !wanted.certificate) return unusable(error, "no certificate on the token");
    seal->certificate = wanted.certificate;
    seal->key = ENGINE_load_private_key(engine, uri, NULL, NULL);
    return seal->key ? 0 : unusable(error, "no private key on the token, or a wrong PIN");
}

void seal_token_end(void)
{
    if (!engine) return;
    ENGINE_finish(engine);
    ENGINE_free(engine);
    engine = NULL;
}
