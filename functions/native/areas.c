/* Counts the pixels of the mask, joins its blocks to areas, and packs its pixels as bits. */
#include "pixelgate.h"

/* Counts for each block how many of its pixels have each flag.
 *
 * counts: out, one plane of blocks for each flag, in the order of the flags. */
PUBLIC void pg_count_blocks(const uint8_t *flags, int64_t stride, int64_t height, int64_t width,
                            int32_t *counts)
{
    int64_t across = (width + BLOCK - 1) / BLOCK, down = (height + BLOCK - 1) / BLOCK;
    int64_t plane = across * down;
    memset(counts, 0, FLAGS * plane * sizeof *counts);
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *row = flags + y * stride;
        int32_t *line = counts + y / BLOCK * across;
        for (int64_t x = 0; (x = skip_zeros(row, x, width)) < width;) {
            int64_t start = x / BLOCK * BLOCK;
            Sixteen own = first_of(row + start, width - start);
            uint8_t any = __builtin_reduce_or(own);
            for (int bit = 0; any >> bit && bit < FLAGS; bit++)
                line[bit * plane + x / BLOCK] += count_of((Sixteen)((own & (uint8_t)(1 << bit)) != 0));
            x = start + BLOCK;
        }
    }
}

static int32_t root(int32_t *parents, int32_t block)
{
    while (parents[block] != block)
        block = parents[block] = parents[parents[block]];
    return block;
}

static void join(int32_t *parents, int32_t a, int32_t b)
{
    a = root(parents, a);
    b = root(parents, b);
    /* The earlier block becomes the root, so that numbers do not depend on the order of joining. */
    if (a < b)
        parents[b] = a;
    else
        parents[a] = b;
}

/* Encloses the pixels of the mask in each area.
 *
 * changed: number of pixels of each block that are in the mask.
 * of_block: the area of each block, -1 for none.
 * boxes: out, the tight box of each of the areas. */
PUBLIC void pg_enclose(const uint8_t *flags, int64_t stride, int64_t height, int64_t width,
                       const int32_t *changed, const int32_t *of_block, Box *boxes, int64_t areas)
{
    int64_t across = (width + BLOCK - 1) / BLOCK, down = (height + BLOCK - 1) / BLOCK;
    /* While a box grows, its width and height hold the last column and row. */
    for (int64_t area = 0; area < areas; area++)
        boxes[area] = (Box){INT64_MAX, INT64_MAX, -1, -1, 0};
    for (int64_t block = 0; block < across * down; block++) {
        if (of_block[block] < 0)
            continue;
        Box *box = &boxes[of_block[block]];
        box->pixels += changed[block];
        int64_t x = block % across * BLOCK, y = block / across * BLOCK;
        Sixteen columns = {0};
        for (int64_t v = y; v < at_most(height, y + BLOCK); v++) {
            Sixteen own = first_of(flags + v * stride + x, width - x) & (SENSITIVE | COUNTED);
            columns |= own;
            if (!__builtin_reduce_or(own))
                continue;
            box->y = at_most(box->y, v);
            box->height = at_least(box->height, v);
        }
        for (int64_t u = 0; u < BLOCK; u++) {
            if (!columns[u])
                continue;
            box->x = at_most(box->x, x + u);
            box->width = at_least(box->width, x + u);
        }
    }
    for (int64_t area = 0; area < areas; area++) {
        boxes[area].width -= boxes[area].x - 1;
        boxes[area].height -= boxes[area].y - 1;
    }
}

/* Joins blocks to areas: blocks of an area are at most `reach` blocks apart in either direction.
 *
 * touched: a byte a block, not 0 for blocks that belong to an area.
 * of_block: out, the area of each block, numbered from 0 in reading order; -1 for none.
 * Returns the number of areas. */
PUBLIC int64_t pg_join_blocks(const uint8_t *touched, int64_t across, int64_t down, int64_t reach,
                              int32_t *of_block)
{
    int32_t *parents = of_block;
    for (int64_t row = 0; row < down; row++)
        for (int64_t column = 0; column < across; column++) {
            int32_t block = (int32_t)(row * across + column);
            parents[block] = touched[block] ? block : -1;
            if (!touched[block])
                continue;
            for (int64_t y = at_least(0, row - reach); y <= row; y++) {
                int64_t last = y < row ? at_most(across - 1, column + reach) : column - 1;
                for (int64_t x = at_least(0, column - reach); x <= last; x++)
                    if (touched[y * across + x])
                        join(parents, (int32_t)(y * across + x), block);
            }
        }
    /* First every block gets its root, backwards, as a root is never behind its block; then roots
     * get their numbers. */
    int32_t areas = 0;
    for (int64_t block = across * down - 1; block >= 0; block--)
        if (parents[block] >= 0)
            parents[block] = root(parents, (int32_t)block);
    for (int64_t block = 0; block < across * down; block++) {
        if (parents[block] == block)
            of_block[block] = -2 - areas++; /* negative: marks a root that has its number already */
        else if (parents[block] >= 0)
            of_block[block] = of_block[parents[block]];
    }
    for (int64_t block = 0; block < across * down; block++)
        if (of_block[block] < -1)
            of_block[block] = -2 - of_block[block];
    return areas;
}

/* The flags of eight pixels; zeros behind the end of the row. */
static inline uint64_t eight_at(const uint8_t *row, int64_t x, int64_t width)
{
    uint64_t eight = 0;
    memcpy(&eight, row + x, at_most(8, width - x));
    return eight;
}

/* Packs two flags into rows of two bits a pixel, four pixels a byte, the leftmost in the highest
 * bits: 1 if a pixel has the first flag, 2 if it has only the second one.
 *
 * The other arguments are those of pg_pack. */
PUBLIC void pg_pack_two(const uint8_t *flags, int64_t stride, int64_t height, int64_t width,
                        int64_t first, int64_t second, int64_t before, uint8_t *packed)
{
    const uint64_t ones = 0x0101010101010101u;
    /* The sum of 2^30, 2^20, 2^10 and 1. Multiplying by it moves the two lowest bits of each of
     * four bytes into the highest byte. */
    const uint32_t to_top = 0x40100401u;
    int first_shift = __builtin_ctzll((uint64_t)first);
    int second_shift = __builtin_ctzll((uint64_t)second);
    int64_t across = (width + 3) / 4;
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *row = flags + y * stride;
        memset(packed, 0, before + across);
        packed += before;
        for (int64_t x = 0; (x = skip_zeros(row, x, width)) < width; x += 8) {
            uint64_t eight = eight_at(row, x, width);
            uint64_t is_first = eight >> first_shift & ones;
            uint64_t is_second = eight >> second_shift & ones;
            uint64_t values = is_first | (is_second & ~is_first) << 1;
            packed[x / 4] = (uint8_t)((uint32_t)values * to_top >> 24);
            if (x + 4 < width)
                packed[x / 4 + 1] = (uint8_t)((uint32_t)(values >> 32) * to_top >> 24);
        }
        packed += across;
    }
}

/* Packs a flag into rows of bits, eight pixels a byte, the leftmost in the highest bit.
 *
 * before: number of zero bytes at the beginning of each row, such as a PNG's filter byte. */
PUBLIC void pg_pack(const uint8_t *flags, int64_t stride, int64_t height, int64_t width, int64_t bit,
                    int64_t before, uint8_t *packed)
{
    const uint64_t ones = 0x0101010101010101u;
    /* The sum of 2^63, 2^54 … 2^0. Multiplying by it moves the lowest bit of each byte into the
     * highest byte. */
    const uint64_t to_top = 0x8040201008040201u;
    int shift = __builtin_ctzll((uint64_t)bit);
    int64_t across = (width + 7) / 8;
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *row = flags + y * stride;
        memset(packed, 0, before + across);
        packed += before;
        for (int64_t x = 0; (x = skip_zeros(row, x, width)) < width; x += 8) {
            uint64_t eight = eight_at(row, x, width);
            packed[x / 8] = (uint8_t)((eight >> shift & ones) * to_top >> 56);
        }
        packed += across;
    }
}

static inline int64_t gather(const uint8_t *flags, int64_t flags_stride, const uint8_t *image,
                             int64_t stride, int64_t height, int64_t width, int64_t channels,
                             int64_t bit, uint8_t *gathered)
{
    uint8_t flag = (uint8_t)bit;
    int64_t copied = 0;
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *row = flags + y * flags_stride, *pixels = image + y * stride;
        for (int64_t x = 0; x < width; x++) {
            if (!row[x]) {
                x = skip_zeros(row, x, width);
                if (x == width)
                    break;
            }
            if (!(row[x] & flag))
                continue;
            /* Changed pixels mostly have changed neighbours. */
            while (x + BLOCK < width && __builtin_reduce_and((Sixteen)((at(row + x) & flag) != 0))) {
                memcpy(gathered + copied * channels, pixels + x * channels, BLOCK * channels);
                copied += BLOCK;
                x += BLOCK;
            }
            if (row[x] & flag)
                memcpy(gathered + copied++ * channels, pixels + x * channels, channels);
        }
    }
    return copied;
}

/* Copies the pixels that have a flag, row by row; returns their number. channels: 3 or 4. */
PUBLIC int64_t pg_gather(const uint8_t *flags, int64_t flags_stride, const uint8_t *image,
                         int64_t stride, int64_t height, int64_t width, int64_t channels,
                         int64_t bit, uint8_t *gathered)
{
    /* With a constant number of channels, the compiler turns a copy into two moves. */
    if (channels == 3)
        return gather(flags, flags_stride, image, stride, height, width, 3, bit, gathered);
    return gather(flags, flags_stride, image, stride, height, width, 4, bit, gathered);
}
