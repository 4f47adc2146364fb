// Cells of a lattice: a number or a word for each point's cell.
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
#define SHORT 2147483648.0 // lattice numbers of an axis, which then fit in 31 bits

static inline uint64_t mixed(uint64_t word)
{
    word *= MIX_X;
    word ^= word >> 32;
    return word * MIX_Y;
}

static inline uint64_t named(int64_t a, int64_t b, int64_t c)
{
    uint64_t word = mixed((uint64_t)a * MIX_X);
    return mixed(word + (uint64_t)b * MIX_Y) + (uint64_t)c * MIX_Z;
}

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

// What the number of an axis with gaps adds to a word.
static inline uint64_t ranked(int32_t number, const uint64_t *starts, int64_t shift, uint64_t weight)
{
    return starts[number >> shift] + ((uint64_t)number & ((UINT64_C(1) << shift) - 1)) * weight;
}

#define TYPE f32
#include "cells_exports.h"
#undef TYPE
#define TYPE f64
#include "cells_exports.h"
#undef TYPE
