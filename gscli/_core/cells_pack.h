// Template: lattice numbers of points whose columns are of a TYPE. Needs WIDE and FOR.

// By axis, counted from the lowest, where there are no more than 2^31 of them.
void JOIN(FOR(numbers), TYPE)(const T(coord) *x, const T(coord) *y, const T(coord) *z, int64_t count, const lattice *cut,
                              int32_t *a, int32_t *b, int32_t *c)
{
    const lattice l = *cut; // what is written to may not be thought to change it
    for (int64_t i = 0; i < count; i++) {
        a[i] = (int32_t)(FLOOR(((double)x[i] - l.origin[0]) / l.size) - l.low[0]);
        b[i] = (int32_t)(FLOOR(((double)y[i] - l.origin[1]) / l.size) - l.low[1]);
        c[i] = (int32_t)(FLOOR(((double)z[i] - l.origin[2]) / l.size) - l.low[2]);
    }
}

// Packed in one, below 2^53.
void JOIN(FOR(pack), TYPE)(const T(coord) *x, const T(coord) *y, const T(coord) *z, int64_t count, const lattice *cut,
                           double *packed)
{
    const lattice l = *cut;
    for (int64_t i = 0; i < count; i++) {
        double a = FLOOR(((double)x[i] - l.origin[0]) / l.size) - l.low[0];
        double b = FLOOR(((double)y[i] - l.origin[1]) / l.size) - l.low[1];
        double c = FLOOR(((double)z[i] - l.origin[2]) / l.size) - l.low[2];
        packed[i] = (a * l.number[1] + b) * l.number[2] + c;
    }
}
