// Gaussians merged two at a time, the pair first that loses least; see kernels/merging.py, which does the same.
#include <math.h>
#include <string.h>

#include "core.h"

#define COLOR 2.0 // what a squared difference of harmonics counts beside a logarithm
#define SMALLEST 1e-42
#define LN2 0.69314718055994530942
#define ROOT_HALF 0.70710678118654757

#ifdef __GNUC__
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void)0)
#endif

typedef struct { // what all steps look at
    blob *blobs;
    float *colors;
    int64_t width; // of a row of colours, a multiple of 4
    partner *partners;
    int64_t k;
    int32_t *parents, *versions;
} state;

// Natural logarithm of a positive normal number.
static double log_near(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    double exponent = (double)((int64_t)(bits >> 52) - 1022);
    bits = (bits & 0x000fffffffffffffu) | 0x3fe0000000000000u;
    memcpy(&x, &bits, sizeof x);
    if (x < ROOT_HALF)
        x *= 2, exponent -= 1;
    const double s = (x - 1) / (x + 1), square = s * s;
    double series = 1.0 / 17;
    series = series * square + 1.0 / 15, series = series * square + 1.0 / 13;
    series = series * square + 1.0 / 11, series = series * square + 1.0 / 9;
    series = series * square + 1.0 / 7, series = series * square + 1.0 / 5;
    series = series * square + 1.0 / 3, series = series * square + 1.0;
    return exponent * LN2 + 2 * (s * series);
}

static double spread_of(const double *m)
{
    const double a = m[0], b = m[1], c = m[2], d = m[3], e = m[4], f = m[5];
    const double determinant = a * (d * f - e * e) - b * (b * f - e * c) + c * (b * e - d * c);
    return log_near(determinant > SMALLEST ? determinant : SMALLEST);
}

// The covariance of two, of whose weights p and q are the shares.
static void together(const blob *a, const blob *b, double p, double q, double *out)
{
    const double x = a->mean[0] - b->mean[0], y = a->mean[1] - b->mean[1], z = a->mean[2] - b->mean[2], pq = p * q;
    const double between[6] = {x * x, x * y, x * z, y * y, y * z, z * z};
    for (int i = 0; i < 6; i++)
        out[i] = p * a->covariance[i] + q * b->covariance[i] + pq * between[i];
}

static double loss_of(const state *s, int32_t i, int32_t j)
{
    const blob *a = s->blobs + i, *b = s->blobs + j;
    const double weight = a->weight + b->weight, p = a->weight / weight, q = b->weight / weight;
    double covariance[6], lanes[4] = {0, 0, 0, 0};
    together(a, b, p, q, covariance);
    const double room = 0.5 * (spread_of(covariance) - (p * a->spread + q * b->spread));
    const float *one = s->colors + i * s->width, *other = s->colors + j * s->width;
    for (int64_t c = 0; c < s->width; c += 4)
        for (int lane = 0; lane < 4; lane++) {
            const double difference = (double)one[c + lane] - (double)other[c + lane];
            lanes[lane] += difference * difference;
        }
    const double color = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
    const double eighths = sqrt(sqrt(weight * sqrt(weight)));
    return ((room > 0 ? room : 0) + COLOR * (p * q) * color) * eighths + (a->lost + b->lost);
}

static void join(const state *s, int32_t i, int32_t j, double loss)
{
    blob *a = s->blobs + i, *b = s->blobs + j;
    const double weight = a->weight + b->weight, p = a->weight / weight, q = b->weight / weight;
    double covariance[6];
    together(a, b, p, q, covariance);
    for (int axis = 0; axis < 3; axis++)
        a->mean[axis] = p * a->mean[axis] + q * b->mean[axis];
    memcpy(a->covariance, covariance, sizeof covariance);
    a->spread = spread_of(covariance), a->weight = weight, a->lost = loss;
    float *one = s->colors + i * s->width, *other = s->colors + j * s->width;
    for (int64_t c = 0; c < s->width; c++)
        one[c] = (float)(p * (double)one[c] + q * (double)other[c]);
    s->parents[j] = i;
    s->versions[i]++;
}

static int32_t root(int32_t *parents, int32_t row)
{
    while (parents[row] != row) {
        parents[row] = parents[parents[row]];
        row = parents[row];
    }
    return row;
}

static int before(double loss, int64_t row, double other_loss, int64_t other_row)
{
    return loss < other_loss || (loss == other_loss && row < other_row);
}

// Put a partner where it belongs among the `count` of a row, the one first that loses least.
static void insert(partner *found, int count, partner one)
{
    for (; count > 0 && before(one.loss, one.row, found[count - 1].loss, found[count - 1].row); count--)
        found[count] = found[count - 1];
    found[count] = one;
}

// Add what the partners of row `from` are part of by now to the `count` of row `row`, in order; returns how many there are.
// A loss that was found for what neither has become another since is not found again.
static int gather(const state *s, int32_t row, int32_t from, int changed, partner *found, int count)
{
    partner fresh[PARTNERS];
    int many = 0;
    for (int64_t slot = 0; slot < s->k && s->partners[from * s->k + slot].row >= 0; slot++) {
        partner one = s->partners[from * s->k + slot];
        const int32_t other = root(s->parents, one.row);
        int known = other == row;
        for (int i = 0; i < count && !known; i++)
            known = found[i].row == other;
        for (int i = 0; i < many && !known; i++)
            known = fresh[i].row == other;
        if (known)
            continue;
        if (!changed && other == one.row && s->versions[other] == one.version) {
            insert(found, count++, one);
            continue;
        }
        one.row = other, one.version = s->versions[other];
        fresh[many++] = one;
        PREFETCH(s->blobs + other), PREFETCH((const char *)(s->blobs + other) + 64);
        for (int64_t c = 0; c < s->width; c += 16)
            PREFETCH(s->colors + other * s->width + c);
    }
    for (int i = 0; i < many; i++) {
        fresh[i].loss = loss_of(s, row, fresh[i].row);
        insert(found, count++, fresh[i]);
    }
    return count;
}

static void keep(const state *s, int32_t row, const partner *found, int count)
{
    for (int64_t slot = 0; slot < s->k; slot++) {
        if (slot < count)
            s->partners[row * s->k + slot] = found[slot];
        else
            s->partners[row * s->k + slot].row = -1;
    }
}

// The partners of rows first .. last, the one first that loses least.
void merge_begin(const blob *blobs, const float *colors, int64_t width, const int32_t *neighbors, int64_t k, int64_t first,
                 int64_t last, partner *partners)
{
    const state s = {(blob *)blobs, (float *)colors, width, partners, k, 0, 0};
    for (int64_t row = first; row < last; row++) {
        partner found[PARTNERS];
        int count = 0;
        for (int64_t slot = 0; slot < k && neighbors[row * k + slot] >= 0; slot++) {
            const int32_t other = neighbors[row * k + slot];
            const partner one = {loss_of(&s, (int32_t)row, other), other, 0};
            insert(found, count++, one);
        }
        keep(&s, (int32_t)row, found, count);
    }
}

static void sift_down(held *heap, int64_t size, int64_t at, held moved)
{
    for (int64_t below; (below = 2 * at + 1) < size; at = below) {
        if (below + 1 < size && before(heap[below + 1].loss, heap[below + 1].row, heap[below].loss, heap[below].row))
            below++;
        if (before(moved.loss, moved.row, heap[below].loss, heap[below].row))
            break;
        heap[at] = heap[below];
    }
    heap[at] = moved;
}

// Merge `wanted` pairs, or as many as there are: merges[i] is the row that is gone, the one that is both, and what they
// lost; done[0], how many. versions counts how often a row was merged into.
void merge_pairs(blob *blobs, float *colors, int64_t width, partner *partners, int64_t k, int64_t count, int64_t wanted,
                 int32_t *parents, int32_t *versions, held *heap, merged *merges, int64_t *done)
{
    const state s = {blobs, colors, width, partners, k, parents, versions};
    int64_t size = 0, many = 0;
    for (int64_t row = 0; row < count; row++)
        if (partners[row * k].row >= 0)
            heap[size].loss = partners[row * k].loss, heap[size++].row = row;
    for (int64_t at = size / 2 - 1; at >= 0; at--)
        sift_down(heap, size, at, heap[at]);
    while (size && many < wanted) {
        const held least = heap[0]; // stays there until what becomes of it is known
        const int32_t row = (int32_t)least.row;
        int left = 0;
        partner found[2 * PARTNERS];
        if (parents[row] == row) {
            const partner best = partners[row * k];
            const int fresh = parents[best.row] == best.row && versions[best.row] == best.version;
            if (fresh) {
                join(&s, row, best.row, least.loss);
                merges[many++] = (merged){best.row, row, least.loss};
            }
            left = gather(&s, row, row, fresh, found, 0);
            if (fresh)
                left = gather(&s, row, best.row, 1, found, left);
            keep(&s, row, found, left);
        }
        if (left) {
            const held again = {found[0].loss, row};
            sift_down(heap, size, 0, again);
        } else {
            const held last = heap[--size];
            if (size)
                sift_down(heap, size, 0, last);
        }
    }
    done[0] = many;
}
