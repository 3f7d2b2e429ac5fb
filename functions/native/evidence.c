/* Measures the evidence that tells a change from noise, block by block; see docs/verdict.md. */
#include <math.h>
#include <stdlib.h>

#include "pixelgate.h"

/* Differences of a channel. Rounding and dithering leave at most LEVELS; compression leaves at most
 * STRONG in a plain area; a pixel that is more than OUTSIDE beyond the range of its surroundings is
 * no blend of them. */
enum { LEVELS = 2, STRONG = 8, OUTSIDE = 12 };
/* A blend of two colours at an edge may move by BLEND per cent of the edge's height. FLOOR is added
 * to the height, as otherwise a small difference at a low edge would be a large share. */
enum { BLEND = 35, FLOOR = 8 };
/* A colour that is more than OFF levels off the line between the darkest and the brightest colour
 * of its surroundings is no blend of these two. */
enum { OFF = 24 };
/* A block shows something if a channel has a range of at least TEXTURE levels in it. One of SAMPLED
 * rows is read, as text and edges are higher than that. */
enum { TEXTURE = 16, SAMPLED = 4 };
/* Added to every contrast, so that noise in a plain block does not count as a large share. */
enum { LEAST_CONTRAST = 12 };

enum { LIGHT = 3 }; /* index of the brightness, after the three channels */
/* A window has up to 16 neighbouring blocks of one row of blocks, with a margin of one pixel. */
enum { WINDOW = 16 * BLOCK, ROWS = BLOCK + 2, COLUMNS = WINDOW + 2 };

typedef struct {
    int64_t x, y, width, height; /* of the window without its margin */
    uint8_t pixels[2][4][ROWS][COLUMNS]; /* base and head: red, green, blue, and brightness */
} Window;

/* Two images on one background. Beyond the border, the outermost pixels are repeated. */
typedef struct {
    const View *view;
    int64_t height, width;
} Pair;

static inline uint8_t lower(uint8_t a, uint8_t b) { return a < b ? a : b; }
static inline uint8_t higher(uint8_t a, uint8_t b) { return a > b ? a : b; }
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

/* Vectors of sixteen numbers: one row of a block. */
typedef uint16_t Wide __attribute__((vector_size(2 * BLOCK)));
typedef int32_t Words __attribute__((vector_size(4 * BLOCK)));
typedef float Floats __attribute__((vector_size(4 * BLOCK)));

static inline Sixteen least_of(Sixteen a, Sixteen b) { return __builtin_elementwise_min(a, b); }
static inline Sixteen most_of(Sixteen a, Sixteen b) { return __builtin_elementwise_max(a, b); }

/* Splits sixteen RGB pixels into their channels. */
static inline void split(const uint8_t *pixels, Sixteen planes[3])
{
    Sixteen a = at(pixels), b = at(pixels + 16), c = at(pixels + 32);
    Sixteen red = __builtin_shufflevector(a, b, 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 0, 0, 0, 0, 0);
    Sixteen green = __builtin_shufflevector(a, b, 1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 0, 0, 0, 0, 0);
    Sixteen blue = __builtin_shufflevector(a, b, 2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 0, 0, 0, 0, 0, 0);
    planes[0] = __builtin_shufflevector(red, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 20, 23, 26, 29);
    planes[1] = __builtin_shufflevector(green, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 18, 21, 24, 27, 30);
    planes[2] = __builtin_shufflevector(blue, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 19, 22, 25, 28, 31);
}

static void load(Window *window, const Pair *pair)
{
    for (int image = 0; image < 2; image++)
        for (int64_t row = 0; row < window->height + 2; row++) {
            const uint8_t *pixels = row_of(pair, image, window->y - 1 + row);
            uint8_t(*planes)[ROWS][COLUMNS] = window->pixels[image];
            uint8_t *light = planes[LIGHT][row];
            int64_t left = at_least(window->x - 1, 0);
            int64_t right = at_most(window->x + window->width, pair->width - 1);
            const uint8_t *from = pixels + 3 * window->x;
            int64_t x = 0;
            for (; x + BLOCK <= window->width; x += BLOCK) {
                Sixteen channels[3];
                split(from + 3 * x, channels);
                Wide red = __builtin_convertvector(channels[0], Wide);
                Wide green = __builtin_convertvector(channels[1], Wide);
                Wide blue = __builtin_convertvector(channels[2], Wide);
                Sixteen bright =
                    __builtin_convertvector((77 * red + 150 * green + 29 * blue) >> 8, Sixteen);
                for (int c = 0; c < 3; c++)
                    memcpy(planes[c][row] + x + 1, &channels[c], sizeof channels[c]);
                memcpy(light + x + 1, &bright, sizeof bright);
            }
            for (; x < window->width; x++) {
                for (int c = 0; c < 3; c++)
                    planes[c][row][x + 1] = from[3 * x + c];
                light[x + 1] = light_of(from[3 * x], from[3 * x + 1], from[3 * x + 2]);
            }
            for (int c = 0; c < 3; c++) {
                planes[c][row][0] = pixels[3 * left + c];
                planes[c][row][x + 1] = pixels[3 * right + c];
            }
            light[0] = light_of(planes[0][row][0], planes[1][row][0], planes[2][row][0]);
            light[x + 1] =
                light_of(planes[0][row][x + 1], planes[1][row][x + 1], planes[2][row][x + 1]);
        }
}

/* The measurements of each pixel in a row of a block. */
typedef struct {
    Sixteen most;    /* the largest difference of a channel */
    Sixteen outside; /* how far a channel is outside the range of the other image's 3 × 3 */
    Sixteen light;   /* how far its brightness is outside that range */
    Sixteen edge;    /* the largest range of a channel in the 3 × 3 of either image */
    Sixteen plain;   /* the same in the image in which it is smaller */
} Pixels;

/* differs: 255 for pixels that differ, 0 for all others, also for those in an ignored region. */
static inline Pixels measure(const Window *window, int64_t row, int64_t x, Sixteen differs)
{
    Sixteen most = {0}, off[2] = {{0}, {0}}, edge[2] = {{0}, {0}};
    for (int c = 0; c <= LIGHT; c++) {
        Sixteen own[2] = {at(window->pixels[0][c][row + 1] + 1 + x),
                          at(window->pixels[1][c][row + 1] + 1 + x)};
        if (c < LIGHT)
            most = most_of(most, most_of(own[0], own[1]) - least_of(own[0], own[1]));
        for (int image = 0; image < 2; image++) {
            const uint8_t(*rows)[COLUMNS] = &window->pixels[image][c][row];
            Sixteen least, largest;
            for (int k = 0; k < 3; k++) {
                Sixteen upper = at(rows[0] + x + k), middle = at(rows[1] + x + k);
                Sixteen lower = at(rows[2] + x + k);
                Sixteen low = least_of(least_of(upper, middle), lower);
                Sixteen high = most_of(most_of(upper, middle), lower);
                least = k ? least_of(least, low) : low;
                largest = k ? most_of(largest, high) : high;
            }
            Sixteen value = own[1 - image];
            /* At least one term is 0: a value is not both below the least and above the largest. */
            Sixteen beyond = (most_of(least, value) - value) | (most_of(largest, value) - largest);
            off[c == LIGHT] = most_of(off[c == LIGHT], beyond);
            edge[image] = most_of(edge[image], largest - least);
        }
    }
    return (Pixels){most & differs, off[0] & differs, off[1] & differs, most_of(edge[0], edge[1]),
                    least_of(edge[0], edge[1])};
}

/* Adds the measurements of one row to those of its block. */
static inline void add(const Window *window, int64_t row, const Pixels *pixels, int64_t x,
                       Block *block)
{
    Sixteen most = pixels->most, edge = pixels->edge;
    uint8_t highest = __builtin_reduce_max(most);
    if (!highest)
        return;
    block->most = at_least(block->most, highest);
    block->farthest = at_least(block->farthest, __builtin_reduce_max(pixels->outside));
    block->light_off = at_least(block->light_off, __builtin_reduce_max(pixels->light));
    Sixteen flat = (Sixteen)(edge == 0), differs = (Sixteen)(most > 0);
    Sixteen clear = (Sixteen)(most > LEVELS), strong = (Sixteen)(most > STRONG);
    int32_t many = count_of(strong);
    block->differing += count_of(differs);
    block->clear += count_of(clear);
    block->strong += many;
    block->outside += count_of((Sixteen)(pixels->outside > OUTSIDE));
    block->plain += count_of(flat & (Sixteen)(most >= LEVELS));
    block->solid += count_of(flat & clear);
    block->solid_strong += count_of(flat & strong);
    if (many) {
        Wide height = __builtin_convertvector(edge, Wide) + FLOOR;
        Wide step = __builtin_convertvector(most & strong, Wide);
        block->moved += count_of(__builtin_convertvector(100 * step > BLEND * height, Sixteen));
        Floats share = __builtin_convertvector(step, Floats) / __builtin_convertvector(height, Floats);
        float steepest = __builtin_reduce_max(share);
        block->steepest = steepest > block->steepest ? steepest : block->steepest;
    }
    Words by[3];
    for (int c = 0; c < 3; c++) {
        Sixteen base = at(window->pixels[0][c][row + 1] + 1 + x) & differs;
        Sixteen head = at(window->pixels[1][c][row + 1] + 1 + x) & differs;
        by[c] = __builtin_convertvector(head, Words) - __builtin_convertvector(base, Words);
    }
    Words step = 77 * by[0] + 150 * by[1] + 29 * by[2];
    Words red = by[0] - by[1], blue = by[2] - by[1];
    block->signed_light += __builtin_reduce_add(step);
    Words size = __builtin_elementwise_abs(step);
    block->light += __builtin_reduce_add(size);
    /* Rounded to sixteenths of a level, so that the sum of sixteen squares fits into 32 bits. */
    Words sixteenths = (size + 8) >> 4;
    block->energy += __builtin_reduce_add(sixteenths * sixteenths) / 256.0;
    block->red += __builtin_reduce_add(red);
    block->blue += __builtin_reduce_add(blue);
    block->colour +=
        __builtin_reduce_add(__builtin_elementwise_abs(red) + __builtin_elementwise_abs(blue));
}

/* Whether a pixel's colour is off the line between the darkest and the brightest colour of the
 * other image's 3 × 3 there. row, x: of the pixel, counted from the window's margin. */
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
    /* Beyond an end of the line, the distance from that end counts. */
    if (along <= 0 || !length)
        return square > OFF * OFF;
    if (along >= length)
        return square - 2 * along + length > OFF * OFF;
    return square * length - along * along > (int64_t)OFF * OFF * length;
}

static void count_off(const Window *window, int64_t row, const Pixels *pixels, int64_t x,
                      Block *block)
{
    Sixteen far = (Sixteen)(pixels->most > OFF), plain = (Sixteen)(pixels->plain == 0);
    /* If one image is plain around a pixel, the other's colour is off by the whole difference. */
    block->off += count_of(far & plain);
    far &= ~plain;
    if (!__builtin_reduce_or(far))
        return;
    for (int64_t u = 0; u < BLOCK; u++)
        if (far[u])
            block->off += is_off(window, 0, row + 1, x + u + 1) || is_off(window, 1, row + 1, x + u + 1);
}

typedef _Bool Bits __attribute__((ext_vector_type(BLOCK)));

/* Returns a bit for each of sixteen bytes, 1 if it is not 0; the first byte is the lowest bit. */
static inline uint32_t bits_of(Sixteen mask)
{
    Bits bits = __builtin_convertvector(mask, Bits);
    uint16_t packed;
    memcpy(&packed, &bits, sizeof packed);
    return packed;
}

/* Returns 255 where each image has the same colour as `rows` above and `columns` to the left. */
static inline Sixteen continues(const Window *window, int64_t row, int64_t x, int64_t rows,
                              int64_t columns)
{
    Sixteen same = ~(Sixteen){0};
    for (int image = 0; image < 2; image++)
        for (int c = 0; c < 3; c++) {
            const uint8_t(*plane)[COLUMNS] = window->pixels[image][c];
            same &= (Sixteen)(at(plane[row + 1] + 1 + x) ==
                              at(plane[row + 1 - rows] + 1 + x - columns));
        }
    return same;
}

/* Updates the longest straight run of strong differences with one colour in each image.
 *
 * before: in, the length of the run that ends left of the block in this row; out, the length of the
 *     run that ends at the block's right border.
 * above: in, for each column the length of the run that ends above this row; out, the length of the
 *     run that ends in this row. */
static inline void find_runs(const Window *window, int64_t row, const Pixels *pixels, int64_t x,
                             int32_t *before, Wide *above, Block *block)
{
    Sixteen strong = (Sixteen)(pixels->most > STRONG);
    uint32_t bits = bits_of(strong);
    if (!bits) {
        *before = 0;
        *above = (Wide){0};
        return;
    }
    Wide down = __builtin_convertvector(continues(window, row, x, 1, 0), Wide);
    down = (Wide)(down > 0) & *above;
    down = __builtin_elementwise_add_sat(down, (Wide){0} + 1);
    *above = down & (Wide)(__builtin_convertvector(strong, Wide) > 0);
    block->run = at_least(block->run, __builtin_reduce_max(*above));
    /* Pixels that continue the run of the pixel to their left. */
    uint32_t joined = bits & bits_of(continues(window, row, x, 0, 1)) & (bits << 1 | (*before > 0));
    int32_t longest = 1, at_start = 0;
    for (uint32_t left = joined; left; left &= left << 1)
        longest++;
    while (joined >> at_start & 1)
        at_start++;
    if (at_start)
        longest = (int32_t)at_least(longest, *before + at_start);
    block->run = at_least(block->run, longest);
    int32_t at_end = 0;
    while (at_end < BLOCK && joined >> (BLOCK - 1 - at_end) & 1)
        at_end++;
    *before = !(bits >> (BLOCK - 1)) ? 0 : at_end == BLOCK ? *before + BLOCK : at_end + 1;
}

/* Sets a block's contrast: the range of brightness over both images. */
static void find_contrast(const Window *window, int64_t x, Block *block)
{
    Sixteen outside = {0}, largest = {0}; /* 255 for columns that the image does not have */
    for (int64_t u = 0; u < BLOCK; u++)
        outside[u] = x + u < window->width ? 0 : 255;
    Sixteen least = ~largest;
    for (int image = 0; image < 2; image++)
        for (int64_t row = 1; row <= window->height; row++) {
            Sixteen light = at(window->pixels[image][LIGHT][row] + 1 + x);
            least = least_of(least, light | outside);
            largest = most_of(largest, light & ~outside);
        }
    block->contrast = __builtin_reduce_max(largest) - __builtin_reduce_min(least);
}

/* Measures the blocks in which any pixel differs, except their residue.
 *
 * height, width: size of the images; their first row is the first of a row of blocks.
 * flags: the flags of their pixels.
 * differing: number of pixels of each block with the flag DIFFERS.
 * lengths: room for BLOCK numbers for each block of a row.
 * blocks: out, one for each block of the images.
 * Returns 0, or -1 if there is no memory for a window. */
PUBLIC int64_t pg_measure_blocks(const View *view, int64_t height, int64_t width,
                                 const uint8_t *flags, int64_t stride, const int32_t *differing,
                                 uint16_t *lengths, Block *blocks)
{
    int64_t across = (width + BLOCK - 1) / BLOCK, down = (height + BLOCK - 1) / BLOCK;
    Pair pair = {view, height, width};
    Window *window = calloc(1, sizeof *window); /* the last block of a row may be narrower */
    if (!window)
        return -1;
    memset(blocks, 0, across * down * sizeof *blocks);
    memset(lengths, 0, across * sizeof(Wide));
    for (int64_t row = 0; row < down; row++) {
        const int32_t *counts = differing + row * across;
        Block *line = blocks + row * across;
        int32_t before[BLOCK] = {0};
        for (int64_t column = 0; column < across; column++) {
            if (!counts[column]) {
                memset(before, 0, sizeof before);
                memset(lengths + column * BLOCK, 0, sizeof(Wide));
                continue;
            }
            int64_t end = column + 1;
            while (end < across && counts[end] && end - column < WINDOW / BLOCK)
                end++;
            window->x = column * BLOCK;
            window->y = row * BLOCK;
            window->width = at_most(end * BLOCK, width) - window->x;
            window->height = at_most((row + 1) * BLOCK, height) - window->y;
            load(window, &pair);
            for (int64_t y = 0; y < window->height; y++) {
                const uint8_t *own = flags + (window->y + y) * stride + window->x;
                for (int64_t x = 0; x < window->width; x += BLOCK) {
                    uint16_t *ends = lengths + window->x + x;
                    Sixteen bits = first_of(own + x, window->width - x) & DIFFERS;
                    Sixteen differs = (Sixteen)(bits != 0);
                    /* Most rows of a block are the same in both images. */
                    if (!__builtin_reduce_or(differs)) {
                        before[y] = 0;
                        memset(ends, 0, sizeof(Wide));
                        continue;
                    }
                    Pixels pixels = measure(window, y, x, differs);
                    Wide above;
                    memcpy(&above, ends, sizeof above);
                    find_runs(window, y, &pixels, x, &before[y], &above, &line[column + x / BLOCK]);
                    memcpy(ends, &above, sizeof above);
                    add(window, y, &pixels, x, &line[column + x / BLOCK]);
                    count_off(window, y, &pixels, x, &line[column + x / BLOCK]);
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

/* The brightness of a block and of a margin of one pixel. */
typedef struct {
    int16_t of[ROWS][ROWS];
} Patch;

static inline int16_t sum_of(const uint8_t *pixel) { return pixel[0] + pixel[1] + pixel[2]; }
static inline int16_t brightness_of(const uint8_t *pixel)
{
    return light_of(pixel[0], pixel[1], pixel[2]);
}

/* Loads a block of both images with a margin, as one number a pixel. Pixels without DIFFERS get
 * base's value in both, as they may be in an ignored region. */
static inline __attribute__((always_inline)) void
load_block(const Pair *pair, const uint8_t *flags, int64_t stride, int64_t x, int64_t y,
           int64_t margin, int16_t (*value)(const uint8_t *), int16_t *base, int16_t *head)
{
    for (int64_t row = -margin; row < BLOCK + margin; row++) {
        int64_t v = at_most(at_least(y + row, 0), pair->height - 1);
        const uint8_t *old = row_of(pair, 0, v), *new = row_of(pair, 1, v);
        for (int64_t i = -margin; i < BLOCK + margin; i++) {
            int64_t u = at_most(at_least(x + i, 0), pair->width - 1);
            const uint8_t *from = old + 3 * u;
            const uint8_t *to = flags[v * stride + u] & DIFFERS ? new + 3 * u : from;
            *base++ = value(from);
            *head++ = value(to);
        }
    }
}

enum { TERMS = 9, PIXELS = BLOCK * BLOCK };

/* Returns the part of the difference between two patches that no filter of 3 × 3 explains, in
 * squared levels. This is the residual of the least squares fit of other − own by the differences
 * of the eight neighbours and a constant. */
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
    /* The ridge on the diagonal keeps the equations solvable in a block without content. */
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

/* The sum of the channels in a block with a margin of two pixels, and the same smoothed. */
enum { WIDER = BLOCK + 4, WEIGHTS = 36, CHANNELS = 3 };
typedef struct {
    int16_t of[WIDER][WIDER], smooth[ROWS][ROWS]; /* at most 36 * 765 */
} Wider;

/* Smooths with weights 1, 4, 1 in both directions, which spreads a pixel over about 1.5 pixels. */
static void smooth(Wider *patch)
{
    int16_t across[WIDER][ROWS];
    for (int y = 0; y < WIDER; y++)
        for (int x = 0; x < ROWS; x++)
            across[y][x] = patch->of[y][x] + 4 * patch->of[y][x + 1] + patch->of[y][x + 2];
    for (int y = 0; y < ROWS; y++)
        for (int x = 0; x < ROWS; x++)
            patch->smooth[y][x] = across[y][x] + 4 * across[y + 1][x] + across[y + 2][x];
}

static inline int16_t smaller(int16_t a, int16_t b) { return a < b ? a : b; }
static inline int16_t larger(int16_t a, int16_t b) { return a > b ? a : b; }

/* Updates for each pixel the farthest distance to the range of the other patch's 3 × 3. */
static void find_beyond(const Wider *own, const Wider *other, int16_t beyond[BLOCK][BLOCK])
{
    int16_t low[ROWS][BLOCK], high[ROWS][BLOCK];
    for (int y = 0; y < ROWS; y++)
        for (int x = 0; x < BLOCK; x++) {
            const int16_t *near = &other->smooth[y][x];
            low[y][x] = smaller(smaller(near[0], near[1]), near[2]);
            high[y][x] = larger(larger(near[0], near[1]), near[2]);
        }
    for (int y = 0; y < BLOCK; y++)
        for (int x = 0; x < BLOCK; x++) {
            int16_t least = smaller(smaller(low[y][x], low[y + 1][x]), low[y + 2][x]);
            int16_t most = larger(larger(high[y][x], high[y + 1][x]), high[y + 2][x]);
            int16_t middle = own->smooth[y + 1][x + 1];
            beyond[y][x] = larger(beyond[y][x], larger(middle - most, least - middle));
        }
}

/* Returns how far a block's smoothed pixels are outside the range of the other image's 3 × 3: root
 * mean square in levels. Shapes that move by at most a pixel stay inside; those that appear or
 * vanish do not. */
static double stray_of(const Pair *pair, const uint8_t *flags, int64_t stride, int64_t x, int64_t y)
{
    Wider base, head;
    load_block(pair, flags, stride, x, y, 2, sum_of, base.of[0], head.of[0]);
    smooth(&base);
    smooth(&head);
    int16_t beyond[BLOCK][BLOCK] = {0};
    find_beyond(&base, &head, beyond);
    find_beyond(&head, &base, beyond);
    double sum = 0;
    for (int i = 0; i < BLOCK; i++)
        for (int j = 0; j < BLOCK; j++)
            sum += (double)beyond[i][j] * beyond[i][j];
    return sqrt(sum / PIXELS) / (WEIGHTS * CHANNELS);
}

/* Measures the residue of some blocks: the difference that is left, relative to the contrast, after
 * the best filter of 3 × 3 that makes one image from the other, in the better direction. It also
 * measures how far they stray, relative to the contrast.
 *
 * wanted: a byte a block, not 0 for blocks to be measured.
 * The other arguments are those of pg_measure_blocks. */
PUBLIC void pg_measure_residue(const View *view, int64_t height, int64_t width,
                               const uint8_t *flags, int64_t stride, const uint8_t *wanted,
                               Block *blocks)
{
    int64_t across = (width + BLOCK - 1) / BLOCK, down = (height + BLOCK - 1) / BLOCK;
    Pair pair = {view, height, width};
    for (int64_t i = 0; i < across * down; i++) {
        if (!wanted[i])
            continue;
        int64_t x = i % across * BLOCK, y = i / across * BLOCK;
        Patch base, head;
        load_block(&pair, flags, stride, x, y, 1, brightness_of, base.of[0], head.of[0]);
        double forth = unexplained(&base, &head), back = unexplained(&head, &base);
        int32_t contrast = blocks[i].contrast + LEAST_CONTRAST;
        blocks[i].residue = (float)(sqrt((forth < back ? forth : back) / PIXELS) / contrast);
        blocks[i].stray = (float)(stray_of(&pair, flags, stride, x, y) / contrast);
    }
}

/* Whether a block looks like text: large plain parts, contrast, and thin strokes. */
static int is_text(const uint8_t *image, int64_t stride, int64_t height, int64_t width, int64_t x,
                   int64_t y)
{
    enum { PLAIN = 30, CONTRAST = 40, STEP = 8, ACROSS = 6, DOWN = 10 };
    int64_t right = at_most(width, x + BLOCK), bottom = at_most(height, y + BLOCK);
    int32_t equal = 0, thin_across = 0, thin_down = 0;
    uint8_t low = 255, high = 0;
    for (int64_t v = y; v < bottom; v++)
        for (int64_t u = x; u < right; u++) {
            const uint8_t *own = image + v * stride + 3 * u;
            uint8_t light = light_of(own[0], own[1], own[2]);
            low = lower(low, light);
            high = higher(high, light);
            equal += u + 1 < width && own[0] == own[3] && own[1] == own[4] && own[2] == own[5];
            if (u > 0 && u + 1 < width) {
                int before = 0, after = 0;
                for (int c = 0; c < 3; c++) {
                    before |= apart(own[c], own[c - 3]) > STEP;
                    after |= apart(own[c], own[c + 3]) > STEP;
                }
                thin_across += before && after;
            }
            if (v > 0 && v + 1 < height) {
                int up = 0, under = 0;
                for (int c = 0; c < 3; c++) {
                    up |= apart(own[c], own[c - stride]) > STEP;
                    under |= apart(own[c], own[c + stride]) > STEP;
                }
                thin_down += up && under;
            }
        }
    int64_t area = (right - x) * (bottom - y);
    return 100 * equal > PLAIN * area && high - low > CONTRAST &&
           (thin_across >= ACROSS || thin_down >= DOWN);
}

/* Finds the blocks of an RGB image that look like text.
 *
 * wanted: a byte a block; in, not 0 for blocks to check; out, 1 for those that look like text. */
PUBLIC void pg_find_text(const uint8_t *image, int64_t stride, int64_t height, int64_t width,
                         uint8_t *wanted)
{
    int64_t across = (width + BLOCK - 1) / BLOCK, down = (height + BLOCK - 1) / BLOCK;
    for (int64_t i = 0; i < across * down; i++)
        if (wanted[i])
            wanted[i] = (uint8_t)is_text(image, stride, height, width, i % across * BLOCK,
                                         i / across * BLOCK);
}

/* Flags pixels of some blocks as COUNTED: those outside odiff's mask that differ by more than
 * `levels` in a channel.
 *
 * flags: in and out, the flags of the images' pixels.
 * wanted: a byte a block, not 0 for blocks in which pixels count.
 * counted: in and out, number of COUNTED pixels of each block; rows of blocks are `apart_by`
 *     numbers apart. */
PUBLIC void pg_count_pixels(const View *view, int64_t height, int64_t width, const uint8_t *wanted,
                            int64_t levels, uint8_t *flags, int64_t stride, int32_t *counted,
                            int64_t apart_by)
{
    int64_t across = (width + BLOCK - 1) / BLOCK;
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *base = view->base + y * view->base_stride;
        const uint8_t *head = view->head + y * view->head_stride;
        uint8_t *row = flags + y * stride;
        for (int64_t x = 0; (x = skip_zeros(row, x, width)) < width;) {
            int64_t start = x / BLOCK * BLOCK, end = at_most(width, start + BLOCK);
            Sixteen own = first_of(row + start, width - start) & (DIFFERS | SENSITIVE);
            /* Most differing pixels are in odiff's mask, so most rows are skipped. */
            if (wanted[y / BLOCK * across + x / BLOCK] &&
                __builtin_reduce_or((Sixteen)(own == DIFFERS)))
                for (int64_t u = x; u < end; u++) {
                    const uint8_t *old = base + 3 * u, *new = head + 3 * u;
                    if (row[u] & DIFFERS && !(row[u] & (SENSITIVE | COUNTED)) &&
                        (apart(old[0], new[0]) > levels || apart(old[1], new[1]) > levels ||
                         apart(old[2], new[2]) > levels)) {
                        row[u] |= COUNTED;
                        counted[y / BLOCK * apart_by + x / BLOCK]++;
                    }
                }
            x = end;
        }
    }
}

/* Sums up the measurements of the blocks of each area, and finds the maximum of each.
 *
 * labels: the area of each block, -1 for blocks in no area.
 * sums: out, for each area the number of its blocks and INTEGERS sums; zero before.
 * most: out, for each area INTEGERS maxima; zero before.
 * most_real: out, for each area the maxima of `steepest`, of the residue, of the residue of those
 *     blocks of which less than a quarter differs, and of `stray`; zero before. */
PUBLIC void pg_sum_areas(const Block *blocks, const int32_t *labels, int64_t count, int64_t *sums,
                         int32_t *most, float *most_real)
{
    enum { INTEGERS = offsetof(Block, steepest) / sizeof(int32_t), REALS = 4 };
    for (int64_t i = 0; i < count; i++) {
        if (labels[i] < 0)
            continue;
        const Block *block = &blocks[i];
        int32_t own[INTEGERS];
        memcpy(own, block, sizeof own);
        int64_t *sum = sums + labels[i] * (INTEGERS + 1);
        int32_t *largest = most + labels[i] * INTEGERS;
        sum[0]++;
        for (int64_t n = 0; n < INTEGERS; n++) {
            sum[n + 1] += own[n];
            largest[n] = own[n] > largest[n] ? own[n] : largest[n];
        }
        float *real = most_real + labels[i] * REALS;
        float sparse = block->differing < BLOCK * BLOCK / 4 ? block->residue : 0;
        real[0] = block->steepest > real[0] ? block->steepest : real[0];
        real[1] = block->residue > real[1] ? block->residue : real[1];
        real[2] = sparse > real[2] ? sparse : real[2];
        real[3] = block->stray > real[3] ? block->stray : real[3];
    }
}

/* Counts the colours of an RGB image; stops above `most`, which must be below 4,096. */
PUBLIC int64_t pg_count_colours(const uint8_t *image, int64_t stride, int64_t height, int64_t width,
                                int64_t most)
{
    enum { SLOTS = 16384 };
    uint32_t seen[SLOTS];
    memset(seen, 255, sizeof seen);
    int64_t colours = 0;
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
            if (++colours > most)
                return colours;
        }
    return colours;
}

/* Finds the blocks of an image that show something on a background.
 *
 * channels: 3 for RGB, 4 for RGBA.
 * level: the grey level of the background, for RGBA.
 * row: room for three bytes a pixel of one row.
 * low, high: each room for three bytes a block of one row of blocks.
 * shows: out, a byte a block; set to 1 for blocks that show something, others are unchanged. */
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
        /* Most rows of a page equal the row above. */
        int new = y % BLOCK == 0 || memcmp(pixels, pixels - SAMPLED * stride, channels * width);
        if (new && channels == 4) {
            pg_blend(pixels, stride, 1, width, level, row);
            pixels = row;
        }
        for (int64_t block = 0; new && block < across; block++) {
            const uint8_t *own = pixels + 3 * block * BLOCK;
            int64_t n = at_most(width, (block + 1) * BLOCK) - block * BLOCK;
            if (!memcmp(own, own + 3, 3 * (n - 1)))
                n = 1; /* one colour, as in most blocks of a page */
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
