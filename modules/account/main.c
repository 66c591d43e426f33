/* Accounts: who may sign in, what they may do, what the portal publishes. */
#include "account.h"

#include "base/log.h"
#include "base/random.h"
#include "service/modules.h"
#include "service/writer.h"
#include "trust/password.h"
#include "trust/signed_info.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUTES_MAXIMUM 112
#define FILE_MAXIMUM (4 << 20)

/* ---- what the program reads at its start */

static char *file_read(const char *path, size_t *length)
{
    FILE *file = fopen(path, "re");
    char *text = file ? malloc(FILE_MAXIMUM + 1) : NULL;
    *length = text ? fread(text, 1, FILE_MAXIMUM, file) : 0;
    if (file)
        fclose(file);
    if (text)
        text[*length] = 0;
    return text;
}

static int agencies_read(struct account *account, const char *root, struct error *error)
{
    char path[1200];
    size_t length;
    snprintf(path, sizeof path, "%s/schema/codes/issuing_agency.csv", root);
    char *text = file_read(path, &length);
    if (!text)
        return error_internal(error, "%s: %s", path, strerror(errno));
    account->agencies = code_table_read("issuing_agency", text, length, error);
    free(text);
    return account->agencies ? 0 : (int)error->code;
}

static int secret_read(struct account *account, const char *path, struct error *error)
{
    size_t length;
    char *text = file_read(path, &length);
    if (text)
        snprintf(account->secret, sizeof account->secret, "%.*s", (int)strcspn(text, "\r\n"), text);
    free(text);
    return strlen(account->secret) >= 32 ? 0 : error_internal(error, "secret_file: at least 32 characters are needed");
}

static int settings_read(struct account *account, struct error *error)
{
    const struct config *config = account->config;
    const char *root = config_text(config, "root", "."), *captcha = config_text(config, "captcha", "");
    account->demo = !strcmp(config_text(config, "demo", "0"), "1");
    account->fixed_captcha = !strcmp(captcha, "fixed");
    account->portal_zh = config_text(config, "portal_zh", "中国国际贸易单一窗口");
    account->portal_en = config_text(config, "portal_en", "China International Trade Single Window");
    if (account->fixed_captcha && !config_text(config, "clock_file", NULL))
        return error_internal(error, "captcha = fixed is for tests only: it needs clock_file");
    if (secret_read(account, config_text(config, "secret_file", ""), error) || agencies_read(account, root, error) || service_modules(root, account->modules, MODULES_MAXIMUM, &account->module_count, error))
        return (int)error->code;
    account->key_sign_out = !strcmp(config_text(config, "ekey_sign_out", "1"), "1");
    if (authorities_open(config_text(config, "authorities", ""), config_text(config, "sm2_id", SM2_ID), &account->authorities, error))
        return (int)error->code;
    return gateway_read(config, &account->gateway, error);
}

static int database_open(struct account *account, struct error *error)
{
    char directory[1200];
    const struct store_settings settings = {.cache_kib = 2048, .writers = 2};
    snprintf(directory, sizeof directory, "%s/schema/sql/account", config_text(account->config, "root", "."));
    if (store_open(config_text(account->config, "database", ""), "account", &settings, &account->store, error) ||
        store_migrate(account->store, directory, error))
        return (int)error->code;
    pthread_mutex_init(&account->epoch_lock, NULL);
    return store_reader(account->store, &account->epoch_reader, error);
}

/* ---- serving */

static const struct web_route *all_routes(void)
{
    static struct web_route routes[ROUTES_MAXIMUM];
    const struct web_route *const tables[] = {session_routes, contact_routes, register_routes, recover_routes, profile_routes, people_routes, key_routes,
                                             api_key_routes, article_routes, admin_routes, partner_routes_of_account, openapi_routes_of_account, internal_routes};
    int count = 0;
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct web_route *route = tables[t]; route->method && count < ROUTES_MAXIMUM - 1; route++)
            routes[count++] = *route;
    return routes;
}

static int serve(struct account *account, struct error *error)
{
    struct web_writer writer = service_writer(account->store);
    if (demo_prepare(account, error) || courier_start(account, error))
        return (int)error->code;
    web_epoch_source(account->server, epoch_source, account);
    int code = web_run(account->server, all_routes(), &writer, account);
    courier_stop(account);
    return code;
}

static int fail(const struct error *error)
{
    char text[300];
    log_line(LOG_ERROR, "start", "reason=%s", log_quote(error->detail[0] ? error->detail : error->en, text, sizeof text));
    return 1;
}

int main(int argc, char **argv)
{
    static struct account account;
    struct config *config;
    struct error error;
    bool create = argc == 4 && !strcmp(argv[2], "create-administrator"), demo = argc == 4 && !strcmp(argv[2], "demo-session");
    log_open("account", LOG_INFO);
    error_clear(&error);
    if (argc != 2 && !create && !demo) {
        fprintf(stderr, "usage: %s <settings file> [create-administrator <name> | demo-session <name>]\n", argv[0]);
        return 2;
    }
    if (config_read(argv[1], &config, &error))
        return fail(&error);
    account.config = config;
    if (settings_read(&account, &error) || database_open(&account, &error))
        return fail(&error);
    if (create)
        return administrator_create(&account, argv[3], &error) ? fail(&error) : 0;
    if (demo)
        return demo_session(&account, argv[3], &error) ? fail(&error) : 0;
    if (web_open("account", config, &account.server, &error) || serve(&account, &error))
        return fail(&error);
    web_close(account.server);
    store_reader_close(account.epoch_reader);
    store_close(account.store);
    code_table_free(account.agencies);
    authorities_close(account.authorities);
    config_free(config);
    return 0;
}
