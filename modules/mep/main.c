/* Mechanical and electrical import licences (机电产品自动进口许可证): definitions, and the ministry's registration data. */
#include "ministry.h"

#include "service/service.h"

static const struct web_route routes[] = {
    {"POST", "/api/mep/registration/fetch", ministry_fetch, PRINCIPAL_ENTERPRISE, RIGHT_SUBMIT, 0, LANE_SLOW, 1024, {10, 60}},
    {0}};

int main(int argc, char **argv)
{
    return service_main(argc, argv, "mep", NULL, routes);
}
