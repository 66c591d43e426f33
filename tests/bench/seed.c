/* Fills a database that the program has made and that holds one document of each kind wanted here, with as many more.

   usage: seed <database folder> spread <documents> <of them the caller's>      enterprise 999999 is the caller, from 1000000 on are others
          seed <database folder> drafts <documents> <enterprise> <user>        complete drafts with their attachment, for submitting
   The template is the newest document of the file. Events go through the program's own code, so that every chain verifies. */
#include "document/internal.h"

#include "base/clock.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP 250 /* the cost of statement journals grows with the square of it */
#define ENTERPRISES 2000
#define YEARS 10

static const char *const agencies[] = {"AA", "AB", "AC", "AD", "AE", "AF", "AG", "AH", "AJ", "AK", "AL", "AM", "AN", "AP", "AR", "AT"};
enum { AGENCIES = sizeof agencies / sizeof *agencies };
static const char *const states[] = {"PRINTED", "PRINTED", "PRINTED", "PRINTED", "PRINTED", "PRINTED", "DRAFT", "FIRST_RETURNED", "PENDING_FIRST", "PENDING_SECOND"};

struct seeding {
    int64_t template, documents, own, at, enterprise, user;
    bool drafts;
    char body_hash[72];
    int64_t serial[YEARS][AGENCIES];
};

static uint32_t mixed(int64_t number)
{
    uint64_t x = (uint64_t)number * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(x >> 32);
}

static const char spread_sql[] =
    "INSERT INTO document (enterprise, id, form, form_version, version, creator, state, state_customs, state_since, application_no, form_no, licence_no, "
    "year, agency, trade_mode, country, goods, goods_name, goods_class, quantity, unit, amount, currency, amount_usd, valid_until, customs_port, consignor, "
    "contract_no, transport, enterprise_code, enterprise_name, applied, issued, created, updated, row_high, attachments, event_sequence, event_hash) "
    "SELECT $2, $3, form, form_version, 1, $4, $5, $6, $7, $8, $9, $10, $11, $12, trade_mode, country, goods, goods_name, goods_class, quantity, unit, amount, "
    "currency, amount_usd, valid_until, customs_port, consignor, contract_no, transport, $13, enterprise_name, $14, $15, $7, $7, row_high, $16, $17, $18 "
    "FROM document WHERE id = $1";

static int add(struct store_connection *db, struct seeding *s, int64_t number, struct error *error)
{
    int64_t every = s->own ? s->documents / s->own : 0;
    bool own = every && number % every == every - 1;
    int64_t year = s->drafts ? 2026 : 2016 + number * YEARS / s->documents, span = s->documents / YEARS + 1;
    int64_t created = s->drafts ? clock_now() : (year - 1970) * INT64_C(31556952000) + number % span * (INT64_C(31000000000) / span);
    int64_t other = mixed(number) % ENTERPRISES;
    size_t agency = mixed(number + 7) % AGENCIES;
    const char *state = s->drafts ? "DRAFT" : states[mixed(number + 13) % 10];
    bool printed = !strcmp(state, "PRINTED"), draft = !strcmp(state, "DRAFT");
    char application[64], form_no[64] = "", licence[64] = "", code[32], day[80], title[80];
    struct doc_row row = {.id = random_id(created)};
    struct principal who = {.kind = PRINCIPAL_ENTERPRISE, .user = s->user ? s->user : own ? 999999 : 1000000 + other, .display_name = "seed"};
    struct doc_event events[2] = {{"create", "", "DRAFT", "", s->body_hash}, {"submit", "DRAFT", state, "", s->body_hash}};

    row.enterprise = s->drafts ? s->enterprise : own ? 999999 : 1000000 + other;
    snprintf(application, sizeof application, "%lld%06lld", (long long)year, (long long)(number % span + 1));
    snprintf(code, sizeof code, "%013lld", (long long)(1100000000000 + row.enterprise));
    snprintf(day, sizeof day, "%lld-%02lld-%02lld", (long long)year, (long long)(1 + number % span * 12 / span), (long long)(1 + number % 28));
    if (!draft) snprintf(form_no, sizeof form_no, "%02lld%s6%05lld", (long long)(year % 100), code, (long long)(number % 99999 + 1));
    if (printed) snprintf(licence, sizeof licence, "%02lld%s5%05lld", (long long)(year % 100), agencies[agency], (long long)++s->serial[year - 2016][agency]);
    for (int i = 0; i < (draft ? 1 : 2); i++)
        if (doc_event_append(db, &row, &who, created + i, &events[i], error)) return (int)error->code;
    if (store_execute(db, error, NULL, spread_sql,
                      STORE_VALUES(store_integer(s->template), store_integer(row.enterprise), store_integer(row.id), store_integer(who.user), store_string(state),
                                   store_string(printed ? "STORED" : ""), store_integer(created), store_string(application), store_string(form_no),
                                   store_string(licence), store_integer(year), store_string(agencies[s->drafts ? 0 : agency]), store_string(code),
                                   store_string(draft ? "" : day), store_string(printed ? day : ""), store_integer(s->drafts),
                                   store_integer(row.event_sequence), store_string(row.event_hash))) ||
        store_execute(db, error, NULL, "INSERT INTO document_body (document, body) SELECT $2, body FROM document_body WHERE document = $1",
                      STORE_VALUES(store_integer(s->template), store_integer(row.id))))
        return (int)error->code;
    if (!s->drafts) return 0;
    snprintf(title, sizeof title, "%lld\n", (long long)row.id);
    fputs(title, stdout);
    return store_execute(db, error, NULL,
        "INSERT INTO attachment (id, document, block, row_id, type, file_name, media_type, size, sha256, created, creator, bytes) "
        "SELECT $2, $2, block, row_id, type, file_name, media_type, size, sha256, created, creator, bytes FROM attachment WHERE document = $1",
        STORE_VALUES(store_integer(s->template), store_integer(row.id)));
}

static int group(struct store_connection *db, void *argument, struct error *error)
{
    struct seeding *s = argument;

    for (int64_t i = s->at; i < s->at + GROUP && i < s->documents; i++)
        if (add(db, s, i, error)) return (int)error->code;
    return 0;
}

/* The kept totals and counters, as if every document had come through the program. */
static int totals(struct store_connection *db, void *argument, struct error *error)
{
    struct seeding *s = argument;
    char series[64];

    if (store_execute(db, error, NULL, "DELETE FROM document_total", STORE_NO_VALUES) ||
        store_execute(db, error, NULL, "INSERT INTO document_total (enterprise, form, state, count) SELECT enterprise, form, state, count(*) FROM document "
                      "GROUP BY enterprise, form, state", STORE_NO_VALUES))
        return (int)error->code;
    for (int y = 0; !s->drafts && y < YEARS; y++)
        for (int a = 0; a < AGENCIES; a++) {
            snprintf(series, sizeof series, "export_licence.licence_no.%d.%s", 2016 + y, agencies[a]);
            if (s->serial[y][a] && store_execute(db, error, NULL, "INSERT INTO counter (series, value) VALUES ($1, $2) ON CONFLICT (series) DO UPDATE SET value = $2",
                                                 STORE_VALUES(store_string(series), store_integer(s->serial[y][a]))))
                return (int)error->code;
        }
    return 0;
}

static int read_template(struct store *store, struct seeding *s, struct error *error)
{
    struct store_connection *reader;
    struct store_rows rows;
    size_t length;

    if (store_reader(store, &reader, error)) return (int)error->code;
    if (!store_query(reader, &rows, error, "SELECT b.document, b.body FROM document_body b JOIN document d ON d.id = b.document ORDER BY d.id DESC LIMIT 1", STORE_NO_VALUES)) {
        if (store_next(&rows)) {
            const char *body = store_column_text(&rows, 1, &length);
            s->template = store_column_integer(&rows, 0);
            digest_sha256(body, length, s->body_hash);
        }
        store_end(&rows);
    }
    store_reader_close(reader);
    return s->template ? 0 : error_internal(error, "no template");
}

int main(int argc, char **argv)
{
    static struct seeding s;
    struct store_settings settings = {.cache_kib = 2 << 20, .checkpoint_pages = 100000};
    struct store *store;
    struct error error;
    char database[400];

    if (argc < 5) return 2;
    error_clear(&error);
    s.drafts = !strcmp(argv[2], "drafts");
    s.documents = atoll(argv[3]);
    *(s.drafts ? &s.enterprise : &s.own) = atoll(argv[4]);
    s.user = argc > 5 ? atoll(argv[5]) : 0;
    snprintf(database, sizeof database, "sqlite:%s", argv[1]);
    if (store_open(database, "export", &settings, &store, &error) || read_template(store, &s, &error)) goto failed;
    for (s.at = 0; s.at < s.documents; s.at += GROUP)
        if (store_write(store, group, &s, &error)) goto failed;
    if (store_write(store, totals, &s, &error)) goto failed;
    store_close(store);
    return 0;
failed:
    fprintf(stderr, "seed: %s %s\n", error.en, error.detail);
    return 1;
}
