/* Reading layouts, and the parts that several of them share. */
#include "print/layout.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

#define LAYOUT_BYTES (1u << 20) /* with its parts */

const struct json *part_of(const struct print_layout *layout, const char *name)
{
    for (size_t i = 0; i < layout->part_count; i++)
        if (!strcmp(layout->parts[i].name, name)) return json_member(layout->parts[i].json, "elements");
    return NULL;
}

bool is_include(const struct json *element) { return !strcmp(json_member_text(element, "kind", ""), "include"); }

/* Appends the part's text to `text`, which the digest is made of. */
static int read_part(struct print_layout *layout, const char *name, const char *directory, struct buffer *text, struct error *error)
{
    size_t before = text->length;
    struct part *part = &layout->parts[layout->part_count];
    char path[1200];

    if (layout->part_count == PARTS_MAXIMUM) return error_internal(error, "a layout includes at most %d parts", PARTS_MAXIMUM);
    if (!directory || !*name || strspn(name, "abcdefghijklmnopqrstuvwxyz_") != strlen(name)) return error_internal(error, "there is no part %s", name);
    snprintf(path, sizeof path, "%s/parts/%s.json", directory, name);
    if (file_read(path, text, error) || !(part->json = json_tree(text->data + before, text->length - before, &layout->arena, error)))
        return (int)error->code;
    part->name = name;
    layout->part_count++;
    return 0;
}

static int read_parts(struct print_layout *layout, const struct json *elements, const char *directory, struct buffer *text, struct error *error)
{
    JSON_EACH(element, elements) {
        const char *name = json_member_text(element, "part", "");
        if (is_include(element) && !part_of(layout, name) && read_part(layout, name, directory, text, error)) return (int)error->code;
    }
    return 0;
}

static int read_all(struct print_layout *layout, const char *text, size_t length, const char *directory, struct error *error)
{
    struct buffer whole;

    if (!(layout->json = json_tree(text, length, &layout->arena, error))) return (int)error->code;
    if (!json_member(layout->json, "elements")) return error_internal(error, "a layout has elements");
    buffer_init(&whole, LAYOUT_BYTES);
    buffer_bytes(&whole, text, length);
    if (!read_parts(layout, json_member(layout->json, "elements"), directory, &whole, error) &&
        !read_parts(layout, json_member(layout->json, "continuation"), directory, &whole, error))
        digest_sha256(buffer_string(&whole), whole.length, layout->digest);
    buffer_free(&whole);
    return (int)error->code;
}

struct print_layout *print_layout_read(const char *text, size_t length, const char *directory, struct error *error)
{
    struct arena arena;
    struct print_layout *layout;

    error_clear(error);
    arena_init(&arena, 4u << 20);
    if (!(layout = arena_alloc(&arena, sizeof *layout))) {
        error_internal(error, "out of memory");
        arena_free(&arena);
        return NULL;
    }
    layout->arena = arena;
    if (!read_all(layout, text, length, directory, error)) return layout;
    print_layout_free(layout);
    return NULL;
}

void print_layout_free(struct print_layout *layout)
{
    if (layout) arena_free(&layout->arena); /* it lies in its own arena */
}

const char *print_layout_title(const struct print_layout *layout) { return json_member_text(layout->json, "title", ""); }
const char *print_layout_digest(const struct print_layout *layout) { return layout->digest; }

bool print_layout_confirmed(const struct print_layout *layout)
{
    return !json_member(layout->json, "confirmed") || json_member_true(layout->json, "confirmed");
}
