// Template: the k nearest points of a k-d tree to each query, in float64, nearest first and of equal ones the lowest row; or
// the mean distance to them.

typedef struct {
    double squared[SEVERAL];
    int64_t row[SEVERAL];
    int64_t k;
} T(several);

// Whether something as near and of so low a row would be among the k.
static inline int T(welcome)(const T(several) *s, double squared, int64_t row)
{
    double worst = s->squared[s->k - 1];
    return squared < worst || (squared == worst && row < s->row[s->k - 1]);
}

static void T(meet)(T(several) *s, const T(leaf) *leaf, int count, double x, double y, double z, int64_t own)
{
    double squared[LEAF];
    for (int i = 0; i < LEAF; i++) {
        double dx = x - (double)leaf->x[i], dy = y - (double)leaf->y[i], dz = z - (double)leaf->z[i];
        double sum = dx * dx;
        sum += dy * dy;
        sum += dz * dz;
        squared[i] = sum;
    }
    for (int i = 0; i < count; i++) {
        int64_t row = leaf->row[i];
        if (!T(welcome)(s, squared[i], row) || row == own)
            continue;
        int64_t j = s->k - 1;
        for (; j > 0 && (s->squared[j - 1] > squared[i] || (s->squared[j - 1] == squared[i] && s->row[j - 1] > row)); j--)
            s->squared[j] = s->squared[j - 1], s->row[j] = s->row[j - 1];
        s->squared[j] = squared[i], s->row[j] = row;
    }
}

// `home` is a leaf to look into first; own: a row that is none of its own neighbours, or -1.
static void T(find_several)(T(several) *s, const T(tree) *tree, double x, double y, double z, int64_t own, int64_t home)
{
    const T(box) *boxes = tree->boxes;
    int64_t inner = first_box(tree->depth), waiting[64];
    double distance[64];
    int top = 0;
    for (int64_t j = 0; j < s->k; j++)
        s->squared[j] = INFINITY, s->row[j] = INT64_MAX;
    T(meet)(s, tree->leaves + home, LEAF_COUNT(home), x, y, z, own);
    waiting[top] = 0, distance[top++] = T(from_point)(boxes, x, y, z);
    while (top) {
        int64_t node = waiting[--top];
        if (!T(welcome)(s, distance[top], boxes[node].row))
            continue;
        while (node >= 0 && node < inner) {
            const T(box) *left = boxes + 2 * node + 1, *right = left + 1;
            double to_left = T(from_point)(left, x, y, z), to_right = T(from_point)(right, x, y, z);
            int swap = to_right < to_left || (to_left == to_right && right->row < left->row);
            const T(box) *first = swap ? right : left, *second = swap ? left : right;
            double d = swap ? to_right : to_left, e = swap ? to_left : to_right;
            if (T(welcome)(s, e, second->row))
                waiting[top] = second - boxes, distance[top++] = e;
            node = T(welcome)(s, d, first->row) ? first - boxes : -1;
        }
        if (node >= 0 && node - inner != home)
            T(meet)(s, tree->leaves + (node - inner), LEAF_COUNT(node - inner), x, y, z, own);
    }
}

void JOIN(FOR(several), TYPE)(const T(box) *boxes, const T(leaf) *leaves, int64_t count, int64_t depth,
                              const T(leaf) *queries, int64_t query_count, int64_t query_depth, int64_t first, int64_t last,
                              int64_t k, int64_t others, double *distances, int64_t *rows)
{
    T(tree) tree = {boxes, leaves, count, depth};
    T(several) s = {.k = k};
    for (int64_t i = first; i < last; i++) {
        int64_t home = (i << depth) >> query_depth; // where the queries are the points themselves
        int number = (int)size_of(query_count, query_depth, i);
        for (int j = 0; j < number; j++) {
            int64_t row = queries[i].row[j];
            T(find_several)(&s, &tree, queries[i].x[j], queries[i].y[j], queries[i].z[j], others ? row : -1, home);
            for (int64_t n = 0; n < k; n++) {
                distances[row * k + n] = sqrt(s.squared[n]);
                rows[row * k + n] = s.squared[n] < INFINITY ? s.row[n] : -1;
            }
        }
    }
}

void JOIN(FOR(mean), TYPE)(const T(box) *boxes, const T(leaf) *leaves, int64_t count, int64_t depth, int64_t first, int64_t last,
                           int64_t k, int64_t squared, double *means)
{
    T(tree) tree = {boxes, leaves, count, depth};
    T(several) s = {.k = k};
    for (int64_t i = first; i < last; i++) {
        int number = (int)size_of(count, depth, i);
        for (int j = 0; j < number; j++) {
            int64_t row = leaves[i].row[j];
            T(find_several)(&s, &tree, leaves[i].x[j], leaves[i].y[j], leaves[i].z[j], row, i);
            double sum = 0;
            for (int64_t n = 0; n < k; n++) {
                double distance = sqrt(s.squared[n]);
                sum += squared ? distance * distance : distance;
            }
            means[row] = sum / (double)k;
        }
    }
}
