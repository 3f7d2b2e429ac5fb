/* The mask as people see it: counts, connected areas, rows of bits. */
#include <stdlib.h>

#include "pixelgate.h"

/* How many pixels of each block have each flag.
 *
 * counts: planes of blocks, in the order of the flags; is zeroed first. */
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
            int64_t end = at_most(width, (x / BLOCK + 1) * BLOCK);
            Sixteen own = {0};
            memcpy(&own, row + x / BLOCK * BLOCK, end - x / BLOCK * BLOCK);
            uint8_t any = __builtin_reduce_or(own);
            for (int bit = 0; any >> bit && bit < FLAGS; bit++)
                line[bit * plane + x / BLOCK] += count_of((Sixteen)((own & (uint8_t)(1 << bit)) != 0));
            x = end;
        }
    }
}

static int32_t root(int32_t *parents, int32_t block)
{
    while (parents[block] != block)
        block = parents[block] = parents[parents[block]];
    return block;
}

static void join(int32_t *parents, int32_t one, int32_t other)
{
    one = root(parents, one);
    other = root(parents, other);
    /* The earlier block is the root: so numbers do not depend on the order of joining. */
    if (one < other)
        parents[other] = one;
    else
        parents[one] = other;
}

typedef struct {
    Box box;
    int32_t block;
} Area;

static int by_size(const void *one, const void *other)
{
    const Box *a = &((const Area *)one)->box, *b = &((const Area *)other)->box;
    if (a->pixels != b->pixels)
        return a->pixels > b->pixels ? -1 : 1;
    if (a->y != b->y)
        return a->y < b->y ? -1 : 1;
    if (a->x != b->x)
        return a->x < b->x ? -1 : 1;
    return ((const Area *)one)->block < ((const Area *)other)->block ? -1 : 1;
}

static void enclose(Box *box, const uint8_t *flags, int64_t stride, int64_t x, int64_t y,
                    int64_t right, int64_t bottom)
{
    /* While a box grows, its width and height stand for the last column and row. */
    Sixteen columns = {0};
    if (right - x == BLOCK) {
        for (int64_t v = y; v < bottom; v++) {
            Sixteen own = at(flags + v * stride + x) & (SENSITIVE | COUNTED);
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
        return;
    }
    for (int64_t v = y; v < bottom; v++) {
        const uint8_t *row = flags + v * stride;
        for (int64_t u = x; u < right; u++) {
            if (!(row[u] & (SENSITIVE | COUNTED)))
                continue;
            box->x = at_most(box->x, u);
            box->y = at_most(box->y, v);
            box->width = at_least(box->width, u);
            box->height = at_least(box->height, v);
        }
    }
}

/* Finds the connected areas of the mask: blocks that touch, diagonally too, are one.
 *
 * changed: how many pixels of each block are in the mask.
 * of_block: is given the area of each block, -1 for none.
 * boxes: has room for as many areas as there are blocks; largest first, tight around the pixels.
 * Returns their number, or -1 if there is no memory for some bytes a block. */
PUBLIC int64_t pg_find_areas(const uint8_t *flags, int64_t stride, int64_t height, int64_t width,
                             const int32_t *changed, int32_t *of_block, Box *boxes)
{
    int64_t across = (width + BLOCK - 1) / BLOCK, down = (height + BLOCK - 1) / BLOCK;
    int64_t blocks = across * down, found = 0;
    int32_t *parents = of_block; /* until all are joined */
    for (int64_t row = 0; row < down; row++) {
        for (int64_t column = 0; column < across; column++) {
            int32_t block = (int32_t)(row * across + column);
            parents[block] = changed[block] ? block : -1;
            if (!changed[block])
                continue;
            if (column && changed[block - 1])
                join(parents, block - 1, block);
            for (int64_t above = at_least(0, column - 1);
                 row && above <= at_most(across - 1, column + 1); above++)
                if (changed[(row - 1) * across + above])
                    join(parents, (int32_t)((row - 1) * across + above), block);
        }
    }
    for (int64_t block = 0; block < blocks; block++)
        found += parents[block] == block;
    Area *areas = malloc(at_least(1, found) * sizeof *areas);
    int32_t *rank = malloc(at_least(1, blocks) * sizeof *rank);
    if (!areas || !rank) {
        free(areas);
        free(rank);
        return -1;
    }
    int32_t next = 0;
    for (int32_t block = 0; block < blocks; block++) {
        if (parents[block] < 0)
            continue;
        int32_t top = root(parents, block);
        if (top == block) {
            rank[block] = next;
            areas[next++] = (Area){{INT64_MAX, INT64_MAX, -1, -1, 0}, block};
        }
        Box *box = &areas[rank[top]].box;
        int64_t x = block % across * BLOCK, y = block / across * BLOCK;
        enclose(box, flags, stride, x, y, at_most(width, x + BLOCK), at_most(height, y + BLOCK));
        box->pixels += changed[block];
    }
    qsort(areas, found, sizeof *areas, by_size);
    for (int32_t number = 0; number < found; number++) {
        Box box = areas[number].box;
        boxes[number] =
            (Box){box.x, box.y, box.width - box.x + 1, box.height - box.y + 1, box.pixels};
        rank[areas[number].block] = number;
    }
    /* The root of a block lies before it: from the end on, no root is overwritten too early. */
    for (int64_t block = blocks - 1; block >= 0; block--)
        if (parents[block] >= 0 && parents[block] != block)
            parents[block] = root(parents, (int32_t)block);
    for (int64_t block = 0; block < blocks; block++)
        if (of_block[block] >= 0)
            of_block[block] = rank[of_block[block]];
    free(areas);
    free(rank);
    return found;
}

/* Joins blocks that lie at most `reach` blocks apart, in either direction.
 *
 * touched: a byte a block, not 0 for those to be joined.
 * of_block: is given a number for each block, from 0 on in reading order, -1 for none.
 * Returns how many there are. */
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
    /* The root of a block lies before it: roots first, from the end on, then their numbers. */
    int32_t found = 0;
    for (int64_t block = across * down - 1; block >= 0; block--)
        if (parents[block] >= 0)
            parents[block] = root(parents, (int32_t)block);
    for (int64_t block = 0; block < across * down; block++) {
        if (parents[block] == block)
            of_block[block] = -2 - found++; /* a root that has its number already */
        else if (parents[block] >= 0)
            of_block[block] = of_block[parents[block]];
    }
    for (int64_t block = 0; block < across * down; block++)
        if (of_block[block] < -1)
            of_block[block] = -2 - of_block[block];
    return found;
}

/* Two flags as rows of two bits a pixel, four pixels a byte, the leftmost in the highest bits: 1
 * where a pixel has the first flag, 2 where it has only the second one.
 *
 * Arguments else as of pg_pack. */
PUBLIC void pg_pack_two(const uint8_t *flags, int64_t stride, int64_t height, int64_t width,
                        int64_t first, int64_t second, int64_t before, uint8_t *packed)
{
    const uint64_t ones = 0x0101010101010101u;
    /* The sum of 2^30, 2^20, 2^10 and 1: it moves two bits of each of four bytes to the top. */
    const uint32_t to_top = 0x40100401u;
    int one = __builtin_ctzll((uint64_t)first), other = __builtin_ctzll((uint64_t)second);
    int64_t across = (width + 3) / 4;
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *row = flags + y * stride;
        memset(packed, 0, before + across);
        packed += before;
        for (int64_t x = 0; (x = skip_zeros(row, x, width)) < width; x += 8) {
            uint64_t eight = 0;
            memcpy(&eight, row + x, at_most(8, width - x));
            uint64_t is_first = eight >> one & ones, is_second = eight >> other & ones;
            uint64_t said = is_first | (is_second & ~is_first) << 1;
            packed[x / 4] = (uint8_t)((uint32_t)said * to_top >> 24);
            if (x + 4 < width)
                packed[x / 4 + 1] = (uint8_t)((uint32_t)(said >> 32) * to_top >> 24);
        }
        packed += across;
    }
}

/* A flag as rows of bits, eight pixels a byte, the leftmost in the highest bit.
 *
 * before: so many bytes 0 at the beginning of each row, as for the filter of a PNG. */
PUBLIC void pg_pack(const uint8_t *flags, int64_t stride, int64_t height, int64_t width, int64_t bit,
                    int64_t before, uint8_t *packed)
{
    const uint64_t ones = 0x0101010101010101u;
    /* The sum of 2^63, 2^54 … 2^0: it moves the lowest bit of each byte to its place on top. */
    const uint64_t to_top = 0x8040201008040201u;
    int shift = __builtin_ctzll((uint64_t)bit);
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *row = flags + y * stride;
        memset(packed, 0, before);
        packed += before;
        int64_t across = (width + 7) / 8;
        memset(packed, 0, across);
        for (int64_t x = 0; (x = skip_zeros(row, x, width)) < width; x += 8) {
            uint64_t eight = 0;
            if (x + 8 <= width)
                memcpy(&eight, row + x, 8);
            else
                memcpy(&eight, row + x, width - x);
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
    int64_t found = 0;
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
            /* Most of what changed has neighbours that changed. */
            while (x + BLOCK < width && __builtin_reduce_and((Sixteen)((at(row + x) & flag) != 0))) {
                memcpy(gathered + found * channels, pixels + x * channels, BLOCK * channels);
                found += BLOCK;
                x += BLOCK;
            }
            if (row[x] & flag)
                memcpy(gathered + found++ * channels, pixels + x * channels, channels);
        }
    }
    return found;
}

/* Copies the pixels that have a flag, row by row; returns how many. channels: 3 or 4. */
PUBLIC int64_t pg_gather(const uint8_t *flags, int64_t flags_stride, const uint8_t *image,
                         int64_t stride, int64_t height, int64_t width, int64_t channels,
                         int64_t bit, uint8_t *gathered)
{
    /* With a number that the compiler knows, a copy is two moves instead of a call. */
    if (channels == 3)
        return gather(flags, flags_stride, image, stride, height, width, 3, bit, gathered);
    return gather(flags, flags_stride, image, stride, height, width, 4, bit, gathered);
}
