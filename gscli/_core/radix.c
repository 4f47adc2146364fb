// Words in ascending order, digit by digit from the lowest on; see gscli/kernels/radix.py.
#include "core.h"

static inline uint64_t digits(int64_t bits)
{
    return (UINT64_C(1) << bits) - 1;
}

// Four tables take turns, so that no word waits for the count of the one before it.
void radix_count(const uint64_t *words, int64_t first, int64_t last, int64_t shift, int64_t bits, int64_t *counts)
{
    uint32_t seen[4][1 << RADIX_BITS] = {{0}};
    uint64_t mask = digits(bits);
    int64_t i = first;
    for (; i + 4 <= last; i += 4) {
        seen[0][(words[i] >> shift) & mask]++;
        seen[1][(words[i + 1] >> shift) & mask]++;
        seen[2][(words[i + 2] >> shift) & mask]++;
        seen[3][(words[i + 3] >> shift) & mask]++;
    }
    for (; i < last; i++)
        seen[0][(words[i] >> shift) & mask]++;
    for (uint64_t digit = 0; digit <= mask; digit++)
        counts[digit] += (int64_t)seen[0][digit] + seen[1][digit] + seen[2][digit] + seen[3][digit];
}

void radix_move(const uint64_t *words, int64_t first, int64_t last, int64_t shift, int64_t bits, int64_t *places,
                uint64_t *sorted)
{
    uint64_t mask = digits(bits);
    for (int64_t i = first; i < last; i++)
        sorted[places[(words[i] >> shift) & mask]++] = words[i];
}

void radix_move_rows(const uint64_t *keys, const int32_t *rows, int64_t first, int64_t last, int64_t shift, int64_t bits,
                     int64_t *places, uint64_t *sorted_keys, int32_t *sorted_rows)
{
    uint64_t mask = digits(bits);
    for (int64_t i = first; i < last; i++) {
        int64_t place = places[(keys[i] >> shift) & mask]++;
        sorted_keys[place] = keys[i];
        sorted_rows[place] = rows[i];
    }
}

void split_words(const uint64_t *words, int64_t first, int64_t last, int64_t row_bits, int32_t *rows, uint8_t *changes)
{
    uint64_t mask = digits(row_bits);
    for (int64_t i = first; i < last; i++)
        rows[i] = (int32_t)(words[i] & mask);
    for (int64_t i = first ? first : 1; i < last; i++)
        changes[i] = (words[i] ^ words[i - 1]) > mask;
}
