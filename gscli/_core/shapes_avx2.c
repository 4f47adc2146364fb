// Columns of numbers once more, for processors with AVX2.
#include "wide.h"
#if WIDE
#include "lanes.h"
#include "shapes.h"
#define FOR(name) name##_avx2
#include "elementary.h"
#include "shapes_steps.h"
#endif
#include "wide_end.h"
