// What images.c and images_avx2.c share.
#ifndef GSCLI_IMAGES_H
#define GSCLI_IMAGES_H

#include "core.h"

#define TAPS 11 // of SSIM's window
#define HALF (TAPS / 2)
#define MOMENTS 4 // what is averaged over windows: a, b, a² + b², ab

void ssim_plain_f32(const float *a, const float *b, int64_t first, int64_t last, int64_t length, int64_t step,
                    const double *constants, double *scratch, double *sums);
void ssim_avx2_f32(const float *a, const float *b, int64_t first, int64_t last, int64_t length, int64_t step,
                   const double *constants, double *scratch, double *sums);

#endif
