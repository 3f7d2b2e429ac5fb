/* What odiff is asked: which pixels, on which part of two images, and what it answered. */

#include "pixelgate.h"

typedef struct {
    const uint8_t *pixels;
    int64_t stride, width, height;
} Image;

/* odiff takes no pixel for a smoothed edge that has so many neighbours of its own colour in both
 * images: all others are asked about. It also counts the edge of an image as such a neighbour,
 * which is not done here: then there are a few more questions. */
enum { ENOUGH = 3 };

static int is_certain(const Image *image, int64_t x, int64_t y)
{
    const uint8_t *pixel = image->pixels + y * image->stride + 3 * x;
    uint32_t own = colour(pixel);
    int alike = 0;
    for (int64_t v = at_least(0, y - 1) - y; v <= at_most(image->height - 1, y + 1) - y; v++)
        for (int64_t u = at_least(0, x - 1) - x; u <= at_most(image->width - 1, x + 1) - x; u++)
            alike += colour(pixel + v * image->stride + 3 * u) == own;
    return alike > ENOUGH; /* the pixel itself was counted, too */
}

/* A piece of a row: where much has to be looked at, it is quicker to look at all of it at once. */
enum { PIECE = 64, MUCH = 12 };

/* How many neighbours each pixel of a piece has that are of its colour; all its pixels have eight
 * of them in the image. */
static void count_alike(const Image *image, int64_t x, int64_t y, uint8_t *alike)
{
    uint32_t codes[3][PIECE + 2], found[PIECE];
    for (int row = 0; row < 3; row++)
        encode(image->pixels + (y - 1 + row) * image->stride + 3 * (x - 1), PIECE + 2, codes[row]);
    const uint32_t *above = codes[0] + 1, *own = codes[1] + 1, *below = codes[2] + 1;
    for (int i = 0; i < PIECE; i++)
        found[i] = (own[i] == above[i - 1]) + (own[i] == above[i]) + (own[i] == above[i + 1]) +
                   (own[i] == own[i - 1]) + (own[i] == own[i + 1]) + (own[i] == below[i - 1]) +
                   (own[i] == below[i]) + (own[i] == below[i + 1]);
    for (int i = 0; i < PIECE; i++)
        alike[i] = (uint8_t)found[i];
}

static int64_t count_sensitive(const uint8_t *row)
{
    uint8_t found = 0;
    for (int i = 0; i < PIECE; i++)
        found += (row[i] & SENSITIVE) != 0;
    return found;
}

static int64_t ask_about_piece(const Image *base, const Image *head, int64_t x, int64_t y,
                               uint8_t *row)
{
    uint8_t in_base[PIECE], in_head[PIECE], questions = 0;
    count_alike(base, x, y, in_base);
    count_alike(head, x, y, in_head);
    for (int i = 0; i < PIECE; i++) {
        uint8_t open = row[x + i] & SENSITIVE && (in_base[i] < ENOUGH || in_head[i] < ENOUGH);
        row[x + i] |= open ? ASKED : 0;
        questions += open;
    }
    return questions;
}

static int64_t ask_in_row(const Image *base, const Image *head, int64_t y, uint8_t *row)
{
    int64_t questions = 0, width = base->width;
    int inside = y > 0 && y < base->height - 1;
    for (int64_t x = 0; x < width; x++) {
        if (!row[x] && (x = skip_zeros(row, x, width)) == width)
            break;
        if (inside && x > 0 && x + PIECE < width && count_sensitive(row + x) >= MUCH) {
            questions += ask_about_piece(base, head, x, y, row);
            x += PIECE - 1;
        } else if (row[x] & SENSITIVE && !(is_certain(base, x, y) && is_certain(head, x, y))) {
            row[x] |= ASKED;
            questions++;
        }
    }
    return questions;
}

/* Marks what could be a smoothed edge as ASKED, and the rows in which there is any.
 *
 * rows: of each row whether odiff is asked about it; zero before.
 * Returns the number of these pixels. */
PUBLIC int64_t pg_find_questions(const View *view, int64_t height, int64_t width, uint8_t *flags,
                                 int64_t flags_stride, uint8_t *rows)
{
    Image base = {view->base, view->base_stride, width, height};
    Image head = {view->head, view->head_stride, width, height};
    int64_t questions = 0;
    for (int64_t y = 0; y < height; y++) {
        int64_t found = ask_in_row(&base, &head, y, flags + y * flags_stride);
        rows[y] = found > 0;
        questions += found;
    }
    return questions;
}

/* The first pixel that has a flag, as y * width + x; -1 if none has. */
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

/* Marks the columns in which a pixel of these rows has a flag. */
PUBLIC void pg_mark_columns(const uint8_t *flags, int64_t stride, int64_t height, int64_t width,
                            int64_t bit, uint8_t *columns)
{
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *row = flags + y * stride;
        for (int64_t x = 0; x < width; x++) {
            if (!row[x] && (x = skip_zeros(row, x, width)) == width)
                break;
            columns[x] |= (row[x] & bit) != 0;
        }
    }
}

/* Some rows and columns of an RGB image, close together, as the pixels of a BMP.
 *
 * rows: their numbers; the last one is written first.
 * runs: first column and number of columns, for each group of neighbours.
 * written: its rows are padded with zeros to four bytes. */
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

/* What odiff's mask says, put against what it was asked; may be read as three numbers. */
typedef struct {
    int64_t shown;     /* pixels of the mask */
    int64_t nearer;    /* of these, pixels that do not lie further apart than the threshold */
    int64_t forgiven;  /* pixels outside of the mask that cannot be smoothed edges */
} Heard;

/* Whether neither the flags of eight pixels nor their part of an RGBA mask say anything. */
static inline int is_silent(const uint8_t *flags, const uint8_t *said)
{
    uint64_t apart, shown[4];
    memcpy(&apart, flags, sizeof apart);
    memcpy(shown, said, sizeof shown);
    return !(apart & SENSITIVE * 0x0101010101010101u) && !(shown[0] | shown[1] | shown[2] | shown[3]);
}

static inline void hear_one(uint8_t *pixel, int shown, int asked, Heard *heard)
{
    heard->shown += shown;
    /* SMOOTHED: forgiven in another part, of which this one has the margin. */
    heard->nearer += shown && !(*pixel & (SENSITIVE | SMOOTHED));
    if (!(*pixel & SENSITIVE) || !asked)
        return;
    if (!shown && *pixel & ASKED)
        *pixel = (uint8_t)((*pixel & ~(SENSITIVE | STRUCTURAL)) | SMOOTHED);
    else
        heard->forgiven += !shown;
    *pixel &= ~ASKED;
}

/* Takes odiff's mask of a part for the word on all that it was asked about there.
 *
 * What it forgives becomes SMOOTHED. ASKED is cleared.
 *
 * rows: which ones the part has; runs: its columns, as for pg_write_bitmap.
 * in_rows, in_columns: for each of them, whether it was asked about, or only lies around.
 * mask: opaque where it shows a pixel. channels: 4, or 3 if all of it is opaque, or 0 for no mask,
 * where odiff says that nothing differs. */
PUBLIC void pg_hear(uint8_t *flags, int64_t stride, const int64_t *rows, const uint8_t *in_rows,
                    int64_t height, const int64_t *runs, int64_t groups, const uint8_t *in_columns,
                    const uint8_t *mask, int64_t mask_stride, int64_t channels, Heard *heard)
{
    *heard = (Heard){0};
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *said = mask + y * mask_stride, *asked = in_columns;
        for (int64_t i = 0; i < groups; i++) {
            uint8_t *row = flags + rows[y] * stride + runs[2 * i];
            int64_t width = runs[2 * i + 1];
            for (int64_t x = 0; x < width; x++) {
                while (channels == 4 && x + 8 <= width && is_silent(row + x, said + 4 * x))
                    x += 8;
                if (x == width)
                    break;
                int shown = channels == 4 ? said[4 * x + 3] != 0 : channels == 3;
                hear_one(row + x, shown, in_rows[y] && asked[x], heard);
            }
            said += channels * width;
            asked += width;
        }
    }
}
