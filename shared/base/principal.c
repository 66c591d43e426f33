#include "base/principal.h"

#include <string.h>

bool principal_may(const struct principal *principal, const char *module, unsigned rights)
{
    unsigned held = 0;

    for (int i = 0; i < principal->grant_count; i++)
        if (!strcmp(principal->grants[i].module, module) || !strcmp(principal->grants[i].module, "*"))
            held |= principal->grants[i].rights;
    return (held & rights) == rights;
}

const char *principal_person(const struct principal *principal)
{
    return principal->api_key ? principal->person : principal->display_name;
}

int64_t principal_owner(const struct principal *principal)
{
    return principal->enterprise ? principal->enterprise : -principal->user;
}
