/* What tells a change from noise, measured block by block; docs/verdict.md explains it. */
#include <math.h>
#include <stdlib.h>

#include "pixelgate.h"

/* Levels of a channel. Two are what rounding and dithering leave; a strong difference is more than
 * compression leaves in a plain area; so far outside of its surroundings, a pixel is not a blend of
 * them. */
enum { LEVELS = 2, STRONG = 8, OUTSIDE = 12 };
/* A blend of two colours at an edge may move by this share of the edge's height, in per cent. So
 * many levels are added to the height: next to nothing, a small difference would be a large share. */
enum { BLEND = 35, FLOOR = 8 };
/* A colour that lies so many levels off the line between the darkest and the brightest colour of its
 * surroundings is no blend of these two. */
enum { OFF = 24 };
/* A block shows something if its pixels reach over so many levels of one channel; of four rows one
 * is looked at: text and edges are higher. */
enum { TEXTURE = 16, SAMPLED = 4 };
/* Contrast is never taken for smaller than this. */
enum { LEAST_CONTRAST = 12 };

/* A window goes over some blocks of one row of blocks, with one pixel around them. */
enum { LIGHT = 3 }; /* behind the channels */
enum { WINDOW = 16 * BLOCK, ROWS = BLOCK + 2, COLUMNS = WINDOW + 2 };

typedef struct {
    int64_t x, y, width, height; /* the window's pixels, without those around it */
    uint8_t pixels[2][4][ROWS][COLUMNS]; /* base and head: red, green, blue, and brightness */
} Window;

/* Two images that are seen on one background. Beyond their border the outermost pixels go on. */
typedef struct {
    const View *view;
    int64_t height, width;
} Pair;

static inline uint8_t lower(uint8_t a, uint8_t b) { return a < b ? a : b; }
static inline uint8_t higher(uint8_t a, uint8_t b) { return a > b ? a : b; }
static inline uint8_t above(uint8_t a, uint8_t b) { return a > b ? (uint8_t)(a - b) : 0; }
static inline uint8_t apart(uint8_t a, uint8_t b) { return a > b ? (uint8_t)(a - b) : (uint8_t)(b - a); }

static inline uint8_t light_of(int red, int green, int blue)
{
    return (uint8_t)((77 * red + 150 * green + 29 * blue) >> 8);
}

static inline const uint8_t *row_of(const Pair *pair, int image, int64_t y)
{
    y = at_most(at_least(y, 0), pair->height - 1);
    return image ? pair->view->head + y * pair->view->head_stride
                 : pair->view->base + y * pair->view->base_stride;
}

static void load(Window *window, const Pair *pair)
{
    for (int image = 0; image < 2; image++)
        for (int64_t row = 0; row < window->height + 2; row++) {
            const uint8_t *pixels = row_of(pair, image, window->y - 1 + row);
            int64_t left = at_least(window->x - 1, 0);
            int64_t right = at_most(window->x + window->width, pair->width - 1);
            for (int c = 0; c < 3; c++) {
                uint8_t *plane = window->pixels[image][c][row];
                const uint8_t *from = pixels + 3 * window->x + c;
                plane[0] = pixels[3 * left + c];
                for (int64_t x = 0; x < window->width; x++)
                    plane[x + 1] = from[3 * x];
                plane[window->width + 1] = pixels[3 * right + c];
            }
            const uint8_t(*planes)[ROWS][COLUMNS] = window->pixels[image];
            for (int64_t x = 0; x < window->width + 2; x++)
                window->pixels[image][LIGHT][row][x] =
                    light_of(planes[0][row][x], planes[1][row][x], planes[2][row][x]);
        }
}

/* What is found for each pixel of a row of a window. */
typedef struct {
    uint8_t most[WINDOW];    /* the largest difference of a channel */
    uint8_t outside[WINDOW]; /* the farthest that a channel lies outside the other image's 3 × 3 */
    uint8_t light[WINDOW];   /* the same, of its brightness */
    uint8_t edge[WINDOW];    /* the largest range of a channel in the 3 × 3 of either image */
} Found;

/* flags: of the row's pixels; what has no flag lies in an ignored region and does not differ. */
static void look(const Window *window, int64_t row, const uint8_t *flags, Found *found)
{
    uint8_t low[COLUMNS], high[COLUMNS];
    int64_t width = window->width;
    memset(found->most, 0, width);
    memset(found->outside, 0, width);
    memset(found->edge, 0, width);
    memset(found->light, 0, width);
    for (int c = 0; c <= LIGHT; c++) {
        const uint8_t *base = window->pixels[0][c][row + 1] + 1;
        const uint8_t *head = window->pixels[1][c][row + 1] + 1;
        uint8_t *outside = c == LIGHT ? found->light : found->outside;
        for (int64_t x = 0; c < LIGHT && x < width; x++)
            found->most[x] = higher(found->most[x], apart(base[x], head[x]));
        for (int image = 0; image < 2; image++) {
            const uint8_t(*own)[COLUMNS] = &window->pixels[image][c][row];
            const uint8_t *other = image ? base : head;
            for (int64_t x = 0; x < width + 2; x++) {
                low[x] = lower(lower(own[0][x], own[1][x]), own[2][x]);
                high[x] = higher(higher(own[0][x], own[1][x]), own[2][x]);
            }
            for (int64_t x = 0; x < width; x++) {
                uint8_t least = lower(lower(low[x], low[x + 1]), low[x + 2]);
                uint8_t largest = higher(higher(high[x], high[x + 1]), high[x + 2]);
                uint8_t off = higher(above(least, other[x]), above(other[x], largest));
                outside[x] = higher(outside[x], off);
                found->edge[x] = higher(found->edge[x], (uint8_t)(largest - least));
            }
        }
    }
    for (int64_t x = 0; x < width; x++) {
        uint8_t differs = (uint8_t)-(flags[x] & DIFFERS);
        found->most[x] &= differs;
        found->outside[x] &= differs;
        found->light[x] &= differs;
    }
}

/* Adds what a row of a window says to one block. Sums are of one type in each loop, and nothing
 * branches there, so that the compiler takes many pixels at a time. */
static void add(const Window *window, int64_t row, const Found *found, int64_t x, Block *block)
{
    int64_t count = at_most(window->width, x + BLOCK) - x;
    const uint8_t *most = found->most + x, *edge = found->edge + x;
    const uint8_t *outside = found->outside + x, *light = found->light + x;
    uint8_t highest = 0, farthest = 0, light_off = 0;
    for (int64_t i = 0; i < count; i++) {
        highest = higher(highest, most[i]);
        farthest = higher(farthest, outside[i]);
        light_off = higher(light_off, light[i]);
    }
    if (!highest)
        return;
    block->most = at_least(block->most, highest);
    block->farthest = at_least(block->farthest, farthest);
    block->light_off = at_least(block->light_off, light_off);
    uint8_t differing = 0, clear = 0, strong = 0, beyond = 0, plain = 0, solid = 0, solid_strong = 0;
    for (int64_t i = 0; i < count; i++) {
        uint8_t flat = edge[i] == 0;
        differing += most[i] > 0;
        clear += most[i] > LEVELS;
        strong += most[i] > STRONG;
        beyond += outside[i] > OUTSIDE;
        plain += flat & (most[i] >= LEVELS);
        solid += flat & (most[i] > LEVELS);
        solid_strong += flat & (most[i] > STRONG);
    }
    block->differing += differing;
    block->clear += clear;
    block->strong += strong;
    block->outside += beyond;
    block->plain += plain;
    block->solid += solid;
    block->solid_strong += solid_strong;
    if (strong) {
        uint16_t moved = 0;
        float steepest = block->steepest;
        for (int64_t i = 0; i < count; i++) {
            uint16_t share = (uint16_t)(100 * most[i]), limit = (uint16_t)(BLEND * (edge[i] + FLOOR));
            moved += (most[i] > STRONG) & (share > limit);
        }
        for (int64_t i = 0; i < count; i++) {
            float share = most[i] > STRONG ? (float)most[i] / (float)(edge[i] + FLOOR) : 0;
            steepest = share > steepest ? share : steepest;
        }
        block->moved += moved;
        block->steepest = steepest;
    }
    const uint8_t *base[3], *head[3];
    for (int c = 0; c < 3; c++) {
        base[c] = window->pixels[0][c][row + 1] + 1 + x;
        head[c] = window->pixels[1][c][row + 1] + 1 + x;
    }
    int32_t signed_light = 0, all_light = 0, red = 0, blue = 0, colour = 0, energy = 0;
    for (int64_t i = 0; i < count; i++) {
        int32_t differs = most[i] > 0;
        int32_t dr = (head[0][i] - base[0][i]) * differs, dg = (head[1][i] - base[1][i]) * differs;
        int32_t db = (head[2][i] - base[2][i]) * differs;
        int32_t step = 77 * dr + 150 * dg + 29 * db;
        signed_light += step;
        all_light += step < 0 ? -step : step;
        /* In sixteenths of a level: sixteen squares of them fit. */
        energy += (step >> 4) * (step >> 4);
        red += dr - dg;
        blue += db - dg;
        colour += (dr < dg ? dg - dr : dr - dg) + (db < dg ? dg - db : db - dg);
    }
    block->signed_light += signed_light;
    block->light += all_light;
    block->energy += energy / 256.0;
    block->red += red;
    block->blue += blue;
    block->colour += colour;
}

/* Whether a pixel's colour lies off the line between the other image's darkest and brightest colour
 * in the 3 × 3 there. row, x: of the pixel, with what is around the window. */
static int is_off(const Window *window, int other, int64_t row, int64_t x)
{
    int64_t dark_row = row, dark_x = x, bright_row = row, bright_x = x;
    uint8_t low = window->pixels[other][LIGHT][row][x], high = low;
    for (int64_t v = row - 1; v <= row + 1; v++)
        for (int64_t u = x - 1; u <= x + 1; u++) {
            uint8_t light = window->pixels[other][LIGHT][v][u];
            if (light < low) {
                low = light;
                dark_row = v;
                dark_x = u;
            }
            if (light > high) {
                high = light;
                bright_row = v;
                bright_x = u;
            }
        }
    int64_t along = 0, length = 0, square = 0;
    for (int c = 0; c < 3; c++) {
        int dark = window->pixels[other][c][dark_row][dark_x];
        int line = window->pixels[other][c][bright_row][bright_x] - dark;
        int own = window->pixels[1 - other][c][row][x] - dark;
        along += (int64_t)own * line;
        length += (int64_t)line * line;
        square += (int64_t)own * own;
    }
    /* Behind an end of the line it is the distance from the end. */
    if (along <= 0 || !length)
        return square > OFF * OFF;
    if (along >= length)
        return square - 2 * along + length > OFF * OFF;
    return square * length - along * along > (int64_t)OFF * OFF * length;
}

static void count_off(const Window *window, int64_t row, const Found *found, int64_t x, Block *block)
{
    int64_t stop = at_most(window->width, x + BLOCK);
    for (int64_t u = x; u < stop; u++)
        if (found->most[u] > OFF)
            block->off += is_off(window, 0, row + 1, u + 1) || is_off(window, 1, row + 1, u + 1);
}

/* The range of brightness over both images. */
static void find_contrast(const Window *window, int64_t x, Block *block)
{
    uint8_t low = 255, high = 0;
    int64_t stop = at_most(window->width, x + BLOCK);
    for (int image = 0; image < 2; image++)
        for (int64_t row = 1; row <= window->height; row++) {
            const uint8_t *light = window->pixels[image][LIGHT][row] + 1;
            for (int64_t u = x; u < stop; u++) {
                low = lower(low, light[u]);
                high = higher(high, light[u]);
            }
        }
    block->contrast = high - low;
}

/* Measures the blocks in which anything differs, but for their residue.
 *
 * height, width: of the images; their first row begins a row of blocks.
 * flags: of their pixels.
 * differing: pixels of each block that have the flag for it.
 * blocks: one for each block of the images; is zeroed first.
 * Returns 0, or -1 if there is no memory for a window. */
PUBLIC int64_t pg_measure_blocks(const View *view, int64_t height, int64_t width,
                                 const uint8_t *flags, int64_t stride, const int32_t *differing,
                                 Block *blocks)
{
    int64_t across = (width + BLOCK - 1) / BLOCK, down = (height + BLOCK - 1) / BLOCK;
    Pair pair = {view, height, width};
    Window *window = malloc(sizeof *window);
    if (!window)
        return -1;
    memset(blocks, 0, across * down * sizeof *blocks);
    for (int64_t row = 0; row < down; row++) {
        const int32_t *counts = differing + row * across;
        Block *line = blocks + row * across;
        for (int64_t column = 0; column < across; column++) {
            if (!counts[column])
                continue;
            int64_t end = column + 1;
            while (end < across && counts[end] && end - column < WINDOW / BLOCK)
                end++;
            window->x = column * BLOCK;
            window->y = row * BLOCK;
            window->width = at_most(end * BLOCK, width) - window->x;
            window->height = at_most((row + 1) * BLOCK, height) - window->y;
            load(window, &pair);
            Found found;
            for (int64_t y = 0; y < window->height; y++) {
                const uint8_t *own = flags + (window->y + y) * stride + window->x;
                /* Most rows of a block are the same in both images. */
                if (skip_zeros(own, 0, window->width) >= window->width)
                    continue;
                look(window, y, own, &found);
                for (int64_t x = 0; x < window->width; x += BLOCK) {
                    add(window, y, &found, x, &line[column + x / BLOCK]);
                    count_off(window, y, &found, x, &line[column + x / BLOCK]);
                }
            }
            for (int64_t x = 0; x < window->width; x += BLOCK) {
                Block *block = &line[column + x / BLOCK];
                find_contrast(window, x, block);
                block->raw = (float)(sqrt(block->energy / (BLOCK * BLOCK)) /
                                     (block->contrast + LEAST_CONTRAST));
            }
            column = end - 1;
        }
    }
    free(window);
    return 0;
}

/* Brightness of a block and of one pixel around it. */
typedef struct {
    int16_t of[ROWS][ROWS];
} Patch;

/* Where the flags say that nothing differs, both get the base: it lies in an ignored region. */
static void load_patches(const Pair *pair, const uint8_t *flags, int64_t stride, int64_t x,
                         int64_t y, Patch *base, Patch *head)
{
    for (int64_t row = 0; row < ROWS; row++) {
        int64_t v = at_most(at_least(y - 1 + row, 0), pair->height - 1);
        const uint8_t *old = row_of(pair, 0, v), *new = row_of(pair, 1, v);
        for (int64_t i = 0; i < ROWS; i++) {
            int64_t u = at_most(at_least(x - 1 + i, 0), pair->width - 1);
            const uint8_t *from = old + 3 * u;
            const uint8_t *to = flags[v * stride + u] & DIFFERS ? new + 3 * u : from;
            base->of[row][i] = light_of(from[0], from[1], from[2]);
            head->of[row][i] = light_of(to[0], to[1], to[2]);
        }
    }
}

enum { TERMS = 9, PIXELS = BLOCK * BLOCK };

/* How much of the difference to another patch no filter of 3 × 3 explains, in squared levels: the
 * least squares of other − own over the eight neighbours' differences and a constant. */
static double unexplained(const Patch *own, const Patch *other)
{
    static const int right[TERMS - 1] = {-1, 0, 1, -1, 1, -1, 0, 1};
    static const int down[TERMS - 1] = {-1, -1, -1, 0, 0, 1, 1, 1};
    int16_t terms[TERMS][PIXELS], wanted[PIXELS];
    for (int y = 0; y < BLOCK; y++)
        for (int x = 0; x < BLOCK; x++) {
            int16_t centre = own->of[y + 1][x + 1];
            for (int k = 0; k < TERMS - 1; k++)
                terms[k][y * BLOCK + x] = own->of[y + 1 + down[k]][x + 1 + right[k]] - centre;
            terms[TERMS - 1][y * BLOCK + x] = 1;
            wanted[y * BLOCK + x] = other->of[y + 1][x + 1] - centre;
        }
    double products[TERMS][TERMS], towards[TERMS], weights[TERMS], all = 0, trace = 0;
    int32_t sum = 0;
    for (int i = 0; i < PIXELS; i++)
        sum += wanted[i] * wanted[i];
    all = sum;
    for (int a = 0; a < TERMS; a++) {
        int32_t with = 0;
        for (int i = 0; i < PIXELS; i++)
            with += terms[a][i] * wanted[i];
        towards[a] = with;
        for (int b = a; b < TERMS; b++) {
            int32_t product = 0;
            for (int i = 0; i < PIXELS; i++)
                product += terms[a][i] * terms[b][i];
            products[a][b] = products[b][a] = product;
        }
        trace += products[a][a];
    }
    /* A little is added to the diagonal: where nothing is to be seen, nothing can be solved. */
    double ridge = 1e-3 * trace / TERMS + 1, factor[TERMS][TERMS], half[TERMS];
    for (int i = 0; i < TERMS; i++) {
        for (int j = 0; j <= i; j++) {
            double rest = products[i][j] + (i == j ? ridge : 0);
            for (int k = 0; k < j; k++)
                rest -= factor[i][k] * factor[j][k];
            factor[i][j] = i == j ? sqrt(rest) : rest / factor[j][j];
        }
        double rest = towards[i];
        for (int k = 0; k < i; k++)
            rest -= factor[i][k] * half[k];
        half[i] = rest / factor[i][i];
    }
    for (int i = TERMS - 1; i >= 0; i--) {
        double rest = half[i];
        for (int k = i + 1; k < TERMS; k++)
            rest -= factor[k][i] * weights[k];
        weights[i] = rest / factor[i][i];
    }
    double left = all;
    for (int a = 0; a < TERMS; a++) {
        left -= 2 * weights[a] * towards[a];
        for (int b = 0; b < TERMS; b++)
            left += weights[a] * products[a][b] * weights[b];
    }
    return left > 0 ? left : 0;
}

/* Measures the residue of some blocks: what is left of their difference, against their contrast,
 * after the best filter of 3 × 3 that makes one image of the other; either may be the softer one.
 *
 * Arguments as of pg_measure_blocks; wanted: a byte a block, not 0 for each one to be measured. */
PUBLIC void pg_measure_residue(const View *view, int64_t height, int64_t width,
                               const uint8_t *flags, int64_t stride, const uint8_t *wanted,
                               Block *blocks)
{
    int64_t across = (width + BLOCK - 1) / BLOCK, down = (height + BLOCK - 1) / BLOCK;
    Pair pair = {view, height, width};
    for (int64_t i = 0; i < across * down; i++) {
        if (!wanted[i])
            continue;
        Patch base, head;
        load_patches(&pair, flags, stride, i % across * BLOCK, i / across * BLOCK, &base, &head);
        double one = unexplained(&base, &head), other = unexplained(&head, &base);
        blocks[i].residue = (float)(sqrt((one < other ? one : other) / PIXELS) /
                                    (blocks[i].contrast + LEAST_CONTRAST));
    }
}

static inline int is_strong(const uint8_t *base, const uint8_t *head)
{
    return apart(base[0], head[0]) > STRONG || apart(base[1], head[1]) > STRONG ||
           apart(base[2], head[2]) > STRONG;
}

/* Notes the longest straight run of strong differences of one colour in each block.
 *
 * flags: of the images' rows.
 * lengths: room for a number a column. */
PUBLIC void pg_find_runs(const View *view, int64_t height, int64_t width, const uint8_t *flags,
                         int64_t stride, int32_t *lengths, Block *blocks)
{
    int64_t across = (width + BLOCK - 1) / BLOCK;
    memset(lengths, 0, width * sizeof *lengths);
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *row = flags + y * stride, *upper = y ? row - stride : NULL;
        const uint8_t *base = view->base + y * view->base_stride;
        const uint8_t *head = view->head + y * view->head_stride;
        int32_t run = 0;
        for (int64_t x = 0; x < width; x++) {
            if (!(row[x] & DIFFERS)) {
                run = 0;
                if (!row[x])
                    x = at_least(x, skip_zeros(row, x, width) - 1);
                continue;
            }
            const uint8_t *old = base + 3 * x, *new = head + 3 * x;
            if (!is_strong(old, new)) {
                run = 0;
                lengths[x] = 0;
                continue;
            }
            run = run && !memcmp(old, old - 3, 3) && !memcmp(new, new - 3, 3) ? run + 1 : 1;
            int continues = upper && upper[x] & DIFFERS &&
                            !memcmp(old, old - view->base_stride, 3) &&
                            !memcmp(new, new - view->head_stride, 3);
            lengths[x] = continues ? lengths[x] + 1 : 1;
            Block *block = &blocks[y / BLOCK * across + x / BLOCK];
            int32_t longer = run > lengths[x] ? run : lengths[x];
            block->run = block->run > longer ? block->run : longer;
        }
    }
}

/* Whether a block looks like text: much of it is plain, it has contrast, and thin strokes. */
static int is_text(const uint8_t *image, int64_t stride, int64_t height, int64_t width, int64_t x,
                   int64_t y)
{
    enum { PLAIN = 30, CONTRAST = 40, STEP = 8, ACROSS = 6, DOWN = 10 };
    int64_t right = at_most(width, x + BLOCK), bottom = at_most(height, y + BLOCK);
    int32_t equal = 0, thin = 0, low_high = 0;
    uint8_t low = 255, high = 0;
    for (int64_t v = y; v < bottom; v++)
        for (int64_t u = x; u < right; u++) {
            const uint8_t *own = image + v * stride + 3 * u;
            uint8_t light = light_of(own[0], own[1], own[2]);
            low = lower(low, light);
            high = higher(high, light);
            equal += u + 1 < width && own[0] == own[3] && own[1] == own[4] && own[2] == own[5];
            if (u > 0 && u + 1 < width) {
                int left = 0, on = 0;
                for (int c = 0; c < 3; c++) {
                    left |= apart(own[c], own[c - 3]) > STEP;
                    on |= apart(own[c], own[c + 3]) > STEP;
                }
                thin += left && on;
            }
            if (v > 0 && v + 1 < height) {
                int up = 0, under = 0;
                for (int c = 0; c < 3; c++) {
                    up |= apart(own[c], own[c - stride]) > STEP;
                    under |= apart(own[c], own[c + stride]) > STEP;
                }
                low_high += up && under;
            }
        }
    int64_t area = (right - x) * (bottom - y);
    return 100 * equal > PLAIN * area && high - low > CONTRAST && (thin >= ACROSS || low_high >= DOWN);
}

/* Notes which blocks of an RGB image look like text; only the wanted ones are looked at.
 *
 * wanted: a byte a block; a byte that is not 0 becomes 1 for text and 0 else. */
PUBLIC void pg_find_text(const uint8_t *image, int64_t stride, int64_t height, int64_t width,
                         uint8_t *wanted)
{
    int64_t across = (width + BLOCK - 1) / BLOCK, down = (height + BLOCK - 1) / BLOCK;
    for (int64_t i = 0; i < across * down; i++)
        if (wanted[i])
            wanted[i] = (uint8_t)is_text(image, stride, height, width, i % across * BLOCK,
                                         i / across * BLOCK);
}

/* Notes which pixels of some blocks count although odiff forgives them or they lie below its
 * threshold: those that differ by more than so many levels of a channel.
 *
 * flags: of the images' rows; COUNTED is set.
 * wanted: a byte a block, not 0 where pixels count. */
PUBLIC void pg_count_pixels(const View *view, int64_t height, int64_t width, const uint8_t *wanted,
                            int64_t levels, uint8_t *flags, int64_t stride)
{
    int64_t across = (width + BLOCK - 1) / BLOCK;
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *base = view->base + y * view->base_stride;
        const uint8_t *head = view->head + y * view->head_stride;
        uint8_t *row = flags + y * stride;
        for (int64_t x = 0; (x = skip_zeros(row, x, width)) < width;) {
            int64_t end = at_most(width, (x / BLOCK + 1) * BLOCK);
            if (wanted[y / BLOCK * across + x / BLOCK])
                for (int64_t u = x; u < end; u++) {
                    const uint8_t *old = base + 3 * u, *new = head + 3 * u;
                    if (row[u] & DIFFERS && !(row[u] & SENSITIVE) &&
                        (apart(old[0], new[0]) > levels || apart(old[1], new[1]) > levels ||
                         apart(old[2], new[2]) > levels))
                        row[u] |= COUNTED;
                }
            x = end;
        }
    }
}

/* How many colours an RGB image has; counting stops above `most`, which is below 4,096. */
PUBLIC int64_t pg_count_colours(const uint8_t *image, int64_t stride, int64_t height, int64_t width,
                                int64_t most)
{
    enum { SLOTS = 16384 };
    uint32_t seen[SLOTS];
    memset(seen, 255, sizeof seen);
    int64_t found = 0;
    uint32_t last = UINT32_MAX;
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++) {
            uint32_t own = colour(image + y * stride + 3 * x);
            if (own == last)
                continue;
            last = own;
            uint32_t slot = own * 2654435761u >> 18;
            while (seen[slot] != own && seen[slot] != UINT32_MAX)
                slot = (slot + 1) % SLOTS;
            if (seen[slot] == own)
                continue;
            seen[slot] = own;
            if (++found > most)
                return found;
        }
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
