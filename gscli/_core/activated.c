// What splats store and what it means: exponentials, logarithms and rotations of length one, as in kernels/elementary.py.
#include <math.h>
#include <string.h>

#include "core.h"

#define LINE 64 // numbers at a time, so that each step of a series is one loop over them

static const double LN2 = 0x1.62e42fefa39efp-1, LN2_HIGH = 0x1.62e42feep-1, LN2_LOW = 0x1.a39ef35793c76p-33;
static const double LARGEST = 700.0, NEAREST = 6755399441055744.0, ROOT_HALF = 0x1.6a09e667f3bcdp-1;
static const double FACTORIALS[] = {1.0,      1.0,       2.0,        6.0,         24.0,         120.0,         720.0,        5040.0,
                                    40320.0,  362880.0,  3628800.0,  39916800.0,  479001600.0,  6227020800.0,  87178291200.0};

static inline uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void exponentials_of_line(const double *restrict x, double *restrict out)
{
    double rest[LINE], power[LINE];
    for (int i = 0; i < LINE; i++) {
        double bounded = x[i] < -LARGEST ? -LARGEST : x[i];
        bounded = bounded > LARGEST ? LARGEST : bounded;
        power[i] = bounded / LN2 + NEAREST - NEAREST;
        rest[i] = (bounded - power[i] * LN2_HIGH) - power[i] * LN2_LOW;
        out[i] = 1.0 / FACTORIALS[14];
    }
    for (int degree = 13; degree >= 0; degree--) {
        double term = 1.0 / FACTORIALS[degree];
        for (int i = 0; i < LINE; i++)
            out[i] = out[i] * rest[i] + term;
    }
    for (int i = 0; i < LINE; i++) // 2^power: the last bits of NEAREST + a whole number are that number
        out[i] *= of_bits((bits_of(power[i] + (NEAREST + 1023.0)) - bits_of(NEAREST)) << 52);
}

// Of positive normal numbers.
static void logarithms_of_line(const double *restrict x, double *restrict out)
{
    double s[LINE], square[LINE], exponent[LINE];
    for (int i = 0; i < LINE; i++) {
        uint64_t bits = bits_of(x[i]);
        double fraction = of_bits((bits & 0x000fffffffffffffu) | 0x3fe0000000000000u);
        double low = fraction < ROOT_HALF ? 1.0 : 0.0;
        fraction = low > 0.0 ? fraction * 2.0 : fraction;
        exponent[i] = of_bits(bits >> 52 | 0x4330000000000000u) - 4503599627370496.0 - 1022.0 - low;
        s[i] = (fraction - 1.0) / (fraction + 1.0);
        square[i] = s[i] * s[i];
        out[i] = 1.0 / 17.0;
    }
    for (int odd = 15; odd > 0; odd -= 2) {
        double term = 1.0 / odd;
        for (int i = 0; i < LINE; i++)
            out[i] = out[i] * square[i] + term;
    }
    for (int i = 0; i < LINE; i++)
        out[i] = exponent[i] * LN2 + 2.0 * (s[i] * out[i]);
}

static inline int64_t line_at(int64_t first, int64_t count)
{
    return count - first < LINE ? count - first : LINE;
}

void exp_f32(const float *logs, int64_t count, float *out)
{
    double x[LINE] = {0}, y[LINE];
    for (int64_t first = 0; first < count; first += LINE) {
        int64_t some = line_at(first, count);
        for (int64_t i = 0; i < some; i++)
            x[i] = logs[first + i];
        exponentials_of_line(x, y);
        for (int64_t i = 0; i < some; i++)
            out[first + i] = (float)y[i];
    }
}

void sigmoid_f32(const float *logits, int64_t count, float *out)
{
    double x[LINE] = {0}, y[LINE];
    for (int64_t first = 0; first < count; first += LINE) {
        int64_t some = line_at(first, count);
        for (int64_t i = 0; i < some; i++)
            x[i] = -fabs((double)logits[first + i]);
        exponentials_of_line(x, y);
        for (int64_t i = 0; i < some; i++) {
            double small = isinf(x[i]) ? 0.0 : y[i];
            out[first + i] = (float)((logits[first + i] >= 0 ? 1.0 : small) / (1.0 + small));
        }
    }
}

void log_f32(const float *lengths, int64_t count, double low, float *out)
{
    double x[LINE], y[LINE];
    for (int64_t i = 0; i < LINE; i++)
        x[i] = 1.0;
    for (int64_t first = 0; first < count; first += LINE) {
        int64_t some = line_at(first, count);
        for (int64_t i = 0; i < some; i++)
            x[i] = lengths[first + i] > low ? lengths[first + i] : low;
        logarithms_of_line(x, y);
        for (int64_t i = 0; i < some; i++)
            out[first + i] = (float)(isinf(x[i]) ? x[i] : y[i]);
    }
}

void logit_f32(const float *shares, int64_t count, double low, double high, float *out)
{
    double x[LINE], y[LINE], z[LINE], others[LINE];
    for (int64_t i = 0; i < LINE; i++)
        x[i] = others[i] = 0.5;
    for (int64_t first = 0; first < count; first += LINE) {
        int64_t some = line_at(first, count);
        for (int64_t i = 0; i < some; i++) {
            x[i] = shares[first + i] > low ? shares[first + i] : low;
            x[i] = x[i] < high ? x[i] : high;
            others[i] = 1.0 - x[i];
        }
        logarithms_of_line(x, y);
        logarithms_of_line(others, z);
        for (int64_t i = 0; i < some; i++)
            out[first + i] = (float)(y[i] - z[i]);
    }
}

void unit_f32(const float *quaternions, int64_t count, double nearly, const int64_t *order, const float *factors, float *out,
              uint32_t *odd)
{
    uint32_t beyond = 0;
    for (int64_t i = 0; i < count; i++) {
        const float *q = quaternions + 4 * i;
        double w = q[0], x = q[1], y = q[2], z = q[3];
        double length = sqrt(((w * w + x * x) + y * y) + z * z);
        beyond |= !(length <= 0x1.fffffep127);
        if (fabs(length - 1.0) < nearly)
            length = 1.0;
        float unit[4];
        for (int c = 0; c < 4; c++)
            unit[c] = (float)(q[c] / (length == 0.0 ? 1.0 : length));
        if (length == 0.0)
            unit[0] = 1.0f; // no rotation
        for (int c = 0; c < 4; c++)
            out[4 * i + c] = unit[order[c]] * factors[c];
    }
    *odd = beyond;
}

void shade_f32(const float *colours, const float *shares, int64_t count, double grey, double by, const uint8_t *light,
               uint8_t *out)
{
    for (int64_t i = 0; i < count; i++) {
        for (int64_t c = 0; c < 3; c++) {
            double step = ((float)grey + (float)by * colours[3 * i + c]) * 1023.0f;
            step = step > 0.0 ? step : 0.0;
            step = step < 1023.0 ? step : 1023.0;
            out[4 * i + c] = light[(int32_t)(step + NEAREST - NEAREST)];
        }
        out[4 * i + 3] = (uint8_t)(int32_t)((double)(255.0f * shares[i]) + NEAREST - NEAREST);
    }
}
