// SSIM once more, for processors with AVX2.
#include "wide.h"
#if WIDE
#include "images.h"
#define FOR(name) name##_avx2_f32
#include "images_ssim.h"
#endif
#include "wide_end.h"
