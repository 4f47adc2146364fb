// Template: exponentials, logarithms and covariances of columns of numbers, `FOR` one width of vectors.

#define SWEEPS 8 // of Jacobi's method; kernels/covariances.py has the same

// Of a column from `at` on, as many as there are of `count`; the rest is filled up with the last one.
static inline doubles FOR(read)(const double *column, int64_t at, int64_t count)
{
    doubles found;
    if (at + DOUBLES <= count)
        memcpy(&found, column + at, sizeof found);
    else
        for (int i = 0; i < DOUBLES; i++)
            found[i] = column[at + i < count ? at + i : count - 1];
    return found;
}

static inline void FOR(write)(double *column, int64_t at, int64_t count, doubles given)
{
    memcpy(column + at, &given, sizeof(double) * (size_t)(at + DOUBLES <= count ? DOUBLES : count - at));
}

void FOR(exponentials)(const double *x, int64_t count, double *out)
{
    for (int64_t at = 0; at < count; at += DOUBLES)
        FOR(write)(out, at, count, FOR(exp_near)(FOR(read)(x, at, count)));
}

void FOR(logarithms)(const double *x, int64_t count, double *out)
{
    for (int64_t at = 0; at < count; at += DOUBLES)
        FOR(write)(out, at, count, FOR(log_near)(FOR(read)(x, at, count)));
}

void FOR(covariances_of_axes)(const double *scales, const double *rotations, int64_t count, double *out)
{
    for (int64_t at = 0; at < count; at += DOUBLES) {
        doubles q[4], s[3], a[3][3];
        for (int k = 0; k < 4; k++)
            q[k] = FOR(read)(rotations + k * count, at, count);
        for (int k = 0; k < 3; k++)
            s[k] = FOR(read)(scales + k * count, at, count);
        const doubles length = sqrt_doubles(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
        const doubles w = q[0] / length, x = q[1] / length, y = q[2] / length, z = q[3] / length;
        const doubles turn[3][3] = {{1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)},
                                    {2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)},
                                    {2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)}};
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++)
                a[i][k] = turn[i][k] * s[k];
        for (int i = 0, place = 0; i < 3; i++)
            for (int j = i; j < 3; j++, place++)
                FOR(write)(out + place * count, at, count, a[i][0] * a[j][0] + a[i][1] * a[j][1] + a[i][2] * a[j][2]);
    }
}

void FOR(axes_of_covariances)(const double *covariances, int64_t count, double *variances, double *rotations)
{
    static const int pairs[3][3] = {{0, 1, 2}, {0, 2, 1}, {1, 2, 0}};
    const doubles zero = all_doubles(0), one = all_doubles(1);
    for (int64_t at = 0; at < count; at += DOUBLES) {
        doubles m[3][3], t[3][3];
        for (int i = 0, place = 0; i < 3; i++)
            for (int j = i; j < 3; j++, place++)
                m[i][j] = m[j][i] = FOR(read)(covariances + place * count, at, count);
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++)
                t[i][j] = i == j ? one : zero;
        for (int sweep = 0; sweep < SWEEPS; sweep++)
            for (int pair = 0; pair < 3; pair++) {
                const int p = pairs[pair][0], q = pairs[pair][1], r = pairs[pair][2];
                const doubles off = m[p][q], theta = (m[q][q] - m[p][p]) / (2 * off);
                const doubles size = pick_doubles(theta < 0, -theta, theta);
                doubles tangent = pick_doubles(theta < 0, -one, one) / (size + sqrt_doubles(theta * theta + 1));
                tangent = pick_doubles((off == 0) | ~(tangent - tangent == 0), zero, tangent); // not finite: nothing to turn
                const doubles cosine = 1 / sqrt_doubles(tangent * tangent + 1), sine = tangent * cosine;
                m[p][p] = m[p][p] - tangent * off, m[q][q] = m[q][q] + tangent * off;
                m[p][q] = m[q][p] = zero;
                const doubles first = m[p][r], second = m[q][r];
                m[p][r] = m[r][p] = cosine * first - sine * second;
                m[q][r] = m[r][q] = sine * first + cosine * second;
                for (int row = 0; row < 3; row++) {
                    const doubles left = t[row][p], right = t[row][q];
                    t[row][p] = cosine * left - sine * right, t[row][q] = sine * left + cosine * right;
                }
            }
        for (int i = 0; i < 3; i++)
            FOR(write)(variances + i * count, at, count, most_doubles(zero, m[i][i])); // NaN stays
        // The quaternion of this rotation, by whichever component is largest (Shepperd 1978).
        const doubles a = t[0][0], b = t[0][1], c = t[0][2], d = t[1][0], e = t[1][1], f = t[1][2], g = t[2][0], h = t[2][1], i = t[2][2];
        const doubles squares[4] = {1 + a + e + i, 1 + a - e - i, 1 - a + e - i, 1 - a - e + i};
        const doubles sides[4][4] = {{squares[0], h - f, c - g, d - b},
                                     {h - f, squares[1], b + d, c + g},
                                     {c - g, b + d, squares[2], f + h},
                                     {d - b, c + g, f + h, squares[3]}};
        doubles best = squares[0], found[4] = {sides[0][0], sides[0][1], sides[0][2], sides[0][3]};
        for (int k = 1; k < 4; k++) {
            const longs better = squares[k] > best;
            best = pick_doubles(better, squares[k], best);
            for (int j = 0; j < 4; j++)
                found[j] = pick_doubles(better, sides[k][j], found[j]);
        }
        const doubles length =
            sqrt_doubles(found[0] * found[0] + found[1] * found[1] + found[2] * found[2] + found[3] * found[3]);
        for (int k = 0; k < 4; k++)
            FOR(write)(rotations + k * count, at, count, found[k] / length);
    }
}
