/* Who acts: the same structure in sessions, jobs and documents. */
#ifndef BASE_PRINCIPAL_H
#define BASE_PRINCIPAL_H

#include <stdbool.h>
#include <stdint.h>

enum principal_kind { /* bits, so that a route names several */
    PRINCIPAL_NONE = 0,
    PRINCIPAL_ENTERPRISE = 1,    /* an enterprise's operator or administrator */
    PRINCIPAL_PERSON = 2,        /* a natural person */
    PRINCIPAL_OFFICER = 4,       /* of an issuing agency */
    PRINCIPAL_CUSTOMS = 8,
    PRINCIPAL_ADMINISTRATOR = 16, /* of the portal */
    PRINCIPAL_PARTNER = 32,      /* a system with an API key */
    PRINCIPAL_SYSTEM = 64        /* another program, over the internal server block */
};

enum right { /* bits, granted per module */
    RIGHT_VIEW = 1,
    RIGHT_EDIT = 2,
    RIGHT_SUBMIT = 4,
    RIGHT_FIRST_REVIEW = 8,
    RIGHT_SECOND_REVIEW = 16,
    RIGHT_MANAGE = 32 /* revoke, reassign, number ranges of the own agency */
};

#define PRINCIPAL_GRANTS 16

struct principal {
    enum principal_kind kind;
    bool enterprise_administrator;
    int64_t user;
    int64_t epoch;             /* raised by sign-out everywhere, password change, lock */
    int64_t enterprise;        /* 0 = none */
    char user_name[64];        /* sign-in name */
    char display_name[128];
    char enterprise_code[16];  /* 13 digits */
    char organisation_code[16]; /* 9 characters */
    char uscc[24];             /* 18 characters */
    char enterprise_name[256];
    char agency[16];           /* code of the issuing agency of an officer */
    char agency_name[128];
    struct { char module[16]; unsigned rights; } grants[PRINCIPAL_GRANTS];
    int grant_count;
    /* of a call with an enterprise's API key (user: who made the key; display_name: "<name of the key> (API)") */
    int64_t api_key;           /* 0 = a session */
    int api_per_minute;        /* how often it may call */
    char person[128];          /* the display name of who made it */
};

/* Whether the principal holds all of `rights` in the module ("*" grants count for every module). */
bool principal_may(const struct principal *principal, const char *module, unsigned rights);

/* The name of the person who acts, or in whose name an API key does. */
const char *principal_person(const struct principal *principal);

/* The owner of what this principal makes: its enterprise, or minus the user id of a natural person. */
int64_t principal_owner(const struct principal *principal);

#endif
