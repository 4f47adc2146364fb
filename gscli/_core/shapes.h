// Exponentials, logarithms and covariances of columns: what shapes.c and shapes_avx2.c share.
#ifndef GSCLI_SHAPES_H
#define GSCLI_SHAPES_H

#include "core.h"

#define DECLARE(name)                                                                                                  \
    void exponentials_##name(const double *x, int64_t count, double *out);                                             \
    void logarithms_##name(const double *x, int64_t count, double *out);                                               \
    void covariances_of_axes_##name(const double *scales, const double *rotations, int64_t count, double *out);        \
    void axes_of_covariances_##name(const double *covariances, int64_t count, double *variances, double *rotations);
DECLARE(plain)
DECLARE(avx2)
#undef DECLARE

#endif
