/* What a page that moved by a fraction of a pixel does to its lines and edges: each gives to one
 * side what it takes from the other, so that all that it covers stays the same. */
#include <math.h>
#include <stdlib.h>

#include "pixelgate.h"

/* A difference is clear if a channel differs by more levels. */
enum { LEVELS = 2 };
/* So many pixels of a line, across, may differ: it is smoothed on both sides, and some lines lie
 * close to another one. */
enum { THICK = 6 };
/* Both sides of a line are of one colour if the channels together differ by less. Then its centre
 * says how far it moved; else it is what the one side gained. */
enum { STEP = 12 };

typedef struct {
    const View *view;
    const uint8_t *flags;
    int64_t height, width, stride;
} Scene;

/* A line, or an edge: how far it moved, in pixels to the right or down, and what of the difference
 * no move explains, in levels. It is an edge if the colours on its two sides differ by `step`. */
typedef struct {
    int32_t x, y, length, thick;
    float shift, rest, change, step;
} Line;

static inline const uint8_t *base_at(const Scene *scene, int64_t y, int64_t x)
{
    return scene->view->base + y * scene->view->base_stride + 3 * x;
}

static inline const uint8_t *head_at(const Scene *scene, int64_t y, int64_t x)
{
    return scene->view->head + y * scene->view->head_stride + 3 * x;
}

static int is_clear(const Scene *scene, int64_t y, int64_t x)
{
    if (!(scene->flags[y * scene->stride + x] & DIFFERS))
        return 0;
    const uint8_t *base = base_at(scene, y, x), *head = head_at(scene, y, x);
    for (int c = 0; c < 3; c++)
        if (abs(base[c] - head[c]) > LEVELS)
            return 1;
    return 0;
}

/* How many pixels differ clearly from one on, down or to the right; 0 if there are more than THICK
 * or if nothing lies behind them. The one before it must not differ. */
static int32_t thickness(const Scene *scene, int64_t y, int64_t x, int down)
{
    int64_t right = !down;
    if (y < down || x < right || !is_clear(scene, y, x) || is_clear(scene, y - down, x - right))
        return 0;
    for (int32_t n = 1; n <= THICK; n++) {
        int64_t v = y + n * down, u = x + n * right;
        if (v >= scene->height || u >= scene->width)
            return 0;
        if (!is_clear(scene, v, u))
            return n;
    }
    return 0;
}

/* What `thick` pixels from one on gained, channel by channel, and the step between both sides. */
typedef struct {
    double gained[3], changed[3], step[3], moment[3], covered[3];
} Profile;

static Profile profile_of(const Scene *scene, int64_t y, int64_t x, int down, int32_t thick)
{
    Profile found = {0};
    int64_t right = !down;
    const uint8_t *before = base_at(scene, y - down, x - right);
    const uint8_t *behind = base_at(scene, y + thick * down, x + thick * right);
    for (int c = 0; c < 3; c++) {
        found.step[c] = before[c] - behind[c];
        for (int32_t n = 0; n < thick; n++) {
            int base = base_at(scene, y + n * down, x + n * right)[c];
            int by = head_at(scene, y + n * down, x + n * right)[c] - base;
            found.gained[c] += by;
            found.changed[c] += abs(by);
            found.moment[c] += by * n;
            found.covered[c] += base - before[c];
        }
    }
    return found;
}

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void fit(const Profile *profile, Line *line)
{
    double square = dot(profile->step, profile->step), shift = 0;
    int edge = square >= STEP * STEP;
    double whole = edge ? square : dot(profile->covered, profile->covered);
    if (whole > 0)
        shift = (edge ? dot(profile->gained, profile->step)
                      : dot(profile->moment, profile->covered)) / whole;
    line->shift = (float)shift;
    line->rest = line->change = 0;
    for (int c = 0; c < 3; c++) {
        float rest = (float)fabs(profile->gained[c] - (edge ? shift * profile->step[c] : 0));
        float change = (float)profile->changed[c];
        line->rest = rest > line->rest ? rest : line->rest;
        line->change = change > line->change ? change : line->change;
    }
    double sum = profile->step[0] + profile->step[1] + profile->step[2];
    line->step = edge ? (float)(sum < 0 ? -sqrt(square) : sqrt(square)) : 0;
}

/* Whether all around a place is, in both images, as one row before it, or one column. */
static int goes_on(const Scene *scene, int64_t y, int64_t x, int down, int32_t thick)
{
    int64_t right = !down;
    if (y < right || x < down)
        return 0;
    for (int32_t n = -1; n <= thick; n++) {
        int64_t v = y + n * down, u = x + n * right;
        if (memcmp(base_at(scene, v, u), base_at(scene, v - right, u - down), 3) ||
            memcmp(head_at(scene, v, u), head_at(scene, v - right, u - down), 3))
            return 0;
    }
    return 1;
}

/* What ends at a place: how long it is, its last row or column, and, once it is long enough, the
 * number of its line. */
typedef struct {
    int32_t length, line, last;
} Run;

/* Finds the straight lines and edges that differ and look the same along all of their length.
 *
 * flags: of the images' rows.
 * down: 1 for lines that lie across, which move up or down; 0 for those that move sideways.
 * least: how long they are at least, in pixels.
 * runs: room for one a column.
 * lines: has room for so many.
 * Returns how many there are, also if there was no room for all. */
PUBLIC int64_t pg_find_lines(const View *view, int64_t height, int64_t width, const uint8_t *flags,
                             int64_t stride, int64_t down, int64_t least, Run *runs, Line *lines,
                             int64_t room)
{
    Scene scene = {view, flags, height, width, stride};
    int64_t found = 0;
    memset(runs, 0, width * sizeof *runs);
    for (int64_t y = 0; y < height; y++) {
        Run here = {0, 0, -1};
        const uint8_t *row = flags + y * stride;
        for (int64_t x = 0; (x = skip_zeros(row, x, width)) < width; x++) {
            int32_t thick = thickness(&scene, y, x, (int)down);
            if (!thick)
                continue;
            Run *run = down ? &here : &runs[x];
            int64_t place = down ? x : y;
            int more = run->length && run->last == place - 1 &&
                       goes_on(&scene, y, x, (int)down, thick);
            run->length = more ? run->length + 1 : 1;
            run->last = (int32_t)place;
            if (run->length == least) {
                run->line = (int32_t)found++;
                if (run->line < room) {
                    Profile profile = profile_of(&scene, y, x, (int)down, thick);
                    Line *line = &lines[run->line];
                    line->x = (int32_t)(down ? x - least + 1 : x);
                    line->y = (int32_t)(down ? y : y - least + 1);
                    line->thick = thick;
                    fit(&profile, line);
                }
            }
            if (run->length >= least && run->line < room)
                lines[run->line].length = run->length;
        }
    }
    return found;
}

/* Whether what differs at a pixel, and what differs before and behind it, gives as much to one side
 * as a move by so many pixels does. A level is lost by rounding, and a tenth is let pass: no two
 * lines are smoothed at the same place of a pixel. */
static int is_shifted(const Scene *scene, int64_t y, int64_t x, int down, double shift)
{
    if (shift == 0)
        return 0;
    int64_t right = !down;
    for (int n = 0; n < THICK && y >= down && x >= right; n++) {
        if (!is_clear(scene, y - down, x - right))
            break;
        y -= down;
        x -= right;
    }
    int32_t thick = thickness(scene, y, x, down);
    if (!thick)
        return 0;
    Profile profile = profile_of(scene, y, x, down, thick);
    for (int c = 0; c < 3; c++) {
        double allowed = 1.5 + 0.1 * (profile.changed[c] + fabs(profile.step[c]));
        if (fabs(profile.gained[c] - shift * profile.step[c]) > allowed)
            return 0;
    }
    return 1;
}

/* Counts in each block the pixels that differ clearly: those that a move of the page by a fraction
 * of a pixel explains, and the others.
 *
 * flags: of the images' rows.
 * right, down: how far it moved, in pixels.
 * shifted, others: a number a block; are zeroed first. */
PUBLIC void pg_count_shifted(const View *view, int64_t height, int64_t width, const uint8_t *flags,
                             int64_t stride, double right, double down, int32_t *shifted,
                             int32_t *others)
{
    Scene scene = {view, flags, height, width, stride};
    int64_t across = (width + BLOCK - 1) / BLOCK, rows = (height + BLOCK - 1) / BLOCK;
    memset(shifted, 0, across * rows * sizeof *shifted);
    memset(others, 0, across * rows * sizeof *others);
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; (x = skip_zeros(flags + y * stride, x, width)) < width; x++) {
            if (!is_clear(&scene, y, x))
                continue;
            int moved = is_shifted(&scene, y, x, 1, down) || is_shifted(&scene, y, x, 0, right);
            (moved ? shifted : others)[y / BLOCK * across + x / BLOCK]++;
        }
}
