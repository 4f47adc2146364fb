// Template: what core.h promises of a type.

void JOIN(kd_split, TYPE)(T(point) *points, T(box) *boxes, int64_t count, int64_t level, int64_t node)
{
    T(split)(points, boxes, count, level, node);
}

void JOIN(kd_grow, TYPE)(T(point) *points, T(box) *boxes, T(leaf) *leaves, int64_t count, int64_t depth, int64_t level,
                         int64_t node)
{
    T(grow)(points, boxes, leaves, count, depth, level, node);
}

void JOIN(nearest_avx2, TYPE)(const T(box) *boxes, const T(leaf) *leaves, int64_t count, int64_t depth,
                              const T(box) *query_boxes, const T(leaf) *queries, int64_t query_count, int64_t query_depth,
                              int64_t first, int64_t last, int64_t elsewhere, double *distances, int64_t *rows,
                              int64_t *work);

void JOIN(kd_nearest, TYPE)(const T(box) *boxes, const T(leaf) *leaves, int64_t count, int64_t depth,
                            const T(box) *query_boxes, const T(leaf) *queries, int64_t query_count, int64_t query_depth,
                            int64_t first, int64_t last, int64_t elsewhere, double *distances, int64_t *rows, int64_t *work)
{
    CHOSEN(nearest)(boxes, leaves, count, depth, query_boxes, queries, query_count, query_depth, first, last, elsewhere,
                    distances, rows, work);
}

void JOIN(several_avx2, TYPE)(const T(box) *boxes, const T(leaf) *leaves, int64_t count, int64_t depth,
                              const T(leaf) *queries, int64_t query_count, int64_t query_depth, int64_t first, int64_t last,
                              int64_t k, int64_t others, double *distances, int64_t *rows);

void JOIN(kd_several, TYPE)(const T(box) *boxes, const T(leaf) *leaves, int64_t count, int64_t depth, const T(leaf) *queries,
                            int64_t query_count, int64_t query_depth, int64_t first, int64_t last, int64_t k, int64_t others,
                            double *distances, int64_t *rows)
{
    CHOSEN(several)(boxes, leaves, count, depth, queries, query_count, query_depth, first, last, k, others, distances, rows);
}

void JOIN(mean_avx2, TYPE)(const T(box) *boxes, const T(leaf) *leaves, int64_t count, int64_t depth, int64_t first, int64_t last,
                           int64_t k, int64_t squared, double *means);

void JOIN(kd_mean, TYPE)(const T(box) *boxes, const T(leaf) *leaves, int64_t count, int64_t depth, int64_t first, int64_t last,
                         int64_t k, int64_t squared, double *means)
{
    CHOSEN(mean)(boxes, leaves, count, depth, first, last, k, squared, means);
}
