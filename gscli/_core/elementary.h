// Template: exponentials and logarithms, `FOR` one width of vectors; kernels/elementary.py has the same, to the last bit.

#ifndef GSCLI_ELEMENTARY_H
#define GSCLI_ELEMENTARY_H
#define LN2 0.69314718055994530942
#define LN2_HIGH 0x1.62e42feep-1 // its leading bits, of which small multiples are exact
#define LN2_LOW 0x1.a39ef35793c76p-33
#define ROOT_HALF 0.70710678118654757
#define LARGEST 700.0 // an exponent
#endif

// Natural logarithms of positive normal numbers.
static inline doubles FOR(log_near)(doubles x)
{
    const quads bits = (quads)x;
    doubles exponent = (doubles)(bits >> 52 | (quads)all_doubles(0x1p52)) - (0x1p52 + 1022); // 2^52 + a whole number: its bits
    x = (doubles)((bits & 0x000fffffffffffffu) | 0x3fe0000000000000u);
    const longs small = x < ROOT_HALF;
    x = pick_doubles(small, x * 2, x), exponent = pick_doubles(small, exponent - 1, exponent);
    const doubles s = (x - 1) / (x + 1), square = s * s;
    doubles series = all_doubles(1.0 / 17);
    series = series * square + 1.0 / 15, series = series * square + 1.0 / 13;
    series = series * square + 1.0 / 11, series = series * square + 1.0 / 9;
    series = series * square + 1.0 / 7, series = series * square + 1.0 / 5;
    series = series * square + 1.0 / 3, series = series * square + 1.0;
    return exponent * LN2 + 2 * (s * series);
}

// e^x, of x from -700 to 700; a NaN stays.
static inline doubles FOR(exp_near)(doubles given)
{
    static const double inverse[] = {1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320,
                                     1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
    const doubles floor = pick_doubles(given < -LARGEST, all_doubles(-LARGEST), given);
    const doubles x = pick_doubles(floor > LARGEST, all_doubles(LARGEST), floor);
    const doubles moved = x / LN2 + ROUNDER, power = moved - ROUNDER;
    const doubles rest = (x - power * LN2_HIGH) - power * LN2_LOW;
    doubles series = all_doubles(1.0 / 87178291200);
    for (int degree = 13; degree >= 0; degree--)
        series = series * rest + inverse[degree];
    return pick_doubles(given == given, (doubles)((quads)series + ((quads)moved << 52)), given);
}
