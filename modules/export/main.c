/* Export licences (出口许可证): nothing is special to this module that its definition does not say. */
#include "service/service.h"

int main(int argc, char **argv)
{
    return service_main(argc, argv, "export", NULL, NULL);
}
