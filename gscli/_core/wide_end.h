// Last in a file that begins with wide.h.
#if WIDE && defined(__clang__)
#pragma clang attribute pop
#elif !WIDE
typedef int nothing_here; // C wants a declaration in every file
#endif
