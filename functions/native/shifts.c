/* Finds rows and columns that moved: measures how many values of two of them differ, and finds the
 * cheapest way to pair them. */
#include <stdlib.h>

#include "pixelgate.h"

/* Counts are kept in bytes, and added up before these overflow. */
enum { FULL = 255 };

/* Returns 255 (-1 if signed) where two bytes differ by at least `least`, and 0 elsewhere. */
static inline Sixteen far(const uint8_t *a, const uint8_t *b, uint8_t least)
{
    Sixteen left = at(a), right = at(b);
    Sixteen apart = __builtin_elementwise_max(left, right) - __builtin_elementwise_min(left, right);
    return (Sixteen)(apart >= least);
}

static inline int32_t is_far(uint8_t a, uint8_t b, uint8_t least)
{
    return (a > b ? a - b : b - a) >= least;
}

/* Counts the bytes that differ by at least `least`. */
static int32_t count_far(const uint8_t *a, const uint8_t *b, int64_t bytes, uint8_t least)
{
    int32_t sum = 0;
    int64_t i = 0;
    while (i + 16 <= bytes) {
        int64_t stop = at_most(i + 16 * FULL, bytes - bytes % 16);
        Sixteen counts = {0};
        for (; i < stop; i += 16)
            counts -= far(a + i, b + i, least);
        for (int k = 0; k < 16; k++)
            sum += counts[k];
    }
    for (; i < bytes; i++)
        sum += is_far(a[i], b[i], least);
    return sum;
}

/* Adds 1 to the count of each byte that differs by at least `least`. */
static void add_far(const uint8_t *a, const uint8_t *b, int64_t bytes, uint8_t least,
                    uint8_t *counts)
{
    int64_t i = 0;
    for (; i + 16 <= bytes; i += 16) {
        Sixteen sum = at(counts + i) - far(a + i, b + i, least);
        memcpy(counts + i, &sum, sizeof sum);
    }
    for (; i < bytes; i++)
        counts[i] += is_far(a[i], b[i], least);
}

/* Adds the byte counts to one number for each column, and resets them. */
static void flush(uint8_t *bytes, int64_t width, int64_t channels, int32_t *counts)
{
    for (int64_t x = 0; x < width; x++)
        for (int64_t c = 0; c < channels; c++)
            counts[x] += bytes[x * channels + c];
    memset(bytes, 0, width * channels);
}

/* Counts for each row the channel values in which two images differ by at least `least`. */
PUBLIC void pg_apart_in_rows(const uint8_t *base, int64_t base_stride, const uint8_t *head,
                             int64_t head_stride, int64_t rows, int64_t bytes, int64_t least,
                             int32_t *counts)
{
    for (int64_t y = 0; y < rows; y++)
        counts[y] =
            count_far(base + y * base_stride, head + y * head_stride, bytes, (uint8_t)least);
}

/* The same for each column; bytes: room for one row. */
PUBLIC void pg_apart_in_columns(const uint8_t *base, int64_t base_stride, const uint8_t *head,
                                int64_t head_stride, int64_t rows, int64_t width, int64_t channels,
                                int64_t least, uint8_t *bytes, int32_t *counts)
{
    memset(bytes, 0, width * channels);
    memset(counts, 0, width * sizeof *counts);
    for (int64_t y = 0; y < rows; y++) {
        add_far(base + y * base_stride, head + y * head_stride, width * channels, (uint8_t)least,
                bytes);
        if ((y + 1) % FULL == 0)
            flush(bytes, width, channels, counts);
    }
    flush(bytes, width, channels, counts);
}

/* Pairs the lines of two images (rows or columns) at the least cost. The partner of a line is at
 * one of a few shifts; differing pairs, lines without a partner and changes of the shift have a cost.
 *
 * shifts: ascending; they contain 0, the first shift, and head - base, the last one.
 * costs: count × base; the cost of pairing each line of base with its partner at each shift.
 * alone: the cost of a line without a partner.
 * joint: the additional cost of each change of the shift.
 * chosen: out, for each line of base the index of its shift, or -1 if it has no partner.
 * Returns the total cost, or -1 if memory is short (nine bytes a shift and line). */
PUBLIC int64_t pg_cheapest_pairs(const int64_t *shifts, int64_t count, const int32_t *costs,
                                 int64_t base, int64_t head, int64_t alone, int64_t joint,
                                 int64_t *chosen)
{
    const int64_t never = INT64_MAX / 4;
    int64_t rows = base + 1, last = count - 1;
    int64_t *best = malloc(count * rows * sizeof *best);
    /* For each shift and line: the shift that ends there; -1 if the line above has this shift. */
    int8_t *from = malloc(count * rows);
    int64_t whole = -1;
    if (!best || !from)
        goto done;
    for (int64_t y = 0; y < rows; y++)
        for (int64_t k = 0; k < count; k++) {
            int64_t z = y + shifts[k], least = y || shifts[k] ? never : 0;
            int8_t before = -1;
            /* At equal cost, pairs come first, so gaps are as far down as possible. */
            for (int64_t j = 0; j < count && z >= 0 && z <= head; j++) {
                int64_t step = shifts[k] - shifts[j];
                int64_t above = step > 0 ? y : y + step; /* inserted, or deleted from there */
                if (!step || above < 0 || (step > 0 && j >= k))
                    continue;
                int64_t size = step > 0 ? step : -step;
                int64_t sum = best[j * rows + above] + size * alone + joint;
                if (sum < least) {
                    least = sum;
                    before = (int8_t)j;
                }
            }
            if (y && z > 0 && z <= head) {
                int64_t sum = best[k * rows + y - 1] + costs[k * base + y - 1];
                if (sum < least) {
                    least = sum;
                    before = -1;
                }
            }
            best[k * rows + y] = least;
            from[k * rows + y] = before;
        }
    for (int64_t k = 0; k < count; k++)
        if (shifts[k] == head - base)
            last = k;
    whole = best[last * rows + base];
    for (int64_t y = base, k = last; y > 0 || shifts[k];) {
        int8_t before = from[k * rows + y];
        if (before < 0) {
            chosen[--y] = k;
            continue;
        }
        for (int64_t step = shifts[before] - shifts[k]; step > 0; step--)
            chosen[--y] = -1;
        k = before;
    }
done:
    free(best);
    free(from);
    return whole;
}
