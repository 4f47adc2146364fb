// Projecting and drawing once more, for processors with AVX2.
#include "wide.h"
#if WIDE
#include "lanes.h"
#include "raster.h"
#include "raster_math.h"
#define FOR(name) name##_avx2
#include "raster_project.h"
#include "raster_draw.h"
#endif
#include "wide_end.h"
