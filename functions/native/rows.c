/* Whole rows: which differ, and a number for each by which equal ones are found. */

#include "pixelgate.h"

/* Notes for each row whether two images differ in it; returns how many do. */
PUBLIC int64_t pg_unequal_rows(const uint8_t *base, int64_t base_stride, const uint8_t *head,
                               int64_t head_stride, int64_t rows, int64_t bytes, uint8_t *unequal)
{
    int64_t found = 0;
    for (int64_t y = 0; y < rows; y++) {
        unequal[y] = memcmp(base + y * base_stride, head + y * head_stride, bytes) != 0;
        found += unequal[y];
    }
    return found;
}

static inline uint64_t word(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

/* Both halves of the whole product: each bit of either number reaches many of the result. */
static inline uint64_t mix(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* A hash for each row. Rows of one hash are taken for equal only where it is decided what is
 * compared with what; so nothing is lost where somebody makes two rows collide. */
PUBLIC void pg_hash_rows(const uint8_t *image, int64_t stride, int64_t rows, int64_t bytes,
                         uint64_t *hashes)
{
    /* Digits of the golden ratio, of pi and of e: numbers with nothing up their sleeve. */
    const uint64_t one = 0x9E3779B97F4A7C15u, two = 0x243F6A8885A308D3u, three = 0xB7E151628AED2A6Bu;
    for (int64_t y = 0; y < rows; y++) {
        const uint8_t *row = image + y * stride;
        uint64_t left = one ^ (uint64_t)bytes, right = two;
        int64_t i = 0;
        for (; i + 32 <= bytes; i += 32) {
            left = mix(word(row + i) ^ one, word(row + i + 8) ^ left);
            right = mix(word(row + i + 16) ^ two, word(row + i + 24) ^ right);
        }
        uint8_t rest[32] = {0};
        memcpy(rest, row + i, bytes - i);
        left = mix(word(rest) ^ one, word(rest + 8) ^ left);
        right = mix(word(rest + 16) ^ two, word(rest + 24) ^ right);
        hashes[y] = mix(left ^ three, right);
    }
}
