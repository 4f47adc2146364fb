// The places of marks.
#include <string.h>

#include "core.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LOWEST_FIRST(word) __builtin_bswap64(word)
#else
#define LOWEST_FIRST(word) (word)
#endif

// One bit for each of 64 marks, the first the lowest.
static inline uint64_t bits_of(const uint8_t *marks)
{
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t eight;
        memcpy(&eight, marks + 8 * i, sizeof eight);
        eight |= eight >> 4; // into the lowest bit of each whether any bit of it is set
        eight |= eight >> 2;
        eight = (eight | eight >> 1) & UINT64_C(0x0101010101010101);
        bits |= ((LOWEST_FIRST(eight) * UINT64_C(0x0102040810204080)) >> 56) << (8 * i);
    }
    return bits;
}

void list_marked(const uint8_t *marks, int64_t first, int64_t last, int64_t *places, int64_t count)
{
    enum { FEW = 6 }; // one in so many
    const int64_t *end = places + count;
    if (count > (last - first) / FEW) { // no branches: the next place goes over one that is not marked
        for (int64_t i = first; places < end; i++) {
            *places = i;
            places += marks[i] != 0;
        }
        return;
    }
    for (; last - first >= 64 && places < end; first += 64)
        for (uint64_t bits = bits_of(marks + first); bits; bits &= bits - 1)
            *places++ = first + __builtin_ctzll(bits);
    for (; places < end; first++)
        if (marks[first])
            *places++ = first;
}
