// Gaussians merged two at a time, the pair first that loses least; see kernels/merging.py, which does the same.
#include <math.h>
#include <string.h>

#include "core.h"

#define COLOR 2.0 // what a squared difference of harmonics counts beside a logarithm
#define SMALLEST 1e-42
#define LN2 0.69314718055994530942
#define ROOT_HALF 0.70710678118654757

typedef struct { // what all steps look at
    blob *blobs;
    float *colors;
    int64_t width; // of a row of colours, a multiple of 4
    int32_t *partners;
    int64_t k;
    int32_t *parents, *versions;
} state;

typedef struct {
    double loss;
    int32_t row;
} partner;

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

// What the partners of row `from` are part of by now, put where they belong among the `count` of row `row`, the one first
// that loses least; returns how many there are.
static int gather(const state *s, int32_t row, int32_t from, partner *found, int count)
{
    for (int64_t slot = 0; slot < s->k; slot++) {
        int32_t other = s->partners[from * s->k + slot];
        if (other < 0)
            break;
        if (s->parents)
            other = root(s->parents, other);
        int known = other == row;
        for (int i = 0; i < count && !known; i++)
            known = found[i].row == other;
        if (known)
            continue;
        const double loss = loss_of(s, row, other);
        int at = count++;
        for (; at > 0 && before(loss, other, found[at - 1].loss, found[at - 1].row); at--)
            found[at] = found[at - 1];
        found[at].loss = loss, found[at].row = other;
    }
    return count;
}

static void keep(const state *s, int32_t row, const partner *found, int count)
{
    for (int64_t slot = 0; slot < s->k; slot++)
        s->partners[row * s->k + slot] = slot < count ? found[slot].row : -1;
}

// Put the partners of rows first .. last in order, and say what each would lose by its first: infinite without any.
void merge_begin(const blob *blobs, const float *colors, int64_t width, int32_t *partners, int64_t k, int64_t first,
                 int64_t last, double *losses)
{
    const state s = {(blob *)blobs, (float *)colors, width, partners, k, 0, 0};
    for (int64_t row = first; row < last; row++) {
        partner found[2 * PARTNERS];
        const int count = gather(&s, (int32_t)row, (int32_t)row, found, 0);
        keep(&s, (int32_t)row, found, count);
        losses[row] = count ? found[0].loss : INFINITY;
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

// Merge `wanted` pairs, or as many as there are: merges[i] is the row that is gone and the one that is both; done[0], how
// many. versions counts how often a row was merged into, seen the version of its first partner when that was found.
void merge_pairs(blob *blobs, float *colors, int64_t width, int32_t *partners, int64_t k, int64_t count, int64_t wanted,
                 const double *losses, int32_t *parents, int32_t *versions, int32_t *seen, held *heap, int32_t *merges,
                 int64_t *done)
{
    const state s = {blobs, colors, width, partners, k, parents, versions};
    int64_t size = 0, merged = 0;
    for (int64_t row = 0; row < count; row++)
        if (partners[row * k] >= 0)
            heap[size].loss = losses[row], heap[size++].row = row;
    for (int64_t at = size / 2 - 1; at >= 0; at--)
        sift_down(heap, size, at, heap[at]);
    while (size && merged < wanted) {
        const held least = heap[0]; // stays there until what becomes of it is known
        const int32_t row = (int32_t)least.row;
        int left = 0;
        partner found[2 * PARTNERS];
        if (parents[row] == row) {
            const int32_t best = partners[row * k];
            const int fresh = parents[best] == best && versions[best] == seen[row];
            if (fresh) {
                join(&s, row, best, least.loss);
                merges[2 * merged] = best, merges[2 * merged++ + 1] = row;
            }
            left = gather(&s, row, row, found, 0);
            if (fresh)
                left = gather(&s, row, best, found, left);
            keep(&s, row, found, left);
        }
        if (left) {
            const held again = {found[0].loss, row};
            seen[row] = versions[found[0].row];
            sift_down(heap, size, 0, again);
        } else {
            const held last = heap[--size];
            if (size)
                sift_down(heap, size, 0, last);
        }
    }
    done[0] = merged;
}
