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

void FOR(nearest_f32)(const box_f32 *boxes, const leaf_f32 *leaves, int64_t count, int64_t depth, const box_f32 *query_boxes,
                      const leaf_f32 *queries, int64_t query_count, int64_t query_depth, int64_t first, int64_t last,
                      int64_t elsewhere, double *distances, int64_t *rows, int64_t *work)
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

void FOR(nearest_f64)(const box_f64 *boxes, const leaf_f64 *leaves, int64_t count, int64_t depth, const box_f64 *query_boxes,
                      const leaf_f64 *queries, int64_t query_count, int64_t query_depth, int64_t first, int64_t last,
                      int64_t elsewhere, double *distances, int64_t *rows, int64_t *work)
{
    tree_f64 tree = {boxes, leaves, count, depth};
    const box_f64 *around = query_boxes + first_box(query_depth);
    int64_t home = -1;
    for (int64_t i = first; i < last; i++)
        home = packet_f64(&tree, around + i, queries + i, (int)size_of(query_count, query_depth, i), (int)elsewhere, home,
                          distances, rows, work);
}

void FOR(several_f32)(const box_f32 *boxes, const leaf_f32 *leaves, int64_t count, int64_t depth, const leaf_f32 *queries,
                      int64_t query_count, int64_t query_depth, int64_t first, int64_t last, int64_t k, int64_t others,
                      double *distances, int64_t *rows)
{
    tree_f32 tree = {boxes, leaves, count, depth};
    several_f32 s = {.k = k};
    for (int64_t i = first; i < last; i++) {
        int64_t home = (i << depth) >> query_depth; // where the queries are the points themselves
        int number = (int)size_of(query_count, query_depth, i);
        for (int j = 0; j < number; j++) {
            int64_t row = queries[i].row[j];
            find_several_f32(&s, &tree, queries[i].x[j], queries[i].y[j], queries[i].z[j], others ? row : -1, home);
            for (int64_t n = 0; n < k; n++) {
                distances[row * k + n] = sqrt(s.squared[n]);
                rows[row * k + n] = s.squared[n] < INFINITY ? s.row[n] : -1;
            }
        }
    }
}

void FOR(several_f64)(const box_f64 *boxes, const leaf_f64 *leaves, int64_t count, int64_t depth, const leaf_f64 *queries,
                      int64_t query_count, int64_t query_depth, int64_t first, int64_t last, int64_t k, int64_t others,
                      double *distances, int64_t *rows)
{
    tree_f64 tree = {boxes, leaves, count, depth};
    several_f64 s = {.k = k};
    for (int64_t i = first; i < last; i++) {
        int64_t home = (i << depth) >> query_depth; // where the queries are the points themselves
        int number = (int)size_of(query_count, query_depth, i);
        for (int j = 0; j < number; j++) {
            int64_t row = queries[i].row[j];
            find_several_f64(&s, &tree, queries[i].x[j], queries[i].y[j], queries[i].z[j], others ? row : -1, home);
            for (int64_t n = 0; n < k; n++) {
                distances[row * k + n] = sqrt(s.squared[n]);
                rows[row * k + n] = s.squared[n] < INFINITY ? s.row[n] : -1;
            }
        }
    }
}
