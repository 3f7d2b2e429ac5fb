/* What the engine does to every pixel, for pixelgate/engine/native.py, which calls it by ctypes.
 *
 * Images are rows of 8-bit channels; a stride is the distance of two rows in bytes. Whoever calls
 * gives memory of the right size: nothing here allocates, but for what is said so, and nothing
 * keeps a pointer. Sizes are small enough that no product of them leaves 64 bits.
 */
#ifndef PIXELGATE_H
#define PIXELGATE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "colours and rows of bits are read lowest byte first"
#endif

#define PUBLIC __attribute__((visibility("default")))

/* Regions are joined in blocks of so many pixels: docs/decisions/0012. */
enum { BLOCK = 16 };

/* What is said of a pixel of the canvas. */
enum {
    DIFFERS = 1,     /* by any amount */
    COUNTED = 2,     /* not in odiff's mask, but the evidence says that it is no noise */
    SENSITIVE = 4,   /* further apart than the sensitive threshold: it is in the mask */
    STRUCTURAL = 8,  /* further apart than the structural one */
    ONE_SIDED = 16,  /* only one of the images has it */
    SMOOTHED = 32,   /* further apart than the sensitive threshold, and forgiven by odiff */
    FLAGS = 6,       /* how many there are */
    ASKED = 64,      /* for a while: it could be a smoothed edge, so odiff is asked */
};

/* The opaque images as they are seen on one background, or on two. */
typedef struct {
    const uint8_t *base, *head; /* RGB */
    int64_t base_stride, head_stride;
} View;

/* What was measured on one block of two images; pixelgate.engine.evidence says what each means. */
typedef struct {
    int32_t differing, clear, strong, most, outside, farthest, moved, plain, solid, solid_strong;
    int32_t signed_light, light, red, blue, colour, contrast, run, off, light_off;
    float steepest, raw, residue, stray;
    double energy;
} Block;

/* A region: its box and its changed pixels. */
typedef struct {
    int64_t x, y, width, height, pixels;
} Box;

static inline uint32_t colour(const uint8_t *pixel)
{
    return pixel[0] | (uint32_t)pixel[1] << 8 | (uint32_t)pixel[2] << 16;
}

typedef uint64_t Eight __attribute__((vector_size(64))); /* words */

/* From x on, where the next byte that is not zero may be: in the next eight of them, or at the end.
 * Most of a page is unchanged, so most of the time goes by 64 bytes. */
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
    Sixteen found;
    memcpy(&found, bytes, sizeof found);
    return found;
}

/* How many of sixteen bytes are 255; the others are 0. */
static inline int32_t count_of(Sixteen mask) { return __builtin_reduce_add(mask & 1); }

/* One number for each colour: four pixels at a time, where there are two more to be read. */
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

/* An RGBA image as it is seen on a grey background, as RGB, its rows one after the other. */
PUBLIC void pg_blend(const uint8_t *rgba, int64_t stride, int64_t height, int64_t width,
                     int64_t level, uint8_t *rgb);

#endif
