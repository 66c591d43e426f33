/* Certificates of origin (贸促会原产地证): registrations, base data, goods filings, certificates. */
#include "service/service.h"

int main(int argc, char **argv)
{
    return service_main(argc, argv, "origin", NULL, NULL);
}
