// The packing of cells once more, for processors with AVX2.
#include "wide.h"
#if WIDE
#include "cells.h"
#define FOR(name) name##_avx2
#define FLOOR(x) floor(x)
#define TYPE f32
#include "cells_pack.h"
#undef TYPE
#define TYPE f64
#include "cells_pack.h"
#endif
#include "wide_end.h"
