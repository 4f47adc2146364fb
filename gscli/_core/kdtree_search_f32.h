// As kdtree_search.h, in float32 with a proof, over trees of float32.
//
// What is found in float32 is right if the second nearest is farther by more than float32 can err: a squared distance by
// five roundings, 3.0e-7 of it. Packets that lack that proof, by ties mostly, are searched again in float64.

#define FV (LEAF / FLOATS)
enum { MOST_LEAVES = 96, TRIAL = 16 }; // of a packet; packets

#define SLACK 1.000001f
#define TINIEST 1e-37f // squares of less lose digits to underflow

typedef struct {
    floats x[FV], y[FV], z[FV], best[FV], second[FV];
    ints slot[FV]; // of the best: leaf * LEAF + place
    float limit;   // a box farther away holds no best and no second that matters
} quick;

static inline float gap_between(const box_f32 *a, const box_f32 *b)
{
    float sum = 0;
    for (int axis = 0; axis < 3; axis++) {
        float under = a->low[axis] - b->high[axis], over = b->low[axis] - a->high[axis];
        float gap = under > over ? under : over;
        gap = gap > 0 ? gap : 0;
        sum += gap * gap;
    }
    return sum;
}

static inline void look(quick *s, const leaf_f32 *leaf, int64_t number, int count)
{
    for (int v = 0; v < FV; v++) {
        floats x = s->x[v], y = s->y[v], z = s->z[v], best = s->best[v], second = s->second[v];
        ints slot = s->slot[v];
        for (int k = 0; k < count; k++) {
            floats dx = x - all_floats(leaf->x[k]), dy = y - all_floats(leaf->y[k]), dz = z - all_floats(leaf->z[k]);
            floats squared = dx * dx + dy * dy + dz * dz;
            ints nearer = squared < best;
            second = least_floats(second, most_floats(squared, best));
            slot = pick_ints(nearer, all_ints((int32_t)(number * LEAF + k)), slot);
            best = least_floats(squared, best);
        }
        s->best[v] = best, s->second[v] = second, s->slot[v] = slot;
    }
    float bests[LEAF], most;
    memcpy(bests, s->best, sizeof bests);
    most = bests[0];
    for (int k = 1; k < LEAF; k++)
        most = bests[k] > most ? bests[k] : most;
    s->limit = most * SLACK + TINIEST;
}

static inline int near_enough(const quick *s, const box_f32 *box)
{
    floats zero = all_floats(0);
    ints found = all_ints(0);
    for (int v = 0; v < FV; v++) {
        floats dx = most_floats(most_floats(all_floats(box->low[0]) - s->x[v], s->x[v] - all_floats(box->high[0])), zero);
        floats dy = most_floats(most_floats(all_floats(box->low[1]) - s->y[v], s->y[v] - all_floats(box->high[1])), zero);
        floats dz = most_floats(most_floats(all_floats(box->low[2]) - s->z[v], s->z[v] - all_floats(box->high[2])), zero);
        floats squared = dx * dx + dy * dy + dz * dz;
        found |= squared <= s->best[v] * all_floats(SLACK) + all_floats(TINIEST);
    }
    return any(found);
}

// Whether the packet was searched to its end.
static int search_quickly(quick *s, const tree_f32 *tree, const box_f32 *around, int64_t home, int64_t *work)
{
    const box_f32 *boxes = tree->boxes;
    int64_t inner = first_box(tree->depth);
    int64_t waiting[64];
    float distance[64];
    int top = 0, seen = 0;
    if (home >= 0)
        look(s, tree->leaves + home, home, LEAF_COUNT(home)), work[1]++;
    waiting[top] = 0, distance[top++] = gap_between(boxes, around);
    while (top) {
        int64_t node = waiting[--top];
        if (distance[top] > s->limit)
            continue;
        while (node < inner) {
            const box_f32 *left = boxes + 2 * node + 1, *right = left + 1;
            float to_left = gap_between(left, around), to_right = gap_between(right, around);
            work[0] += 2;
            int swap = to_right < to_left;
            if (to_left == to_right)
                swap = from_middle_f32(right, around) < from_middle_f32(left, around);
            float d = swap ? to_right : to_left, e = swap ? to_left : to_right;
            if (e <= s->limit)
                waiting[top] = 2 * node + 2 - swap, distance[top++] = e;
            node = 2 * node + 1 + swap;
            if (d > s->limit) {
                node = -1;
                break;
            }
        }
        if (node < 0 || node - inner == home || !near_enough(s, boxes + node))
            continue;
        if (++seen > MOST_LEAVES)
            return 0;
        work[1]++;
        look(s, tree->leaves + (node - inner), node - inner, LEAF_COUNT(node - inner));
    }
    return 1;
}

// Answer a packet in float32; 0, with nothing written, where the answer has no proof.
static int quick_packet(const tree_f32 *tree, const box_f32 *around, const leaf_f32 *queries, int count, int64_t *home,
                           double *distances, int64_t *rows, int64_t *work)
{
    quick s = {.limit = INFINITY};
    for (int v = 0; v < FV; v++)
        s.best[v] = s.second[v] = all_floats(INFINITY), s.slot[v] = all_ints(0);
    memcpy(s.x, queries->x, sizeof s.x), memcpy(s.y, queries->y, sizeof s.y), memcpy(s.z, queries->z, sizeof s.z);
    if (!search_quickly(&s, tree, around, *home, work))
        return 0;
    float best[LEAF], second[LEAF];
    int32_t slot[LEAF];
    memcpy(best, s.best, sizeof best), memcpy(second, s.second, sizeof second), memcpy(slot, s.slot, sizeof slot);
    *home = slot[0] / LEAF;
    for (int k = 0; k < count; k++)
        if (!(best[k] < INFINITY && second[k] > best[k] * (SLACK * SLACK) + TINIEST))
            return 0;
    for (int k = 0; k < count; k++) {
        const leaf_f32 *leaf = tree->leaves + slot[k] / LEAF;
        int place = slot[k] % LEAF;
        double dx = (double)queries->x[k] - (double)leaf->x[place], dy = (double)queries->y[k] - (double)leaf->y[place];
        double dz = (double)queries->z[k] - (double)leaf->z[place];
        double squared = dx * dx;
        squared += dy * dy;
        squared += dz * dz;
        distances[queries->row[k]] = sqrt(squared), rows[queries->row[k]] = leaf->row[place];
    }
    return 1;
}
