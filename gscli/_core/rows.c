// Columns of float32 out of rows that hold them at any offset, aligned or not.
#include <string.h>

#include "core.h"

#define LINE 16 // rows whose numbers go side by side: planes may lie so that single ones push each other out of the cache

static inline float at(const uint8_t *row, int64_t offset)
{
    float value;
    memcpy(&value, row + offset, sizeof value);
    return value;
}

void gather_f32(const uint8_t *rows, int64_t count, int64_t stride, const int64_t *offsets, int64_t columns, int64_t first,
                int64_t length, float *planes)
{
    for (int64_t line = 0; line < count; line += LINE)
        for (int64_t c = 0; c < columns; c++)
            for (int64_t i = line; i < count && i < line + LINE; i++)
                planes[c * length + first + i] = at(rows + i * stride, offsets[c]);
}

void gather_f64(const uint8_t *rows, int64_t count, int64_t stride, const int64_t *offsets, int64_t columns, int64_t first,
                int64_t length, double *planes)
{
    for (int64_t line = 0; line < count; line += LINE)
        for (int64_t c = 0; c < columns; c++)
            for (int64_t i = line; i < count && i < line + LINE; i++)
                planes[c * length + first + i] = at(rows + i * stride, offsets[c]);
}

void square_sums(const uint8_t *rows, int64_t count, int64_t stride, const int64_t *offsets, int64_t columns, double *sums)
{
    for (int64_t i = 0; i < count; i++) {
        double sum = 0;
        for (int64_t c = 0; c < columns; c++) {
            double value = at(rows + i * stride, offsets[c]);
            sum += value * value;
        }
        sums[i] = sum;
    }
}
