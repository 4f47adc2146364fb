// Which rows of each cell stay: those with the smallest keys, of equal ones the first.
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "hashing.h"

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

// The word of rank k among different words, which are reordered. Moves without branches; words that were made to
// defeat the choice of pivots are sorted in the end.
static uint64_t of_rank(uint64_t *words, int64_t count, int64_t k)
{
    enum { FEW = 24, PATIENCE = 64 };
    int64_t begin = 0, end = count;
    for (int round = 0; end - begin > FEW; round++) {
        if (round == PATIENCE) {
            qsort(words + begin, (size_t)(end - begin), sizeof *words, ascending);
            return words[k];
        }
        uint64_t a = words[begin], b = words[begin + (end - begin) / 2], c = words[end - 1];
        uint64_t pivot = a < b ? (b < c ? b : (a < c ? c : a)) : (a < c ? a : (b < c ? c : b));
        int64_t less = begin;
        for (int64_t i = begin; i < end; i++) {
            uint64_t word = words[i];
            words[i] = words[less];
            words[less] = word;
            less += word < pivot;
        }
        if (k < less) {
            end = less;
        } else if (less > begin) {
            begin = less;
        } else { // the pivot is the least
            if (k == begin)
                return pivot;
            int64_t at = begin;
            while (words[at] != pivot)
                at++;
            words[at] = words[begin];
            words[begin++] = pivot;
        }
    }
    for (int64_t i = begin + 1; i < end; i++) {
        uint64_t word = words[i];
        int64_t j = i;
        for (; j > begin && words[j - 1] > word; j--)
            words[j] = words[j - 1];
        words[j] = word;
    }
    return words[k];
}

void keep_smallest(const int32_t *order, const int64_t *offsets, const int64_t *k, const uint32_t *keys, int64_t hashed,
                   uint64_t stream, int64_t first, int64_t last, uint64_t *scratch, uint8_t *kept)
{
    for (int64_t cell = first; cell < last; cell++) {
        const int32_t *rows = order + offsets[cell];
        int64_t count = offsets[cell + 1] - offsets[cell];
        if (k[cell] <= 0)
            continue;
        if (k[cell] >= count) {
            for (int64_t i = 0; i < count; i++)
                kept[rows[i]] = 1;
            continue;
        }
        uint64_t *words = scratch, *ranked = scratch + count; // (key, place in the cell)
        for (int64_t i = 0; i < count; i++) {
            uint64_t key = hashed ? row_key((uint64_t)rows[i], stream) : keys[offsets[cell] + i];
            words[i] = key << 32 | (uint64_t)i;
        }
        memcpy(ranked, words, (size_t)count * sizeof *words);
        uint64_t limit = of_rank(ranked, count, k[cell] - 1);
        for (int64_t i = 0; i < count; i++)
            kept[rows[i]] |= words[i] <= limit;
    }
}
