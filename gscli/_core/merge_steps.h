// Template: what merging two Gaussians loses, and merging them pair by pair, `FOR` one width of vectors.

#define COLOR 2.0 // what a squared difference of harmonics counts beside a logarithm
#define SMALLEST 1e-42
#define FEW 96 // pairs whose losses are found at a time, or as many more as a row has
#define FILLED(count) ((count) + DOUBLES - 1) // room for pairs and for what fills up a vector

typedef struct { // of each lane another Gaussian's
    doubles mean[3], covariance[6], spread, weight, lost;
} FOR(blobs);

static inline doubles FOR(spread_of)(const doubles *m)
{
    const doubles a = m[0], b = m[1], c = m[2], d = m[3], e = m[4], f = m[5];
    const doubles determinant = a * (d * f - e * e) - b * (b * f - e * c) + c * (b * e - d * c);
    return FOR(log_near)(most_doubles(determinant, all_doubles(SMALLEST)));
}

// One number of each of some rows.
static inline doubles FOR(of_each)(const double *const *rows, int place)
{
    doubles found;
    for (int i = 0; i < DOUBLES; i++)
        found[i] = rows[i][place];
    return found;
}

static inline void FOR(load)(const state *s, const int32_t *rows, FOR(blobs) *found)
{
    const double *of[DOUBLES];
    for (int i = 0; i < DOUBLES; i++)
        of[i] = s->blobs[rows[i]].mean;
    for (int axis = 0; axis < 3; axis++)
        found->mean[axis] = FOR(of_each)(of, axis);
    for (int i = 0; i < 6; i++)
        found->covariance[i] = FOR(of_each)(of, 3 + i);
    found->spread = FOR(of_each)(of, 9), found->weight = FOR(of_each)(of, 10), found->lost = FOR(of_each)(of, 11);
}

// The covariances of pairs together, of whose weights p and q are the shares.
static inline void FOR(together)(const FOR(blobs) *a, const FOR(blobs) *b, doubles p, doubles q, doubles *covariance)
{
    const doubles x = a->mean[0] - b->mean[0], y = a->mean[1] - b->mean[1], z = a->mean[2] - b->mean[2], pq = p * q;
    const doubles between[6] = {x * x, x * y, x * z, y * y, y * z, z * z};
    for (int i = 0; i < 6; i++)
        covariance[i] = p * a->covariance[i] + q * b->covariance[i] + pq * between[i];
}

static inline double FOR(colors_apart)(const float *one, const float *other, int64_t width)
{
    double sums[4];
    fours lanes = {0};
    for (int64_t c = 0; c < width; c += 4) {
        const fours apart = fours_at(one + c) - fours_at(other + c);
        lanes += apart * apart;
    }
    memcpy(sums, &lanes, sizeof sums);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// What merging each of `count` rows with its other loses; all arrays have room for whole vectors.
static void FOR(find_losses)(const state *s, int32_t *rows, int32_t *others, int count, double *losses)
{
    for (int i = count; i % DOUBLES; i++)
        rows[i] = rows[count - 1], others[i] = others[count - 1];
    for (int at = 0; at < count; at += DOUBLES) {
        FOR(blobs) a, b;
        doubles covariance[6], color;
        for (int i = 0; i < DOUBLES; i++)
            color[i] = FOR(colors_apart)(s->colors + rows[at + i] * s->width, s->colors + others[at + i] * s->width, s->width);
        FOR(load)(s, rows + at, &a), FOR(load)(s, others + at, &b);
        const doubles weight = a.weight + b.weight, p = a.weight / weight, q = b.weight / weight;
        FOR(together)(&a, &b, p, q, covariance);
        const doubles room = 0.5 * (FOR(spread_of)(covariance) - (p * a.spread + q * b.spread));
        const doubles eighths = sqrt_doubles(sqrt_doubles(weight * sqrt_doubles(weight)));
        const doubles loss = (most_doubles(room, all_doubles(0)) + COLOR * (p * q) * color) * eighths + (a.lost + b.lost);
        memcpy(losses + at, &loss, sizeof loss);
    }
}

static void FOR(join)(const state *s, int32_t i, int32_t j, double loss)
{
    blob *a = s->blobs + i;
    const blob *b = s->blobs + j;
    const double weight = a->weight + b->weight, p = a->weight / weight, q = b->weight / weight;
    FOR(blobs) one_of_each[2];
    doubles covariance[6];
    for (int axis = 0; axis < 3; axis++) {
        one_of_each[0].mean[axis] = all_doubles(a->mean[axis]), one_of_each[1].mean[axis] = all_doubles(b->mean[axis]);
        a->mean[axis] = p * a->mean[axis] + q * b->mean[axis];
    }
    for (int k = 0; k < 6; k++)
        one_of_each[0].covariance[k] = all_doubles(a->covariance[k]), one_of_each[1].covariance[k] = all_doubles(b->covariance[k]);
    FOR(together)(one_of_each, one_of_each + 1, all_doubles(p), all_doubles(q), covariance);
    for (int k = 0; k < 6; k++)
        a->covariance[k] = covariance[k][0];
    a->spread = FOR(spread_of)(covariance)[0], a->weight = weight, a->lost = loss;
    float *one = s->colors + i * s->width, *other = s->colors + j * s->width;
    for (int64_t c = 0; c < s->width; c++)
        one[c] = (float)(p * (double)one[c] + q * (double)other[c]);
    s->fates[j].root = i;
    s->fates[i].version++;
    s->fates[j].version++;
}

// Pairs of a row and what partners are part of by now, whose losses are to be found.
typedef struct {
    int32_t rows[FILLED(2 * PARTNERS)], others[FILLED(2 * PARTNERS)];
    double losses[FILLED(2 * PARTNERS)];
    int count;
} FOR(pairs);

// Add what the partners of row `from` are part of by now to those of row `row`: to the `count` in order if what it loses
// is known and neither has become another since, else to the pairs. Returns how many are in order.
static INLINED int FOR(gather)(const state *s, int32_t row, int32_t from, int changed, FOR(pairs) *pairs, partner *found, int count)
{
    for (int64_t slot = 0; slot < s->k && s->partners[from * s->k + slot].row >= 0; slot++) {
        const partner one = s->partners[from * s->k + slot];
        const int32_t other = root(s->fates, one.row);
        int known = other == row;
        for (int i = 0; i < count && !known; i++)
            known = found[i].row == other;
        for (int i = 0; i < pairs->count && !known; i++)
            known = pairs->others[i] == other;
        if (known)
            continue;
        if (!changed && other == one.row && s->fates[other].version == one.version) {
            insert(found, count++, one);
            continue;
        }
        pairs->rows[pairs->count] = row, pairs->others[pairs->count++] = other;
        fetch(s, other);
    }
    return count;
}

// The partners of rows first .. last, the one first that loses least.
void FOR(merge_begin)(const blob *blobs, const float *colors, int64_t width, const int32_t *neighbors, int64_t k, int64_t first,
                      int64_t last, partner *partners)
{
    const state s = {(blob *)blobs, (float *)colors, width, partners, k, 0};
    for (int64_t row = first; row < last;) {
        int32_t rows[FILLED(FEW + PARTNERS)], others[FILLED(FEW + PARTNERS)];
        double losses[FILLED(FEW + PARTNERS)];
        int count = 0, at = 0;
        int64_t until = row;
        for (; until < last && count < FEW; until++)
            for (int64_t slot = 0; slot < k && neighbors[until * k + slot] >= 0; slot++)
                rows[count] = (int32_t)until, others[count++] = neighbors[until * k + slot];
        FOR(find_losses)(&s, rows, others, count, losses);
        for (; row < until; row++) {
            partner found[PARTNERS];
            int many = 0;
            for (; at < count && rows[at] == row; at++)
                insert(found, many++, (partner){losses[at], others[at], 0});
            keep(&s, row, found, many);
        }
    }
}

// Merge `wanted` pairs, or as many as there are: merges[i] is the row that is gone, the one that is both, and what
// they lost; done[0], how many. The other arrays are for use here; fates, of rows that are their own and have version 0.
void FOR(merge_pairs)(blob *blobs, float *colors, int64_t width, partner *partners, int64_t k, int64_t count, int64_t wanted,
                      fate *fates, held *held_rows, int32_t *rooms, int32_t *ends, merged *merges, int64_t *done)
{
    const state s = {blobs, colors, width, partners, k, fates};
    queue q = {.run = held_rows, .heap = held_rows + count, .rooms = rooms, .ends = ends, .vacant = -1, .bucket = -1};
    double most = 0;
    int64_t many = 0;
    held least;
    for (int64_t row = 0; row < count; row++)
        if (partners[row * k].row >= 0 && partners[row * k].loss > most)
            most = partners[row * k].loss;
    q.first = bits_of(most) + ABOVE * OCTAVE - BUCKETS;
    memset(ends, -1, BUCKETS * sizeof *ends);
    for (int64_t row = 0; row < count; row++)
        if (partners[row * k].row >= 0)
            put(&q, (held){partners[row * k].loss, row});
    while (many < wanted && next(&s, &q, &least)) {
        const int32_t row = (int32_t)least.row;
        if (fates[row].root != row)
            continue;
        FOR(pairs) pairs;
        partner found[2 * PARTNERS];
        const partner best = partners[row * k];
        const int fresh = fates[best.row].version == best.version;
        pairs.count = 0;
        if (fresh) {
            FOR(join)(&s, row, best.row, least.loss);
            merges[many++] = (merged){best.row, row, least.loss};
        }
        int left = FOR(gather)(&s, row, row, fresh, &pairs, found, 0);
        if (fresh)
            left = FOR(gather)(&s, row, best.row, 1, &pairs, found, left);
        FOR(find_losses)(&s, pairs.rows, pairs.others, pairs.count, pairs.losses);
        for (int i = 0; i < pairs.count; i++)
            insert(found, left++, (partner){pairs.losses[i], pairs.others[i], fates[pairs.others[i]].version});
        keep(&s, row, found, left);
        if (left)
            put(&q, (held){found[0].loss, row});
    }
    done[0] = many;
}
