/* Automatic import licences for other than mechanical and electrical goods (非机电产品自动进口许可证): all of it is definitions. */
#include "service/service.h"

int main(int argc, char **argv)
{
    return service_main(argc, argv, "nonmep", NULL, NULL);
}
