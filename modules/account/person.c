#include "account.h"

#include "base/date.h"
#include "base/random.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS "id, kind, epoch, enterprise, version, last_sign_in, created, enterprise_administrator, state, must_change, demo, name, " \
    "display_name, password, mobile, email, agency"

static int person_read(struct store_connection *db, struct arena *arena, const char *sql, struct store_value key, struct person *person,
                       struct error *error)
{
    struct store_rows rows;
    bool found;
    if (store_query(db, &rows, error, sql, &key, 1))
        return (int)error->code;
    if ((found = store_next(&rows))) {
        *person = (struct person){
            .id = store_column_integer(&rows, 0), .kind = store_column_integer(&rows, 1), .epoch = store_column_integer(&rows, 2),
            .enterprise = store_column_integer(&rows, 3), .version = store_column_integer(&rows, 4),
            .last_sign_in = store_column_integer(&rows, 5), .created = store_column_integer(&rows, 6),
            .enterprise_administrator = store_column_integer(&rows, 7) != 0, .active = !strcmp(store_column_text(&rows, 8, NULL), "active"),
            .must_change = store_column_integer(&rows, 9) != 0, .demo = store_column_integer(&rows, 10) != 0,
            .name = arena_text(arena, store_column_text(&rows, 11, NULL)), .display_name = arena_text(arena, store_column_text(&rows, 12, NULL)),
            .password = arena_text(arena, store_column_text(&rows, 13, NULL)), .mobile = arena_text(arena, store_column_text(&rows, 14, NULL)),
            .email = arena_text(arena, store_column_text(&rows, 15, NULL)), .agency = arena_text(arena, store_column_text(&rows, 16, NULL))};
    }
    if (store_end(&rows))
        return (int)error->code;
    if (!found)
        return error_set(error, ERROR_NOT_FOUND, "not_found", "没有找到该用户。", "There is no such user.");
    return person->agency && person->password ? 0 : out_of_memory(error);
}

int person_by_id(struct store_connection *db, struct arena *arena, int64_t id, struct person *person, struct error *error)
{
    return person_read(db, arena, "SELECT " COLUMNS " FROM user_account WHERE id = $1", store_integer(id), person, error);
}

int person_by_name(struct store_connection *db, struct arena *arena, const char *name, struct person *person, struct error *error)
{
    return person_read(db, arena, "SELECT " COLUMNS " FROM user_account WHERE name = $1", store_string(name), person, error);
}

/* ---- making */

int rights_replace(struct store_connection *db, const struct account *account, int64_t id, const struct grants *grants, struct error *error)
{
    if (store_execute(db, error, NULL, "DELETE FROM right_grant WHERE account = $1", STORE_VALUES(store_integer(id))))
        return (int)error->code;
    for (int i = 0; i < account->module_count; i++)
        if (grants->rights[i] && store_execute(db, error, NULL, "INSERT INTO right_grant (account, module, rights) VALUES ($1, $2, $3)",
                                               STORE_VALUES(store_integer(id), store_string(account->modules[i]), store_integer(grants->rights[i]))))
            return (int)error->code;
    return 0;
}

int rights_load(struct store_connection *db, const struct account *account, int64_t id, struct grants *grants, struct error *error)
{
    struct store_rows rows;
    *grants = (struct grants){{0}};
    if (store_query(db, &rows, error, "SELECT module, rights FROM right_grant WHERE account = $1", STORE_VALUES(store_integer(id))))
        return (int)error->code;
    while (store_next(&rows))
        for (int i = 0; i < account->module_count; i++)
            if (!strcmp(account->modules[i], store_column_text(&rows, 0, NULL)))
                grants->rights[i] = (unsigned)store_column_integer(&rows, 1);
    return store_end(&rows);
}

int person_insert(struct store_connection *db, const struct account *account, const struct new_person *person, struct error *error)
{
    int64_t now = clock_now(), changed = 0;
    if (store_execute(db, error, &changed,
            "INSERT INTO user_account (id, name, display_name, kind, password, must_change, mobile, email, enterprise, enterprise_administrator, "
            "agency, demo, created, updated) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (name) DO NOTHING",
            STORE_VALUES(store_integer(person->id), store_string(person->name), store_string(person->display_name), store_integer(person->kind),
                         store_string(person->password_hash), store_integer(person->must_change),
                         store_string(person->mobile ? person->mobile : ""), store_string(person->email ? person->email : ""),
                         store_integer(person->enterprise), store_integer(person->enterprise_administrator),
                         store_string(person->agency ? person->agency : ""), store_integer(person->demo), store_integer(now), store_integer(now))))
        return (int)error->code;
    if (!changed)
        return refuse(error, "name", "name_taken", "该用户名已被使用，请换一个。", "This user name is taken; please choose another one.");
    return rights_replace(db, account, person->id, &person->grants, error);
}

/* ---- the principal */

const char *kind_word(int64_t kind)
{
    switch (kind) {
    case PRINCIPAL_ENTERPRISE: return "enterprise";
    case PRINCIPAL_PERSON: return "person";
    case PRINCIPAL_OFFICER: return "officer";
    case PRINCIPAL_CUSTOMS: return "customs";
    case PRINCIPAL_ADMINISTRATOR: return "administrator";
    default: return "";
    }
}

struct slice agency_name(const struct account *account, const char *code)
{
    const struct code_row *row = NULL;
    if (*code)
        row = code_table_find(account->agencies, NULL, (struct slice){code, strlen(code)}, date_of_instant(clock_now()));
    return row ? row->cells[1] : (struct slice){"", 0};
}

#define COPY(target, text) snprintf((target), sizeof(target), "%s", (text))

static int enterprise_fill(struct store_connection *db, int64_t id, struct principal *principal, struct error *error)
{
    struct store_rows rows;
    if (store_query(db, &rows, error, "SELECT code, organisation_code, uscc, name FROM enterprise WHERE id = $1", STORE_VALUES(store_integer(id))))
        return (int)error->code;
    if (store_next(&rows)) {
        COPY(principal->enterprise_code, store_column_text(&rows, 0, NULL));
        COPY(principal->organisation_code, store_column_text(&rows, 1, NULL));
        COPY(principal->uscc, store_column_text(&rows, 2, NULL));
        COPY(principal->enterprise_name, store_column_text(&rows, 3, NULL));
    }
    return store_end(&rows);
}

int rights_of(struct store_connection *db, const struct account *account, const struct person *person, struct grants *grants, struct error *error)
{
    if (person->kind != PRINCIPAL_PERSON && !person->enterprise_administrator)
        return rights_load(db, account, person->id, grants, error);
    for (int i = 0; i < account->module_count; i++)
        grants->rights[i] = APPLICANT_RIGHTS;
    return 0;
}

/* Who must change the password has no rights until that is done. */
static int grants_fill(struct store_connection *db, const struct account *account, const struct person *person, struct principal *principal,
                       struct error *error)
{
    struct grants grants = {{0}};
    if (person->must_change)
        return 0;
    if (rights_of(db, account, person, &grants, error))
        return (int)error->code;
    for (int i = 0; i < account->module_count; i++) {
        if (!grants.rights[i])
            continue;
        COPY(principal->grants[principal->grant_count].module, account->modules[i]);
        principal->grants[principal->grant_count++].rights = grants.rights[i];
    }
    return 0;
}

int principal_make(struct store_connection *db, const struct account *account, const struct person *person, struct principal *principal,
                   struct error *error)
{
    *principal = (struct principal){.kind = (enum principal_kind)person->kind, .enterprise_administrator = person->enterprise_administrator && !person->must_change,
                                    .user = person->id, .epoch = person->epoch, .enterprise = person->enterprise};
    COPY(principal->user_name, person->name);
    COPY(principal->display_name, person->display_name);
    COPY(principal->agency, person->agency);
    struct slice agency = agency_name(account, person->agency);
    snprintf(principal->agency_name, sizeof principal->agency_name, "%.*s", (int)agency.length, agency.text);
    if (person->enterprise && enterprise_fill(db, person->enterprise, principal, error))
        return (int)error->code;
    return grants_fill(db, account, person, principal, error);
}

/* ---- audit */

int audit_by(struct store_connection *db, int64_t actor, const char *actor_name, int64_t enterprise, const char *address, const char *action,
             const char *subject, const char *detail, struct error *error)
{
    int64_t now = clock_now();
    return store_execute(db, error, NULL,
        "INSERT INTO audit_event (id, at, actor, actor_name, action, subject, enterprise, address, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        STORE_VALUES(store_integer(random_id(now)), store_integer(now), store_integer(actor), store_string(actor_name), store_string(action),
                     store_string(subject ? subject : ""), store_integer(enterprise), store_string(address), store_string(detail ? detail : "")));
}

int audit(struct store_connection *db, struct web_call *call, const char *action, const char *subject, const char *detail, struct error *error)
{
    const struct principal *principal = caller(call);
    return audit_by(db, principal->user, principal->user_name, principal->enterprise, call->remote_address, action, subject, detail, error);
}
