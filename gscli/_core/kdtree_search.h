// Template: the nearest point of a k-d tree to each query of another.
//
// The queries of one leaf, a packet, go down together: a node is left out where its box is farther from the packet's box
// than the farthest of what its queries have found. Distances to boxes are summed as those to points are, so rounding,
// which is monotone, never makes a box farther than what is in it.

typedef struct {
    const T(box) *boxes;
    const T(leaf) *leaves;
    int64_t count, depth;
} T(tree);

#define DV (LEAF / DOUBLES)

typedef struct {
    doubles x[DV], y[DV], z[DV], best[DV]; // best: the least squared distance so far
    longs row[DV];                         // the lowest row at that distance
    double limit;                          // the greatest best of all queries
    int64_t limit_row;                     // the highest row of those whose best that is
} T(exact);

#define LEAF_COUNT(i) (int)size_of(tree->count, tree->depth, i)

static inline double T(between)(const T(box) *a, const T(box) *b)
{
    double sum = 0;
    for (int axis = 0; axis < 3; axis++) {
        double under = (double)a->low[axis] - (double)b->high[axis];
        double over = (double)b->low[axis] - (double)a->high[axis];
        double gap = under > over ? under : over;
        gap = gap > 0 ? gap : 0;
        sum += gap * gap;
    }
    return sum;
}

static inline double T(from_point)(const T(box) *box, double x, double y, double z)
{
    double from[3] = {x, y, z}, sum = 0;
    for (int axis = 0; axis < 3; axis++) {
        double under = (double)box->low[axis] - from[axis], over = from[axis] - (double)box->high[axis];
        double gap = under > over ? under : over;
        gap = gap > 0 ? gap : 0;
        sum += gap * gap;
    }
    return sum;
}

// From the middle of another box.
static inline double T(from_middle)(const T(box) *box, const T(box) *other)
{
    double middle[3];
    for (int axis = 0; axis < 3; axis++)
        middle[axis] = (double)other->low[axis] / 2 + (double)other->high[axis] / 2;
    return T(from_point)(box, middle[0], middle[1], middle[2]);
}

static inline int T(is_point)(const T(box) *box)
{
    return box->low[0] == box->high[0] && box->low[1] == box->high[1] && box->low[2] == box->high[2];
}

// Whether the box may hold something for any of the queries.
static inline int T(promises)(const T(exact) *s, const T(box) *box, int elsewhere)
{
    int own = elsewhere && T(is_point)(box); // then all of it is at a query's own position, or nothing is
    doubles zero = all_doubles(0);
    longs found = all_longs(0);
    for (int v = 0; v < DV; v++) {
        doubles gap = most_doubles(most_doubles(all_doubles(box->low[0]) - s->x[v], s->x[v] - all_doubles(box->high[0])), zero);
        doubles sum = gap * gap;
        gap = most_doubles(most_doubles(all_doubles(box->low[1]) - s->y[v], s->y[v] - all_doubles(box->high[1])), zero);
        sum += gap * gap;
        gap = most_doubles(most_doubles(all_doubles(box->low[2]) - s->z[v], s->z[v] - all_doubles(box->high[2])), zero);
        sum += gap * gap;
        longs useful = (sum < s->best[v]) | ((sum == s->best[v]) & (all_longs(box->row) < s->row[v]));
        found |= own ? useful & (sum > zero) : useful;
    }
    return any(found);
}

// Compare the queries with all points of a leaf; whether any of them found something.
static inline int T(visit)(T(exact) *s, const T(leaf) *leaf, int count, int elsewhere)
{
    longs moved = all_longs(0);
    for (int v = 0; v < DV; v++) {
        doubles x = s->x[v], y = s->y[v], z = s->z[v], best = s->best[v];
        longs row = s->row[v];
        for (int k = 0; k < count; k++) {
            doubles dx = x - all_doubles(leaf->x[k]), dy = y - all_doubles(leaf->y[k]), dz = z - all_doubles(leaf->z[k]);
            doubles squared = dx * dx;
            squared += dy * dy;
            squared += dz * dz;
            longs other = all_longs(leaf->row[k]);
            longs nearer = (squared < best) | ((squared == best) & (other < row));
            if (elsewhere)
                nearer &= squared > all_doubles(0);
            best = pick_doubles(nearer, squared, best);
            row = pick_longs(nearer, other, row);
            moved |= nearer;
        }
        s->best[v] = best, s->row[v] = row;
    }
    if (!any(moved))
        return 0;
    double bests[LEAF];
    int64_t rows[LEAF];
    memcpy(bests, s->best, sizeof bests), memcpy(rows, s->row, sizeof rows);
    s->limit = bests[0], s->limit_row = rows[0];
    for (int k = 1; k < LEAF; k++)
        if (bests[k] > s->limit || (bests[k] == s->limit && rows[k] > s->limit_row))
            s->limit = bests[k], s->limit_row = rows[k];
    return 1;
}

// All in float64, as the distance is defined: nothing is left to prove. `home` is a leaf to look into first.
static int64_t T(search_exactly)(T(exact) *s, const T(tree) *tree, const T(box) *around, int elsewhere, int64_t home,
                                 int64_t *work)
{
    const T(box) *boxes = tree->boxes;
    int64_t inner = first_box(tree->depth), near = home;
    int64_t waiting[64];
    double distance[64];
    int top = 0;
#define TOO_FAR(d, box) ((d) > s->limit || ((d) == s->limit && (int64_t)(box)->row >= s->limit_row))
    if (home >= 0)
        T(visit)(s, tree->leaves + home, LEAF_COUNT(home), elsewhere), work[1]++;
    waiting[top] = 0, distance[top++] = T(between)(boxes, around);
    while (top) {
        int64_t node = waiting[--top];
        if (TOO_FAR(distance[top], boxes + node) || !T(promises)(s, boxes + node, elsewhere))
            continue;
        while (node < inner) {
            const T(box) *left = boxes + 2 * node + 1, *right = left + 1;
            double to_left = T(between)(left, around), to_right = T(between)(right, around);
            work[0] += 2;
            int swap = to_right < to_left;
            if (to_left == to_right) {
                double a = T(from_middle)(left, around), b = T(from_middle)(right, around);
                swap = b < a || (a == b && right->row < left->row);
            }
            const T(box) *first = swap ? right : left, *second = swap ? left : right;
            double d = swap ? to_right : to_left, e = swap ? to_left : to_right;
            if (!TOO_FAR(e, second))
                waiting[top] = second - boxes, distance[top++] = e;
            node = first - boxes;
            if (TOO_FAR(d, first)) {
                node = -1;
                break;
            }
        }
        if (node < 0 || node - inner == home || !T(promises)(s, boxes + node, elsewhere))
            continue;
        work[1]++;
        if (T(visit)(s, tree->leaves + (node - inner), LEAF_COUNT(node - inner), elsewhere))
            near = node - inner;
    }
    return near;
#undef TOO_FAR
}

static int64_t T(packet)(const T(tree) *tree, const T(box) *around, const T(leaf) *queries, int count, int elsewhere,
                         int64_t home, double *distances, int64_t *rows, int64_t *work)
{
    T(exact) s = {.limit = INFINITY, .limit_row = INT64_MAX};
    double x[LEAF], y[LEAF], z[LEAF], best[LEAF];
    int64_t row[LEAF];
    for (int k = 0; k < LEAF; k++)
        x[k] = queries->x[k], y[k] = queries->y[k], z[k] = queries->z[k], best[k] = INFINITY, row[k] = INT64_MAX;
    memcpy(s.x, x, sizeof x), memcpy(s.y, y, sizeof y), memcpy(s.z, z, sizeof z);
    memcpy(s.best, best, sizeof best), memcpy(s.row, row, sizeof row);
    home = T(search_exactly)(&s, tree, around, elsewhere, home, work);
    memcpy(best, s.best, sizeof best), memcpy(row, s.row, sizeof row);
    for (int k = 0; k < count; k++)
        distances[queries->row[k]] = sqrt(best[k]), rows[queries->row[k]] = best[k] < INFINITY ? row[k] : -1;
    work[2]++;
    return home;
}
