// Template: SSIM of a block of rows, a strip of columns at a time. Needs FOR.

// The weighted sum of as many rows as the window has, the two at one distance from its middle added first.
static void FOR(weighted)(const double *const *rows, int64_t count, const double *weights, double *restrict sums)
{
    const double *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3], *e = rows[4], *middle = rows[5];
    const double *f = rows[6], *g = rows[7], *h = rows[8], *i = rows[9], *j = rows[10];
    double w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3], w4 = weights[4], w5 = weights[5];
    for (int64_t x = 0; x < count; x++) {
        double sum = w5 * middle[x];
        sum += w4 * (e[x] + f[x]);
        sum += w3 * (d[x] + g[x]);
        sum += w2 * (c[x] + h[x]);
        sum += w1 * (b[x] + i[x]);
        sum += w0 * (a[x] + j[x]);
        sums[x] = sum;
    }
}

static void FOR(moments)(const float *a, const float *b, int64_t count, double *restrict first, double *restrict second,
                         double *restrict squares, double *restrict product)
{
    for (int64_t x = 0; x < count; x++) {
        double u = a[x], v = b[x];
        first[x] = u;
        second[x] = v;
        squares[x] = u * u + v * v;
        product[x] = u * v;
    }
}

static void FOR(add_similarity)(const double *means, int64_t count, double c1, double c2, double *restrict sums)
{
    const double *first = means, *second = means + STRIP, *squares = means + 2 * STRIP, *product = means + 3 * STRIP;
    for (int64_t x = 0; x < count; x++) {
        double both = first[x] * second[x];
        double own = first[x] * first[x] + second[x] * second[x];
        double above = (2 * both + c1) * (2 * (product[x] - both) + c2);
        double below = (own + c1) * (squares[x] - own + c2);
        sums[x] += above / below;
    }
}

void FOR(ssim)(const float *a, const float *b, int64_t first, int64_t last, int64_t length, int64_t step,
               const double *constants, double *scratch, double *sums)
{
    int64_t stride = length + (TAPS - 1) * step, room = STRIP + (TAPS - 1) * step;
    double *ring = scratch, *means = ring + TAPS * MOMENTS * STRIP, *raw = means + MOMENTS * STRIP;
    const double *rows[TAPS];
    for (int64_t start = 0; start < length; start += STRIP) {
        int64_t count = length - start < STRIP ? length - start : STRIP;
        for (int64_t y = first; y < last + TAPS - 1; y++) {
            int64_t at = y * stride + start;
            FOR(moments)(a + at, b + at, count + (TAPS - 1) * step, raw, raw + room, raw + 2 * room, raw + 3 * room);
            for (int64_t m = 0; m < MOMENTS; m++) {
                for (int64_t k = 0; k < TAPS; k++)
                    rows[k] = raw + m * room + k * step;
                FOR(weighted)(rows, count, constants, ring + (y % TAPS * MOMENTS + m) * STRIP);
            }
            if (y < first + TAPS - 1)
                continue;
            for (int64_t m = 0; m < MOMENTS; m++) {
                for (int64_t k = 0; k < TAPS; k++)
                    rows[k] = ring + ((y + 1 + k) % TAPS * MOMENTS + m) * STRIP;
                FOR(weighted)(rows, count, constants, means + m * STRIP);
            }
            FOR(add_similarity)(means, count, constants[HALF + 1], constants[HALF + 2], sums + start);
        }
    }
}
