// Exponentials, logarithms, and covariances of Gaussians from axes and back: kernels/elementary.py and covariances.py.
#define WIDE 0
#include "lanes.h"
#include "shapes.h"
#define FOR(name) name##_plain
#include "elementary.h"
#include "shapes_steps.h"
#undef FOR

#if defined(__x86_64__)
#define FOR(name) (has_avx2() ? name##_avx2 : name##_plain)
#else
#define FOR(name) name##_plain
#endif

void exponentials(const double *x, int64_t count, double *out)
{
    FOR(exponentials)(x, count, out);
}

void logarithms(const double *x, int64_t count, double *out)
{
    FOR(logarithms)(x, count, out);
}

void covariances_of_axes(const double *scales, const double *rotations, int64_t count, double *out)
{
    FOR(covariances_of_axes)(scales, rotations, count, out);
}

void axes_of_covariances(const double *covariances, int64_t count, double *variances, double *rotations)
{
    FOR(axes_of_covariances)(covariances, count, variances, rotations);
}
