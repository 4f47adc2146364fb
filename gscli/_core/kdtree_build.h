// Template: building. Each node is cut at its median on its widest axis.

#define FEW 32 // points that are sorted at once

static inline T(coord) T(on)(const T(point) *point, int axis)
{
    return axis == 0 ? point->x : axis == 1 ? point->y : point->z;
}

static void T(bound)(const T(point) *points, int64_t begin, int64_t end, T(box) *box)
{
    T(coord) x0 = points[begin].x, y0 = points[begin].y, z0 = points[begin].z, x1 = x0, y1 = y0, z1 = z0;
    uint32_t row = (uint32_t)points[begin].row;
    for (int64_t i = begin + 1; i < end; i++) {
        T(coord) x = points[i].x, y = points[i].y, z = points[i].z;
        x0 = x < x0 ? x : x0, x1 = x > x1 ? x : x1;
        y0 = y < y0 ? y : y0, y1 = y > y1 ? y : y1;
        z0 = z < z0 ? z : z0, z1 = z > z1 ? z : z1;
        row = (uint32_t)points[i].row < row ? (uint32_t)points[i].row : row;
    }
    *box = (T(box)){{x0, y0, z0}, {x1, y1, z1}, row, 0};
}

// In sixteen bytes at a time: a load of what was stored in smaller pieces just before would wait for them.
static inline void T(swap)(T(point) *points, int64_t i, int64_t j)
{
    typedef uint32_t piece __attribute__((vector_size(16)));
    enum { PIECES = sizeof(T(point)) / sizeof(piece) };
    piece a[PIECES], b[PIECES];
    memcpy(a, points + i, sizeof a), memcpy(b, points + j, sizeof b);
    memcpy(points + i, b, sizeof b), memcpy(points + j, a, sizeof a);
}

// Sort few points on an axis, each straight to where as many as are less leave it: no branch depends on a value.
static inline void T(rank_sort)(T(point) *points, int count, const int axis)
{
    T(coord) value[FEW];
    T(point) held[FEW];
    int rank[FEW];
    for (int i = 0; i < count; i++)
        held[i] = points[i], value[i] = T(on)(&points[i], axis);
    for (int i = 0; i < count; i++) {
        int before = 0;
        for (int j = 0; j < i; j++)
            before += value[j] <= value[i];
        for (int j = i + 1; j < count; j++)
            before += value[j] < value[i];
        rank[i] = before;
    }
    for (int i = 0; i < count; i++)
        points[rank[i]] = held[i];
}

// A value near that of rank k: of the same rank in an evenly spaced sample, or after many rounds that did not settle it
// halfway between the least and the greatest, which ends whatever the values are.
static T(coord) T(pivot)(const T(point) *points, int64_t begin, int64_t end, int64_t k, int axis, int round)
{
    enum { MOST = 31, PATIENCE = 24 };
    int64_t count = end - begin;
    if (round > PATIENCE) {
        T(coord) least = T(on)(&points[begin], axis), most = least;
        for (int64_t i = begin + 1; i < end; i++) {
            T(coord) value = T(on)(&points[i], axis);
            least = value < least ? value : least, most = value > most ? value : most;
        }
        T(coord) middle = least / 2 + most / 2; // of numbers that lose digits when halved, beyond both
        return middle < least ? least : middle > most ? most : middle;
    }
    int taken = count > 20000 ? MOST : count > 400 ? 15 : 3;
    T(coord) sample[MOST];
    int64_t step = count / taken;
    for (int i = 0; i < taken; i++) {
        T(coord) value = T(on)(&points[begin + i * step], axis);
        int j = i;
        for (; j > 0 && sample[j - 1] > value; j--)
            sample[j] = sample[j - 1];
        sample[j] = value;
    }
    return sample[(k - begin) * taken / count];
}

// Reorder points so that none before k is greater on the axis than any from k on. Moves without branches.
static inline void T(select_on)(T(point) *points, int64_t begin, int64_t end, int64_t k, const int axis)
{
    for (int round = 0; end - begin > FEW; round++) {
        T(coord) pivot = T(pivot)(points, begin, end, k, axis, round);
        int64_t less = begin;
        for (int64_t i = begin; i < end; i++) {
            T(coord) value = T(on)(&points[i], axis);
            T(swap)(points, i, less);
            less += value < pivot;
        }
        if (k < less) {
            end = less;
        } else if (less > begin) {
            begin = less;
        } else { // none is less: go on behind those that equal the pivot
            for (int64_t i = begin; i < end; i++) {
                T(coord) value = T(on)(&points[i], axis);
                T(swap)(points, i, less);
                less += value <= pivot;
            }
            if (k < less)
                return;
            begin = less;
        }
    }
    T(rank_sort)(points + begin, (int)(end - begin), axis);
}

static void T(split)(T(point) *points, T(box) *boxes, int64_t count, int64_t level, int64_t node)
{
    T(box) *box = boxes + first_box(level) + node;
    int64_t begin = start_of(count, level, node), end = start_of(count, level, node + 1);
    int64_t middle = start_of(count, level + 1, 2 * node + 1);
    T(bound)(points, begin, end, box);
    T(coord) width[3];
    for (int axis = 0; axis < 3; axis++)
        width[axis] = box->high[axis] - box->low[axis];
    int widest = width[1] > width[0];
    widest = width[2] > width[widest] ? 2 : widest;
    if (!(width[widest] > 0))
        return;
    if (widest == 0)
        T(select_on)(points, begin, end, middle, 0);
    else if (widest == 1)
        T(select_on)(points, begin, end, middle, 1);
    else
        T(select_on)(points, begin, end, middle, 2);
}

static void T(fill)(const T(point) *points, int64_t begin, int64_t end, T(leaf) *leaf)
{
    for (int k = 0; k < LEAF; k++) {
        const T(point) *point = &points[begin + k < end ? begin + k : end - 1];
        leaf->x[k] = point->x, leaf->y[k] = point->y, leaf->z[k] = point->z;
        leaf->row[k] = (uint32_t)point->row;
    }
}

static void T(grow)(T(point) *points, T(box) *boxes, T(leaf) *leaves, int64_t count, int64_t depth, int64_t level, int64_t node)
{
    if (level < depth) {
        T(split)(points, boxes, count, level, node);
        T(grow)(points, boxes, leaves, count, depth, level + 1, 2 * node);
        T(grow)(points, boxes, leaves, count, depth, level + 1, 2 * node + 1);
    } else {
        int64_t begin = start_of(count, depth, node), end = start_of(count, depth, node + 1);
        T(bound)(points, begin, end, boxes + first_box(depth) + node);
        T(fill)(points, begin, end, leaves + node);
    }
}
