/* Compares and hashes whole rows. */

#include "pixelgate.h"

/* Marks the rows in which two images differ. */
PUBLIC void pg_unequal_rows(const uint8_t *base, int64_t base_stride, const uint8_t *head,
                            int64_t head_stride, int64_t rows, int64_t bytes, uint8_t *unequal)
{
    for (int64_t y = 0; y < rows; y++)
        unequal[y] = memcmp(base + y * base_stride, head + y * head_stride, bytes) != 0;
}

static inline uint64_t word(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

/* XORs both halves of the 128-bit product, so that each bit of a and b affects many bits. */
static inline uint64_t mix(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Hashes each row. The hashes only decide which rows are compared with one another, so a collision,
 * even a deliberate one, hides no difference. */
PUBLIC void pg_hash_rows(const uint8_t *image, int64_t stride, int64_t rows, int64_t bytes,
                         uint64_t *hashes)
{
    /* Digits of the golden ratio, of pi and of e: arbitrary constants. */
    const uint64_t golden = 0x9E3779B97F4A7C15u, pi = 0x243F6A8885A308D3u, e = 0xB7E151628AED2A6Bu;
    for (int64_t y = 0; y < rows; y++) {
        const uint8_t *row = image + y * stride;
        uint64_t left = golden ^ (uint64_t)bytes, right = pi;
        int64_t i = 0;
        for (; i + 32 <= bytes; i += 32) {
            left = mix(word(row + i) ^ golden, word(row + i + 8) ^ left);
            right = mix(word(row + i + 16) ^ pi, word(row + i + 24) ^ right);
        }
        uint8_t rest[32] = {0};
        memcpy(rest, row + i, bytes - i);
        left = mix(word(rest) ^ golden, word(rest + 8) ^ left);
        right = mix(word(rest + 16) ^ pi, word(rest + 24) ^ right);
        hashes[y] = mix(left ^ e, right);
    }
}
