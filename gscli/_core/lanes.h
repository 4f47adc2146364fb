// Vectors of floats, of doubles and of what their comparisons give, with the few operations that have no operator.
//
// Included after WIDE is defined to 1 (AVX2) or 0 (what the compiler takes for granted). The vectors are those of GCC
// and Clang, so + - * < & work on them.
#ifndef GSCLI_LANES_H
#define GSCLI_LANES_H

#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if WIDE
#define BYTES 32
#else
#define BYTES 16
#endif
#define FLOATS (BYTES / 4)
#define DOUBLES (BYTES / 8)

typedef float floats __attribute__((vector_size(BYTES)));
typedef int32_t ints __attribute__((vector_size(BYTES)));
typedef uint32_t words __attribute__((vector_size(BYTES)));
typedef double doubles __attribute__((vector_size(BYTES)));
typedef int64_t longs __attribute__((vector_size(BYTES)));
typedef uint64_t quads __attribute__((vector_size(BYTES)));
typedef double fours __attribute__((vector_size(32))); // four, whatever BYTES are

// Of each kind of vector: all lanes alike; and mask ? a : b, where each lane of a mask has all bits set or none.
#define VECTOR(kind, lane, count, mask)                                                                                \
    static inline kind all_##kind(lane x)                                                                              \
    {                                                                                                                  \
        kind v;                                                                                                        \
        for (int i = 0; i < (count); i++)                                                                              \
            v[i] = x;                                                                                                  \
        return v;                                                                                                      \
    }                                                                                                                  \
    static inline kind pick_##kind(mask chosen, kind a, kind b)                                                        \
    {                                                                                                                  \
        return (kind)((chosen & (mask)a) | (~chosen & (mask)b));                                                       \
    }

static inline floats floats_at(const float *address)
{
    floats v;
    memcpy(&v, address, sizeof v);
    return v;
}

static inline void put_floats(float *address, floats v)
{
    memcpy(address, &v, sizeof v);
}

// Four floats as doubles.
static inline fours fours_at(const float *address)
{
#if defined(__x86_64__) && WIDE
    return (fours)_mm256_cvtps_pd(_mm_loadu_ps(address));
#else
    return (fours){address[0], address[1], address[2], address[3]};
#endif
}

VECTOR(floats, float, FLOATS, ints)
VECTOR(ints, int32_t, FLOATS, ints)
VECTOR(doubles, double, DOUBLES, longs)
VECTOR(longs, int64_t, DOUBLES, longs)

// The lesser and the greater; the second where one of both is NaN. The square root.
#if defined(__x86_64__)
#if WIDE
#define least_floats(a, b) ((floats)_mm256_min_ps((__m256)(a), (__m256)(b)))
#define most_floats(a, b) ((floats)_mm256_max_ps((__m256)(a), (__m256)(b)))
#define most_doubles(a, b) ((doubles)_mm256_max_pd((__m256d)(a), (__m256d)(b)))
#define sqrt_floats(a) ((floats)_mm256_sqrt_ps((__m256)(a)))
#define sqrt_doubles(a) ((doubles)_mm256_sqrt_pd((__m256d)(a)))
#define any(mask) (!_mm256_testz_si256((__m256i)(mask), (__m256i)(mask)))
#else
#define least_floats(a, b) ((floats)_mm_min_ps((__m128)(a), (__m128)(b)))
#define most_floats(a, b) ((floats)_mm_max_ps((__m128)(a), (__m128)(b)))
#define most_doubles(a, b) ((doubles)_mm_max_pd((__m128d)(a), (__m128d)(b)))
#define sqrt_floats(a) ((floats)_mm_sqrt_ps((__m128)(a)))
#define sqrt_doubles(a) ((doubles)_mm_sqrt_pd((__m128d)(a)))
#define any(mask) (_mm_movemask_epi8((__m128i)(mask)) != 0)
#endif
#else
#define least_floats(a, b) pick_floats((a) < (b), a, b)
#define most_floats(a, b) pick_floats((a) > (b), a, b)
#define most_doubles(a, b) pick_doubles((a) > (b), a, b)
static inline floats sqrt_floats(floats a)
{
    for (int i = 0; i < FLOATS; i++)
        a[i] = __builtin_sqrtf(a[i]);
    return a;
}

static inline doubles sqrt_doubles(doubles a)
{
    for (int i = 0; i < DOUBLES; i++)
        a[i] = __builtin_sqrt(a[i]);
    return a;
}

static inline int any_of(longs mask)
{
    int64_t found = 0;
    for (int i = 0; i < DOUBLES; i++)
        found |= mask[i];
    return found != 0;
}
#define any(mask) any_of((longs)(mask))
#endif

#endif
