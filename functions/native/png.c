/* Undoes the filters of a PNG's rows: RGB or RGBA, eight bits a channel, not interlaced.
 *
 * This works in place: a row of pixels ends before its filtered bytes do, so bytes are read before
 * they are overwritten. */

#include "pixelgate.h"

/* Filters of the PNG specification, third edition, chapter 9. */
enum { NONE, SUB, UP, AVERAGE, PAETH };

static void add_up(const uint8_t *filtered, const uint8_t *above, int64_t bytes, uint8_t *row)
{
    int64_t i = 0;
    for (; i + 32 <= bytes; i += 32) {
        Sixteen first = at(filtered + i) + at(above + i);
        Sixteen second = at(filtered + i + 16) + at(above + i + 16);
        memcpy(row + i, &first, 16);
        memcpy(row + i + 16, &second, 16);
    }
    for (; i < bytes; i++)
        row[i] = (uint8_t)(filtered[i] + above[i]);
}

static inline __attribute__((always_inline)) void add_left(const uint8_t *filtered, int64_t bytes,
                                                           int64_t channels, uint8_t *row)
{
    uint8_t left[4] = {0};
    for (int64_t i = 0; i < bytes; i += channels)
        for (int64_t c = 0; c < channels; c++)
            row[i + c] = left[c] = (uint8_t)(left[c] + filtered[i + c]);
}

static inline __attribute__((always_inline)) void add_average(const uint8_t *filtered,
                                                              const uint8_t *above, int64_t bytes,
                                                              int64_t channels, uint8_t *row)
{
    uint8_t left[4] = {0};
    for (int64_t i = 0; i < bytes; i += channels)
        for (int64_t c = 0; c < channels; c++)
            row[i + c] = left[c] = (uint8_t)(filtered[i + c] + (left[c] + above[i + c]) / 2);
}

typedef int16_t Wide __attribute__((vector_size(16))); /* four of the eight are used */

static inline Wide widened(uint32_t pixel)
{
    Sixteen bytes = {0}, none = {0};
    memcpy(&bytes, &pixel, sizeof pixel);
    bytes = __builtin_shufflevector(bytes, none, 0, 16, 1, 16, 2, 16, 3, 16, 16, 16, 16, 16, 16, 16,
                                    16, 16);
    Wide wide;
    memcpy(&wide, &bytes, sizeof wide);
    return wide;
}

static inline uint32_t narrowed(Wide value)
{
    Sixteen bytes;
    memcpy(&bytes, &value, sizeof bytes);
    bytes = __builtin_shufflevector(bytes, bytes, 0, 2, 4, 6, 0, 2, 4, 6, 0, 2, 4, 6, 0, 2, 4, 6);
    uint32_t pixel;
    memcpy(&pixel, &bytes, sizeof pixel);
    return pixel;
}

static inline __attribute__((always_inline)) uint32_t load(const uint8_t *pixel, int64_t channels)
{
    uint32_t loaded = 0;
    memcpy(&loaded, pixel, channels);
    return loaded;
}

static inline __attribute__((always_inline)) void add_paeth(const uint8_t *filtered,
                                                            const uint8_t *above, int64_t bytes,
                                                            int64_t channels, uint8_t *row)
{
    enum { TOGETHER = 24 }; /* bytes, a multiple of 3 and of 4 */
    static const uint8_t zeros[TOGETHER];
    Wide left = {0}, corner = {0}; /* the pixels to the left, and above that one */
    uint32_t before = 0, before_above = 0;
    for (int64_t i = 0; i < bytes; i += channels) {
        /* If the last pixel equals the one above it, filtered zeros mean the pixels above. */
        if (before == before_above) {
            int64_t start = i;
            for (; i + TOGETHER <= bytes && !memcmp(filtered + i, zeros, TOGETHER); i += TOGETHER)
                memcpy(row + i, above + i, TOGETHER);
            if (i == bytes)
                break;
            if (i > start) {
                before_above = load(above + i - channels, channels);
                left = corner = widened(before_above);
            }
        }
        uint32_t upper = load(above + i, channels);
        Wide up = widened(upper), down = up - corner, across = left - corner, both = down + across;
        Wide to_left = __builtin_elementwise_abs(down), to_up = __builtin_elementwise_abs(across);
        Wide nearest = __builtin_elementwise_min(to_left, to_up);
        nearest = __builtin_elementwise_min(nearest, __builtin_elementwise_abs(both));
        Wide from_left = nearest == to_left, from_up = nearest == to_up;
        Wide not_left = (up & from_up) | (corner & ~from_up);
        Wide guess = (left & from_left) | (not_left & ~from_left);
        left = (widened(load(filtered + i, channels)) + guess) & 255;
        corner = up;
        before_above = upper;
        before = narrowed(left);
        memcpy(row + i, &before, channels);
    }
}

static inline __attribute__((always_inline)) int64_t unfilter(uint8_t *image, int64_t height,
                                                              int64_t bytes, int64_t channels,
                                                              const uint8_t *above)
{
    const uint8_t *filtered = image;
    uint8_t *pixels = image;
    for (int64_t y = 0; y < height; y++) {
        uint8_t filter = *filtered++;
        if (filter == NONE)
            memmove(pixels, filtered, bytes);
        else if (filter == SUB)
            add_left(filtered, bytes, channels, pixels);
        else if (filter == UP)
            add_up(filtered, above, bytes, pixels);
        else if (filter == AVERAGE)
            add_average(filtered, above, bytes, channels, pixels);
        else if (filter == PAETH)
            add_paeth(filtered, above, bytes, channels, pixels);
        else
            return 0;
        above = pixels;
        filtered += bytes;
        pixels += bytes;
    }
    return 1;
}

/* Undoes the filters of a PNG's rows. Returns 1, or 0 if a row has an unknown filter.
 *
 * image: in, for each row a filter byte and the filtered bytes; out, contiguous rows of pixels.
 * channels: 3 or 4.
 * zeros: a row of zeros, which stands for the row above the first one. */
PUBLIC int64_t pg_unfilter(uint8_t *image, int64_t height, int64_t width, int64_t channels,
                           const uint8_t *zeros)
{
    /* With a constant number of channels, the compiler moves a pixel as a whole. */
    if (channels == 3)
        return unfilter(image, height, 3 * width, 3, zeros);
    return unfilter(image, height, 4 * width, 4, zeros);
}
