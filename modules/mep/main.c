/* Mechanical and electrical import licences (机电产品自动进口许可证): all of it is definitions. */
#include "service/service.h"

int main(int argc, char **argv)
{
    return service_main(argc, argv, "mep", NULL, NULL);
}
