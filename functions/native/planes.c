/* Compares images pixel by pixel, and blends RGBA images onto backgrounds. */

#include "pixelgate.h"

/* Returns the distance of two colours in odiff's measure: YIQ after Kotsarenko and Ramos,
 * "Measuring perceived color difference using YIQ NTSC transmission color space in mobile
 * applications" (2010), in integers with 12 fractional bits; the coefficients are truncated. Below 2^52. */
static inline int64_t distance(int64_t red, int64_t green, int64_t blue)
{
    int64_t y = 1224 * red + 2402 * green + 468 * blue;
    int64_t i = 2441 * red - 1123 * green - 1318 * blue;
    int64_t q = 866 * red - 2140 * green + 1274 * blue;
    return 2069 * y * y + 1224 * i * i + 801 * q * q;
}

/* Flags the pixels of two RGB images as DIFFERS, SENSITIVE and STRUCTURAL.
 *
 * flags: out, written only where pixels differ; it must be zero before.
 * rows_differ: a byte a row, 0 for rows that are skipped.
 * sensitive, structural: the smallest distances that get the flag. */
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
        /* Neighbours mostly have the same two colours, so the last result is kept. */
        uint32_t from = 0, to = 0;
        uint8_t result = 0;
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
                result = DIFFERS;
                if (apart >= sensitive)
                    result |= SENSITIVE;
                if (apart >= structural)
                    result |= STRUCTURAL;
                from = old;
                to = new;
            }
            row[x] = result;
        }
    }
}

/* Unites the flags of two backgrounds in the first plane; SENSITIVE on either one wins over
 * SMOOTHED. */
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
            uint32_t alpha = pixel[3], behind = (uint32_t)level * (255 - alpha) + 127;
            for (int c = 0; c < 3; c++)
                rgb[c] = (uint8_t)((pixel[c] * alpha + behind) / 255);
        }
    }
}

/* Converts an RGBA image to RGB if it is fully opaque; returns whether it is. */
PUBLIC int64_t pg_drop_useless_alpha(const uint8_t *rgba, int64_t pixels, uint8_t *rgb)
{
    enum { TOGETHER = 4096 }; /* as many as stay in the cache for the second pass */
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
