/* Prepares the questions to odiff, which pixels are smoothed edges, and applies its answers. */

#include "pixelgate.h"

typedef struct {
    const uint8_t *pixels;
    int64_t stride, width, height;
} Image;

/* odiff never takes a pixel for a smoothed edge if it has at least this number of neighbours of its
 * own colour in both images, so only other pixels are asked about. odiff also counts the image's
 * border as such a neighbour; this code does not, which only asks about a few more pixels. */
enum { ENOUGH = 3 };

static int is_certain(const Image *image, int64_t x, int64_t y)
{
    const uint8_t *pixel = image->pixels + y * image->stride + 3 * x;
    uint32_t own = colour(pixel);
    int alike = 0;
    for (int64_t v = at_least(0, y - 1) - y; v <= at_most(image->height - 1, y + 1) - y; v++)
        for (int64_t u = at_least(0, x - 1) - x; u <= at_most(image->width - 1, x + 1) - x; u++)
            alike += colour(pixel + v * image->stride + 3 * u) == own;
    return alike > ENOUGH; /* > and not >=, as the pixel itself was counted too */
}

/* If at least MUCH pixels of a piece of PIECE pixels must be checked, it is faster to check the
 * whole piece at once. */
enum { PIECE = 64, MUCH = 12 };

/* Counts for each pixel of a piece the neighbours of its own colour. All eight neighbours of each
 * pixel must be in the image. */
static void count_alike(const Image *image, int64_t x, int64_t y, uint8_t *alike)
{
    uint32_t codes[3][PIECE + 2], counts[PIECE];
    for (int row = 0; row < 3; row++)
        encode(image->pixels + (y - 1 + row) * image->stride + 3 * (x - 1), PIECE + 2, codes[row]);
    const uint32_t *above = codes[0] + 1, *own = codes[1] + 1, *below = codes[2] + 1;
    for (int i = 0; i < PIECE; i++)
        counts[i] = (own[i] == above[i - 1]) + (own[i] == above[i]) + (own[i] == above[i + 1]) +
                    (own[i] == own[i - 1]) + (own[i] == own[i + 1]) + (own[i] == below[i - 1]) +
                    (own[i] == below[i]) + (own[i] == below[i + 1]);
    for (int i = 0; i < PIECE; i++)
        alike[i] = (uint8_t)counts[i];
}

static int64_t count_sensitive(const uint8_t *row)
{
    uint8_t sensitive = 0;
    for (int i = 0; i < PIECE; i++)
        sensitive += (row[i] & SENSITIVE) != 0;
    return sensitive;
}

static uint8_t ask_about_piece(const Image *base, const Image *head, int64_t x, int64_t y,
                               uint8_t *row)
{
    uint8_t in_base[PIECE], in_head[PIECE], any = 0;
    count_alike(base, x, y, in_base);
    count_alike(head, x, y, in_head);
    for (int i = 0; i < PIECE; i++) {
        uint8_t open = row[x + i] & SENSITIVE && (in_base[i] < ENOUGH || in_head[i] < ENOUGH);
        row[x + i] |= open ? ASKED : 0;
        any |= open;
    }
    return any;
}

/* Returns 1 if any pixel of the row is asked about, and 0 if none is. */
static uint8_t ask_in_row(const Image *base, const Image *head, int64_t y, uint8_t *row)
{
    uint8_t any = 0;
    int64_t width = base->width;
    int inside = y > 0 && y < base->height - 1;
    for (int64_t x = 0; x < width; x++) {
        if (!row[x] && (x = skip_zeros(row, x, width)) == width)
            break;
        if (inside && x > 0 && x + PIECE < width && count_sensitive(row + x) >= MUCH) {
            any |= ask_about_piece(base, head, x, y, row);
            x += PIECE - 1;
        } else if (row[x] & SENSITIVE && !(is_certain(base, x, y) && is_certain(head, x, y))) {
            row[x] |= ASKED;
            any = 1;
        }
    }
    return any;
}

/* Flags the pixels that could be smoothed edges as ASKED.
 *
 * rows: out, for each row whether it has such a pixel. */
PUBLIC void pg_find_questions(const View *view, int64_t height, int64_t width, uint8_t *flags,
                              int64_t flags_stride, uint8_t *rows)
{
    Image base = {view->base, view->base_stride, width, height};
    Image head = {view->head, view->head_stride, width, height};
    for (int64_t y = 0; y < height; y++)
        rows[y] = ask_in_row(&base, &head, y, flags + y * flags_stride);
}

/* Returns the first pixel that has a flag, as y * width + x; -1 if there is none. */
PUBLIC int64_t pg_find_first(const uint8_t *flags, int64_t stride, int64_t height, int64_t width,
                             int64_t bit)
{
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *row = flags + y * stride;
        for (int64_t x = 0; x < width; x++) {
            if (!row[x] && (x = skip_zeros(row, x, width)) == width)
                break;
            if (row[x] & bit)
                return y * width + x;
        }
    }
    return -1;
}

/* Writes selected rows and columns of an RGB image, without gaps, as the pixels of a BMP.
 *
 * rows: the numbers of the rows; the last one is written first.
 * runs: first column and number of columns of each run of neighbouring columns.
 * written: out; each row is padded with zeros to a multiple of four bytes. */
PUBLIC void pg_write_bitmap(const uint8_t *image, int64_t stride, const int64_t *rows, int64_t height,
                            const int64_t *runs, int64_t groups, uint8_t *written)
{
    for (int64_t y = height - 1; y >= 0; y--) {
        const uint8_t *row = image + rows[y] * stride;
        int64_t bytes = 0;
        for (int64_t i = 0; i < groups; i++) {
            memcpy(written + bytes, row + 3 * runs[2 * i], 3 * runs[2 * i + 1]);
            bytes += 3 * runs[2 * i + 1];
        }
        for (; bytes % 4; bytes++)
            written[bytes] = 0;
        written += bytes;
    }
}

/* Counts that check odiff's mask against our flags; the caller reads them as three numbers. */
typedef struct {
    int64_t shown;     /* pixels in the mask */
    int64_t nearer;    /* pixels in the mask whose distance is below the threshold */
    int64_t forgiven;  /* pixels that are not in the mask, but cannot be smoothed edges */
} Answer;

/* Whether none of eight pixels is SENSITIVE or shown in the RGBA mask. */
static inline int is_unchanged(const uint8_t *flags, const uint8_t *mask)
{
    uint64_t apart, shown[4];
    memcpy(&apart, flags, sizeof apart);
    memcpy(shown, mask, sizeof shown);
    return !(apart & SENSITIVE * 0x0101010101010101u) && !(shown[0] | shown[1] | shown[2] | shown[3]);
}

static inline void apply(uint8_t *pixel, int shown, int asked, Answer *answer)
{
    answer->shown += shown;
    /* A pixel in this part's margin may be SMOOTHED already, by the answer for another part. */
    answer->nearer += shown && !(*pixel & (SENSITIVE | SMOOTHED));
    if (!(*pixel & SENSITIVE) || !asked)
        return;
    if (!shown && *pixel & ASKED)
        *pixel = (uint8_t)((*pixel & ~(SENSITIVE | STRUCTURAL)) | SMOOTHED);
    else
        answer->forgiven += !shown;
    *pixel &= ~ASKED;
}

/* Applies odiff's mask of a part of the images to all pixels of it that were ASKED.
 *
 * Those that are not in the mask become SMOOTHED; ASKED is cleared.
 *
 * rows, runs: the rows and columns of the part, as for pg_write_bitmap.
 * in_rows, in_columns: a byte for each of them, 0 if it is only a margin around asked pixels.
 * mask: opaque where a pixel differs.
 * channels: 4 for RGBA; 3 if the whole mask is opaque; 0 for no mask, if nothing differs. */
PUBLIC void pg_take_verdict(uint8_t *flags, int64_t stride, const int64_t *rows,
                            const uint8_t *in_rows, int64_t height, const int64_t *runs,
                            int64_t groups, const uint8_t *in_columns, const uint8_t *mask,
                            int64_t mask_stride, int64_t channels, Answer *answer)
{
    *answer = (Answer){0};
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *pixels = mask + y * mask_stride, *asked = in_columns;
        for (int64_t i = 0; i < groups; i++) {
            uint8_t *row = flags + rows[y] * stride + runs[2 * i];
            int64_t width = runs[2 * i + 1];
            for (int64_t x = 0; x < width; x++) {
                while (channels == 4 && x + 8 <= width && is_unchanged(row + x, pixels + 4 * x))
                    x += 8;
                if (x == width)
                    break;
                int shown = channels == 4 ? pixels[4 * x + 3] != 0 : channels == 3;
                apply(row + x, shown, in_rows[y] && asked[x], answer);
            }
            pixels += channels * width;
            asked += width;
        }
    }
}
