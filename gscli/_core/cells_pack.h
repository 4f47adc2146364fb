// Template: the cells of points whose columns are of a TYPE, each packed in a whole number below 2^53. Needs WIDE and FOR.

void JOIN(FOR(pack), TYPE)(const T(coord) *x, const T(coord) *y, const T(coord) *z, int64_t count, const lattice *cut,
                           double *packed)
{
    const lattice l = *cut; // what is written to may not be thought to change it
    for (int64_t i = 0; i < count; i++) {
        double a = FLOOR(((double)x[i] - l.origin[0]) / l.size) - l.low[0];
        double b = FLOOR(((double)y[i] - l.origin[1]) / l.size) - l.low[1];
        double c = FLOOR(((double)z[i] - l.origin[2]) / l.size) - l.low[2];
        packed[i] = (a * l.number[1] + b) * l.number[2] + c;
    }
}
