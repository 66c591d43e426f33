/* Problems told by line and element, and where each value came from. */
#include "exchange/internal.h"

#include <stdio.h>

void exchange_problem_add(struct exchange_problems *problems, int line, const char *element, const char *field, const char *rule,
                          const char *zh, const char *en)
{
    for (size_t i = 0; *element && i < problems->count; i++) { /* one element may fill two fields */
        const struct exchange_problem *told = &problems->list[i];
        if (told->line == line && !strcmp(told->element, element) && !strcmp(told->rule, rule)) return;
    }
    if (problems->count == EXCHANGE_PROBLEMS) {
        problems->more = true;
        return;
    }
    problems->list[problems->count++] = (struct exchange_problem){line, arena_text(problems->arena, element), arena_text(problems->arena, field),
                                                                  rule, arena_text(problems->arena, zh), arena_text(problems->arena, en), false};
}

void exchange_problems_sort(struct exchange_problems *problems)
{
    for (size_t i = 1; i < problems->count; i++) {
        struct exchange_problem problem = problems->list[i];
        size_t at = i;
        for (; at && problems->list[at - 1].line > problem.line; at--) problems->list[at] = problems->list[at - 1];
        problems->list[at] = problem;
    }
}

void exchange_problems_write(const struct exchange_problems *problems, const char *line, const char *element, struct json_writer *json)
{
    json_array(json);
    for (size_t i = 0; i < problems->count; i++) {
        const struct exchange_problem *problem = &problems->list[i];
        json_object(json);
        json_put_integer(json, line, problem->line);
        json_put_string(json, element, problem->element);
        form_write_problem(json, problem->field, problem->rule, problem->zh, problem->en, problem->warning);
        json_object_end(json);
    }
    json_array_end(json);
}

/* ---- places */

void place_add(struct exchange_places *places, const char *path, const char *element, int line, struct slice said)
{
    struct exchange_place *larger;

    if (places->count == places->room) {
        places->room = places->room ? places->room * 2 : 64;
        if (!(larger = arena_alloc(places->arena, places->room * sizeof *larger))) {
            places->room = places->count;
            return;
        }
        if (places->count) memcpy(larger, places->list, places->count * sizeof *larger);
        places->list = larger;
    }
    places->list[places->count++] = (struct exchange_place){arena_text(places->arena, path), arena_text(places->arena, element), line, said};
}

const struct exchange_place *exchange_place_find(const struct exchange_places *places, const char *path)
{
    for (size_t i = 0; i < places->count; i++)
        if (places->list[i].path && !strcmp(places->list[i].path, path)) return &places->list[i];
    return NULL;
}

static bool names_field(const struct exchange_target *target, const char *block, const char *field)
{
    return target->block && !strcmp(target->block->name, block) && !strcmp(target->block->slots[target->slot], field);
}

/* The element that is a field: also one that only finds it or fills it besides another. */
static const struct exchange_element *element_of(const struct exchange_element *parent, const char *block, const char *field)
{
    for (size_t i = 0; i < parent->element_count; i++) {
        const struct exchange_element *element = &parent->elements[i], *found = NULL;
        if (element->write_only) continue;
        if (names_field(&element->target, block, field) || names_field(&element->find, block, field)) return element;
        for (size_t k = 0; k < element->also_count; k++)
            if (names_field(&element->also[k], block, field)) return element;
        if (element->element_count && (found = element_of(element, block, field))) return found;
    }
    return NULL;
}

/* The names of block and field of a path such as "goods/2/weight"; the field "" where the path ends with a block or a row. */
static void split_path(const char *path, char block[64], char field[64])
{
    char part[64];

    block[0] = field[0] = '\0';
    for (const char *at = path; *at;) {
        size_t length = strcspn(at, "/");
        snprintf(part, sizeof part, "%.*s", (int)length, at);
        if (strspn(part, "0123456789") == strlen(part)) { /* a row: what was a field was a block */
            if (*field) snprintf(block, 64, "%s", field);
            field[0] = '\0';
        } else if (!*block) {
            snprintf(block, 64, "%s", part);
        } else {
            snprintf(field, 64, "%s", part);
        }
        at += length + (at[length] == '/');
    }
}

/* A field that no element filled: the line of what it is missing in, and the element that it would be. */
static void place_missing(const struct exchange *exchange, const struct exchange_message *message, const char *path, struct exchange_place *place,
                          char missing[EXCHANGE_PATH])
{
    const struct exchange_element *element;
    const struct exchange_place *around = NULL;
    char block[64], field[64], part[EXCHANGE_PATH], *end;

    snprintf(part, sizeof part, "%s", path);
    while (!around && (end = strrchr(part, '/'))) {
        *end = '\0';
        around = exchange_place_find(&message->places, part);
    }
    split_path(path, block, field);
    element = *field ? element_of(&exchange->top, block, field) : NULL;
    if (element && !around) { /* of a plain block: its group */
        element_path(element->parent, part);
        for (size_t i = 0; i < message->places.count && !around; i++)
            if (!strcmp(message->places.list[i].element, part)) around = &message->places.list[i];
    }
    place->line = around ? around->line : 1;
    if (element && around && *around->element) snprintf(missing, EXCHANGE_PATH, "%.*s/%.*s", 100, around->element, 50, element->name);
    else if (element) element_path(element, missing);
    else snprintf(missing, EXCHANGE_PATH, "%s", around ? around->element : "");
    place->element = missing;
}

void exchange_problem_of_field(const struct exchange *exchange, const struct exchange_message *message, const struct form_problem *problem,
                               struct exchange_problems *problems)
{
    const struct exchange_place *found = exchange_place_find(&message->places, problem->field);
    struct exchange_place place = {0};
    char missing[EXCHANGE_PATH];

    if (found) place = *found;
    else place_missing(exchange, message, problem->field, &place, missing);
    for (size_t i = 0; i < problems->count; i++) { /* told already */
        const struct exchange_problem *told = &problems->list[i];
        if (*problem->field && !strcmp(told->field, problem->field)) return;
        if (*place.element && !strcmp(told->element, place.element) && !strcmp(told->rule, problem->rule)) return;
    }
    size_t before = problems->count;
    exchange_problem_add(problems, place.line, place.element, problem->field, problem->rule, problem->zh, problem->en);
    if (problems->count > before) problems->list[before].warning = problem->warning;
}
