// The searches, for the vectors that WIDE asks for and named by FOR(name).
#include "kdtree.h"
#include "lanes.h"

#define TYPE f32
#include "kdtree_search.h"
#include "kdtree_several.h"
#undef TYPE
#define TYPE f64
#include "kdtree_search.h"
#include "kdtree_several.h"
#undef TYPE
#include "kdtree_search_f32.h"

void JOIN(FOR(nearest), f32)(const box_f32 *boxes, const leaf_f32 *leaves, int64_t count, int64_t depth,
                             const box_f32 *query_boxes, const leaf_f32 *queries, int64_t query_count, int64_t query_depth,
                             int64_t first, int64_t last, int64_t elsewhere, double *distances, int64_t *rows, int64_t *work)
{
    tree_f32 tree = {boxes, leaves, count, depth};
    const box_f32 *around = query_boxes + first_box(query_depth);
    int64_t home = -1, tried = 0, proven = 0;
    for (int64_t i = first; i < last; i++) {
        int number = (int)size_of(query_count, query_depth, i);
        if (!elsewhere && (tried < TRIAL || 2 * proven >= tried)) {
            tried++;
            if (quick_packet(&tree, around + i, queries + i, number, &home, distances, rows, work)) {
                proven++;
                continue;
            }
        }
        home = packet_f32(&tree, around + i, queries + i, number, (int)elsewhere, home, distances, rows, work);
    }
}

void JOIN(FOR(nearest), f64)(const box_f64 *boxes, const leaf_f64 *leaves, int64_t count, int64_t depth,
                             const box_f64 *query_boxes, const leaf_f64 *queries, int64_t query_count, int64_t query_depth,
                             int64_t first, int64_t last, int64_t elsewhere, double *distances, int64_t *rows, int64_t *work)
{
    tree_f64 tree = {boxes, leaves, count, depth};
    const box_f64 *around = query_boxes + first_box(query_depth);
    int64_t home = -1;
    for (int64_t i = first; i < last; i++)
        home = packet_f64(&tree, around + i, queries + i, (int)size_of(query_count, query_depth, i), (int)elsewhere, home,
                          distances, rows, work);
}
