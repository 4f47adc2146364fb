// How alike two images are: sums of errors and of SSIM, by column, of a block of rows.
#include <math.h>

#include "images.h"

#define FOR(name) name##_plain_f32
#include "images_ssim.h"

#define TYPE f32

void ssim_sums(const float *a, const float *b, int64_t first, int64_t last, int64_t length, int64_t step,
               const double *constants, double *scratch, double *sums)
{
    CHOSEN(ssim)(a, b, first, last, length, step, constants, scratch, sums);
}

// Each pixel's squared error is the sum over its channels, of which there are `channels`.
static inline __attribute__((always_inline)) void add_errors(const float *a, const float *b, int64_t width,
                                                             int64_t channels, double *restrict errors)
{
    for (int64_t x = 0; x < width; x++) {
        double sum = 0;
        for (int64_t c = 0; c < channels; c++) {
            double error = (double)a[x * channels + c] - (double)b[x * channels + c];
            sum += error * error;
        }
        errors[x] = sum;
    }
}

// A colour on a grey, as it would be saved.
static inline double shown(float color, float alpha, float behind)
{
    const float x = color + (1 - alpha) * behind;
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

// The same of colours that are put on a grey first.
static void add_errors_shown(const float *a, const float *b, const float *alpha_a, const float *alpha_b, float behind,
                             int64_t width, int64_t channels, double *restrict errors)
{
    for (int64_t x = 0; x < width; x++) {
        double sum = 0;
        for (int64_t c = 0; c < channels; c++) {
            double error = shown(a[x * channels + c], alpha_a[x], behind) - shown(b[x * channels + c], alpha_b[x], behind);
            sum += error * error;
        }
        errors[x] = sum;
    }
}

void error_sums(const float *a, const float *b, int64_t first, int64_t last, int64_t width, int64_t channels,
                const float *alpha_a, const float *alpha_b, int64_t alphas, double least, double behind, double *errors,
                double *sums)
{
    double *all = sums, *front = sums + width, *count = sums + 2 * width, *alpha = sums + 3 * width;
    for (int64_t y = first; y < last; y++) {
        const float *u = a + y * width * channels, *v = b + y * width * channels;
        if (behind >= 0)
            add_errors_shown(u, v, alpha_a + y * width, alpha_b + y * width, (float)behind, width, channels, errors);
        else if (channels == 3)
            add_errors(u, v, width, 3, errors);
        else
            add_errors(u, v, width, channels, errors);
        for (int64_t x = 0; x < width; x++)
            all[x] += errors[x];
        if (!alphas)
            continue;
        const float *p = alpha_a + y * width, *q = alpha_b + y * width;
        for (int64_t x = 0; x < width; x++) {
            double s = p[x], t = q[x];
            double seen = (s > t ? s : t) > least ? 1.0 : 0.0;
            front[x] += seen * errors[x];
            count[x] += seen;
            alpha[x] += fabs(s - t);
        }
    }
}
