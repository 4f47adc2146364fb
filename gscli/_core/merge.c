// Gaussians merged two at a time, the pair first that loses least; see kernels/merging.py, which does the same.
#define WIDE 0
#include "lanes.h"
#include "merge.h"
#define FOR(name) name##_plain
#include "elementary.h"
#include "merge_steps.h"
#undef FOR

#if defined(__x86_64__)
#define FOR(name) (has_avx2() ? name##_avx2 : name##_plain)
#else
#define FOR(name) name##_plain
#endif

void merge_begin(const blob *blobs, const float *colors, int64_t width, const int32_t *neighbors, int64_t k, int64_t first,
                 int64_t last, partner *partners)
{
    FOR(merge_begin)(blobs, colors, width, neighbors, k, first, last, partners);
}

void merge_pairs(blob *blobs, float *colors, int64_t width, partner *partners, int64_t k, int64_t count, int64_t wanted,
                 fate *fates, held *held, int32_t *rooms, int32_t *ends, merged *merges, int64_t *done)
{
    FOR(merge_pairs)(blobs, colors, width, partners, k, count, wanted, fates, held, rooms, ends, merges, done);
}
