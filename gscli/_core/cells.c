// Cells of a lattice: a number or a word for each point's cell, and rows in the order of such numbers.
#include "cells.h"

#define WIDE 0
#define FOR(name) name##_plain
#define FLOOR(x) (double)floor_of(x)
#define TYPE f32
#include "cells_pack.h"
#undef TYPE
#define TYPE f64
#include "cells_pack.h"
#undef TYPE

// As gscli/kernels/occupancy.py scrambles words.
#define MIX_X UINT64_C(0x9E3779B97F4A7C15)
#define MIX_Y UINT64_C(0xBF58476D1CE4E5B9)
#define MIX_Z UINT64_C(0x94D049BB133111EB)
#define BLOCK 512 // points at a time

static inline uint64_t mixed(uint64_t word)
{
    word *= MIX_X;
    word ^= word >> 32;
    return word * MIX_Y;
}

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#define TYPE f32
#include "cells_exports.h"
#undef TYPE
#define TYPE f64
#include "cells_exports.h"
#undef TYPE

void radix_count(const uint64_t *keys, int64_t first, int64_t last, int64_t shift, int64_t *counts)
{
    for (int64_t i = first; i < last; i++)
        counts[(keys[i] >> shift) & (DIGITS - 1)]++;
}

void radix_move(const uint64_t *keys, const int32_t *rows, int64_t first, int64_t last, int64_t shift, int64_t *places,
                uint64_t *sorted_keys, int32_t *sorted_rows)
{
    for (int64_t i = first; i < last; i++) {
        int64_t place = places[(keys[i] >> shift) & (DIGITS - 1)]++;
        sorted_keys[place] = keys[i];
        sorted_rows[place] = rows[i];
    }
}
