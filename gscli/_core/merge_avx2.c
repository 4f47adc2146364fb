// Merging once more, for processors with AVX2.
#include "wide.h"
#if WIDE
#include "lanes.h"
#include "merge.h"
#define FOR(name) name##_avx2
#include "elementary.h"
#include "merge_steps.h"
#endif
#include "wide_end.h"
