// The searches of k-d trees once more, for processors with AVX2.
#include "wide.h"
#if WIDE
#define FOR(name) name##_avx2
#include "kdtree_nearest.h"
#endif
#include "wide_end.h"
