/* What tells a change from noise, measured on each region; docs/verdict.md explains it. */
#include <stdlib.h>

#include "pixelgate.h"

/* Levels of brightness: what has a match within that, one pixel further on, is there in both. */
enum { NEARLY = 2, ROUGHLY = 12 };
enum { SHORTEST_RUN = 16 };
/* A block shows something if its pixels reach over so many levels of one channel; of four rows one
 * is looked at: text and edges are higher. */
enum { TEXTURE = 16, SAMPLED = 4 };

/* A window goes over some blocks of one row of blocks, with one pixel around them. */
enum { WINDOW = 16 * BLOCK, ROWS = BLOCK + 2, COLUMNS = WINDOW + 2, MOST_VIEWS = 2 };

typedef struct {
    int64_t x, y, width, height; /* the window's pixels, without those around it */
    uint32_t codes[2 * MOST_VIEWS][ROWS][COLUMNS];
    uint8_t light[2][ROWS][COLUMNS];
    uint8_t changed[ROWS][COLUMNS];
    uint8_t one_colour[BLOCK][WINDOW];
} Window;

typedef struct {
    const View *views;
    int64_t count;         /* one or two */
    int64_t top;           /* the canvas's row that is their first */
    int64_t height, width; /* of what both images have, from that row on */
} Views;

/* Beyond the image its outermost pixels go on: a neighbour that is not there is no other. */
static void load(Window *window, const Views *views)
{
    for (int64_t row = 0; row < window->height + 2; row++) {
        int64_t y = at_most(at_least(window->y - 1 + row, 0), views->height - 1);
        for (int64_t k = 0; k < 2 * views->count; k++) {
            const View *view = &views->views[k / 2];
            const uint8_t *pixels = k % 2 ? view->head + y * view->head_stride
                                          : view->base + y * view->base_stride;
            uint32_t *codes = window->codes[k][row];
            encode(pixels + 3 * window->x, window->width, codes + 1);
            int64_t left = at_least(window->x - 1, 0);
            int64_t right = at_most(window->x + window->width, views->width - 1);
            codes[0] = colour(pixels + 3 * left);
            codes[window->width + 1] = colour(pixels + 3 * right);
        }
    }
}

/* Where all neighbours have the pixel's colour, in both images, on every background. On black
 * alone, all of a black picture is one colour, whatever shines through. */
static void find_one_colour(Window *window, const Views *views)
{
    uint8_t level[ROWS][WINDOW]; /* like left and right neighbour */
    memset(window->one_colour, 1, sizeof window->one_colour);
    for (int64_t k = 0; k < 2 * views->count; k++) {
        uint32_t(*codes)[COLUMNS] = window->codes[k];
        for (int64_t y = 0; y < window->height + 2; y++)
            for (int64_t x = 0; x < window->width; x++)
                level[y][x] = (codes[y][x] == codes[y][x + 1]) & (codes[y][x + 1] == codes[y][x + 2]);
        for (int64_t y = 0; y < window->height; y++)
            for (int64_t x = 0; x < window->width; x++)
                window->one_colour[y][x] &= level[y][x] & level[y + 1][x] & level[y + 2][x] &
                                            (codes[y][x + 1] == codes[y + 1][x + 1]) &
                                            (codes[y + 1][x + 1] == codes[y + 2][x + 1]);
    }
}

static void light_up(Window *window, int64_t view)
{
    for (int image = 0; image < 2; image++)
        for (int64_t y = 0; y < window->height + 2; y++)
            for (int64_t x = 0; x < window->width + 2; x++) {
                uint32_t rgb = window->codes[2 * view + image][y][x];
                uint32_t sum = 77 * (rgb & 255) + 150 * (rgb >> 8 & 255) + 29 * (rgb >> 16 & 255);
                window->light[image][y][x] = (uint8_t)(sum >> 8);
            }
}

static inline uint8_t lower(uint8_t a, uint8_t b) { return a < b ? a : b; }
static inline uint8_t higher(uint8_t a, uint8_t b) { return a > b ? a : b; }
static inline uint8_t above(uint8_t a, uint8_t b) { return a > b ? (uint8_t)(a - b) : 0; }

/* By how much the brightness of each pixel of a row lies outside that of the other image's 3 × 3
 * there, in either direction. */
static void find_lacking(const Window *window, int64_t row, uint8_t *lacking)
{
    uint8_t low[COLUMNS], high[COLUMNS];
    memset(lacking, 0, window->width);
    for (int image = 0; image < 2; image++) {
        const uint8_t *one = window->light[image][row + 1] + 1;
        const uint8_t(*other)[COLUMNS] = &window->light[1 - image][row];
        for (int64_t x = 0; x < window->width + 2; x++) {
            low[x] = lower(lower(other[0][x], other[1][x]), other[2][x]);
            high[x] = higher(higher(other[0][x], other[1][x]), other[2][x]);
        }
        for (int64_t x = 0; x < window->width; x++) {
            uint8_t least = lower(lower(low[x], low[x + 1]), low[x + 2]);
            uint8_t most = higher(higher(high[x], high[x + 1]), high[x + 2]);
            lacking[x] = higher(lacking[x], higher(above(least, one[x]), above(one[x], most)));
        }
    }
}

/* What one window adds to a block. */
typedef struct {
    int32_t bold, unmatched, solid, brighter, moved;
} Block;

static void load_changed(Window *window, const Views *views, const uint8_t *flags, int64_t stride)
{
    int64_t left = at_least(window->x - 1, 0);
    int64_t right = at_most(window->x + window->width + 1, views->width);
    for (int64_t row = 0; row < window->height + 2; row++) {
        int64_t y = window->y - 1 + row;
        memset(window->changed[row], 0, window->width + 2);
        if (y < 0 || y >= views->height)
            continue;
        const uint8_t *own = flags + y * stride;
        uint8_t *changed = window->changed[row] + 1 - window->x;
        for (int64_t x = left; x < right; x++)
            changed[x] = (own[x] & SENSITIVE) != 0;
    }
}

static void measure_row(const Window *window, int64_t row, Block *blocks)
{
    uint8_t lacking[WINDOW], column[COLUMNS];
    const uint8_t *changed = window->changed[row + 1] + 1, *one_colour = window->one_colour[row];
    const uint8_t *before = window->light[0][row + 1] + 1, *after = window->light[1][row + 1] + 1;
    const uint8_t(*near)[COLUMNS] = &window->changed[row];
    find_lacking(window, row, lacking);
    for (int64_t x = 0; x < window->width + 2; x++)
        column[x] = near[0][x] | near[1][x] | near[2][x];
    for (int64_t x = 0; x < window->width; x += BLOCK) {
        Block sum = {0};
        for (int64_t u = x; u < at_most(window->width, x + BLOCK); u++) {
            sum.bold += changed[u] & (lacking[u] > ROUGHLY);
            sum.unmatched += changed[u] & (lacking[u] > NEARLY);
            sum.solid += changed[u] & one_colour[u];
            int32_t step = (after[u] - before[u]) * (column[u] | column[u + 1] | column[u + 2]);
            sum.brighter += step;
            sum.moved += step < 0 ? -step : step;
        }
        Block *block = &blocks[x / BLOCK];
        block->bold += sum.bold;
        block->unmatched += sum.unmatched;
        block->solid += sum.solid;
        block->brighter += sum.brighter;
        block->moved += sum.moved;
    }
}

/* Goes over the blocks of one row that have a count, in windows. */
typedef struct {
    Window *window;
    const Views *views;
    const int32_t *counts; /* of this row of blocks */
    int64_t across, row, next;
} Walk;

static int step(Walk *walk)
{
    int64_t column = walk->next, most = WINDOW / BLOCK;
    while (column < walk->across && !walk->counts[column])
        column++;
    if (column * BLOCK >= walk->views->width)
        return 0;
    int64_t end = column + 1;
    while (end < walk->across && walk->counts[end] && end - column < most)
        end++;
    Window *window = walk->window;
    window->x = column * BLOCK;
    window->width = at_most(end * BLOCK, walk->views->width) - window->x;
    /* Rows of blocks are the canvas's; the views may begin in the middle of one. */
    int64_t y = walk->row * BLOCK - walk->views->top;
    window->y = at_least(y, 0);
    window->height = at_most(y + BLOCK, walk->views->height) - window->y;
    walk->next = end;
    return window->height > 0;
}

static void measure_blocks(Window *window, const Views *views, const uint8_t *flags, int64_t stride,
                           const int32_t *changed, int64_t across, int64_t down, int64_t view,
                           Block *blocks)
{
    const uint8_t *own = flags + views->top * stride;
    for (int64_t row = 0; row < down; row++) {
        Walk walk = {window, views, changed + row * across, across, row, 0};
        while (step(&walk)) {
            load(window, views);
            load_changed(window, views, own, stride);
            find_one_colour(window, views);
            light_up(window, view);
            for (int64_t y = 0; y < window->height; y++)
                measure_row(window, y, blocks + row * across + window->x / BLOCK);
        }
    }
}

/* The largest number of bold pixels in a square of 2 × 2 blocks that a block lies in. */
static int32_t boldest(const Block *blocks, int64_t across, int64_t down, int64_t column, int64_t row)
{
    int32_t most = 0;
    for (int64_t y = row - 1; y <= row; y++)
        for (int64_t x = column - 1; x <= column; x++) {
            int32_t sum = 0;
            for (int64_t v = at_least(y, 0); v <= at_most(y + 1, down - 1); v++)
                for (int64_t u = at_least(x, 0); u <= at_most(x + 1, across - 1); u++)
                    sum += blocks[v * across + u].bold;
            most = sum > most ? sum : most;
        }
    return most;
}

static int alike(const Views *views, int64_t x, int64_t y, int64_t u, int64_t v)
{
    for (int64_t k = 0; k < views->count; k++) {
        const View *view = &views->views[k];
        if (colour(view->base + y * view->base_stride + 3 * x) !=
                colour(view->base + v * view->base_stride + 3 * u) ||
            colour(view->head + y * view->head_stride + 3 * x) !=
                colour(view->head + v * view->head_stride + 3 * u))
            return 0;
    }
    return 1;
}

/* Notes the longest straight run of changed pixels of one colour in each area; short ones stay 0.
 *
 * A run never leaves its area: its pixels touch, so do their blocks. */
static void find_lines(const Views *views, const uint8_t *flags, int64_t stride,
                       const int32_t *of_block, int64_t across, int32_t *down_to, Evidence *found)
{
    const uint8_t *own = flags + views->top * stride;
    memset(down_to, 0, views->width * sizeof *down_to);
    for (int64_t y = 0; y < views->height; y++) {
        const uint8_t *row = own + y * stride, *upper = y ? row - stride : NULL;
        const int32_t *areas = of_block + (y + views->top) / BLOCK * across;
        int64_t run = 0;
        for (int64_t x = 0; x < views->width; x++) {
            if (!(row[x] & SENSITIVE)) {
                run = 0;
                if (!row[x])
                    x = at_least(x, skip_zeros(row, x, views->width) - 1);
                continue;
            }
            run = run && alike(views, x, y, x - 1, y) ? run + 1 : 1;
            int continues = upper && upper[x] & SENSITIVE && alike(views, x, y, x, y - 1);
            down_to[x] = continues ? down_to[x] + 1 : 1;
            int64_t longer = at_least(run, down_to[x]);
            if (longer >= SHORTEST_RUN) {
                Evidence *area = &found[areas[x / BLOCK]];
                area->line = at_least(area->line, longer);
            }
        }
    }
}

/* Adds what was measured on one background, of which that counts which says more. */
static void collect(const Block *blocks, const int32_t *of_block, int64_t across, int64_t down,
                    int64_t areas, Evidence *found, Evidence *sums, int64_t *moved)
{
    memset(sums, 0, areas * sizeof *sums);
    memset(moved, 0, 2 * areas * sizeof *moved);
    for (int64_t block = 0; block < across * down; block++) {
        int32_t area = of_block[block];
        if (area < 0)
            continue;
        Evidence *sum = &sums[area];
        sum->solid += blocks[block].solid;
        sum->unmatched += blocks[block].unmatched;
        sum->bold =
            at_least(sum->bold, boldest(blocks, across, down, block % across, block / across));
        moved[2 * area] += blocks[block].brighter;
        moved[2 * area + 1] += blocks[block].moved;
    }
    for (int64_t area = 0; area < areas; area++) {
        int64_t all = at_least(moved[2 * area + 1], 1);
        int64_t one_way = moved[2 * area] < 0 ? -moved[2 * area] : moved[2 * area];
        double balance = (double)one_way / (double)all;
        found[area].solid = at_least(found[area].solid, sums[area].solid);
        found[area].unmatched = at_least(found[area].unmatched, sums[area].unmatched);
        found[area].bold = at_least(found[area].bold, sums[area].bold);
        found[area].balance = balance > found[area].balance ? balance : found[area].balance;
    }
}

/* Measures every area of the mask.
 *
 * flags, height, width: the canvas.
 * views, count: the images as far as both have pixels, on each background; their first row is the
 *     canvas's row `top`, and they have `both_height` rows of `both_width` pixels. All that is in
 *     the mask and lies in both images must be among them, with two rows around.
 * counts: as pg_count_blocks makes them.
 * of_block, areas: as pg_find_areas makes them.
 * found: one for each area; is zeroed first.
 * Returns 0, or -1 if there is no memory for a window and some bytes a block. */
PUBLIC int64_t pg_measure(const uint8_t *flags, int64_t stride, int64_t height, int64_t width,
                          const View *views, int64_t count, int64_t top, int64_t both_height,
                          int64_t both_width, const int32_t *counts, const int32_t *of_block,
                          int64_t areas, Evidence *found)
{
    int64_t across = (width + BLOCK - 1) / BLOCK, down = (height + BLOCK - 1) / BLOCK;
    int64_t plane = across * down;
    Views seen = {views, count, top, both_height, both_width};
    Window *window = malloc(sizeof *window);
    Block *blocks = malloc(plane * sizeof *blocks);
    Evidence *sums = malloc(areas * sizeof *sums);
    int64_t *moved = malloc(2 * areas * sizeof *moved);
    int32_t *down_to = malloc(at_least(1, both_width) * sizeof *down_to);
    int64_t failed = !window || !blocks || !sums || !moved || !down_to ? -1 : 0;
    if (!failed) {
        memset(found, 0, areas * sizeof *found);
        for (int64_t block = 0; block < plane; block++) {
            if (of_block[block] < 0)
                continue;
            found[of_block[block]].differing += counts[block];
            found[of_block[block]].structural += counts[3 * plane + block];
            found[of_block[block]].one_sided += counts[4 * plane + block];
        }
        for (int64_t view = 0; view < count && both_height > 0; view++) {
            memset(blocks, 0, plane * sizeof *blocks);
            measure_blocks(window, &seen, flags, stride, counts + 2 * plane, across, down, view,
                           blocks);
            collect(blocks, of_block, across, down, areas, found, sums, moved);
        }
        if (both_height > 0)
            find_lines(&seen, flags, stride, of_block, across, down_to, found);
    }
    free(window);
    free(blocks);
    free(sums);
    free(moved);
    free(down_to);
    return failed;
}

/* Counts faint pixels that have one colour all around them, in both images, on every background.
 *
 * Arguments as of pg_measure. Returns -1 if there is no memory for a window. */
PUBLIC int64_t pg_count_recoloured(const uint8_t *flags, int64_t stride, int64_t height,
                                   int64_t width, const View *views, int64_t count, int64_t top,
                                   int64_t both_height, int64_t both_width, const int32_t *counts)
{
    int64_t across = (width + BLOCK - 1) / BLOCK, down = (height + BLOCK - 1) / BLOCK, found = 0;
    Views seen = {views, count, top, both_height, both_width};
    Window *window = malloc(sizeof *window);
    if (!window)
        return -1;
    for (int64_t row = 0; row < down; row++) {
        Walk walk = {window, &seen, counts + across * down + row * across, across, row, 0};
        while (step(&walk)) {
            load(window, &seen);
            find_one_colour(window, &seen);
            for (int64_t y = 0; y < window->height; y++) {
                const uint8_t *own = flags + (top + window->y + y) * stride + window->x;
                for (int64_t x = 0; x < window->width; x++)
                    found += window->one_colour[y][x] && own[x] & FAINT;
            }
        }
    }
    free(window);
    return found;
}

/* Notes which blocks of an image show something on a background.
 *
 * channels: 3, or 4 for RGBA.
 * row: room for three bytes a pixel of one row.
 * low, high: room for three bytes a block of one row of blocks, each.
 * shows: a byte a block; those that show something are set, no other is changed. */
PUBLIC void pg_find_texture(const uint8_t *image, int64_t stride, int64_t height, int64_t width,
                            int64_t channels, int64_t level, uint8_t *row, uint8_t *low,
                            uint8_t *high, uint8_t *shows)
{
    int64_t across = (width + BLOCK - 1) / BLOCK;
    for (int64_t y = 0; y < height; y += SAMPLED) {
        if (y % BLOCK == 0) {
            memset(low, 255, 3 * across);
            memset(high, 0, 3 * across);
        }
        const uint8_t *pixels = image + y * stride;
        /* Most rows of a page are like the ones above. */
        int new = y % BLOCK == 0 || memcmp(pixels, pixels - SAMPLED * stride, channels * width);
        if (new && channels == 4) {
            pg_blend(pixels, stride, 1, width, level, row);
            pixels = row;
        }
        for (int64_t block = 0; new && block < across; block++) {
            const uint8_t *own = pixels + 3 * block * BLOCK;
            int64_t n = at_most(width, (block + 1) * BLOCK) - block * BLOCK;
            if (!memcmp(own, own + 3, 3 * (n - 1)))
                n = 1; /* one colour throughout, as most of a page is */
            for (int64_t i = 0; i < 3 * n; i += 3)
                for (int c = 0; c < 3; c++) {
                    low[3 * block + c] = lower(low[3 * block + c], own[i + c]);
                    high[3 * block + c] = higher(high[3 * block + c], own[i + c]);
                }
        }
        if (y % BLOCK == BLOCK - SAMPLED || y + SAMPLED >= height)
            for (int64_t block = 0; block < across; block++)
                for (int c = 0; c < 3; c++)
                    if (high[3 * block + c] - low[3 * block + c] >= TEXTURE)
                        shows[y / BLOCK * across + block] = 1;
    }
}
