/* The engine's loops over pixels, which pixelgate/engine/native.py calls by ctypes.
 *
 * Images are rows of 8-bit channels; a stride is the distance between two rows in bytes. The caller
 * provides memory of the right size. Functions allocate memory only where their comment says so,
 * and keep no pointers. Sizes are small enough that their products fit into 64 bits.
 */
#ifndef PIXELGATE_H
#define PIXELGATE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "colours and rows of bits are read as little-endian words"
#endif

#define PUBLIC __attribute__((visibility("default")))

/* Width and height of a block in pixels: docs/decisions/0012. */
enum { BLOCK = 16 };

/* Flags of a pixel of the canvas. */
enum {
    DIFFERS = 1,     /* by any amount */
    COUNTED = 2,     /* not in odiff's mask, but the evidence shows that it is no noise */
    SENSITIVE = 4,   /* the distance is above the sensitive threshold: it is in odiff's mask */
    STRUCTURAL = 8,  /* the distance is above the structural threshold */
    ONE_SIDED = 16,  /* only one of the images has this pixel */
    SMOOTHED = 32,   /* above the sensitive threshold, but odiff ignores it as a smoothed edge */
    FLAGS = 6,       /* number of lasting flags */
    ASKED = 64,      /* temporary: odiff decides whether the pixel is a smoothed edge */
};

/* Both images as opaque RGB: as they are, or blended onto a background. */
typedef struct {
    const uint8_t *base, *head; /* RGB */
    int64_t base_stride, head_stride;
} View;

/* The measurements of one block of a pair; pixelgate.engine.evidence explains each field. */
typedef struct {
    int32_t differing, clear, strong, most, outside, farthest, moved, plain, solid, solid_strong;
    int32_t signed_light, light, red, blue, colour, contrast, run, off, light_off;
    float steepest, raw, residue, stray;
    double energy;
} Block;

/* The box of an area, and the number of its changed pixels. */
typedef struct {
    int64_t x, y, width, height, pixels;
} Box;

static inline uint32_t colour(const uint8_t *pixel)
{
    return pixel[0] | (uint32_t)pixel[1] << 8 | (uint32_t)pixel[2] << 16;
}

typedef uint64_t Eight __attribute__((vector_size(64))); /* eight words */

/* Skips zeros from x on: returns a place with a nonzero byte among the next eight, or one near the
 * end of the row. Most of a page is unchanged, so it mostly skips 64 bytes at a time. */
static inline int64_t skip_zeros(const uint8_t *row, int64_t x, int64_t width)
{
    for (; x + 64 <= width; x += 64) {
        Eight words;
        memcpy(&words, row + x, sizeof words);
        if (__builtin_reduce_or(words))
            break;
    }
    for (; x + 8 <= width; x += 8) {
        uint64_t word;
        memcpy(&word, row + x, sizeof word);
        if (word)
            return x;
    }
    return x;
}

static inline int64_t at_least(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

typedef uint8_t Sixteen __attribute__((vector_size(16)));
_Static_assert(sizeof(Sixteen) == BLOCK, "a row of a block is one register");

static inline Sixteen at(const uint8_t *bytes)
{
    Sixteen loaded;
    memcpy(&loaded, bytes, sizeof loaded);
    return loaded;
}

/* The first sixteen of `count` bytes; zeros for those that are missing. */
static inline Sixteen first_of(const uint8_t *bytes, int64_t count)
{
    if (count >= BLOCK)
        return at(bytes);
    Sixteen loaded = {0};
    memcpy(&loaded, bytes, count);
    return loaded;
}

/* Counts which of sixteen bytes are 255; the others must be 0. */
static inline int32_t count_of(Sixteen mask) { return __builtin_reduce_add(mask & 1); }

/* Turns each RGB pixel into one number: four pixels at a time, while two more can be read. */
static inline void encode(const uint8_t *pixels, int64_t count, uint32_t *codes)
{
    int64_t x = 0;
    for (; x + 6 <= count; x += 4) {
        Sixteen bytes, none = {0};
        memcpy(&bytes, pixels + 3 * x, sizeof bytes);
        bytes = __builtin_shufflevector(bytes, none, 0, 1, 2, 16, 3, 4, 5, 16, 6, 7, 8, 16, 9, 10,
                                        11, 16);
        memcpy(codes + x, &bytes, sizeof bytes);
    }
    for (; x < count; x++)
        codes[x] = colour(pixels + 3 * x);
}

/* Blends an RGBA image onto a grey background; writes contiguous rows of RGB. */
PUBLIC void pg_blend(const uint8_t *rgba, int64_t stride, int64_t height, int64_t width,
                     int64_t level, uint8_t *rgb);

#endif
