// Gaussians that are being merged, and the queue of what is merged next: what merge.c and merge_avx2.c share.
#ifndef GSCLI_MERGE_H
#define GSCLI_MERGE_H

#include <math.h>
#include <string.h>

#include "core.h"

#ifdef __GNUC__
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void)0)
#endif
#define INLINED __attribute__((always_inline)) inline // a call of what does nothing but prefetch is left out

#define FINE 10 // bits of a loss after its exponent that tell it from those of another bucket
#define OCTAVE (1 << FINE)
#define ABOVE 16 // octaves over the largest loss there is at first that have buckets

#define DECLARE(name)                                                                                                  \
    void merge_begin_##name(const blob *blobs, const float *colors, int64_t width, const int32_t *neighbors, int64_t k, \
                            int64_t first, int64_t last, partner *partners);                                           \
    void merge_pairs_##name(blob *blobs, float *colors, int64_t width, partner *partners, int64_t k, int64_t count,    \
                            int64_t wanted, fate *fates, held *held, int32_t *rooms, int32_t *ends, merged *merges,   \
                            int64_t *done);
DECLARE(plain)
DECLARE(avx2)
#undef DECLARE

typedef struct { // what all steps look at
    blob *blobs;
    float *colors;
    int64_t width; // of a row of colours, a multiple of 4
    partner *partners;
    int64_t k;
    fate *fates;
} state;

static inline int before(held a, held b)
{
    return a.loss < b.loss || (a.loss == b.loss && a.row < b.row);
}

static INLINED void fetch_partners(const state *s, int64_t row)
{
    PREFETCH(s->partners + row * s->k), PREFETCH((const char *)(s->partners + row * s->k) + 64);
}

static INLINED void fetch(const state *s, int64_t row)
{
    PREFETCH(s->blobs + row), PREFETCH((const char *)(s->blobs + row) + 64);
    for (int64_t c = 0; c < s->width; c += 16)
        PREFETCH(s->colors + row * s->width + c);
}

static inline int32_t root(fate *fates, int32_t row)
{
    while (fates[row].root != row)
        row = fates[row].root = fates[fates[row].root].root;
    return row;
}

// Put a partner where it belongs among the `count` of a row, the one first that loses least.
static inline void insert(partner *found, int count, partner one)
{
    for (; count > 0 && before((held){one.loss, one.row}, (held){found[count - 1].loss, found[count - 1].row}); count--)
        found[count] = found[count - 1];
    found[count] = one;
}

static inline void keep(const state *s, int64_t row, const partner *found, int count)
{
    for (int64_t slot = 0; slot < s->k; slot++) {
        if (slot < count)
            s->partners[row * s->k + slot] = found[slot];
        else
            s->partners[row * s->k + slot].row = -1;
    }
}

// Rows by the loss of their best partner, which lie in buckets until all that lose less are gone. Then those of a bucket
// are sorted, so that it is known which are next, and what they need is fetched from memory in time.
typedef struct {
    held *run; // of a bucket, the one last that loses least
    int64_t ready;
    held *heap; // of what came later and loses no more than that bucket's
    int64_t size;
    int32_t *rooms; // of 15 rows of a bucket each, and the room that was filled before or -1
    int32_t *ends;  // of each bucket: 16 times its last room, and how many rows are in it; -1 of none
    int32_t vacant, unused; // rooms: the first of those left, or -1; how many never had a row
    int64_t bucket, first;  // which is sorted; the bits of losses in the first one
} queue;

static inline int64_t bits_of(double loss)
{
    uint64_t bits;
    memcpy(&bits, &loss, sizeof bits);
    return (int64_t)(bits >> (52 - FINE));
}

static inline void sift_down(held *heap, int64_t size, int64_t at, held moved)
{
    for (int64_t below; (below = 2 * at + 1) < size; at = below) {
        below += below + 1 < size && before(heap[below + 1], heap[below]);
        if (before(moved, heap[below]))
            break;
        heap[at] = heap[below];
    }
    heap[at] = moved;
}

static inline void put(queue *q, held one)
{
    const int64_t above = bits_of(one.loss) - q->first;
    const int64_t bucket = above < 0 ? 0 : above < BUCKETS ? above : BUCKETS - 1;
    if (bucket <= q->bucket) {
        int64_t at = q->size++;
        for (int64_t up; at && before(one, q->heap[up = (at - 1) / 2]); at = up)
            q->heap[at] = q->heap[up];
        q->heap[at] = one;
        return;
    }
    int32_t end = q->ends[bucket];
    if (end < 0 || end % ROOM == ROOM - 1) {
        const int32_t room = q->vacant < 0 ? q->unused++ : q->vacant;
        int32_t *before_it = q->rooms + (int64_t)room * ROOM + ROOM - 1;
        if (room == q->vacant)
            q->vacant = *before_it;
        *before_it = end < 0 ? -1 : end / ROOM;
        end = room * ROOM;
    }
    q->rooms[end] = (int32_t)one.row;
    q->ends[bucket] = end + 1;
}

// Sort the first bucket that has rows not merged into others; 0 if none has.
static inline int sort_next(const state *s, queue *q)
{
    for (q->ready = 0; !q->ready && ++q->bucket < BUCKETS;) {
        int64_t many = 0;
        const int32_t end = q->ends[q->bucket];
        for (int32_t room = end < 0 ? -1 : end / ROOM, rows = end % ROOM; room >= 0; rows = ROOM - 1) {
            int32_t *here = q->rooms + (int64_t)room * ROOM, before_it = here[ROOM - 1];
            for (int32_t i = 0; i < rows; i++) {
                q->run[many++].row = here[i];
                PREFETCH(s->fates + here[i]), PREFETCH(s->partners + here[i] * s->k);
            }
            here[ROOM - 1] = q->vacant, q->vacant = room;
            room = before_it;
        }
        for (int64_t i = 0; i < many; i++) {
            const int64_t row = q->run[i].row;
            if (s->fates[row].root == row)
                q->run[q->ready++] = (held){s->partners[row * s->k].loss, row};
        }
    }
    for (int64_t at = q->ready / 2 - 1; at >= 0; at--)
        sift_down(q->run, q->ready, at, q->run[at]);
    for (int64_t last = q->ready - 1; last > 0; last--) {
        const held moved = q->run[last];
        q->run[last] = q->run[0];
        sift_down(q->run, last, 0, moved);
    }
    return q->ready > 0;
}

// Fetch what merging the rows that are next will need, in three steps, each when what the one before fetched is there.
static INLINED void look_ahead(const state *s, const queue *q)
{
    enum { FAR = 12, MIDDLE = 7, NEAR = 3 };
    const held *end = q->run + q->ready;
    if (q->ready >= FAR)
        fetch_partners(s, end[-FAR].row);
    if (q->ready >= MIDDLE) {
        const int64_t row = end[-MIDDLE].row;
        const partner *own = s->partners + row * s->k;
        fetch(s, row), fetch_partners(s, own->row);
        for (int64_t slot = 0; slot < s->k && own[slot].row >= 0; slot++)
            PREFETCH(s->fates + own[slot].row);
    }
    if (q->ready >= NEAR) {
        const partner *own = s->partners + end[-NEAR].row * s->k, *others = s->partners + own->row * s->k;
        const int merges = s->fates[own->row].version == own->version;
        for (int64_t slot = 0; slot < s->k && own[slot].row >= 0; slot++)
            if (merges || s->fates[own[slot].row].version != own[slot].version)
                fetch(s, s->fates[own[slot].row].root);
        for (int64_t slot = 0; merges && slot < s->k && others[slot].row >= 0; slot++)
            fetch(s, s->fates[others[slot].row].root);
    }
}

// The next row and what it loses, if there is one.
static INLINED int next(const state *s, queue *q, held *found)
{
    if (!q->ready && !q->size && !sort_next(s, q))
        return 0;
    if (q->ready && (!q->size || before(q->run[q->ready - 1], q->heap[0]))) {
        *found = q->run[--q->ready];
        look_ahead(s, q);
        return 1;
    }
    *found = q->heap[0];
    const held last = q->heap[--q->size];
    if (q->size)
        sift_down(q->heap, q->size, 0, last);
    return 1;
}

#endif
