// Scenes of Gaussians into pictures: splats are projected, ordered by depth, listed by tile and drawn tile by tile.
#define WIDE 0
#include "lanes.h"
#include "raster.h"
#include "raster_math.h"
#define FOR(name) name##_plain
#include "raster_project.h"
#include "raster_draw.h"
#undef FOR

#if defined(__x86_64__)
#define FOR(name) (has_avx2() ? name##_avx2 : name##_plain)
#else
#define FOR(name) name##_plain
#endif

void raster_project(const uint8_t *rows, const columns_of_rows *columns, const view_of_scene *view, int64_t first, int64_t last,
                    splat *splats, uint32_t *keys, tile_box *boxes, uint32_t *counts, int64_t *seen, int64_t place)
{
    seen[place] = FOR(raster_project)(rows, columns, view, first, last, splats, keys, boxes, counts);
}

void raster_draw(const view_of_scene *view, const splat *splats, const uint32_t *ids, const uint32_t *starts,
                 const uint32_t *tiles, int64_t first, int64_t last, int64_t deep, int64_t weighed, float *color,
                 float *alpha, float *depth, int32_t *weights)
{
    FOR(raster_draw)(view, splats, ids, starts, tiles, first, last, deep, weighed, color, alpha, depth, weights);
}

void raster_share(const view_of_scene *view, const splat *splats, const uint32_t *ids, const uint32_t *starts,
                  const uint32_t *tiles, int64_t first, int64_t last, const float *image, int32_t *shares)
{
    FOR(raster_share)(view, splats, ids, starts, tiles, first, last, image, shares);
}

// Add the shares, (count, channels), of ids, in their unit, to the sums, (channels, rows), of their rows, where they are
// not 0.
void raster_tally(const splat *splats, const uint32_t *ids, const int32_t *shares, int64_t count, int64_t channels,
                  double *sums, int64_t rows)
{
    for (int64_t i = 0; i < count; i++, shares += channels) {
        int32_t any_bit = 0;
        for (int64_t c = 0; c < channels; c++)
            any_bit |= shares[c];
        if (!any_bit) // as of most, which others hide
            continue;
        double *sum = sums + splats[ids[i]].row;
        for (int64_t c = 0; c < channels; c++)
            if (shares[c])
                sum[c * rows] += shares[c] * (1.0 / SHARE_UNIT);
    }
}

#define DIGITS 2048 // of a pass

// The indices of runs of splats, firsts[c] .. firsts[c] + counts[c], in the order of their keys, ties in theirs: a radix
// sort in three passes, over which `order` and `spare`, (2, total) of indices and keys, take turns. The indices end in
// spare[0] or, if they are not to be sorted, in order[0].
void raster_order(const int64_t *firsts, const int64_t *counts, int64_t chunks, const uint32_t *keys, int64_t sorted,
                  uint32_t *order, uint32_t *spare, int64_t total)
{
    uint32_t bins[3][DIGITS] = {{0}}, *from = order, *to = spare;
    int64_t n = 0;
    for (int64_t c = 0; c < chunks; c++)
        for (int64_t i = firsts[c]; i < firsts[c] + counts[c]; i++, n++) {
            const uint32_t key = keys[i];
            order[n] = (uint32_t)i;
            order[total + n] = key;
            bins[0][key % DIGITS]++, bins[1][(key >> 11) % DIGITS]++, bins[2][key >> 22]++;
        }
    for (int pass = 0; sorted && pass < 3; pass++) {
        uint32_t place = 0, *bin = bins[pass], *emptied = from;
        for (int digit = 0; digit < DIGITS; digit++) {
            const uint32_t count = bin[digit];
            bin[digit] = place;
            place += count;
        }
        for (int64_t i = 0; i < total; i++) {
            const uint32_t key = from[total + i], at = bin[(key >> 11 * pass) % DIGITS]++;
            to[at] = from[i];
            to[total + at] = key;
        }
        from = to;
        to = emptied;
    }
}

// The ids of `order` into the lists of the tiles in lines top .. bottom; next[t] is where tile t's list grows.
void raster_list(const uint32_t *order, int64_t count, const splat *splats, const tile_box *boxes, int64_t columns, int64_t top,
                 int64_t bottom, uint32_t *next, uint32_t *ids)
{
    for (int64_t i = 0; i < count; i++) {
        const uint32_t id = order[i];
        const tile_box *box = boxes + id;
        if (i + 32 < count)
            PREFETCH(boxes + order[i + 32]);
        if (i + 16 < count && has_corners(boxes + order[i + 16])) // or the splat is not looked at
            PREFETCH(splats + order[i + 16]);
        const int64_t from = box->top > top ? box->top : top, upto = box->bottom < bottom - 1 ? box->bottom : bottom - 1;
        for (int64_t line = from; line <= upto; line++) {
            int left, right;
            reached(splats + id, box, (int)line, &left, &right);
            for (int64_t t = line * columns + left; t <= line * columns + right; t++)
                ids[next[t]++] = id;
        }
    }
}
