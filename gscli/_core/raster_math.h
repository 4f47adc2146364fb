// Powers, logarithms and spherical harmonics of vectors of floats. Included after lanes.h.
#ifndef GSCLI_RASTER_MATH_H
#define GSCLI_RASTER_MATH_H

#define LOG2E 1.44269504f

// 2^x within 2e-7 of it, for -126 <= x <= 127; 2^-126 for smaller x and NaN.
static inline floats exp2_near(floats x)
{
    const float rounder = 12582912.0f; // 1.5 * 2^23: what is added to it becomes an integer in its low bits
    x = most_floats(x, all_floats(-126.0f));
    floats whole = x + rounder, f = x - (whole - rounder);
    floats p = 1.326472721e-3f * f + 9.671512813e-3f;
    p = p * f + 5.550733745e-2f;
    p = p * f + 2.402224208e-1f;
    p = p * f + 6.931469776e-1f;
    p = p * f + 1.0f;
    return (floats)((words)p + ((words)whole << 23));
}

static inline floats exp_near(floats x)
{
    return exp2_near(least_floats(LOG2E * x, all_floats(126.0f)));
}

// log2 of positive normal x within 1e-5.
static inline floats log2_near(floats x)
{
    ints exponent = (ints)((words)x - 0x3f3504f3u) >> 23; // of a mantissa from .707 to 1.414
    x = (floats)((words)x - ((words)exponent << 23));
    floats s = (x - 1.0f) / (x + 1.0f), q = s * s;
    return __builtin_convertvector(exponent, floats) + s * (2.88539008f + q * (0.961796694f + q * 0.577078016f));
}

static inline floats absolute(floats x)
{
    return (floats)((ints)x & 0x7fffffff);
}

// Real spherical harmonics of unit vectors, in the order and with the signs of Kerbl et al. (2023).
static INLINED void harmonics(const int degree, floats x, floats y, floats z, floats *b)
{
    floats xx = x * x, yy = y * y, zz = z * z;
    b[0] = all_floats(0.28209479177387814f);
    b[1] = -0.4886025119029199f * y;
    b[2] = 0.4886025119029199f * z;
    b[3] = -0.4886025119029199f * x;
    b[4] = 1.0925484305920792f * (x * y);
    b[5] = -1.0925484305920792f * (y * z);
    b[6] = 0.31539156525252005f * (2.0f * zz - xx - yy);
    b[7] = -1.0925484305920792f * (x * z);
    b[8] = 0.5462742152960396f * (xx - yy);
    b[9] = -0.5900435899266435f * y * (3.0f * xx - yy);
    b[10] = 2.890611442640554f * x * y * z;
    b[11] = -0.4570457994644658f * y * (4.0f * zz - xx - yy);
    b[12] = 0.3731763325901154f * z * (2.0f * zz - 3.0f * xx - 3.0f * yy);
    b[13] = -0.4570457994644658f * x * (4.0f * zz - xx - yy);
    b[14] = 1.445305721320277f * z * (xx - yy);
    b[15] = -0.5900435899266435f * x * (xx - 3.0f * yy);
    if (degree < 4)
        return;
    b[16] = 2.5033429417967046f * x * y * (xx - yy);
    b[17] = -1.7701307697799304f * y * z * (3.0f * xx - yy);
    b[18] = 0.9461746957575601f * x * y * (7.0f * zz - 1.0f);
    b[19] = -0.6690465435572892f * y * z * (7.0f * zz - 3.0f);
    b[20] = 0.10578554691520431f * (zz * (35.0f * zz - 30.0f) + 3.0f);
    b[21] = -0.6690465435572892f * x * z * (7.0f * zz - 3.0f);
    b[22] = 0.47308734787878004f * (xx - yy) * (7.0f * zz - 1.0f);
    b[23] = -1.7701307697799304f * x * z * (xx - 3.0f * yy);
    b[24] = 0.6258357354491761f * (xx * (xx - 3.0f * yy) - yy * (3.0f * xx - yy));
}

#endif
