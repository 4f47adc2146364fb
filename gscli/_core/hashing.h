// What gscli/kernels/hashing.py says, in C.
#ifndef GSCLI_HASHING_H
#define GSCLI_HASHING_H

#include <stdint.h>

#define GOLDEN UINT64_C(0x9E3779B97F4A7C15)

static inline uint64_t mix64(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

static inline uint64_t row_key(uint64_t row, uint64_t stream)
{
    return mix64(stream + (row + 1) * GOLDEN) >> 32;
}

#endif
