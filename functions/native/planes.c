/* Pixel against pixel: how far two colours lie apart, and what of that is a smoothed edge. */

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

typedef struct {
    const uint8_t *pixels;
    int64_t stride, width, height;
} Image;

static inline uint32_t at(const Image *image, int64_t x, int64_t y)
{
    return colour(image->pixels + y * image->stride + 3 * x);
}

/* Brightness as odiff's rule of anti-aliasing takes it: in double precision, in this order. */
static inline double brightness(uint32_t rgb)
{
    return (rgb & 255) * 0.29889531 + (rgb >> 8 & 255) * 0.58662247 + (rgb >> 16) * 0.11448223;
}

static inline int on_edge(const Image *image, int64_t x, int64_t y)
{
    return x == 0 || y == 0 || x == image->width - 1 || y == image->height - 1;
}

/* Where the neighbours of a pixel lie, row by row. */
enum { NEIGHBOURS = 8 };
static const int right_by[NEIGHBOURS] = {-1, 0, 1, -1, 1, -1, 0, 1};
static const int down_by[NEIGHBOURS] = {-1, -1, -1, 0, 0, 1, 1, 1};

/* Reads the colours of the neighbours, the pixel's own where there is none; returns how many have
 * its colour. The edge of the image counts as one of them. */
static inline int look_around(const Image *image, int64_t x, int64_t y, uint32_t *around)
{
    uint32_t own = at(image, x, y);
    int same = 0;
    if (on_edge(image, x, y)) {
        same = 1;
        for (int i = 0; i < NEIGHBOURS; i++) {
            int64_t u = x + right_by[i], v = y + down_by[i];
            int there = u >= 0 && v >= 0 && u < image->width && v < image->height;
            around[i] = there ? at(image, u, v) : own;
            same += there && around[i] == own;
        }
        return same;
    }
    const uint8_t *pixel = image->pixels + y * image->stride + 3 * x;
    /* Below this row there is one more, and above the one below there is this one. */
    for (int i = 0; i < 5; i++)
        around[i] = colour_and_behind(pixel + down_by[i] * image->stride + 3 * right_by[i]);
    for (int i = 5; i < NEIGHBOURS; i++)
        around[i] = colour_and_before(pixel + image->stride + 3 * right_by[i]);
    for (int i = 0; i < NEIGHBOURS; i++)
        same += around[i] == own;
    return same;
}

/* Whether a neighbour of a pixel lies in an area of one colour. */
static int is_flat(const Image *image, int64_t x, int64_t y, int neighbour)
{
    uint32_t around[NEIGHBOURS];
    return look_around(image, x + right_by[neighbour], y + down_by[neighbour], around) >= 3;
}

/* Whether a pixel of one image is a smoothed edge, by the rule of odiff 4.5: it lies between a
 * darkest and a brightest neighbour, is like fewer than three of them, and one of these two lies
 * in an area of one colour, in this image and in the other. (After Vyšniauskas, "Anti-aliased
 * Pixel and Intensity Slope Detector", 2009.) */
static int is_smoothed(const Image *image, const Image *other, int64_t x, int64_t y)
{
    uint32_t around[NEIGHBOURS];
    if (look_around(image, x, y, around) >= 3)
        return 0;
    double light = brightness(at(image, x, y)), lowest = 0, highest = 0, steps[NEIGHBOURS];
    int darkest = 0, brightest = 0;
    for (int i = 0; i < NEIGHBOURS; i++)
        steps[i] = light - brightness(around[i]); /* nothing where there is no neighbour */
    for (int i = 0; i < NEIGHBOURS; i++) {
        if (steps[i] < lowest) {
            lowest = steps[i];
            brightest = i;
        } else if (steps[i] > highest) {
            highest = steps[i];
            darkest = i;
        }
    }
    if (lowest == 0 || highest == 0)
        return 0;
    return (is_flat(image, x, y, brightest) || is_flat(image, x, y, darkest)) &&
           (is_flat(other, x, y, brightest) || is_flat(other, x, y, darkest));
}

/* A piece of a row: where much is in question, it is quicker to look at all of it at once. */
enum { PIECE = 64, MUCH = 12 };

/* How many neighbours each pixel of a piece has that are of its colour; all its pixels have eight
 * of them in the image. */
static void count_alike(const Image *image, int64_t x, int64_t y, uint8_t *alike)
{
    uint32_t codes[3][PIECE + 2], found[PIECE];
    for (int row = 0; row < 3; row++)
        encode(image->pixels + (y - 1 + row) * image->stride + 3 * (x - 1), PIECE + 2, codes[row]);
    const uint32_t *above = codes[0] + 1, *own = codes[1] + 1, *below = codes[2] + 1;
    for (int i = 0; i < PIECE; i++)
        found[i] = (own[i] == above[i - 1]) + (own[i] == above[i]) + (own[i] == above[i + 1]) +
                   (own[i] == own[i - 1]) + (own[i] == own[i + 1]) + (own[i] == below[i - 1]) +
                   (own[i] == below[i]) + (own[i] == below[i + 1]);
    for (int i = 0; i < PIECE; i++)
        alike[i] = (uint8_t)found[i];
}

static int64_t count_sensitive(const uint8_t *row)
{
    uint8_t found = 0;
    for (int i = 0; i < PIECE; i++)
        found += (row[i] & SENSITIVE) != 0;
    return found;
}

/* What is said of a pixel that is a smoothed edge. */
static inline uint8_t forgiven(uint8_t flags)
{
    return (uint8_t)((flags & ~(SENSITIVE | STRUCTURAL)) | SMOOTHED);
}

/* Takes smoothed edges out of a piece of a row. */
static void leave_out_piece(const Image *base, const Image *head, int64_t x, int64_t y, uint8_t *row)
{
    uint8_t in_base[PIECE], in_head[PIECE];
    count_alike(base, x, y, in_base);
    count_alike(head, x, y, in_head);
    for (int i = 0; i < PIECE; i++)
        if (row[x + i] & SENSITIVE && ((in_base[i] < 3 && is_smoothed(base, head, x + i, y)) ||
                                       (in_head[i] < 3 && is_smoothed(head, base, x + i, y))))
            row[x + i] = forgiven(row[x + i]);
}

/* Takes smoothed edges out of both passes. Whether a pixel is one does not depend on a threshold:
 * so one look serves both. */
PUBLIC void pg_leave_out_smoothed(const View *view, int64_t height, int64_t width, uint8_t *flags,
                                  int64_t flags_stride)
{
    Image base = {view->base, view->base_stride, width, height};
    Image head = {view->head, view->head_stride, width, height};
    for (int64_t y = 0; y < height; y++) {
        uint8_t *row = flags + y * flags_stride;
        int inside = y > 0 && y < height - 1;
        for (int64_t x = 0; x < width; x++) {
            if (!row[x]) {
                x = skip_zeros(row, x, width);
                if (x == width)
                    break;
            }
            if (inside && x > 0 && x + PIECE < width && count_sensitive(row + x) >= MUCH) {
                leave_out_piece(&base, &head, x, y, row);
                x += PIECE - 1;
            } else if (row[x] & SENSITIVE &&
                       (is_smoothed(&base, &head, x, y) || is_smoothed(&head, &base, x, y)))
                row[x] = forgiven(row[x]);
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
