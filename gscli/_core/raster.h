// A scene of Gaussians seen by one camera: what the kernels of raster.c share.
//
// Nothing here depends on how rows or tiles are dealt to threads, nor, product by product rounded, on the width of a
// vector: any of them gives the same bits.
#ifndef GSCLI_RASTER_H
#define GSCLI_RASTER_H

#include <math.h>
#include <string.h>

#include "core.h"

#define BATCH 64 // Gaussians projected at a time
#define PITCH (TILE_WIDTH + 8) // of a tile in memory: a vector that begins inside may end beyond

#define COLOR_CUT (1.0f / 255) // what is less opaque is not drawn (Kerbl et al. 2023)
#define XRAY_CUT 1e-5f
#define XRAY_MOST 3e38f // of a sum: infinity is no picture
#define OPAQUE 0.99f // at most, of one Gaussian
#define FINISHED 1e-4f // a pixel that would let no more through takes no further Gaussian
#define LOW_PASS 0.3f // added to the diagonal of a footprint's covariance, square pixels
#define MIDDLE 0.49f // of a pixel is at .5: bounds are a little wide

#ifdef __GNUC__
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void)0)
#endif
#define INLINED __attribute__((always_inline)) inline // or constant arguments do not reach the loops

#define DECLARE(name)                                                                                                  \
    int64_t raster_project_##name(const uint8_t *rows, const columns_of_rows *columns, const view_of_scene *view,      \
                                  int64_t first, int64_t last, splat *splats, uint32_t *keys, tile_box *boxes,         \
                                  uint32_t *counts);                                                                   \
    void raster_draw_##name(const view_of_scene *view, const splat *splats, const uint32_t *ids, const uint32_t *starts, \
                            const uint32_t *tiles, int64_t first, int64_t last, int64_t deep, int64_t weighed,         \
                            float *color, float *alpha, float *depth, int32_t *weights);                               \
    void raster_share_##name(const view_of_scene *view, const splat *splats, const uint32_t *ids, const uint32_t *starts, \
                             const uint32_t *tiles, int64_t first, int64_t last, const float *image, int32_t *shares);
DECLARE(plain)
DECLARE(avx2)
#undef DECLARE

// a < b ? a : b decides what becomes of a NaN: the second.
static inline float least(float a, float b)
{
    return a < b ? a : b;
}

static inline float most(float a, float b)
{
    return a > b ? a : b;
}

static inline float at_f32(const uint8_t *address)
{
    float x;
    memcpy(&x, address, sizeof x);
    return x;
}

static inline double at_f64(const uint8_t *address)
{
    double x;
    memcpy(&x, address, sizeof x);
    return x;
}

// x truncated, and clamped before it is: no overflow. A NaN gives low.
static inline int clamped(float x, int low, int high)
{
    return x >= (float)high ? high : x > (float)low ? (int)x : low;
}

static inline int tile_columns(const view_of_scene *view)
{
    return (int)((view->width + TILE_WIDTH - 1) / TILE_WIDTH);
}

// Whether a box has tiles in its corners, which the ellipse within need not reach.
static inline int has_corners(const tile_box *box)
{
    return box->left != box->right && box->top != box->bottom;
}

// First and last column of the tiles of a line of tiles that a splat's ellipse reaches; none: last < first.
static inline void reached(const splat *s, const tile_box *box, int line, int *first, int *last)
{
    *first = box->left;
    *last = box->right;
    if (!has_corners(box))
        return;
    float a = -s->kx, b = -s->ky;
    float tall_squared = s->reach / b, tall = sqrtf(tall_squared);
    float wide = sqrtf(s->reach / a + s->shear * s->shear * tall_squared);
    float tip = s->shear * tall_squared / wide; // dy where the ellipse is farthest to the right
    float low = most((float)(line * TILE_HEIGHT) + MIDDLE - s->v, -tall);
    float high = least((float)(line * TILE_HEIGHT + TILE_HEIGHT) - MIDDLE - s->v, tall);
    float at = least(most(-tip, low), high), to = least(most(tip, low), high);
    float left = s->u + s->shear * at - sqrtf(most(s->reach - b * at * at, 0) / a);
    float right = s->u + s->shear * to + sqrtf(most(s->reach - b * to * to, 0) / a);
    int from = clamped((left - MIDDLE) / TILE_WIDTH, 0, UINT16_MAX);
    int upto = right < MIDDLE ? -1 : clamped((right - MIDDLE) / TILE_WIDTH, -1, UINT16_MAX);
    if (from > *first)
        *first = from;
    if (upto < *last)
        *last = upto;
}

#endif
