#include "trust/captcha.h"

#include "base/base64.h"
#include "base/random.h"

#include <cairo.h>
#include <ctype.h>
#include <math.h>
#include <string.h>

#define WIDTH 236
#define HEIGHT 76
#define IMAGE_MAXIMUM 65536

/* A number from [least, most]; where the picture goes needs no better randomness than this. */
static double between(double least, double most)
{
    unsigned value;
    random_bytes(&value, sizeof value);
    return least + (most - least) * (value / 4294967295.0);
}

void captcha_make(char answer[CAPTCHA_SIZE])
{
    static const char alphabet[] = "ABCDEFGHJKMNPQRSTUVWXY3456789"; /* no 0 O, 1 I L, 2 Z */
    unsigned char byte;
    int length = between(0, 1) < 0.5 ? 4 : 5;
    for (int i = 0; i < length;) {
        random_bytes(&byte, 1);
        if (byte < 29 * 8)
            answer[i++] = alphabet[byte % 29];
    }
    answer[length] = 0;
}

static void ink(cairo_t *cairo, double opacity)
{
    cairo_set_source_rgba(cairo, between(0.05, 0.35), between(0.1, 0.4), between(0.3, 0.65), opacity);
}

static void noise_draw(cairo_t *cairo)
{
    cairo_set_source_rgb(cairo, between(0.93, 1), between(0.95, 1), 1);
    cairo_paint(cairo);
    for (int i = 0; i < 240; i++) {
        ink(cairo, between(0.1, 0.5));
        cairo_rectangle(cairo, between(0, WIDTH), between(0, HEIGHT), between(1, 3), between(1, 3));
        cairo_fill(cairo);
    }
}

static void curves_draw(cairo_t *cairo, int count)
{
    for (int i = 0; i < count; i++) {
        ink(cairo, 0.75);
        cairo_set_line_width(cairo, between(1.5, 3));
        cairo_move_to(cairo, between(-10, 20), between(5, HEIGHT - 5));
        cairo_curve_to(cairo, between(40, 100), between(-20, HEIGHT + 20), between(130, 200), between(-20, HEIGHT + 20),
                       between(WIDTH - 20, WIDTH + 10), between(5, HEIGHT - 5));
        cairo_stroke(cairo);
    }
}

/* Each character in a size, place, slant and shear of its own, so that none can be cut out by a grid. */
static void characters_draw(cairo_t *cairo, const char *answer)
{
    double step = (WIDTH - 24.0) / (double)strlen(answer);
    cairo_select_font_face(cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
    for (int i = 0; answer[i]; i++) {
        char text[2] = {answer[i], 0};
        cairo_text_extents_t extents;
        cairo_matrix_t shear;
        cairo_save(cairo);
        cairo_set_font_size(cairo, between(42, 52));
        cairo_text_extents(cairo, text, &extents);
        cairo_translate(cairo, 12 + step * (i + 0.5) + between(-5, 5), HEIGHT / 2.0 + between(-6, 6));
        cairo_rotate(cairo, between(-0.38, 0.38));
        cairo_matrix_init(&shear, 1, between(-0.15, 0.15), between(-0.25, 0.25), 1, 0, 0);
        cairo_transform(cairo, &shear);
        cairo_move_to(cairo, -extents.width / 2 - extents.x_bearing, -extents.height / 2 - extents.y_bearing);
        ink(cairo, 0.9);
        cairo_text_path(cairo, text);
        cairo_fill(cairo);
        cairo_restore(cairo);
    }
}

static cairo_status_t take(void *context, const unsigned char *bytes, unsigned length)
{
    buffer_bytes(context, bytes, length);
    return CAIRO_STATUS_SUCCESS;
}

int captcha_draw(const char *answer, struct buffer *out, struct error *error)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, WIDTH, HEIGHT);
    cairo_t *cairo = cairo_create(surface);
    struct buffer png;
    buffer_init(&png, IMAGE_MAXIMUM);
    noise_draw(cairo);
    characters_draw(cairo, answer);
    curves_draw(cairo, 3);
    bool failed = cairo_status(cairo) || cairo_surface_write_to_png_stream(surface, take, &png) || png.failed;
    cairo_destroy(cairo);
    cairo_surface_destroy(surface);
    if (!failed) {
        buffer_text(out, "data:image/png;base64,");
        base64_write(png.data, png.length, out);
    }
    buffer_free(&png);
    return failed || out->failed ? error_internal(error, "no captcha") : 0;
}

bool captcha_same(const char *answer, const char *given)
{
    for (; *given; given++) {
        if (*given == ' ')
            continue;
        if (!*answer || toupper((unsigned char)*given) != *answer)
            return false;
        answer++;
    }
    return !*answer;
}
