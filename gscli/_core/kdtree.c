// K-d trees over points in float32 and in float64: building, and which search a processor runs.
#define WIDE 0
#define FOR(name) name##_plain
#include "kdtree_nearest.h"

#define TYPE f32
#include "kdtree_build.h"
#include "kdtree_exports.h"
#undef TYPE
#define TYPE f64
#include "kdtree_build.h"
#include "kdtree_exports.h"
#undef TYPE
