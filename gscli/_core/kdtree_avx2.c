// The searches of k-d trees once more, for processors with AVX2.
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC target("avx2")
#endif
#define WIDE 1
#define FOR(name) name##_avx2
#include "kdtree_nearest.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int nothing_here; // C wants a declaration in every file
#endif
