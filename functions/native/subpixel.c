/* Finds lines and edges of a page that moved by a fraction of a pixel. Such a move takes from one
 * side of a line what it adds on the other, so that the sum of its colours stays the same. */
#include <math.h>
#include <stdlib.h>

#include "pixelgate.h"

/* A difference is clear if a channel differs by more than LEVELS. */
enum { LEVELS = 2 };
/* The largest number of differing pixels across a line: it is smoothed on both sides, and another
 * line may be close to it. */
enum { THICK = 6 };
/* A line has the same colour on both sides if these differ by less than STEP over all channels; its
 * shift is then that of its centre. Otherwise it is an edge; its shift is what one side gained. */
enum { STEP = 12 };

typedef struct {
    const View *view;
    const uint8_t *flags;
    int64_t height, width, stride;
} Scene;

/* A line or an edge. shift: in pixels to the right or down; rest: the part of the difference that
 * no shift explains, in levels; step: the difference of the colours on its sides, 0 for a line. */
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

/* Returns the number of clearly differing pixels from one on, down or to the right; 0 if the pixel
 * before it differs too, if there are more than THICK, or if they reach the border. */
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

/* Sums over `thick` pixels from one on, for each channel, and the step between both sides. */
typedef struct {
    double gained[3], changed[3], step[3], moment[3], covered[3];
} Profile;

static Profile profile_of(const Scene *scene, int64_t y, int64_t x, int down, int32_t thick)
{
    Profile profile = {0};
    int64_t right = !down;
    const uint8_t *before = base_at(scene, y - down, x - right);
    const uint8_t *behind = base_at(scene, y + thick * down, x + thick * right);
    for (int c = 0; c < 3; c++) {
        profile.step[c] = before[c] - behind[c];
        for (int32_t n = 0; n < thick; n++) {
            int base = base_at(scene, y + n * down, x + n * right)[c];
            int gain = head_at(scene, y + n * down, x + n * right)[c] - base;
            profile.gained[c] += gain;
            profile.changed[c] += abs(gain);
            profile.moment[c] += gain * n;
            profile.covered[c] += base - before[c];
        }
    }
    return profile;
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

/* Whether both images have the same pixels across a line as one row, or one column, earlier. */
static int continues(const Scene *scene, int64_t y, int64_t x, int down, int32_t thick)
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

/* A run of equal pixels along a line: its length, its last row or column, and, once it is long
 * enough, the index of its line. */
typedef struct {
    int32_t length, line, last;
} Run;

/* Finds straight lines and edges that differ, and that look the same along their whole length.
 *
 * flags: the flags of the images' pixels.
 * down: 1 for horizontal lines, which move up or down; 0 for vertical ones.
 * least: the smallest length of a line, in pixels.
 * runs: room for one run a column.
 * lines: out, with room for `room` lines.
 * Returns the number of all lines, also of those without room. */
PUBLIC int64_t pg_find_lines(const View *view, int64_t height, int64_t width, const uint8_t *flags,
                             int64_t stride, int64_t down, int64_t least, Run *runs, Line *lines,
                             int64_t room)
{
    Scene scene = {view, flags, height, width, stride};
    int64_t count = 0;
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
                       continues(&scene, y, x, (int)down, thick);
            run->length = more ? run->length + 1 : 1;
            run->last = (int32_t)place;
            if (run->length == least) {
                run->line = (int32_t)count++;
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
    return count;
}

/* Whether a shift explains the difference at a pixel and its differing neighbours: it must add to
 * one side what the shift would. 1.5 levels are allowed for rounding, and a tenth of the
 * difference, as lines are smoothed at different places of a pixel. */
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

/* Counts the clearly differing pixels of each block: those that a shift of the page by a fraction
 * of a pixel explains, and all others.
 *
 * flags: the flags of the images' pixels.
 * right, down: the shift, in pixels.
 * shifted, others: out, a number for each block. */
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
