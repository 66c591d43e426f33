/* Demo accounts, labelled as such, with random passwords of this instance; and the first administrator of a real one. */
#include "account.h"

#include "base/log.h"
#include "base/random.h"
#include "base/digest.h"
#include "trust/password.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct demo_enterprise { int64_t id; const char *code, *uscc, *name, *region, *address; } enterprises[] = {
    {1001, "1100776367555", "988899977763675550", "签章测试企业", "北京", "北京市东城区（演示地址）"},
    {1002, "6500299201930", "916500002992019304", "新疆亚中集团对外贸易有限公司", "新疆", "新疆乌鲁木齐市（演示地址）"}};

static const struct demo_account {
    int64_t id;
    const char *name, *display_name;
    enum principal_kind kind;
    int64_t enterprise;
    bool administrator;
    const char *agency;
    unsigned rights;
    const char *description;
} accounts[] = {
    {2001, "demo_admin", "演示企业管理员", PRINCIPAL_ENTERPRISE, 1001, true, "", 0, "enterprise administrator of 签章测试企业"},
    {2002, "demo_operator", "演示操作员", PRINCIPAL_ENTERPRISE, 1001, false, "", APPLICANT_RIGHTS, "operator of 签章测试企业"},
    {2003, "demo_other", "演示其他企业", PRINCIPAL_ENTERPRISE, 1002, true, "", 0, "administrator of another enterprise"},
    {2004, "demo_first", "演示初审员", PRINCIPAL_OFFICER, 0, false, "AA", RIGHT_VIEW | RIGHT_FIRST_REVIEW, "first reviewer, agency AA"},
    {2005, "demo_second", "演示复审员", PRINCIPAL_OFFICER, 0, false, "AA", RIGHT_VIEW | RIGHT_SECOND_REVIEW, "second reviewer, agency AA"},
    {2006, "demo_manager", "演示处长", PRINCIPAL_OFFICER, 0, false, "AA", OFFICER_RIGHTS, "manager and both reviews, agency AA"},
    {2007, "demo_ab", "演示大连审核员", PRINCIPAL_OFFICER, 0, false, "AB", RIGHT_VIEW | RIGHT_FIRST_REVIEW | RIGHT_SECOND_REVIEW, "both reviews, agency AB"},
    {2008, "demo_customs", "演示海关用户", PRINCIPAL_CUSTOMS, 0, false, "", RIGHT_VIEW, "customs"},
    {2009, "demo_portal", "演示门户管理员", PRINCIPAL_ADMINISTRATOR, 0, false, "", 0, "portal administrator"},
    {2011, "demo_office", "演示机电办审核员", PRINCIPAL_OFFICER, 0, false, "320400", RIGHT_VIEW | RIGHT_FIRST_REVIEW, "reviewer, MEP office 常州"},
    {2012, "demo_ministry", "演示商务部审核员", PRINCIPAL_OFFICER, 0, false, "NM", RIGHT_VIEW | RIGHT_FIRST_REVIEW | RIGHT_MANAGE, "reviewer of key used MEP goods"},
    {2013, "demo_ccpit", "演示贸促会审核员", PRINCIPAL_OFFICER, 0, false, "C21020", RIGHT_VIEW | RIGHT_FIRST_REVIEW | RIGHT_MANAGE, "reviewer, CCPIT office 大连"},
    {2010, "demo_person", "演示自然人", PRINCIPAL_PERSON, 0, false, "", 0, "natural person"}};

static const struct { int64_t id; const char *kind, *title, *body; } articles[] = {
    {3001, "notice", "【演示数据】欢迎使用单一窗口演示系统", "本实例中的企业、人员、单据均为演示数据，不具有任何效力。"},
    {3002, "notice", "【演示数据】出口许可证申报须知", "申报前请先在申请前置页面查询商品是否属于许可证管理范围。"},
    {3003, "news", "【演示数据】出口许可证模块上线", "企业可以在线申请、查询和打印出口许可证申请表。"},
    {3004, "policy", "【演示数据】政策法规栏目说明", "此处由门户管理员发布政策法规。"},
    {3005, "download", "【演示数据】资料下载栏目说明", "此处由门户管理员发布可供下载的资料。"},
    {3009, "download", "【演示数据】电子钥匙客户端控件：安装说明",
     "客户端控件是在操作员自己的电脑上运行的小程序（ekey-control），网页通过它使用电子钥匙登录和签名。\n\n"
     "一、Debian 12、Ubuntu 22.04 及以上：apt-get install pcscd libpcsclite1 libmicrohttpd12 libxml2 openssl pinentry-gnome3，再把 ekey-control 放到 /usr/local/bin。\n"
     "二、在 ~/.config/singlewindow-ekey/settings 中写一行：portal = 本网站的地址（浏览器地址栏中从 http 到端口的部分）。\n"
     "三、启动 ekey-control，插入电子钥匙，回到“我的IC卡”点击“绑定”。\n\n"
     "门户管理员可在此处附上安装包；源代码及完整说明见 modules/ekey。"},
    {3006, "training", "【演示数据】操作培训栏目说明", "此处由门户管理员发布培训材料。"},
    {3007, "faq", "【演示数据】忘记密码怎么办？", "在登录页面点击“忘记密码”，通过手机或邮箱接收验证码后重新设置密码。"},
    {3008, "faq", "【演示数据】为什么看不到别的企业的单据？", "每家企业只能看到自己的单据。"}};

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define PARTNER 4001

struct demo {
    const struct account *account;
    char password[COUNT(accounts)][PASSWORD_MADE_SIZE], hash[COUNT(accounts)][PASSWORD_HASH_SIZE];
    char key[65], key_hash[DIGEST_SIZE];
    bool fresh; /* nothing is there yet */
};

/* ---- the database */

static int enterprises_insert(struct store_connection *db, struct error *error)
{
    int64_t now = clock_now();
    for (size_t i = 0; i < COUNT(enterprises); i++) {
        const struct demo_enterprise *e = &enterprises[i];
        if (store_execute(db, error, NULL,
                "INSERT INTO enterprise (id, code, organisation_code, uscc, name, address, contact, phone, region, demo, created, updated) "
                "VALUES ($1, $2, $3, $4, $5, $6, '演示联系人', '010-12345678', $7, 1, $8, $8)",
                STORE_VALUES(store_integer(e->id), store_string(e->code), store_string(e->code + 4), store_string(e->uscc), store_string(e->name),
                             store_string(e->address), store_string(e->region), store_integer(now))))
            return (int)error->code;
    }
    return 0;
}

static int accounts_insert(struct store_connection *db, struct demo *demo, struct error *error)
{
    for (size_t i = 0; i < COUNT(accounts); i++) {
        const struct demo_account *a = &accounts[i];
        char email[64];
        snprintf(email, sizeof email, "%s@example.com", a->name);
        struct new_person person = {.id = a->id, .enterprise = a->enterprise, .kind = a->kind, .enterprise_administrator = a->administrator,
                                    .demo = true, .name = a->name, .display_name = a->display_name, .password_hash = demo->hash[i],
                                    .email = email, .agency = a->agency};
        for (int m = 0; m < demo->account->module_count; m++)
            person.grants.rights[m] = a->rights;
        if (person_insert(db, demo->account, &person, error))
            return (int)error->code;
    }
    return 0;
}

static int articles_insert(struct store_connection *db, struct error *error)
{
    int64_t now = clock_now();
    for (size_t i = 0; i < COUNT(articles); i++)
        if (store_execute(db, error, NULL,
                "INSERT INTO article (id, kind, title, body, published, author, demo, created, updated) VALUES ($1, $2, $3, $4, $5, '演示', 1, $5, $5)",
                STORE_VALUES(store_integer(articles[i].id), store_string(articles[i].kind), store_string(articles[i].title),
                             store_string(articles[i].body), store_integer(now))))
            return (int)error->code;
    return 0;
}

static int partner_insert(struct store_connection *db, struct demo *demo, struct error *error)
{
    struct grants grants = {{0}};
    char prefix[9];
    for (int m = 0; m < demo->account->module_count; m++)
        grants.rights[m] = RIGHT_EDIT;
    snprintf(prefix, sizeof prefix, "%.8s", demo->key);
    if (store_execute(db, error, NULL,
            "INSERT INTO partner (id, name, key_hash, key_prefix, demo, created) VALUES ($1, '海关模拟（演示）', $2, $3, 1, $4)",
            STORE_VALUES(store_integer(PARTNER), store_string(demo->key_hash), store_string(prefix), store_integer(clock_now()))))
        return (int)error->code;
    return rights_replace(db, demo->account, PARTNER, &grants, error);
}

/* The passwords are known to nobody any more (the file is gone): new ones. */
static int secrets_replace(struct store_connection *db, struct demo *demo, struct error *error)
{
    char prefix[9];
    snprintf(prefix, sizeof prefix, "%.8s", demo->key);
    for (size_t i = 0; i < COUNT(accounts); i++)
        if (store_execute(db, error, NULL, "UPDATE user_account SET password = $2, epoch = epoch + 1 WHERE id = $1 AND demo = 1",
                          STORE_VALUES(store_integer(accounts[i].id), store_string(demo->hash[i]))))
            return (int)error->code;
    return store_execute(db, error, NULL, "UPDATE partner SET key_hash = $2, key_prefix = $3 WHERE id = $1 AND demo = 1",
                         STORE_VALUES(store_integer(PARTNER), store_string(demo->key_hash), store_string(prefix)));
}

static int demo_work(struct store_connection *db, void *argument, struct error *error)
{
    struct demo *demo = argument;
    if (!demo->fresh)
        return secrets_replace(db, demo, error);
    if (enterprises_insert(db, error) || accounts_insert(db, demo, error) || articles_insert(db, error) || partner_insert(db, demo, error))
        return (int)error->code;
    return audit_by(db, 0, "", 0, "", "demo_data", NULL, NULL, error);
}

/* ---- the files */

static int file_write(const char *path, const struct buffer *text, struct error *error)
{
    char next[1300];
    snprintf(next, sizeof next, "%s.new", path);
    int file = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = file >= 0 && !fchmod(file, 0600) && write(file, text->data, text->length) == (ssize_t)text->length && !fsync(file);
    if (file >= 0)
        close(file);
    return good && !rename(next, path) ? 0 : error_internal(error, "%s: %s", path, strerror(errno));
}

static int files_write(const struct demo *demo, const char *path, struct error *error)
{
    char partners[1200];
    const struct config *config = demo->account->config;
    struct buffer text, partner;
    buffer_init(&text, 65536);
    buffer_init(&partner, 4096);
    buffer_printf(&partner, "partner %s customs stand-in\n", demo->key);
    buffer_text(&text, "# Demo accounts of this instance only: name, password, who it is\n");
    for (size_t i = 0; i < COUNT(accounts); i++)
        buffer_printf(&text, "%s %s %s\n", accounts[i].name, demo->password[i], accounts[i].description);
    buffer_text(&text, buffer_string(&partner));
    snprintf(partners, sizeof partners, "%s/partners", config_text(config, "var", "."));
    int code = file_write(config_text(config, "partner_file", partners), &partner, error);
    if (!code)
        code = file_write(path, &text, error); /* last: while it is missing, all of this is done again */
    buffer_free(&partner);
    buffer_free(&text);
    return code;
}

/* ---- start */

static int secrets_make(struct demo *demo, struct error *error)
{
    for (size_t i = 0; i < COUNT(accounts); i++) {
        password_make(demo->password[i]);
        if (password_hash(demo->password[i], demo->hash[i], error))
            return (int)error->code;
    }
    random_hex(32, demo->key);
    digest_sha256(demo->key, strlen(demo->key), demo->key_hash);
    return 0;
}

static int count_demo(struct store_connection *db, int64_t *count, struct error *error)
{
    struct store_rows rows;
    *count = 0;
    if (store_query(db, &rows, error,
            "SELECT (SELECT COUNT(id) FROM user_account WHERE demo = 1) + (SELECT COUNT(id) FROM partner WHERE demo = 1) + "
            "(SELECT COUNT(id) FROM enterprise WHERE demo = 1)", STORE_NO_VALUES))
        return (int)error->code;
    if (store_next(&rows))
        *count = store_column_integer(&rows, 0);
    return store_end(&rows);
}

int demo_prepare(struct account *account, struct error *error)
{
    static struct demo demo;
    char path[1200];
    int64_t count;
    if (count_demo(account->epoch_reader, &count, error))
        return (int)error->code;
    if (!account->demo)
        return count ? error_internal(error, "there are demo accounts in this database: start with demo = 1, or use another database") : 0;
    snprintf(path, sizeof path, "%s/demo-accounts.txt", config_text(account->config, "var", "."));
    if (count && !access(path, R_OK))
        return 0;
    demo.account = account;
    demo.fresh = !count;
    if (secrets_make(&demo, error) || store_write(account->store, demo_work, &demo, error) || files_write(&demo, path, error))
        return (int)error->code;
    log_line(LOG_INFO, "demo", "accounts=%zu fresh=%d", COUNT(accounts), demo.fresh);
    return 0;
}

int demo_session(struct account *account, const char *name, struct error *error)
{
    struct session_store *sessions;
    struct principal principal;
    struct person person;
    struct session session;
    struct arena arena;
    char token[SESSION_TOKEN_SIZE];
    int code;

    if (!account->demo || session_store_open(config_text(account->config, "redis", ""), &sessions, error))
        return error_internal(error, "only with demo = 1");
    arena_init(&arena, 0);
    code = person_by_name(account->epoch_reader, &arena, name, &person, error);
    if (!code && !person.demo)
        code = error_internal(error, "%s is no demo account", name);
    if (!code)
        code = principal_make(account->epoch_reader, account, &person, &principal, error);
    if (!code)
        code = session_create(sessions, &principal, &session, token, error);
    if (!code)
        printf("%s %s\n", token, session.csrf);
    arena_free(&arena);
    session_store_close(sessions);
    return code;
}

/* ---- the first administrator */

struct creation { const struct account *account; struct new_person person; };

static int creation_work(struct store_connection *db, void *argument, struct error *error)
{
    struct creation *creation = argument;
    if (person_insert(db, creation->account, &creation->person, error))
        return (int)error->code;
    return audit_by(db, 0, "", 0, "command line", "user_created", creation->person.name, "administrator", error);
}

/* Reads the password from standard input, so that it stands in no list of processes. */
int administrator_create(struct account *account, const char *name, struct error *error)
{
    char password[PASSWORD_MAXIMUM + 2] = "", hash[PASSWORD_HASH_SIZE];
    size_t length = strlen(name);
    if (length < 4 || length > 32 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") != length)
        return error_internal(error, "a name has 4 to 32 characters: a-z 0-9 _ . -");
    if (!fgets(password, sizeof password, stdin))
        return error_internal(error, "give the password on standard input");
    password[strcspn(password, "\r\n")] = 0;
    if (password_check(password, name, error) || password_hash(password, hash, error))
        return (int)error->code;
    struct creation creation = {account, {.id = random_id(clock_now()), .kind = PRINCIPAL_ADMINISTRATOR, .name = name, .display_name = name, .password_hash = hash}};
    return store_write(account->store, creation_work, &creation, error);
}
