// What splats store and what it means: exponentials, logarithms and rotations of length one, as in kernels/elementary.py.
#include <math.h>

#include "core.h"

#define LINE 64 // numbers at a time, widened

static inline int64_t line_at(int64_t first, int64_t count)
{
    return count - first < LINE ? count - first : LINE;
}

void exp_f32(const float *logs, int64_t count, float *out)
{
    double x[LINE], y[LINE];
    for (int64_t first = 0; first < count; first += LINE) {
        int64_t some = line_at(first, count);
        for (int64_t i = 0; i < some; i++)
            x[i] = logs[first + i];
        exponentials(x, some, y);
        for (int64_t i = 0; i < some; i++)
            out[first + i] = (float)y[i];
    }
}

void sigmoid_f32(const float *logits, int64_t count, float *out)
{
    double x[LINE], y[LINE];
    for (int64_t first = 0; first < count; first += LINE) {
        int64_t some = line_at(first, count);
        for (int64_t i = 0; i < some; i++)
            x[i] = -fabs((double)logits[first + i]);
        exponentials(x, some, y);
        for (int64_t i = 0; i < some; i++) {
            double small = isinf(x[i]) ? 0.0 : y[i];
            out[first + i] = (float)((logits[first + i] >= 0 ? 1.0 : small) / (1.0 + small));
        }
    }
}

void log_f32(const float *lengths, int64_t count, double low, float *out)
{
    double x[LINE], y[LINE];
    for (int64_t first = 0; first < count; first += LINE) {
        int64_t some = line_at(first, count);
        for (int64_t i = 0; i < some; i++)
            x[i] = lengths[first + i] > low ? lengths[first + i] : low;
        logarithms(x, some, y);
        for (int64_t i = 0; i < some; i++)
            out[first + i] = (float)(isinf(x[i]) ? x[i] : y[i]);
    }
}

void logit_f32(const float *shares, int64_t count, double low, double high, float *out)
{
    double x[LINE], y[LINE], z[LINE], others[LINE];
    for (int64_t first = 0; first < count; first += LINE) {
        int64_t some = line_at(first, count);
        for (int64_t i = 0; i < some; i++) {
            x[i] = shares[first + i] > low ? shares[first + i] : low;
            x[i] = x[i] < high ? x[i] : high;
            others[i] = 1.0 - x[i];
        }
        logarithms(x, some, y);
        logarithms(others, some, z);
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
            out[4 * i + c] = light[(int32_t)(step + ROUNDER - ROUNDER)];
        }
        out[4 * i + 3] = (uint8_t)(int32_t)((double)(255.0f * shares[i]) + ROUNDER - ROUNDER);
    }
}
