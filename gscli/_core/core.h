// What the extension module exports. Sizes are numbers of elements; all arrays are contiguous and checked by the caller.
//
// Compiled with -ffp-contract=off: a product is rounded before it is added to, as NumPy and torch do.
#ifndef GSCLI_CORE_H
#define GSCLI_CORE_H

#include <stdint.h>

#define REVISION 13 // of the arguments below; __init__.py has the same

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

// A template is included once for each TYPE, f32 and f64, and names what it makes by it: T(split) is split_f32.
#define JOINED(name, type) name##_##type
#define JOIN(name, type) JOINED(name, type)
#define T(name) JOIN(name, TYPE)
typedef float coord_f32;
typedef double coord_f64;

#define ROUNDER 0x1.8p52 // added to a small double it has its nearest integer in its low bits, and leaves it when taken away
#define BEYOND(word) (((word) & 0x7f800000u) + 0x00800000u) // of a float: its highest bit tells of what is not finite

// Whether this processor has AVX2; kernels that gain by it exist twice, as name_avx2 and name_plain of a TYPE.
int has_avx2(void);
#if defined(__x86_64__)
#define CHOSEN(name) (has_avx2() ? JOIN(name##_avx2, TYPE) : JOIN(name##_plain, TYPE))
#else
#define CHOSEN(name) JOIN(name##_plain, TYPE)
#endif

// ---- rows.c: columns of float32 at `offsets` in rows of `stride` bytes
EXPORT void gather_f32(const uint8_t *rows, int64_t count, int64_t stride, const int64_t *offsets, int64_t columns,
                       int64_t first, int64_t length, float *planes);
EXPORT void gather_f64(const uint8_t *rows, int64_t count, int64_t stride, const int64_t *offsets, int64_t columns,
                       int64_t first, int64_t length, double *planes);
EXPORT void square_sums(const uint8_t *rows, int64_t count, int64_t stride, const int64_t *offsets, int64_t columns,
                        double *sums);
// Tables of words, (count, widths[t]) each: out of rows one after the other, and whether a word is no finite float; and
// into rows, from `addresses` on in steps of so many bytes. A column changes its sign where its flip is 0x80000000, not 0.
EXPORT void spread(const uint8_t *rows, int64_t count, int64_t stride, const int64_t *offsets, const uint32_t *flips,
                   const int64_t *widths, int64_t tables, uint32_t *out, uint32_t *odd);
EXPORT void interleave(uint8_t *rows, int64_t count, int64_t stride, const int64_t *offsets, const uint32_t *flips,
                       const int64_t *widths, int64_t tables, const int64_t *addresses, const int64_t *steps);

// ---- bytes.c: columns of float32 at `offsets` in rows of `stride` bytes
// Bytes nearest to (value * a + b) * c, or next below it, a column having three such numbers, and whether a value is not
// finite; and back: what a byte is in the column's table of 256 floats.
EXPORT void quantise(const uint8_t *rows, int64_t count, int64_t stride, const int64_t *offsets, const double *numbers,
                     int64_t columns, int64_t down, uint8_t *bytes, uint32_t *odd);
EXPORT void look_up(uint8_t *rows, int64_t count, int64_t stride, const int64_t *offsets, const int64_t *tables,
                    int64_t columns, const float *values, const uint8_t *bytes);

// ---- activated.c: what numbers of splats mean, and back, worked out in float64 and bounded by low and high
EXPORT void exp_f32(const float *logs, int64_t count, float *out);
EXPORT void sigmoid_f32(const float *logits, int64_t count, float *out);
EXPORT void log_f32(const float *lengths, int64_t count, double low, float *out);
EXPORT void logit_f32(const float *shares, int64_t count, double low, double high, float *out);
// Quaternions of length one, where it is not nearly so; their components in another order, times factors. odd: whether a
// length is beyond float32.
EXPORT void unit_f32(const float *quaternions, int64_t count, double nearly, const int64_t *order, const float *factors,
                     float *out, uint32_t *odd);
// Three bytes of linear light for grey + by * colour, by a table of 1024 shades, and one for a share.
EXPORT void shade_f32(const float *colours, const float *shares, int64_t count, double grey, double by, const uint8_t *light,
                      uint8_t *out);

// ---- picks.c
EXPORT void keep_smallest(const int32_t *order, const int64_t *offsets, const int64_t *k, const uint32_t *keys,
                          int64_t hashed, uint64_t stream, int64_t first, int64_t last, uint64_t *scratch, uint8_t *kept);

// ---- cells.c
// cut: ten numbers, the size of a cell, and by axis the origin, the lowest lattice number and how many there are.
EXPORT void pack_cells_f32(const float *x, const float *y, const float *z, int64_t first, int64_t last, const double *cut,
                           int64_t row_bits, uint64_t *words);
EXPORT void cell_words_f32(const float *x, const float *y, const float *z, int64_t first, int64_t last, const double *cut,
                           int64_t packs, uint64_t *words);
EXPORT void mark_cells_f32(const float *x, const float *y, const float *z, int64_t first, int64_t last, const double *cut,
                           int64_t packs, int64_t shift, uint8_t *slots);
EXPORT void pack_cells_f64(const double *x, const double *y, const double *z, int64_t first, int64_t last, const double *cut,
                           int64_t row_bits, uint64_t *words);
EXPORT void cell_words_f64(const double *x, const double *y, const double *z, int64_t first, int64_t last, const double *cut,
                           int64_t packs, uint64_t *words);
EXPORT void mark_cells_f64(const double *x, const double *y, const double *z, int64_t first, int64_t last, const double *cut,
                           int64_t packs, int64_t shift, uint8_t *slots);
// Axes of at most 2^31 lattice numbers with gaps, by buckets of 2^shift of them: whether each holds a point; and the
// words of cells, to which a number adds what its bucket does and, for each further on in it, the weight of its axis.
EXPORT void mark_buckets_f32(const float *x, const float *y, const float *z, int64_t first, int64_t last, const double *cut,
                             const int64_t *shifts, uint8_t *in_x, uint8_t *in_y, uint8_t *in_z);
EXPORT void rank_cells_f32(const float *x, const float *y, const float *z, int64_t first, int64_t last, const double *cut,
                           const int64_t *shifts, const uint64_t *weights, const uint64_t *in_x, const uint64_t *in_y,
                           const uint64_t *in_z, int64_t rows, uint64_t *words);
EXPORT void mark_buckets_f64(const double *x, const double *y, const double *z, int64_t first, int64_t last, const double *cut,
                             const int64_t *shifts, uint8_t *in_x, uint8_t *in_y, uint8_t *in_z);
EXPORT void rank_cells_f64(const double *x, const double *y, const double *z, int64_t first, int64_t last, const double *cut,
                           const int64_t *shifts, const uint64_t *weights, const uint64_t *in_x, const uint64_t *in_y,
                           const uint64_t *in_z, int64_t rows, uint64_t *words);

// ---- radix.c: the digit of a word is that of `bits` from `shift` on
#define RADIX_BITS 9 // of a digit at most

EXPORT void radix_count(const uint64_t *words, int64_t first, int64_t last, int64_t shift, int64_t bits, int64_t *counts);
EXPORT void radix_move(const uint64_t *words, int64_t first, int64_t last, int64_t shift, int64_t bits, int64_t *places,
                       uint64_t *sorted);
EXPORT void radix_move_rows(const uint64_t *keys, const int32_t *rows, int64_t first, int64_t last, int64_t shift,
                            int64_t bits, int64_t *places, uint64_t *sorted_keys, int32_t *sorted_rows);
// Sorted words taken apart: the row in the lowest bits, and whether the rest is not that of the word before.
EXPORT void split_words(const uint64_t *words, int64_t first, int64_t last, int64_t row_bits, int32_t *rows,
                        uint8_t *changes);

// ---- marks.c: the places of the `count` marks among first to last - 1 that are not 0
EXPORT void list_marked(const uint8_t *marks, int64_t first, int64_t last, int64_t *places, int64_t count);

// ---- images.c: sums over rows first to last - 1, added to those by column in `sums`; see kernels/images.py
#define STRIP 128 // columns of a strip

// errors: as many as columns, for use here; sums: four by column; without alphas those are not read. behind: the grey on
// which colours are put before they are clipped to 0..1; below 0, they are taken as they are.
EXPORT void error_sums(const float *a, const float *b, int64_t first, int64_t last, int64_t width, int64_t channels,
                       const float *alpha_a, const float *alpha_b, int64_t alphas, double least, double behind,
                       double *errors, double *sums);
// length: values in a row of windows, the next pixel's being `step` further on; constants: the weights of a window
// from its edge to its middle, C1 and C2; scratch: for strips.
EXPORT void ssim_sums(const float *a, const float *b, int64_t first, int64_t last, int64_t length, int64_t step,
                      const double *constants, double *scratch, double *sums);

// ---- kdtree.c: see kernels/kd_tree.py for what the arrays hold
#define LEAF 16 // points in a leaf at most, and queries in a packet
#define SEVERAL 100 // neighbours of a query at most

typedef struct { float x, y, z; uint32_t row; } point_f32;
typedef struct { double x, y, z; uint64_t row; } point_f64;
typedef struct { float low[3], high[3]; uint32_t row, unused; } box_f32; // row: the lowest in it
typedef struct { double low[3], high[3]; uint32_t row, unused; } box_f64;
typedef struct { float x[LEAF], y[LEAF], z[LEAF]; uint32_t row[LEAF]; } leaf_f32; // filled up with its last point
typedef struct { double x[LEAF], y[LEAF], z[LEAF]; uint32_t row[LEAF]; } leaf_f64;

EXPORT void kd_split_f32(point_f32 *points, box_f32 *boxes, int64_t count, int64_t level, int64_t node);
EXPORT void kd_split_f64(point_f64 *points, box_f64 *boxes, int64_t count, int64_t level, int64_t node);
EXPORT void kd_grow_f32(point_f32 *points, box_f32 *boxes, leaf_f32 *leaves, int64_t count, int64_t depth, int64_t level,
                        int64_t node);
EXPORT void kd_grow_f64(point_f64 *points, box_f64 *boxes, leaf_f64 *leaves, int64_t count, int64_t depth, int64_t level,
                        int64_t node);
EXPORT void kd_nearest_f32(const box_f32 *boxes, const leaf_f32 *leaves, int64_t count, int64_t depth,
                           const box_f32 *query_boxes, const leaf_f32 *queries, int64_t query_count, int64_t query_depth,
                           int64_t first, int64_t last, int64_t elsewhere, double *distances, int64_t *rows, int64_t *work);
EXPORT void kd_nearest_f64(const box_f64 *boxes, const leaf_f64 *leaves, int64_t count, int64_t depth,
                           const box_f64 *query_boxes, const leaf_f64 *queries, int64_t query_count, int64_t query_depth,
                           int64_t first, int64_t last, int64_t elsewhere, double *distances, int64_t *rows, int64_t *work);
EXPORT void kd_several_f32(const box_f32 *boxes, const leaf_f32 *leaves, int64_t count, int64_t depth,
                           const leaf_f32 *queries, int64_t query_count, int64_t query_depth, int64_t first, int64_t last,
                           int64_t k, int64_t others, double *distances, int64_t *rows);
EXPORT void kd_several_f64(const box_f64 *boxes, const leaf_f64 *leaves, int64_t count, int64_t depth,
                           const leaf_f64 *queries, int64_t query_count, int64_t query_depth, int64_t first, int64_t last,
                           int64_t k, int64_t others, double *distances, int64_t *rows);
EXPORT void kd_mean_f32(const box_f32 *boxes, const leaf_f32 *leaves, int64_t count, int64_t depth, int64_t first,
                        int64_t last, int64_t k, int64_t squared, double *means);
EXPORT void kd_mean_f64(const box_f64 *boxes, const leaf_f64 *leaves, int64_t count, int64_t depth, int64_t first,
                        int64_t last, int64_t k, int64_t squared, double *means);

// ---- merge.c: see kernels/merging.py for what the arrays hold
#define PARTNERS 16   // of a row
#define BUCKETS 65536 // of rows that lose about the same
#define ROOM 16       // numbers of 15 rows of a bucket, and of the next ones

typedef struct { double mean[3], covariance[6], spread, weight, lost; } blob;
typedef struct { double loss; int64_t row; } held; // until it is that row's turn
typedef struct { int32_t gone, kept; double loss; } merged; // one row became another
typedef struct { double loss; int32_t row, version; } partner; // the version for which the loss is true; none: row -1
typedef struct { int32_t root, version; } fate; // what a row is part of; how often it was merged

EXPORT void merge_begin(const blob *blobs, const float *colors, int64_t width, const int32_t *neighbors, int64_t k,
                        int64_t first, int64_t last, partner *partners);
EXPORT void merge_pairs(blob *blobs, float *colors, int64_t width, partner *partners, int64_t k, int64_t count,
                        int64_t wanted, fate *fates, held *held, int32_t *rooms, int32_t *ends, merged *merges,
                        int64_t *done);

// ---- shapes.c: columns one after the other, each of `count` numbers
EXPORT void exponentials(const double *x, int64_t count, double *out);
EXPORT void logarithms(const double *x, int64_t count, double *out);
EXPORT void covariances_of_axes(const double *scales, const double *rotations, int64_t count, double *out);
EXPORT void axes_of_covariances(const double *covariances, int64_t count, double *variances, double *rotations);

// ---- raster.c: see kernels/splatting.py for what the arrays hold
#define TILE_WIDTH 32
#define TILE_HEIGHT 16
#define SHARES 4        // channels that are shared out among splats
#define SHARE_UNIT 4194304 // shares are whole numbers of 2^-22: their sums depend on no order

typedef struct { // columns of float32 at offsets in rows of `stride` bytes
    int64_t stride;
    int64_t degree;       // of harmonics, 0 to 4
    int64_t raw;          // opacities are logits and scales logarithms
    int64_t wide;         // positions are float64
    int64_t position[3], opacity, scales[3], rotation[4], color[3], harmonics[72]; // channel by channel
} columns_of_rows;

typedef struct {
    double position[3], rotation[9]; // world to camera; its rows point right, down and forward
    double fx, fy, cx, cy, near;
    int64_t width, height;
    int64_t antialiased, xray, parallel;
} view_of_scene;

typedef struct { // peak * 2^(kx (dx - shear dy)^2 + ky dy^2) at (u + dx, v + dy), where the exponent is over -reach
    float u, v, shear, kx, ky, peak, reach, depth, color[3];
    uint32_t row;
} splat;

typedef struct { // tiles that a splat may reach, the last ones included
    uint16_t left, right, top, bottom;
} tile_box;

EXPORT void raster_project(const uint8_t *rows, const columns_of_rows *columns, const view_of_scene *view, int64_t first,
                           int64_t last, splat *splats, uint32_t *keys, tile_box *boxes, uint32_t *counts, int64_t *seen,
                           int64_t place);
EXPORT void raster_order(const int64_t *firsts, const int64_t *counts, int64_t chunks, const uint32_t *keys, int64_t sorted,
                         uint32_t *order, uint32_t *spare, int64_t total);
EXPORT void raster_list(const uint32_t *order, int64_t count, const splat *splats, const tile_box *boxes, int64_t columns,
                        int64_t top, int64_t bottom, uint32_t *next, uint32_t *ids);
EXPORT void raster_draw(const view_of_scene *view, const splat *splats, const uint32_t *ids, const uint32_t *starts,
                        const uint32_t *tiles, int64_t first, int64_t last, int64_t deep, int64_t weighed, float *color,
                        float *alpha, float *depth, int32_t *weights);
EXPORT void raster_share(const view_of_scene *view, const splat *splats, const uint32_t *ids, const uint32_t *starts,
                         const uint32_t *tiles, int64_t first, int64_t last, const float *image, int32_t *shares);
EXPORT void raster_tally(const splat *splats, const uint32_t *ids, const int32_t *shares, int64_t count, int64_t channels,
                         double *sums, int64_t rows);

#endif
