/* What finds rows and columns that moved: how much each shows, how far apart two of them are, and
 * the cheapest way through them. */
#include <stdlib.h>

#include "pixelgate.h"

/* Counts are kept in bytes and emptied before these are full. */
enum { FULL = 255 };

/* 255, which is -1, where two bytes lie so far apart, and 0 elsewhere. */
static inline Sixteen far(const uint8_t *a, const uint8_t *b, uint8_t least)
{
    Sixteen one, other;
    memcpy(&one, a, sizeof one);
    memcpy(&other, b, sizeof other);
    Sixteen apart = __builtin_elementwise_max(one, other) - __builtin_elementwise_min(one, other);
    return (Sixteen)(apart >= least);
}

static inline int32_t is_far(uint8_t a, uint8_t b, uint8_t least)
{
    return (a > b ? a - b : b - a) >= least;
}

/* How many of some bytes lie so far apart. */
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

/* Adds to a count for each byte whether it lies so far from the other. */
static void add_far(const uint8_t *a, const uint8_t *b, int64_t bytes, uint8_t least,
                    uint8_t *counts)
{
    int64_t i = 0;
    for (; i + 16 <= bytes; i += 16) {
        Sixteen sum;
        memcpy(&sum, counts + i, sizeof sum);
        sum -= far(a + i, b + i, least);
        memcpy(counts + i, &sum, sizeof sum);
    }
    for (; i < bytes; i++)
        counts[i] += is_far(a[i], b[i], least);
}

/* How many channel values of each row lie so far from those of the next pixel: what a row shows,
 * whatever plain colour is behind it.
 *
 * strips: the row is counted in so many parts of the same width.
 * found: rows × strips. */
PUBLIC void pg_edges_in_rows(const uint8_t *image, int64_t stride, int64_t rows, int64_t width,
                             int64_t channels, int64_t least, int64_t strips, int32_t *found)
{
    for (int64_t y = 0; y < rows; y++)
        for (int64_t strip = 0; strip < strips; strip++) {
            int64_t start = width * strip / strips;
            int64_t stop = at_most(width * (strip + 1) / strips, width - 1);
            const uint8_t *row = image + y * stride + start * channels;
            found[y * strips + strip] =
                count_far(row, row + channels, (stop - start) * channels, (uint8_t)least);
        }
}

/* Adds up bytes to one number for each column. */
static void empty(uint8_t *bytes, int64_t width, int64_t channels, int32_t *found, int64_t apart)
{
    for (int64_t x = 0; x < width; x++)
        for (int64_t c = 0; c < channels; c++)
            found[x * apart] += bytes[x * channels + c];
    memset(bytes, 0, width * channels);
}

/* The same of each column; found: width × strips.
 *
 * bytes: room for one row. */
PUBLIC void pg_edges_in_columns(const uint8_t *image, int64_t stride, int64_t rows, int64_t width,
                                int64_t channels, int64_t least, int64_t strips,
                                uint8_t *bytes, int32_t *found)
{
    memset(bytes, 0, width * channels);
    memset(found, 0, width * strips * sizeof *found);
    for (int64_t strip = 0; strip < strips; strip++) {
        int64_t counted = 0;
        for (int64_t y = rows * strip / strips; y < rows * (strip + 1) / strips; y++) {
            const uint8_t *row = image + y * stride;
            add_far(row, row + channels, (width - 1) * channels, (uint8_t)least, bytes);
            if (++counted % FULL == 0)
                empty(bytes, width, channels, found + strip, strips);
        }
        empty(bytes, width, channels, found + strip, strips);
    }
}

/* How many channel values of each row lie so far apart in two images. */
PUBLIC void pg_apart_in_rows(const uint8_t *base, int64_t base_stride, const uint8_t *head,
                             int64_t head_stride, int64_t rows, int64_t bytes, int64_t least,
                             int32_t *found)
{
    for (int64_t y = 0; y < rows; y++) {
        const uint8_t *one = base + y * base_stride, *other = head + y * head_stride;
        found[y] = count_far(one, other, bytes, (uint8_t)least);
    }
}

/* The same of each column; bytes: room for one row. */
PUBLIC void pg_apart_in_columns(const uint8_t *base, int64_t base_stride, const uint8_t *head,
                                int64_t head_stride, int64_t rows, int64_t width, int64_t channels,
                                int64_t least, uint8_t *bytes, int32_t *found)
{
    memset(bytes, 0, width * channels);
    memset(found, 0, width * sizeof *found);
    for (int64_t y = 0; y < rows; y++) {
        const uint8_t *one = base + y * base_stride, *other = head + y * head_stride;
        add_far(one, other, width * channels, (uint8_t)least, bytes);
        if ((y + 1) % FULL == 0)
            empty(bytes, width, channels, found, 1);
    }
    empty(bytes, width, channels, found, 1);
}

/* Which lines show the same as their partners at a shift, but for a share of what is shown there.
 *
 * ours, theirs: what each line of two images shows, in strips.
 * lines: which of ours are looked at.
 * share: the differences may sum up to one in so many.
 * found: a byte for each of these lines; 0 too where there is no partner. */
PUBLIC void pg_show_the_same(const int32_t *ours, const int32_t *theirs, int64_t strips,
                             int64_t theirs_lines, const int64_t *lines, int64_t count,
                             int64_t shift, int64_t share, uint8_t *found)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t partner = lines[i] + shift, one = 0, other = 0, apart = 0;
        found[i] = 0;
        if (partner < 0 || partner >= theirs_lines)
            continue;
        const int32_t *own = ours + lines[i] * strips, *its = theirs + partner * strips;
        for (int64_t k = 0; k < strips; k++) {
            one += own[k];
            other += its[k];
            apart += own[k] > its[k] ? own[k] - its[k] : its[k] - own[k];
        }
        found[i] = share * apart <= at_least(one, other);
    }
}

/* Pairs the lines of two images (rows or columns), where the partner of a line lies at one of a few
 * shifts, so that what differs in pairs and what has no partner cost the least together.
 *
 * shifts: ascending; 0, with which the way begins, and head - base, with which it ends, are among
 *     them.
 * costs: count × base; of each line of base with its partner at that shift, if it has one.
 * alone: what a line without a partner costs.
 * joint: what each change of the shift costs beside that.
 * chosen: for each line of base the shift's position, or -1 if it has no partner.
 * Returns what all of it costs, or -1 if there is no memory for nine bytes a shift and line. */
PUBLIC int64_t pg_cheapest_pairs(const int64_t *shifts, int64_t count, const int32_t *costs,
                                 int64_t base, int64_t head, int64_t alone, int64_t joint,
                                 int64_t *chosen)
{
    const int64_t never = INT64_MAX / 4;
    int64_t rows = base + 1, last = count - 1;
    int64_t *best = malloc(count * rows * sizeof *best);
    int8_t *from = malloc(count * rows); /* -1: the line above is paired at this shift */
    int64_t whole = -1;
    if (!best || !from)
        goto done;
    for (int64_t y = 0; y < rows; y++)
        for (int64_t k = 0; k < count; k++) {
            int64_t z = y + shifts[k], least = y || shifts[k] ? never : 0;
            int8_t before = -1;
            /* Gaps as far down as they can be: where it costs the same, the pairs come first. */
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
