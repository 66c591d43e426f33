#include "card.h"

const struct card_driver *const card_drivers[] = {&piv_driver, NULL};

const char *card_algorithm(const struct certificate *certificate)
{
    if (certificate->algorithm == KEY_RSA && certificate->bits == 2048)
        return "RSA-2048";
    return certificate->algorithm == KEY_P256 ? "P-256" : NULL;
}
