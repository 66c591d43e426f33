/* Certificates: read, checked against a folder of authorities and lists, and the signatures of their keys. */
#include "tap.h"
#include "certificates.h"

#include "trust/certificate.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/singlewindow-certificates-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void folder_empty(void)
{
    DIR *listing = opendir(folder);
    struct dirent *entry;
    while (listing && (entry = readdir(listing)))
        if (*entry->d_name != '.') unlink(in_folder(entry->d_name));
    closedir(listing);
}

struct house { /* an authority of one kind of key, with everything that can be said of its certificates */
    EVP_PKEY *root_key, *key;
    X509 *root, *good, *revoked, *expired, *future, *encipher;
    X509_CRL *list;
};

static X509 *issue(struct house *house, const char *subject, const char *usage, int from, int to)
{
    return certificate_make(house->key, &(struct wish){.subject = subject, .issuer = house->root, .issuer_key = house->root_key, .usage = usage,
                                                       .from_days = from, .to_days = to});
}

static struct house build(const char *kind)
{
    struct house house = {.root_key = key_make(kind), .key = key_make(kind)};
    house.root = certificate_make(house.root_key, &(struct wish){.subject = "CN=root", .ca = 1, .usage = "critical,keyCertSign,cRLSign"});
    house.good = issue(&house, "CN=甲,2.5.4.97=NTRCN-110000000000000001", "critical,digitalSignature", 0, 0);
    house.revoked = issue(&house, "CN=b", "digitalSignature,nonRepudiation", 0, 0);
    house.expired = issue(&house, "CN=c", NULL, -20, -10);
    house.future = issue(&house, "CN=d", NULL, 10, 20);
    house.encipher = issue(&house, "CN=e", "keyEncipherment", 0, 0);
    house.list = list_make(house.root, house.root_key, house.revoked, -1, 30);
    return house;
}

static void demolish(struct house *house)
{
    X509 *all[] = {house->root, house->good, house->revoked, house->expired, house->future, house->encipher};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) X509_free(all[i]);
    X509_CRL_free(house->list);
    EVP_PKEY_free(house->root_key);
    EVP_PKEY_free(house->key);
}

/* "" or the name of the refusal. */
static const char *checked(struct authorities *authorities, X509 *certificate, enum certificate_use use)
{
    static struct error error;
    struct certificate good;
    size_t length;
    const void *der = certificate_der(certificate, &length);
    error_clear(&error);
    if (!certificate_check(authorities, der, length, use, TEST_NOW, &good, &error)) return "";
    if (error.code != ERROR_CONFLICT || !*error.zh || !*error.en) return "not a conflict with words";
    return error.name;
}

static struct authorities *opened(void)
{
    struct authorities *authorities;
    struct error error = {0};
    if (authorities_open(folder, TEST_ID, &authorities, &error)) diag("%s", error.detail);
    return authorities;
}

static void chains(const char *kind)
{
    struct house house = build(kind), other = build("P-256");
    char name[80];

    folder_empty();
    certificate_save(house.root, in_folder("authority.pem"));
    list_save(house.list, in_folder("authority.crl"));
    struct authorities *authorities = opened();
    const struct { X509 *certificate; enum certificate_use use; const char *want, *what; } cases[] = {
        {house.good, USE_SIGN_IN, "", "a good one signs in"}, {house.good, USE_SIGN, "", "and signs"},
        {house.revoked, USE_SIGN, "key_revoked", "revoked"}, {house.expired, USE_SIGN, "key_expired", "expired"},
        {house.future, USE_SIGN, "key_not_yet_valid", "not valid yet"}, {house.encipher, USE_SIGN, "key_wrong_use", "for another use"},
        {house.root, USE_SIGN, "key_wrong_use", "the authority's own"}, {other.good, USE_SIGN, "key_unknown_authority", "of another authority with the same name"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(name, sizeof name, "%s: %s", kind, cases[i].what);
        is_text(checked(authorities, cases[i].certificate, cases[i].use), cases[i].want, name);
    }
    authorities_close(authorities);
    demolish(&house);
    demolish(&other);
}

static void lists(const char *kind)
{
    struct house house = build(kind), other = build(kind);
    const struct { X509_CRL *list; const char *what; } cases[] = {
        {list_make(house.root, house.root_key, NULL, -30, -1), "a list that is over"},
        {list_make(house.root, house.root_key, NULL, 1, 30), "a list from tomorrow on"},
        {list_make(house.root, other.root_key, NULL, -1, 30), "a list that somebody else has signed"}, {NULL, "no list"}};
    char name[80];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        folder_empty();
        certificate_save(house.root, in_folder("authority.pem"));
        if (cases[i].list) list_save(cases[i].list, in_folder("authority.crl"));
        struct authorities *authorities = opened();
        snprintf(name, sizeof name, "%s: %s", kind, cases[i].what);
        is_text(checked(authorities, house.good, USE_SIGN), "key_list_missing", name);
        authorities_close(authorities);
        X509_CRL_free(cases[i].list);
    }
    demolish(&house);
    demolish(&other);
}

/* root -> intermediate -> key; what is in the folder is what is trusted. */
static void intermediates(const char *kind)
{
    struct house house = build(kind);
    EVP_PKEY *middle_key = key_make(kind);
    X509 *middle = certificate_make(middle_key, &(struct wish){.subject = "CN=middle", .ca = 1, .issuer = house.root, .issuer_key = house.root_key});
    X509 *leaf = certificate_make(house.key, &(struct wish){.subject = "CN=leaf", .issuer = middle, .issuer_key = middle_key});
    X509 *under_leaf = certificate_make(house.key, &(struct wish){.subject = "CN=x", .issuer = house.good, .issuer_key = house.key});
    X509_CRL *middle_list = list_make(middle, middle_key, NULL, -1, 30), *against = list_make(house.root, house.root_key, middle, -1, 30);
    struct authorities *authorities;

    folder_empty();
    certificate_save(house.root, in_folder("root.pem"));
    list_save(house.list, in_folder("root.crl"));
    list_save(middle_list, in_folder("middle.crl"));
    authorities = opened();
    is_text(checked(authorities, leaf, USE_SIGN), "key_unknown_authority", "an intermediate that is not in the folder");
    authorities_close(authorities);
    certificate_save(middle, in_folder("middle.pem"));
    authorities = opened();
    is_text(checked(authorities, leaf, USE_SIGN), "", "one that is");
    is_text(checked(authorities, under_leaf, USE_SIGN), "key_unknown_authority", "a key is no authority");
    authorities_close(authorities);
    list_save(against, in_folder("root.crl"));
    authorities = opened();
    is_text(checked(authorities, leaf, USE_SIGN), "key_revoked", "an intermediate that its root has revoked");
    authorities_close(authorities);
    unlink(in_folder("root.pem"));
    unlink(in_folder("root.crl"));
    authorities = opened();
    is_text(checked(authorities, leaf, USE_SIGN), "", "an intermediate alone is an anchor");
    authorities_close(authorities);
    X509_free(middle), X509_free(leaf), X509_free(under_leaf), X509_CRL_free(middle_list), X509_CRL_free(against), EVP_PKEY_free(middle_key);
    demolish(&house);
}

/* Until the folder has been looked at again. */
static const char *comes(struct authorities *authorities, X509 *certificate, const char *want)
{
    const char *got = checked(authorities, certificate, USE_SIGN);
    for (int i = 0; i < 1000 && strcmp(got, want); i++) {
        usleep(10000);
        got = checked(authorities, certificate, USE_SIGN);
    }
    return got;
}

static void reload(void)
{
    struct house house = build("P-256");
    X509_CRL *against = list_make(house.root, house.root_key, house.good, -1, 30);
    struct error error = {0};

    folder_empty();
    struct authorities *authorities = opened();
    is_text(checked(authorities, house.good, USE_SIGN), "key_unknown_authority", "an empty folder trusts nobody");
    list_save(house.list, in_folder("authority.crl"));
    certificate_save(house.root, in_folder("authority.pem"));
    is_text(comes(authorities, house.good, ""), "", "an authority comes");
    FILE *broken = fopen(in_folder("broken.pem"), "we");
    fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", broken);
    fclose(broken);
    list_save(against, in_folder("authority.crl"));
    usleep(1100000); /* longer than it goes without looking */
    is_text(checked(authorities, house.good, USE_SIGN), "", "a broken file leaves in force what was there");
    struct authorities *refused;
    ok(authorities_open(folder, TEST_ID, &refused, &error) && strstr(error.detail, "broken.pem"), "and is an error at the start: %s", error.detail);
    unlink(in_folder("broken.pem"));
    is_text(comes(authorities, house.good, "key_revoked"), "key_revoked", "a new list is taken over");
    unlink(in_folder("authority.pem"));
    is_text(comes(authorities, house.good, "key_unknown_authority"), "key_unknown_authority", "an authority goes");
    authorities_close(authorities);
    ok(!authorities_open(in_folder("nowhere"), TEST_ID, &authorities, &error), "an absent folder is an empty one");
    is_text(checked(authorities, house.good, USE_SIGN), "key_unknown_authority", "that trusts nobody");
    authorities_close(authorities);
    X509_CRL_free(against);
    demolish(&house);
}

struct race { struct authorities *authorities; unsigned char der[CERTIFICATE_MAXIMUM]; size_t length; _Atomic bool over; _Atomic int wrong; };

static void *checks(void *argument)
{
    struct race *race = argument;
    struct certificate good;
    struct error error;
    while (!race->over) {
        error_clear(&error);
        if (certificate_check(race->authorities, race->der, race->length, USE_SIGN, TEST_NOW, &good, &error) && strcmp(error.name, "key_revoked")) race->wrong++;
    }
    return NULL;
}

/* Lists change while several threads check; mind the sanitizers. */
static void threads(void)
{
    struct house house = build("SM2");
    X509_CRL *against = list_make(house.root, house.root_key, house.good, -1, 30);
    static struct race race;
    pthread_t thread[3];

    folder_empty();
    certificate_save(house.root, in_folder("authority.pem"));
    list_save(house.list, in_folder("authority.crl"));
    race.authorities = opened();
    const void *der = certificate_der(house.good, &race.length);
    memcpy(race.der, der, race.length);
    for (int i = 0; i < 3; i++) pthread_create(&thread[i], NULL, checks, &race);
    for (int i = 0; i < 2; i++) { /* written beside and moved, as who keeps lists should */
        list_save(i ? house.list : against, in_folder("new"));
        rename(in_folder("new"), strcat(strcpy((char[400]){0}, folder), "/authority.crl"));
        usleep(1200000);
    }
    race.over = true;
    for (int i = 0; i < 3; i++) pthread_join(thread[i], NULL);
    is_int(race.wrong, 0, "checks while the lists change");
    authorities_close(race.authorities);
    X509_CRL_free(against);
    demolish(&house);
}

static const char *holder_of(EVP_PKEY *key, const char *subject)
{
    static struct certificate certificate;
    static struct error error;
    size_t length;
    X509 *made = certificate_make(key, &(struct wish){.subject = subject});
    const void *der = certificate_der(made, &length);
    X509_free(made);
    return certificate_read(der, length, &certificate, &error) ? error.name : certificate.holder;
}

static void holders(void)
{
    EVP_PKEY *key = key_make("P-256");
    is_text(holder_of(key, "CN=x,2.5.4.97=NTRCN-91110000000000001A"), "91110000000000001A", "organizationIdentifier with NTRCN-");
    is_text(holder_of(key, "CN=x,serialNumber=91110000000000002B,2.5.4.97=91110000000000001A"), "91110000000000001A", "plain, before a serialNumber");
    is_text(holder_of(key, "CN=x,OU=911100000000000030,serialNumber=91110000000000002B"), "91110000000000002B", "serialNumber, before an OU");
    is_text(holder_of(key, "OU=Export,OU=911100000000000030,CN=x"), "911100000000000030", "an OU of 18 characters");
    is_text(holder_of(key, "OU=Export department,CN=911100000000000030"), "", "none: a name alone says nothing");
    is_text(holder_of(key, "CN=x,2.5.4.97=NTRCN-91110000000000001A9"), "", "19 characters are none");
    EVP_PKEY_free(key);
}

static void reading(void)
{
    struct house house = build("P-256");
    struct certificate certificate;
    struct error error = {0};
    size_t length;
    unsigned char longer[CERTIFICATE_MAXIMUM + 1];
    const void *der = certificate_der(house.good, &length);

    is_int(certificate_read(der, length, &certificate, &error), 0, "a certificate is read");
    is_text(certificate.subject, "organizationIdentifier=NTRCN-110000000000000001,CN=甲", "its subject");
    is_text(certificate.issuer, "CN=root", "its issuer");
    is_text(certificate.name, "甲", "its name");
    is_int(certificate.algorithm, KEY_P256, "its kind of key");
    is_int(certificate.not_after, TEST_NOW + 4000 * 86400000LL, "its last instant");
    is_int((int)strlen(certificate.fingerprint), 64, "its fingerprint");
    memcpy(longer, der, length);
    longer[length] = 0;
    is_int(certificate_read(longer, length + 1, &certificate, &error), ERROR_INVALID, "a byte more is none");
    is_text(error.name, "certificate_unreadable", "and says so");
    is_int(certificate_read(longer, length - 1, &certificate, &error), ERROR_INVALID, "a byte less");
    is_int(certificate_read(longer, 0, &certificate, &error), ERROR_INVALID, "nothing");
    is_int(certificate_read(longer, sizeof longer, &certificate, &error), ERROR_INVALID, "more than the maximum");
    static const char *const others[] = {"RSA-1024", "P-384"};
    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY *key = key_make(others[i]);
        is_text(holder_of(key, "CN=x"), "certificate_unreadable", others[i]);
        EVP_PKEY_free(key);
    }
    demolish(&house);
}

static void signatures(const char *kind)
{
    struct house house = build(kind);
    unsigned char signature[513] = {0};
    size_t length, size = key_sign(house.key, TEST_ID, "text", 4, signature);
    const void *der = certificate_der(house.good, &length);

    ok(certificate_verify(der, length, TEST_ID, "text", 4, signature, size), "%s: the key's signature", kind);
    ok(!certificate_verify(der, length, TEST_ID, "Text", 4, signature, size), "%s: not of another text", kind);
    ok(!certificate_verify(der, length, TEST_ID, "text", 4, signature, size - 1), "%s: nor cut", kind);
    ok(!certificate_verify(der, length, TEST_ID, "text", 4, signature, size + 1), "%s: nor longer", kind);
    ok(!certificate_verify(der, length, TEST_ID, "text", 4, signature, 0), "%s: nor empty", kind);
    ok(strcmp(kind, "SM2") != 0 || !certificate_verify(der, length, "another", "text", 4, signature, size), "%s: nor with another id", kind);
    memset(signature, 0, sizeof signature);
    ok(!certificate_verify(der, length, TEST_ID, "text", 4, signature, size), "%s: nor nothing but zeros", kind);
    der = certificate_der(house.root, &length);
    ok(!certificate_verify(der, length, TEST_ID, "text", 4, signature, size), "%s: nor of another key", kind);
    demolish(&house);
}

int main(void)
{
    static const char *const kinds[] = {"P-256", "RSA-2048", "SM2"};
    if (!mkdtemp(folder)) return 1;
    for (size_t i = 0; i < 3; i++) {
        chains(kinds[i]);
        lists(kinds[i]);
        signatures(kinds[i]);
    }
    intermediates("P-256");
    intermediates("SM2");
    reload();
    threads();
    holders();
    reading();
    folder_empty();
    rmdir(folder);
    return done_testing();
}
