// What the templates of k-d trees share. The tree is implied by its size: node i of level l holds the points from
// i * count >> l to (i + 1) * count >> l, and boxes stand level by level.
#ifndef GSCLI_KDTREE_H
#define GSCLI_KDTREE_H

#include <math.h>

#include "core.h"

static inline int64_t start_of(int64_t count, int64_t level, int64_t node)
{
    return (node * count) >> level;
}

static inline int64_t size_of(int64_t count, int64_t level, int64_t node)
{
    return start_of(count, level, node + 1) - start_of(count, level, node);
}

// Of a level, that of its first node among all boxes.
static inline int64_t first_box(int64_t level)
{
    return (INT64_C(1) << level) - 1;
}

#endif
