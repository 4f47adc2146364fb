// First in a file that is compiled for AVX2, where there is such a thing: sets WIDE to 1, or else to 0.
#if defined(__x86_64__)
#define WIDE 1
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC target("avx2")
#endif
#else
#define WIDE 0
#endif
