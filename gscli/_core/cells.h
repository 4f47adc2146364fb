// What cells.c and cells_avx2.c share.
#ifndef GSCLI_CELLS_H
#define GSCLI_CELLS_H

#include <math.h>

#include "core.h"

typedef struct {
    double size, origin[3], low[3], number[3]; // low: the lowest lattice number of an axis; number: how many there are
} lattice;

// floor(x) of what is below 2^53
static inline int64_t floor_of(double x)
{
    int64_t whole = (int64_t)x;
    return whole - (x < (double)whole);
}

#endif
