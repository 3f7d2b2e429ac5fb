/* Pixel against pixel: how far two colours lie apart, on one background or on two. */

#include "pixelgate.h"

/* How far two colours lie apart, in odiff's measure: YIQ after Kotsarenko and Ramos, "Measuring
 * perceived color difference using YIQ NTSC transmission color space in mobile applications"
 * (2010), in integers with 12 fractional bits, coefficients cut off. Below 2^52. */
static inline int64_t distance(int64_t red, int64_t green, int64_t blue)
{
    int64_t y = 1224 * red + 2402 * green + 468 * blue;
    int64_t i = 2441 * red - 1123 * green - 1318 * blue;
    int64_t q = 866 * red - 2140 * green + 1274 * blue;
    return 2069 * y * y + 1224 * i * i + 801 * q * q;
}

/* Notes how far the pixels of two RGB images lie apart.
 *
 * flags: is written where pixels differ; it must be zero there.
 * rows_differ: for each row whether to look at it.
 * sensitive, structural: the smallest distances that count as such. */
PUBLIC void pg_judge(const View *view, int64_t height, int64_t width, const uint8_t *rows_differ,
                     int64_t sensitive, int64_t structural, uint8_t *flags,
                     int64_t flags_stride)
{
    enum { TOGETHER = 8 }; /* pixels compared at once: three words */
    for (int64_t y = 0; y < height; y++) {
        if (!rows_differ[y])
            continue;
        const uint8_t *base = view->base + y * view->base_stride;
        const uint8_t *head = view->head + y * view->head_stride;
        uint8_t *row = flags + y * flags_stride;
        /* Neighbours mostly changed from the same colour to the same colour. */
        uint32_t from = 0, to = 0;
        uint8_t said = 0;
        for (int64_t x = 0; x < width; x++) {
            while (x + TOGETHER <= width && !memcmp(base + 3 * x, head + 3 * x, 3 * TOGETHER))
                x += TOGETHER;
            if (x == width)
                break;
            uint32_t old = colour(base + 3 * x), new = colour(head + 3 * x);
            if (old == new)
                continue;
            if (old != from || new != to) {
                int64_t apart = distance(base[3 * x] - head[3 * x], base[3 * x + 1] - head[3 * x + 1],
                                         base[3 * x + 2] - head[3 * x + 2]);
                said = DIFFERS;
                if (apart >= sensitive)
                    said |= SENSITIVE;
                if (apart >= structural)
                    said |= STRUCTURAL;
                from = old;
                to = new;
            }
            row[x] = said;
        }
    }
}

/* What was found on either of two backgrounds, in the first plane. */
PUBLIC void pg_unite(uint8_t *flags, int64_t stride, const uint8_t *others, int64_t others_stride,
                     int64_t height, int64_t width)
{
    for (int64_t y = 0; y < height; y++) {
        uint8_t *row = flags + y * stride;
        const uint8_t *other = others + y * others_stride;
        for (int64_t x = 0; x < width; x++) {
            uint8_t both = row[x] | other[x];
            row[x] = both & SENSITIVE ? both & ~SMOOTHED : both;
        }
    }
}

void pg_blend(const uint8_t *rgba, int64_t stride, int64_t height, int64_t width, int64_t level,
              uint8_t *rgb)
{
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *pixel = rgba + y * stride;
        for (int64_t x = 0; x < width; x++, pixel += 4, rgb += 3) {
            uint32_t alpha = pixel[3], shines = (uint32_t)level * (255 - alpha) + 127;
            for (int c = 0; c < 3; c++)
                rgb[c] = (uint8_t)((pixel[c] * alpha + shines) / 255);
        }
    }
}

/* Whether no pixel of an RGBA image lets anything shine through; if so, it is written as RGB. */
PUBLIC int64_t pg_drop_useless_alpha(const uint8_t *rgba, int64_t pixels, uint8_t *rgb)
{
    enum { TOGETHER = 4096 }; /* that many stay in the cache for the second look */
    for (int64_t start = 0; start < pixels; start += TOGETHER) {
        int64_t n = at_most(TOGETHER, pixels - start);
        const uint8_t *from = rgba + 4 * start;
        uint8_t least = 255;
        for (int64_t i = 0; i < n; i++)
            least &= from[4 * i + 3];
        if (least != 255)
            return 0;
        for (int64_t i = 0; i < n; i++)
            memcpy(rgb + 3 * (start + i), from + 4 * i, 3);
    }
    return 1;
}
